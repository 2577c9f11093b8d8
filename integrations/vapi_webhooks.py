"""Where VAPI calls us: how calls go, what came of them, and who rang back."""

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from integrations import vapi
from integrations.models import IntegrationConfig
from integrations.webhooks import stranger, take_in
from retention_center.api import problems
from retention_center.lib import clock

LARGEST = 4 * 1024 * 1024  # a report repeats the whole conversation


@csrf_exempt
def vapi_message(request: HttpRequest) -> HttpResponse:
    """A message about a call. None of those that wait for an answer gets one: our assistants ask us nothing."""
    if request.method != "POST":
        refusal = problems.response(405, "Send a POST.", code="method_not_allowed")
        refusal["Allow"] = "POST"
        return refusal
    row = IntegrationConfig.objects.filter(provider=vapi.PROVIDER).first()
    secrets = vapi.secrets_of(row)
    if row is None or not secrets:
        return problems.response(503, "VAPI has no webhook secret here.", code="not_configured")
    body = _body(request)
    if body is None:
        return problems.response(413, f"The body is larger than {LARGEST // 1024**2} MiB.", code="too_large")
    how = row.config.get("webhookAuth") or vapi.SECRET
    if not vapi.is_known(how, request.headers, body, secrets, clock.now()):
        return stranger(request, 401, "The call does not prove to be VAPI's.")
    try:
        told = vapi.read(body)
    except vapi.Malformed as error:
        return problems.response(400, str(error), code="malformed")
    take_in(
        vapi.PROVIDER,
        told.kind,
        told.key,
        facts=dict(told.facts),
        payload=told.payload,
        attempt_id=told.attempt_id,
        provider_ref=told.reference,
    )
    return JsonResponse({})


def _body(request: HttpRequest) -> bytes | None:
    """The raw bytes; None when there are too many."""
    try:
        body = request.body
    except SuspiciousOperation:
        return None
    except (RawPostDataException, UnreadablePostError):
        return b""
    return body if len(body) <= LARGEST else None
