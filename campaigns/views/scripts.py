"""Pages of scripts: list, detail with preview, form with live preview, archive."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from campaigns import scripting
from campaigns.changing import HasHistory
from campaigns.filters import ScriptPageFilters, campaign_choices
from campaigns.forms import ScriptForm, take_errors
from campaigns.models import Script
from campaigns.templating import NAMES
from campaigns.views.previews import draft_context, preview_context
from integrations.providers.registry import ActiveProviders
from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.lib.channels import Channel
from retention_center.models import Role
from retention_center.pages import errors, undo
from retention_center.pages.columns import Column, Preset
from retention_center.pages.forms import answer_form
from retention_center.pages.lists import ListPage


class ScriptList(ListPage):
    """Every script that is not archived; archived ones by the filter."""

    name, title, one, many = "scripts", "Scripts", "script", "scripts"
    filterset_class = ScriptPageFilters
    filter_choices = {"campaignId": campaign_choices}
    cells = "scripts/_cells.html"
    columns = (
        Column("name", "Script", sort="name", place="lead"),
        Column("type", "Channel", sort="type", place="state"),
        Column("belongs", "Used for", sort="campaign__name", value=lambda row: row.campaign or "", place="reason"),
        Column("updated", "Changed", sort="updated_at", value=lambda row: row.updated_at),
        Column("created", "Made", sort="created_at", value=lambda row: row.created_at, is_extra=True),
    )
    default_sort = "-updated"
    presets = (
        *(Preset(label, f"type={value}") for value, label in Channel.choices),
        Preset("Archived", "isArchived=true"),
    )
    search_hint = "Name or subject"
    template_name = "scripts/list.html"

    def rows(self) -> QuerySet[Script]:
        return Script.objects.select_related("campaign")


@needs(Role.VIEWER)
def script_page(request: HttpRequest, pk: str) -> HttpResponse:
    """The script as a chosen lead would get it, its text, and where it is used."""
    script = get_object_or_404(Script.objects.select_related("campaign"), pk=pk)
    lead_text = request.GET.get("lead", "")[:200]
    address = reverse("script-html", args=[pk]) + "?" + urlencode({"lead": lead_text})
    steps = script.sequence_steps.select_related("sequence").order_by("sequence__name", "-version", "step_order")
    context = preview_context(script, lead_text, address, request.GET) | {
        "crumbs": _crumbs(script),
        "sequences": list({step.sequence_id: step for step in reversed(steps[:100])}.values())[::-1],
        "attempts": script.contact_attempts.count(),
    }
    return render(request, "scripts/detail.html", context)


@needs(Role.OPERATOR)
def script_new(request: HttpRequest) -> HttpResponse:
    form = ScriptForm(request.POST or None, initial={"type": request.GET.get("type", Channel.EMAIL)})

    def save(valid: ScriptForm) -> HttpResponse:
        return _saved(request, valid, lambda: scripting.create(Script(**valid.values), audit.actor_of(request)))

    return _form_page(request, form, save, {"crumbs": _crumbs(None, "New")}, Script(type=Channel.EMAIL))


@needs(Role.OPERATOR)
def script_edit(request: HttpRequest, pk: str) -> HttpResponse:
    script = get_object_or_404(Script.objects.select_related("campaign"), pk=pk)
    form = ScriptForm(request.POST or None, instance=script)

    def save(valid: ScriptForm) -> HttpResponse:
        stored = get_object_or_404(Script, pk=pk)
        return _saved(request, valid, lambda: scripting.change(stored, valid.values, audit.actor_of(request)))

    return _form_page(request, form, save, {"crumbs": _crumbs(script, "Edit"), "stored": script}, script)


def _form_page(
    request: HttpRequest, form: ScriptForm, save: Callable[[Any], HttpResponse], more: dict[str, Any], script: Script
) -> HttpResponse:
    """The form with its preview; "Preview" shows what was typed without saving it."""
    context = {"names": [*NAMES, "meta.city", "campaign.name", "sequence.name"], "in_form": True, **more}
    context["tracker"] = ActiveProviders.load().tracker
    if request.method == "POST":
        context |= draft_context(request)
        if "preview" in request.POST:
            form.errors.clear()
            return render(request, "scripts/form.html", {"form": form, **context})
    else:
        address = reverse("script-html", args=[script.pk]) if not script._state.adding else ""
        context |= preview_context(script, "", address) if script.content else {"seen": None}
    return answer_form(request, form, "scripts/form.html", save, context)


def _saved(request: HttpRequest, form: ScriptForm, verb: Callable[[], Script]) -> HttpResponse:
    try:
        script = verb()
    except ValidationError as error:
        take_errors(form, error)
        return HttpResponse(status=422)
    messages.success(request, f"{script} is saved.")
    return redirect(script)


@require_POST
@needs(Role.OPERATOR)
def script_archive(request: HttpRequest, pk: str) -> HttpResponse:
    """Put the script away, or (``back``) bring it back."""
    script = get_object_or_404(Script, pk=pk)
    if "back" in request.POST:
        scripting.bring_back(script, audit.actor_of(request))
        messages.success(request, f"{script} is back.")
    else:
        scripting.archive(script, audit.actor_of(request))
        here = reverse("script-archive", args=[pk])
        undo.offer(request, f"{script} is archived. Steps that use it go on.", here, back="1")
    return redirect(script)


@require_POST
@needs(Role.OPERATOR)
def script_delete(request: HttpRequest, pk: str) -> HttpResponse:
    """Delete a script that was never used."""
    script = get_object_or_404(Script, pk=pk)
    try:
        scripting.delete(script, audit.actor_of(request))
    except HasHistory as refusal:
        return errors.problem_page(request, "409", str(refusal), headline="This script is kept")
    messages.success(request, f"{script} is deleted.")
    return redirect("scripts")


def _crumbs(script: Script | None, last: str = "") -> list[dict[str, str]]:
    crumbs = [{"label": "Scripts", "href": reverse("scripts")}]
    crumbs += [{"label": str(script), "href": script.get_absolute_url()}] if script else []
    return crumbs + ([{"label": last, "href": ""}] if last else [])
