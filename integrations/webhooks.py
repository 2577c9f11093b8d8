"""Where providers call us: verified, stored once, acted on, answered. Nothing in a call can make us stumble."""

from typing import Any

import structlog
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from integrations import inbox, keitaro
from integrations.models import InboundEvent, IntegrationConfig
from integrations.reading import TooLarge, Unreadable, body_parameters, query_parameters
from retention_center.api import problems, throttles
from retention_center.auth.callers import address_of
from retention_center.lib import clock

log = structlog.get_logger(__name__)
SECRET_HEADER = "X-Webhook-Secret"  # noqa: S105 - the header's name


@csrf_exempt
def keitaro_postback(request: HttpRequest) -> HttpResponse:
    """A conversion, or a change of one, from Keitaro: GET or POST, form or JSON."""
    if request.method not in {"GET", "POST"}:
        refusal = problems.response(405, "Send a GET or a POST.", code="method_not_allowed")
        refusal["Allow"] = "GET, POST"
        return refusal
    row = IntegrationConfig.objects.filter(provider=keitaro.PROVIDER).first()
    if row is None or not keitaro.is_ready(row):
        return problems.response(503, "Keitaro is not set up here.", code="not_configured")
    return _answer(request, row)


def _answer(request: HttpRequest, row: IntegrationConfig) -> HttpResponse:
    is_known = _has_secret(row, request.headers.get(SECRET_HEADER))
    try:
        parameters = query_parameters(request)
        is_known = is_known or _has_secret(row, parameters.get("secret"))
        if request.method == "POST":
            parameters |= body_parameters(request)  # the body wins
            is_known = is_known or _has_secret(row, parameters.get("secret"))
        parameters = keitaro.without_secret(parameters, row.config)
        facts = keitaro.facts_of(parameters) if is_known else {}
    except (Unreadable, keitaro.Malformed) as error:
        return problems.response(400, str(error), code="malformed") if is_known else _stranger(request)
    except TooLarge as error:
        return problems.response(413, str(error), code="too_large") if is_known else _stranger(request)
    if not is_known:
        return _stranger(request)
    _take_in(parameters, facts)
    return HttpResponse("OK", content_type="text/plain")


def _has_secret(row: IntegrationConfig, candidate: object) -> bool:
    return isinstance(candidate, str) and keitaro.is_secret(row.config, candidate.strip())


def stranger(request: HttpRequest, status: int, why: str) -> HttpResponse:
    """401 or 403; 429 for who keeps guessing. Only those without the secret are ever slowed down."""
    most, seconds = throttles.rate_of("anonymous")
    if wait := throttles.take(f"webhook {address_of(request)}", most, seconds):
        refusal = problems.response(429, "Too many calls without the secret.", code="throttled")
        refusal["Retry-After"] = str(max(int(wait), 1))
        return refusal
    refusal = problems.response(status, why, code="not_authenticated")
    if status == 401:
        refusal["WWW-Authenticate"] = "Secret"
    return refusal


def take_in(
    provider: str,
    kind: str,
    key: str,
    *,
    facts: dict[str, Any],
    payload: dict[str, Any],
    attempt_id: str = "",
    provider_ref: str,
) -> None:
    """Store a verified event once, and act on it unless a copy is settled; what fails waits for the next round."""
    now = clock.now()
    event, _is_new = inbox.receive(
        provider, kind, key, facts=facts, payload=payload, attempt_id=attempt_id, provider_ref=provider_ref, now=now
    )
    if event.status != InboundEvent.Status.WAITING:
        return
    try:
        inbox.apply(event, now)
    except DatabaseError:
        log.exception("inbound_event_left_waiting", inbound_event=event.pk)


def _stranger(request: HttpRequest) -> HttpResponse:
    return stranger(request, 401, "The secret is missing or wrong.")


def _take_in(parameters: dict[str, Any], facts: dict[str, Any]) -> None:
    reference = facts["sub_id"] or facts["click_id"]
    key = keitaro.event_key(parameters)
    take_in(keitaro.PROVIDER, "conversion", key, facts=facts, payload=parameters, provider_ref=reference)
