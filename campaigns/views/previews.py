"""Previews of scripts, and HTML e-mails shown in a frame that can do nothing: no script, no form, no cookie of ours."""

import hashlib
import re
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.cache import cache
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.csp import CSP
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_GET, require_POST

from campaigns.delivery.trial import NotTested, send_test
from campaigns.models import Campaign, ContactAttempt, Script
from campaigns.previewing import preview
from leads.models import Lead
from retention_center import audit
from retention_center.api.text import is_storable
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from retention_center.models import Role

DRAFT_SECONDS = 1800
_PICTURE = re.compile(r"""(<img\b[^>]*?\s)src(\s*=\s*["']?https?:)""", re.IGNORECASE)
VIEWS = ("desktop", "phone", "text")
MAIL_CSP: dict[str, Any] = {
    "default-src": [CSP.NONE],
    "img-src": ["data:"],
    "style-src": [CSP.UNSAFE_INLINE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.NONE],
    "frame-ancestors": [CSP.SELF],
    "sandbox": True,
}
WITH_IMAGES: dict[str, Any] = MAIL_CSP | {"img-src": ["data:", "https:"]}


def found_lead(text: str) -> Lead | None:
    """The lead that staff mean: by id, e-mail, phone, or the first whose name fits."""
    text = text.replace("\x00", "").strip()[:200]
    if not text:
        return None
    present = Lead.objects.present()
    exact = present.filter(Q(pk=text) | Q(email=text.lower()) | Q(phone=text.replace(" ", ""))).first()
    if exact:
        return exact
    for word in text.split():
        present = present.filter(Q(first_name__icontains=word) | Q(last_name__icontains=word))
    return present.order_by("last_name", "first_name", "pk").first()


def preview_context(script: Script, lead_text: str, html_url: str = "", shown: Any = None) -> dict[str, Any]:
    """What `scripts/_preview.html` shows. ``shown`` (form or query) says at which width, and whether with images."""
    lead, shown = found_lead(lead_text), shown or {}
    images = bool(shown.get("images"))
    if html_url and images:
        html_url += ("&" if "?" in html_url else "?") + urlencode({"images": "1"})
    return {
        "script": script,
        "seen": preview(script, lead),
        "lead": lead,
        "lead_text": lead_text,
        "is_lost": bool(lead_text.strip()) and lead is None,
        "html_url": html_url if script.type == Channel.EMAIL else "",
        "shown_as": shown.get("shown_as") if shown.get("shown_as") in VIEWS else "desktop",
        "images": images,
    }


def draft_of(data: Any) -> Script:
    """The script as it stands in a form, good or not, never saved."""
    wanted = data.get("campaign") or ""
    campaign = Campaign.objects.filter(pk=wanted).first() if is_storable(wanted) else None
    return Script(
        name=data.get("name", "")[:200],
        type=data["type"] if data.get("type") in Channel.values else Channel.EMAIL,
        subject=data.get("subject", "")[:300],
        content=data.get("content", "").replace("\r\n", "\n")[:200_000],
        content_type=data["content_type"] if data.get("content_type") == "html" else "text",
        campaign=campaign,
    )


@require_POST
@needs(Role.OPERATOR)
def script_try(request: HttpRequest) -> HttpResponse:
    """The form's script as a lead would get it; htmx asks while staff type."""
    return render(request, "scripts/_preview.html", draft_context(request))


def draft_context(request: HttpRequest) -> dict[str, Any]:
    """The preview of what stands in the posted form. The frame reads an e-mail's text back under its own address."""
    script, lead_text = draft_of(request.POST), request.POST.get("lead", "")
    address = ""
    if script.type == Channel.EMAIL:
        kept = {"subject": script.subject, "content": script.content, "content_type": script.content_type}
        kept |= {"name": script.name, "campaign": script.campaign_id or "", "lead": lead_text}
        key = hashlib.sha256(repr(sorted(kept.items())).encode()).hexdigest()[:40]
        cache.set(_key(request, key), kept, DRAFT_SECONDS)
        address = reverse("script-draft-html", args=[key])
    return preview_context(script, lead_text, address, request.POST) | {"in_form": True}


@require_GET
@needs(Role.OPERATOR)
@xframe_options_sameorigin
def draft_html(request: HttpRequest, key: str) -> HttpResponse:
    """The HTML of a draft that this person is writing."""
    kept = cache.get(_key(request, key))
    if kept is None:
        raise Http404("The draft is no longer kept; change its text to see it again.")
    return _mail(request, preview(draft_of(kept | {"type": Channel.EMAIL}), found_lead(kept["lead"])).rendered)


@require_GET
@needs(Role.VIEWER)
@xframe_options_sameorigin
def script_html(request: HttpRequest, pk: str) -> HttpResponse:
    """The HTML of a saved script, for ?lead=."""
    script = get_object_or_404(Script.objects.select_related("campaign"), pk=pk, type=Channel.EMAIL)
    return _mail(request, preview(script, found_lead(request.GET.get("lead", ""))).rendered)


@require_GET
@needs(Role.VIEWER)
@xframe_options_sameorigin
def attempt_html(request: HttpRequest, pk: str) -> HttpResponse:
    """The HTML part of an e-mail as it was sent."""
    attempt = get_object_or_404(ContactAttempt, pk=pk)
    return _framed(request, attempt.message.get("html", ""))


def _mail(request: HttpRequest, rendered: Any) -> HttpResponse:
    return _framed(request, rendered.html if rendered else "")


def _framed(request: HttpRequest, html: str) -> HttpResponse:
    """Images are off until somebody asks for them: loading one tells its server who looked, and when."""
    return (_with_images if "images" in request.GET else _without_images)(request, html)


@csp_override(WITH_IMAGES)
def _with_images(_request: HttpRequest, html: str) -> HttpResponse:
    return HttpResponse(html)


@csp_override(MAIL_CSP)
def _without_images(_request: HttpRequest, html: str) -> HttpResponse:
    """The policy is what keeps them out; a picture that asks for nothing also shows its alternative text."""
    return HttpResponse(_PICTURE.sub(r"\1data-src\2", html))


def _key(request: HttpRequest, key: str) -> str:
    return f"script-draft:{request.user.pk}:{key}"


@require_POST
@needs(Role.OPERATOR)
def script_test(request: HttpRequest, pk: str) -> HttpResponse:
    """Send the saved script to whoever asks, as the chosen lead would get it."""
    script = get_object_or_404(Script.objects.select_related("campaign"), pk=pk)
    lead_text = request.POST.get("lead", "")[:200]
    try:
        said = send_test(
            script,
            request.POST.get("to", "")[:60],
            lead=found_lead(lead_text),
            now=clock.now(),
            actor=audit.actor_of(request),
        )
        messages.success(request, f"Test: {said}")
    except NotTested as refusal:
        messages.error(request, f"No test was sent. {refusal}")
    return redirect(f"{script.get_absolute_url()}?{urlencode({'lead': lead_text})}")
