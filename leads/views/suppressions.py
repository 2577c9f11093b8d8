"""The list of addresses nobody may contact: one added, many added from a file, one lifted."""

import json
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from leads import barring, suppression
from leads.identity import BadValue, clean_address, clean_region
from leads.importing import addresses, rejected
from leads.importing.read import MOST_BYTES, Unreadable
from leads.models import Lead, Suppression
from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.models import Role
from retention_center.pages import errors
from retention_center.pages.forms import PageForm, answer_form
from retention_center.pages.words import plural

REASONS = [
    ("staff", "Staff decided"),
    ("asked by the person", "The person asked us"),
    ("spam complaint", "They called a message spam"),
    ("legal demand", "A legal demand"),
]
KEPT = 5_000  # lines that were left out, handed back
SHOWN = 100


class SuppressionForm(PageForm):
    address = forms.CharField(label="E-mail address or phone number", max_length=320)
    channel = forms.ChoiceField(choices=Suppression.Scope.choices, initial=Suppression.Scope.ALL)
    reason = forms.ChoiceField(choices=REASONS)
    note = forms.CharField(max_length=255, required=False, help_text="Who asked, and where.")


class LiftForm(PageForm):
    because = forms.CharField(
        label="Why may we contact them again?", max_length=255, help_text="It is kept in the history."
    )


class AddressFileForm(PageForm):
    file = forms.FileField(label="File", allow_empty_file=True,
                           help_text=f"CSV or Excel (.xlsx), at most {addresses.MOST_ROWS:,} lines.",
                           widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx"}))  # fmt: skip
    region = forms.CharField(label="Country of phone numbers", max_length=2, required=False,
                             help_text="Two letters, for numbers without a country code.")  # fmt: skip


@needs(Role.OPERATOR)
def suppress(request: HttpRequest) -> HttpResponse:
    """Bar an address that may or may not belong to a lead."""
    form = SuppressionForm(request.POST or None)

    def save(valid: SuppressionForm) -> HttpResponse:
        given = valid.cleaned_data
        try:
            address = clean_address(given["address"])
        except BadValue as error:
            valid.add_error("address", error.message)
            return HttpResponse()
        _row, stopped = barring.bar(
            address,
            channel=given["channel"],
            reason=given["reason"],
            source="staff",
            note=given["note"],
            now=clock.now(),
            actor=audit.actor_of(request),
        )
        messages.success(request, f"The address is on the list. {_stopped(stopped)}")
        return redirect("suppressions")

    return answer_form(request, form, "leads/suppress.html", save)


@needs(Role.ADMIN)
def lift(request: HttpRequest, pk: str) -> HttpResponse:
    """Take an address off the list, and say why."""
    row = get_object_or_404(Suppression.objects.select_related("lead"), pk=pk)
    form = LiftForm(request.POST or None)

    def save(valid: LiftForm) -> HttpResponse:
        because = valid.cleaned_data["because"]
        if suppression.lift(row, now=clock.now(), actor=audit.actor_of(request), because=because):
            messages.success(request, "The address is off the list.")
        else:
            messages.info(request, "The address was off the list already.")
        return redirect("suppressions")

    is_marked = bool(row.lead and row.lead.status == Lead.Status.DO_NOT_CONTACT and not row.lead.deleted_at)
    return answer_form(request, form, "leads/lift.html", save, {"row": row, "is_marked": is_marked})


@needs(Role.OPERATOR)
def import_addresses(request: HttpRequest) -> HttpResponse:
    """Bar every address of a file; the result stands on the answer, with what was left out."""
    form = AddressFileForm(request.POST or None, request.FILES or None, initial={"region": settings.DEFAULT_REGION})

    def save(valid: AddressFileForm) -> HttpResponse:
        try:
            region = clean_region(valid.cleaned_data["region"])
            content = valid.cleaned_data["file"].read(MOST_BYTES + 1)
            taken = addresses.take_in(content, now=clock.now(), actor=audit.actor_of(request), region=region)
        except Unreadable as error:
            valid.add_error("file", str(error))
        except BadValue as error:
            valid.add_error("region", error.message)
        else:
            return render(request, "leads/suppressions_imported.html", _result(taken))
        return HttpResponse()

    channels = ", ".join(Suppression.Scope.values)
    return answer_form(request, form, "leads/suppressions_import.html", save, {"channels": channels})


def _result(taken: addresses.Taken) -> dict[str, Any]:
    lines = [[str(one.number), *one.cells, one.why] for one in taken.left_out[:KEPT]]
    kept = json.dumps([["Line", *taken.columns, rejected.REASON], *lines])
    return {"taken": taken, "shown": taken.left_out[:SHOWN], "kept": kept, "stopped": _stopped(taken.stopped)}


@require_POST
@needs(Role.OPERATOR)
def left_out(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The lines that were left out, as the page of the result holds them, as a file; we keep none of them."""
    try:
        lines = json.loads(request.POST.get("lines", ""))
        rows = [[str(cell) for cell in line] for line in lines]
    except (ValueError, TypeError):
        return errors.problem_page(request, "400")
    body = StreamingHttpResponse(rejected.table(rows), content_type="text/csv; charset=utf-8")
    body["Content-Disposition"] = 'attachment; filename="left-out.csv"'
    return body


def _stopped(count: int) -> str:
    if not count:
        return "Nothing had been planned."
    return f"{plural(count, 'planned contact')} stopped."
