"""/cron/process-sequences: for those who wake the processor from outside."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response

from retention_center.api import throttles
from retention_center.api.permissions import Open
from retention_center.api.problems import Problem
from retention_center.api.views import WireView
from retention_center.auth.callers import address_of
from retention_center.auth.cron import carries_cron_token
from sequences import processor
from sequences.api.serializers import RoundSerializer

SECONDS = 20


class Unauthorized(Problem):
    """401 with the scheme that would be right."""

    auth_header = 'Bearer realm="cron"'


class ProcessSequencesView(WireView):
    """One round of the processor; needs ``Authorization: Bearer <CRON_TOKEN>``."""

    authentication_classes = ()
    permission_classes = (Open,)
    throttle_classes = ()

    @extend_schema(
        request=None,
        responses={200: RoundSerializer},
        auth=[{"bearer": []}],  # type: ignore[list-item]
    )
    def post(self, request: Request, **kwargs: Any) -> Response:
        """Claim new work for at most 20 s; the same answer as the command."""
        if not carries_cron_token(request):
            wait = throttles.take(f"cron {address_of(request)}", *throttles.rate_of("anonymous"))
            if wait:
                raise Throttled(wait)
            said = "Send Authorization: Bearer with CRON_TOKEN."
            if not settings.CRON_TOKEN:
                said = "CRON_TOKEN is not set here, so nobody may call this."
            raise Unauthorized(401, said, code="not_authenticated")
        return Response(processor.run(seconds=SECONDS))
