"""Where Twilio calls us: statuses of messages, and what people write back."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from integrations import twilio
from integrations.models import IntegrationConfig
from integrations.reading import LARGEST, query_parameters
from integrations.webhooks import stranger, take_in
from retention_center.api import problems

Said = dict[str, str]
LONGEST_PLANTED = 40  # as our ids are


@csrf_exempt
def twilio_status(request: HttpRequest) -> HttpResponse:
    """What became of a message; the attempt's id that we planted in the address finds it before its reference does."""

    def store(said: Said) -> HttpResponse:
        reference, status, facts = twilio.status_of(said)
        whom = {"attempt_id": _planted(request), "provider_ref": reference}
        take_in(twilio.PROVIDER, "delivery", f"{reference}:{status}", facts=facts, payload=said, **whom)
        if twilio.is_opt_out(said):
            gone = {"channel": "SMS", "source": "twilio 21610"}
            take_in(twilio.PROVIDER, "opt_out", f"{reference}:opt_out", facts=gone, payload={}, **whom)
        return HttpResponse(status=204)

    return _answer(request, store)


@csrf_exempt
def twilio_inbound(request: HttpRequest) -> HttpResponse:
    """A message from a person. Nothing is said in return: Twilio answers STOP and HELP by itself."""

    def store(said: Said) -> HttpResponse:
        reference, facts = twilio.message_of(said)
        take_in(
            twilio.PROVIDER,
            "message",
            f"in:{reference}",
            facts=facts,
            payload=said,
            attempt_id="",
            provider_ref=reference,
        )
        return HttpResponse("<Response/>", content_type="text/xml")

    return _answer(request, store)


def _answer(request: HttpRequest, store: Callable[[Said], HttpResponse]) -> HttpResponse:
    if request.method != "POST":
        refusal = problems.response(405, "Send a POST.", code="method_not_allowed")
        refusal["Allow"] = "POST"
        return refusal
    secrets = twilio.secrets_of(IntegrationConfig.objects.filter(provider=twilio.PROVIDER).first())
    if not secrets:
        return problems.response(503, "Twilio is not set up here.", code="not_configured")
    body = _body(request)
    if body is None:
        return problems.response(413, f"The body is larger than {LARGEST // 1024} KiB.", code="too_large")
    is_json = "json" in (request.content_type or "")
    signature = request.headers.get("X-Twilio-Signature", "")
    try:
        if not twilio.is_signed(_address(request), body, signature, secrets, is_json=is_json):
            return stranger(request, 403, "The signature is missing or wrong.")
        return store(twilio.parameters_of(body, is_json=is_json))
    except (twilio.Malformed, ValueError) as error:
        return problems.response(400, str(error), code="malformed")


def _body(request: HttpRequest) -> bytes | None:
    """The raw bytes, as they were signed; None when there are too many."""
    try:
        body = request.body
    except (RawPostDataException, UnreadablePostError):
        return b""
    return body if len(body) <= LARGEST else None


def _address(request: HttpRequest) -> str:
    """The address Twilio was given: ours as the outside knows it, whatever a proxy made of it."""
    query = request.META.get("QUERY_STRING", "")
    return f"{settings.PUBLIC_URL}{request.path}{'?' + query if query else ''}"


def _planted(request: HttpRequest) -> str:
    planted = query_parameters(request).get("attempt", "")
    return planted if len(planted) <= LONGEST_PLANTED else ""
