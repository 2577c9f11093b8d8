"""Pages of API keys, for admins: all of them, a new one (shown once), its successor, and an end to it."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from retention_center import audit
from retention_center.auth import keys
from retention_center.auth.key_filters import KeyFilters
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.models import ApiKey, Role
from retention_center.pages.columns import Column, Preset
from retention_center.pages.errors import problem_page
from retention_center.pages.forms import PageForm
from retention_center.pages.lists import ListPage

LIFETIMES = [("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "until it is revoked")]
OVERLAPS = [("0", "at once"), ("1", "in an hour"), ("24", "in a day"), ("168", "in a week"), ("720", "in 30 days")]


class KeyForm(PageForm):
    """A new key's name, role and life."""

    name = forms.CharField(max_length=100, label="Name", help_text="What uses it: CRM, nightly import.")
    role = forms.ChoiceField(
        choices=Role.choices,
        label="Role",
        help_text="Viewers read, operators also change, admins also configure. Give no more than it needs.",
    )
    days = forms.ChoiceField(choices=LIFETIMES, required=False, initial="90", label="Works for")

    @property
    def expires_at(self) -> datetime | None:
        days = self.cleaned_data["days"]
        return clock.now() + timedelta(days=int(days)) if days else None


class RotateForm(PageForm):
    """How long the old key still works."""

    hours = forms.ChoiceField(choices=OVERLAPS, initial="24", label="The old key ends")


class KeyList(ListPage):
    """Every key that was ever made; those that work first by the tab."""

    name, title, one, many = "keys", "API keys", "key", "keys"
    filterset_class = KeyFilters
    cells = "keys/_cells.html"
    columns = (
        Column("name", "Key", sort=("name",), place="lead"),
        Column("standing", "Standing", value=lambda row: standing_of(row, clock.now()), place="state"),
        Column("role", "Role", sort=("role",)),
        Column("used", "Last used", sort=("last_used_at",), value=lambda row: row.last_used_at, place="reason"),
        Column("expires", "Expires", sort=("expires_at",), value=lambda row: row.expires_at),
        Column("made", "Made", sort=("created_at",), value=lambda row: row.created_at),
    )
    default_sort = "-made"
    presets = (Preset("Working", "standing=works"), Preset("Ended", "standing=expired,revoked"))
    search_hint = "Name, or the key's beginning"
    needed_role = Role.ADMIN
    template_name = "keys/list.html"

    def rows(self) -> QuerySet[ApiKey]:
        return ApiKey.objects.select_related("created_by")


def standing_of(key: ApiKey, now: datetime) -> str:
    """works, expired or revoked."""
    if key.revoked_at is not None:
        return "revoked"
    return "works" if keys.works(key, now) else "expired"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.ADMIN)
def key_new(request: HttpRequest) -> HttpResponse:
    """Make a key; the answer shows it, and nothing ever shows it again."""
    form = KeyForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        chosen, actor = form.cleaned_data, audit.actor_of(request)
        key, text = keys.create(chosen["name"], chosen["role"], actor=actor, expires_at=form.expires_at)
        return _shown_once(request, key, text)
    crumbs = _crumbs("New")
    return render(request, "keys/new.html", {"form": form, "crumbs": crumbs}, status=422 if form.is_bound else 200)


@require_safe
@needs(Role.ADMIN)
def key_page(request: HttpRequest, pk: str) -> HttpResponse:
    """One key: its standing, its successor, its history."""
    key = get_object_or_404(ApiKey.objects.select_related("created_by"), pk=pk)
    return render(request, "keys/detail.html", _detail(key))


@never_cache
@require_POST
@needs(Role.ADMIN)
def key_rotate(request: HttpRequest, pk: str) -> HttpResponse:
    """Make the key's successor; both work until the old one ends."""
    key = get_object_or_404(ApiKey, pk=pk)
    form = RotateForm(request.POST)
    if not form.is_valid():
        return render(request, "keys/detail.html", _detail(key) | {"form": form}, status=422)
    overlap = timedelta(hours=int(form.cleaned_data["hours"]))
    try:
        made, text = keys.rotate(key, overlap=overlap, actor=audit.actor_of(request))
    except ValidationError as refusal:
        return problem_page(request, "409", refusal.messages[0], headline="This key has ended")
    key.refresh_from_db()
    return _shown_once(request, made, text, key)


@require_POST
@needs(Role.ADMIN)
def key_revoke(request: HttpRequest, pk: str) -> HttpResponse:
    """Refuse the key from the next request on."""
    key = get_object_or_404(ApiKey, pk=pk)
    keys.revoke(key, actor=audit.actor_of(request))
    messages.success(request, f"{key} is revoked.")
    return redirect("keys")


def _shown_once(request: HttpRequest, key: ApiKey, text: str, former: ApiKey | None = None) -> HttpResponse:
    """Answered by the very request that made it: the key stands in no session, no address and no log."""
    context = {"key": key, "text": text, "former": former, "crumbs": _crumbs(str(key))}
    return render(request, "keys/shown_once.html", context, status=201)


def _detail(key: ApiKey) -> dict[str, Any]:
    return {
        "key": key,
        "standing": standing_of(key, clock.now()),
        "form": RotateForm(),
        "crumbs": _crumbs(str(key)),
    }


def _crumbs(last: str) -> list[dict[str, str]]:
    return [{"label": "API keys", "href": reverse("keys")}, {"label": last, "href": ""}]
