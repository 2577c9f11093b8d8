"""/imports: a file of leads, queued at once; how far it is."""

import json
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from leads.api.serializers import ImportSerializer, ImportUploadSerializer
from leads.filters import ImportFilter
from leads.identity import BadValue
from leads.importing import start
from leads.importing.read import MOST_BYTES, Unreadable, read
from leads.models import ImportJob
from retention_center.api.parsers import WireMultiPartParser
from retention_center.api.problems import Invalid
from retention_center.api.views import WireReadOnlyViewSet


class ImportViewSet(WireReadOnlyViewSet):
    """Imports. Posting a file starts its run; the same file again creates and changes nothing."""

    queryset = ImportJob.objects.select_related("job")
    serializer_class = ImportSerializer
    filterset_class = ImportFilter
    sort_fields = ("createdAt", "filename")
    default_sort = "-createdAt"
    parser_classes = [WireMultiPartParser]

    @extend_schema(request=ImportUploadSerializer, responses={202: ImportSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Import a CSV or Excel file: 202 with ``jobId``; GET the import to see how far it is."""
        serializer = ImportUploadSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        if given["file"].size > MOST_BYTES:
            raise RequestDataTooBig
        content = given["file"].read()
        try:
            importing = start.draft(
                read(content),
                given["file"].name,
                actor=self.actor,
                source=given.get("source", ""),
                region=given.get("region", ""),
                wishes=_wishes(given.get("mapping", "")),
            )
        except Unreadable as error:
            raise Invalid("file", str(error), code="unreadable") from None
        except BadValue as error:
            raise Invalid("region" if error.code.startswith("region") else "source", str(error)) from None
        except ValueError as error:
            raise Invalid("mapping", str(error)) from None
        importing.campaign_id = given.get("campaign_id", "")
        start.keep(importing, content, actor=self.actor)
        start.run(importing, actor=self.actor)
        importing = ImportJob.objects.select_related("job").get(pk=importing.pk)
        return Response(ImportSerializer(importing).data, HTTPStatus.ACCEPTED)


def _wishes(text: str) -> dict[str, str]:
    """Column names to fields, from JSON. Raises ValueError in one sentence."""
    if not text:
        return {}
    try:
        wishes = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("The mapping is not JSON.") from None
    if not isinstance(wishes, dict) or not all(isinstance(field, str) for field in wishes.values()):
        raise ValueError("The mapping is not an object of column names and fields.")
    return {column: start.mapping_of.plain(field).replace(" ", "_") for column, field in wishes.items()}
