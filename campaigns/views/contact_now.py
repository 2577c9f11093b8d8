"""Contact now: one form a channel, or the reason why not."""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from campaigns import by_hand
from campaigns.forms import ContactNowForm
from campaigns.models import ContactAttempt, Script
from campaigns.policy import Decision
from campaigns.reasons import Reason, sentence_of
from leads.models import Lead
from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from retention_center.models import Role
from retention_center.pages.words import planned, within_a_sentence

VERBS = {
    Channel.EMAIL: "Send e-mail now",
    Channel.SMS: "Send SMS now",
    Channel.CALL: "Call now",
    Channel.WEBHOOK: "Post webhook now",
}
NOT_SENT = (ContactAttempt.Status.FAILED, ContactAttempt.Status.UNKNOWN)


@dataclass(frozen=True)
class Way:
    """One channel: its form, or in ``why_not`` why it cannot be used now."""

    channel: Channel
    address: str
    verb: str
    form: ContactNowForm
    why_not: str = ""
    is_wait: bool = False  # it may be used later

    @property
    def status(self) -> str:
        return "WAIT" if self.is_wait else "NO"


@needs(Role.OPERATOR)
def lead_contact(request: HttpRequest, pk: str) -> HttpResponse:
    """Which channels may be used now, with which scripts; POST sends one."""
    lead = get_object_or_404(Lead.objects.present(), pk=pk)
    now = clock.now()
    if request.method != "POST":
        return _page(request, lead, now)
    channel = request.POST.get("channel", "")
    form = ContactNowForm(channel, request.POST)
    if not form.is_valid():
        return _page(request, lead, now, sent=form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    script, token = form.cleaned_data["script"], form.cleaned_data["token"]
    actor = audit.actor_of(request)
    try:
        attempt = by_hand.contact_now(lead, script, token=f"page {token}", now=now, actor=actor)
    except by_hand.MayNot as refusal:
        form.add_error(None, f"Nothing was sent. {_words(refusal.decision, now)}.")
        return _page(request, lead, now, sent=form, status=HTTPStatus.CONFLICT)
    _tell(request, attempt)
    return redirect(lead)


def _page(
    request: HttpRequest,
    lead: Lead,
    now: datetime,
    *,
    sent: ContactNowForm | None = None,
    status: HTTPStatus = HTTPStatus.OK,
) -> HttpResponse:
    forms = {channel: ContactNowForm(channel) for channel in Channel}
    if sent and sent.channel in forms:
        forms[Channel(sent.channel)] = sent
    scripts = {str(channel): form.first_script for channel, form in forms.items()}
    decisions = by_hand.outlook(lead, {name: script for name, script in scripts.items() if script}, now)
    ways = [_way(lead, channel, form, scripts[channel], decisions[channel], now) for channel, form in forms.items()]
    context = {"lead": lead, "ways": ways, "form": sent}
    return render(request, "campaigns/contact_now.html", context, status=status)


def _way(
    lead: Lead, channel: Channel, form: ContactNowForm, script: Script | None, decision: Decision, now: datetime
) -> Way:
    address = lead.address_for(channel) or ""
    way = Way(channel, "" if channel == Channel.WEBHOOK else address, VERBS[channel], form)
    if decision.sends:
        return way
    is_wait = decision.until is not None or decision.look_again is not None
    return Way(channel, way.address, way.verb, form, _words(decision, now), is_wait)


def _words(decision: Decision, now: datetime) -> str:
    if decision.reason == Reason.NO_SCRIPT:
        return "No script for this channel"
    sentence = sentence_of(str(decision.reason))
    return (
        f"{sentence}; possible from {within_a_sentence(planned(decision.until, now))}" if decision.until else sentence
    )


def _tell(request: HttpRequest, attempt: ContactAttempt) -> None:
    channel = Channel(attempt.channel).label
    if attempt.status in NOT_SENT:
        why = attempt.result.get("error") or sentence_of(attempt.reason)
        messages.error(request, f"{channel}: {attempt.get_status_display().lower()}. {str(why).rstrip('.')}.")
    else:
        messages.success(request, f"{channel} handed to {attempt.provider}; it stands in the timeline.")
