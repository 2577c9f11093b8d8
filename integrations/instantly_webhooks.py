"""Where Instantly calls us: what became of e-mails, and what people did with them."""

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from integrations import instantly
from integrations.models import IntegrationConfig
from integrations.webhooks import stranger, take_in
from retention_center.api import problems

LARGEST = 4 * 1024 * 1024  # an event repeats whole e-mails


@csrf_exempt
def instantly_event(request: HttpRequest) -> HttpResponse:
    """One event, of a lead or of a campaign."""
    if request.method != "POST":
        refusal = problems.response(405, "Send a POST.", code="method_not_allowed")
        refusal["Allow"] = "POST"
        return refusal
    secrets = instantly.secrets_of(IntegrationConfig.objects.filter(provider=instantly.PROVIDER).first())
    if not secrets:
        return problems.response(503, "Instantly has no webhook secret here.", code="not_configured")
    if not instantly.is_known(request.headers, secrets):
        return stranger(request, 401, "The secret is missing or wrong.")
    body = _body(request)
    if body is None:
        return problems.response(413, f"The body is larger than {LARGEST // 1024**2} MiB.", code="too_large")
    try:
        told = instantly.read(body)
    except instantly.Malformed as error:
        return problems.response(400, str(error), code="malformed")
    for one in told:
        take_in(
            instantly.PROVIDER,
            one.kind,
            one.key,
            facts=dict(one.facts),
            payload=dict(one.payload),
            attempt_id=one.attempt_id,
            provider_ref="",
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
