"""The bases of every API view: who may call, safe text, repeatable POSTs, lists and changes with their audit."""

from typing import Any, ClassVar

from django.db import models, transaction
from rest_framework import mixins, viewsets
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from retention_center import audit
from retention_center.api import idempotency
from retention_center.api.problems import Invalid
from retention_center.api.sorting import SortFields
from retention_center.api.text import SENTENCE, is_storable
from retention_center.models import IdempotencyRecord, Role


class WireMixin(APIView):
    """What all views share. ``roles`` maps actions or methods to roles (see ``permissions.ByRole``)."""

    roles: ClassVar[dict[str, Role]] = {}
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]
    _idempotency: IdempotencyRecord | None = None

    @property
    def actor(self) -> audit.Actor:
        """Who calls, for the audit."""
        return audit.actor_of(self.request, via="api")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        try:
            super().initial(request, *args, **kwargs)
        except (AuthenticationFailed, NotAuthenticated):
            self.check_throttles(request)  # guessing keys is throttled too
            raise
        self._refuse_unstorable(request)
        # Without a caller there is nobody whose keys these could be: such views know repeats by other means
        if request.method == "POST" and request.user is not None:
            self._idempotency = idempotency.begin(request)

    def handle_exception(self, exc: Exception) -> Any:
        if isinstance(exc, idempotency.Answered):
            return exc.response()
        return super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final = super().finalize_response(request, response, *args, **kwargs)
        if self._idempotency is not None:
            idempotency.finish(self._idempotency, final)
        final["Cache-Control"] = "no-store"  # what is told may be people's, and nobody else's to keep
        return final

    def _refuse_unstorable(self, request: Request) -> None:
        if not all(is_storable(str(value)) for value in self.kwargs.values()):
            raise NotFound("There is nothing at this address.")
        for name, values in request.query_params.lists():
            if not all(map(is_storable, [name, *values])):
                raise Invalid(name if is_storable(name) else "", SENTENCE, code="unstorable_text")


class WireView(WireMixin):
    """A view of one address with methods ``get``, ``post`` …, for what is no list of rows."""


class WireGenericViewSet(WireMixin, viewsets.GenericViewSet):
    """Actions on rows: the base for sets that need only some of the verbs.

    ``sort_fields``: the wire names a list may be sorted by (or a mapping to columns); ``default_sort``: "-createdAt".
    """

    sort_fields: ClassVar[SortFields] = ("createdAt",)
    default_sort: ClassVar[str] = "-createdAt"
    lookup_url_kwarg = "id"
    is_filtered = False  # the filter backend says otherwise


class WireReadOnlyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, WireGenericViewSet):
    """List and detail."""


class WireViewSet(mixins.CreateModelMixin, mixins.DestroyModelMixin, WireReadOnlyViewSet):
    """List, detail, create, change by PATCH, delete; each change with its AuditEvent in one transaction.

    Where an app has a verb for a change, override ``perform_create``, ``perform_update`` or ``perform_destroy``
    and call the verb: it audits by itself.
    """

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        instance = self.get_object()
        serializer = self.get_serializer(instance, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        self.perform_update(serializer)
        return Response(serializer.data)

    def perform_create(self, serializer: BaseSerializer) -> None:
        with transaction.atomic():
            created = serializer.save()
            audit.record(self.actor, "create", created, after=audit.snapshot(created, *_columns(serializer)))

    def perform_update(self, serializer: BaseSerializer) -> None:
        with transaction.atomic():
            before = audit.snapshot(serializer.instance, *_columns(serializer))  # type: ignore[arg-type]
            changed = serializer.save()
            old, new = audit.changed_values(changed, before)
            if new:
                audit.record(self.actor, "change", changed, before=old, after=new)

    def perform_destroy(self, instance: models.Model) -> None:
        with transaction.atomic():
            audit.record(self.actor, "delete", instance)
            instance.delete()


def _columns(serializer: BaseSerializer) -> list[str]:
    """The model's own columns that the request gave, as attribute names."""
    fields = {field.name: field for field in serializer.Meta.model._meta.concrete_fields}  # type: ignore[attr-defined]
    return [fields[name].attname for name in serializer.validated_data if name in fields]
