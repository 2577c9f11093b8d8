"""The pages of providers."""

import secrets
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from integrations import breaker, callbacks, connection, credentials, keitaro, overview
from integrations.catalogue import PROVIDERS, Known
from integrations.forms import ProviderForm
from integrations.models import InboundEvent, IntegrationConfig
from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.models import Role
from retention_center.pages.forms import answer_form

LATEST = 10


@require_safe
@needs(Role.VIEWER)
def integration_list(request: HttpRequest) -> HttpResponse:
    senders = overview.senders()
    page = {
        "providers": overview.providers(clock.now()),
        "senders": senders,
        "sandbox_channels": overview.sandbox_channels(senders),
    }
    return render(request, "integrations/list.html", page)


@needs(Role.VIEWER, write=Role.ADMIN)
def integration(request: HttpRequest, provider: str) -> HttpResponse:
    known = _known(provider)
    row = IntegrationConfig.objects.filter(provider=known.name).first()
    form = ProviderForm(known, row, request.POST or None)

    def save(form: ProviderForm) -> HttpResponse:
        if form.save(audit.actor_of(request)):
            messages.success(request, f"{known.label} is saved.")
        return redirect("integration", known.name)

    return answer_form(request, form, "integrations/detail.html", save, _detail(request, known, row))


@require_POST
@needs(Role.ADMIN)
def integration_test(request: HttpRequest, provider: str) -> HttpResponse:
    """Ask the provider with what is saved; its answer comes as a message."""
    known = _known(provider)
    row = IntegrationConfig.objects.filter(provider=known.name).first()
    tested = connection.test(known, row)
    if row is not None:
        audit.record(audit.actor_of(request), "test", row, after={"ok": tested.ok})
    level = {True: messages.SUCCESS, False: messages.ERROR, None: messages.INFO}[tested.ok]
    messages.add_message(request, level, f"{known.label}: {tested.detail}")
    return redirect("integration", known.name)


@require_POST
@needs(Role.OPERATOR)
def integration_try(request: HttpRequest, provider: str) -> HttpResponse:
    """Let the next message try a failing provider now, instead of at its own time."""
    known = _known(provider)
    if breaker.try_now(known.name, audit.actor_of(request), clock.now()):
        messages.success(request, f"The next message tries {known.label} now; if it goes through, the others follow.")
    else:
        messages.info(request, f"Nothing holds {known.label} back.")
    return redirect("integration", known.name)


@require_POST
@never_cache
@needs(Role.ADMIN)
def keitaro_secret(request: HttpRequest) -> HttpResponse:
    """Make a new secret, keep the one before it valid, and show the whole address this once."""
    known = PROVIDERS[keitaro.PROVIDER]
    row = IntegrationConfig.objects.filter(provider=known.name).first()
    old = row.config if row else {}
    secret = secrets.token_urlsafe(32)
    config = old | {"webhookSecret": secret, "previousWebhookSecret": old.get("webhookSecret", "")}
    row = credentials.save(known, config=config, is_active=True, actor=audit.actor_of(request))
    page = _detail(request, known, row) | {
        "form": ProviderForm(known, row),
        "postback_url": connection.postback_url(row, secret),
        "is_new_secret": True,
    }
    return render(request, "integrations/detail.html", page)


def _detail(request: HttpRequest, known: Known, row: IntegrationConfig | None) -> dict[str, object]:
    events = InboundEvent.objects.filter(provider=known.name)
    now = clock.now()
    page: dict[str, object] = {
        "known": known,
        "row": row,
        "shown": overview.shown(known, row, now),
        "sentence": overview.sentence_about(known),
        "latest": list(events.order_by("-received_at", "-pk")[:LATEST]),
        "received_today": events.filter(received_at__gte=_midnight(now)).count(),
        "may_change": request.user.may(Role.ADMIN),  # type: ignore[union-attr]
        "may_try": request.user.may(Role.OPERATOR),  # type: ignore[union-attr]
        "crumbs": [
            {"label": "Integrations", "href": reverse("integrations")},
            {"label": known.label, "href": ""},
        ],
    }
    page["callbacks"] = callbacks.of(known.name, row)
    if known.name == keitaro.PROVIDER:
        page["postback_url"] = connection.postback_url(row)
    return page


def _midnight(now: datetime) -> datetime:
    """When today began in the organisation's zone."""
    return now.astimezone(ZoneInfo(settings.TIME_ZONE)).replace(hour=0, minute=0, second=0, microsecond=0)


def _known(provider: str) -> Known:
    if provider not in PROVIDERS:
        raise Http404
    return PROVIDERS[provider]
