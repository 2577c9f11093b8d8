"""One contact as an attempt keeps it: the text as rendered, the facts that decided, what came of it."""

from datetime import datetime, timedelta
from typing import Any

from campaigns.models import Campaign, ContactAttempt, Script
from campaigns.policy import Facts, Zones, contacts_today, snapshot
from campaigns.reasons import Reason
from campaigns.rendering import context_for, render
from campaigns.windows import Rules
from conversions.demo import outcomes
from conversions.demo.chance import Dice, made_id
from conversions.demo.people import Person
from leads.unsubscribe import url_for

IN_FLIGHT = timedelta(minutes=4)  # steps of the last minutes are still under way
REFUSED_AT_ONCE = 0.012  # hand-overs of steps that fail for certain and are tried again an hour later
Status = ContactAttempt.Status


class Contacts:
    """All contacts of one lead, oldest first."""

    def __init__(self, rng: Dice, person: Person, rules: Rules, now: datetime) -> None:
        self.rng, self.person, self.lead, self.rules, self.now = rng, person, person.lead, rules, now
        self.times: list[datetime] = []

    def on_day_of(self, at: datetime) -> int:
        """How many contacts count on the lead's own date."""
        return contacts_today(self.facts(), at)

    def facts(self) -> Facts:
        zones = Zones((self.person.zone.key,), "field" if self.lead.time_zone else "phone")
        return Facts(zones, self.rules, provider="sandbox", contacts=self.times[-8:])

    def make(
        self,
        script: Script,
        at: datetime,
        origin: str,
        work_id: str,
        try_no: int,
        *,
        campaign: Campaign | None = None,
        sequence_name: str = "",
    ) -> tuple[ContactAttempt, str]:
        """The attempt at ``at``, and in one word how it ended."""
        pk = made_id(self.rng, at)
        attempt = ContactAttempt(
            id=pk,
            lead=self.lead,
            campaign=campaign,
            script=script,
            channel=script.type,
            provider=script.provider or "sandbox",
            origin=origin,
            work_id=work_id,
            try_no=try_no,
            idempotency_key=f"{work_id}:{try_no}",
            address=self.lead.address_for(script.type) or "",
            message=self._message(script, pk, campaign, sequence_name),
            policy_snapshot=snapshot(self.facts(), at),
            local_date=at.astimezone(self.person.zone).date(),
            started_at=at,
            recorded_at=at,
            deadline_at=at + timedelta(seconds=60),
        )
        if origin == ContactAttempt.Origin.SEQUENCE and self.rng.random() < REFUSED_AT_ONCE:
            return self._refused(attempt, at), "refused"
        self.times.append(at)
        if origin == ContactAttempt.Origin.SEQUENCE and at > self.now - IN_FLIGHT:
            return attempt, "in flight"
        return attempt, self._accepted(attempt, at)

    def _refused(self, attempt: ContactAttempt, at: datetime) -> ContactAttempt:
        attempt.status, attempt.reason = Status.FAILED, Reason.NOT_HANDED_OVER
        attempt.was_unsent, attempt.called_at, attempt.completed_at = True, at, at
        attempt.notes = "The connection was refused."
        return attempt

    def _accepted(self, attempt: ContactAttempt, at: datetime) -> str:
        outcome = outcomes.drawn(self.rng, attempt.channel, at)
        if at + outcome.takes > self.now:
            outcome = outcomes.Outcome("sent", Status.SENT)
        attempt.called_at, attempt.provider_ref = at, f"{attempt.provider}-{attempt.pk}"
        attempt.status, attempt.reason, attempt.result = outcome.status, outcome.reason, outcome.result
        attempt.duration, attempt.completed_at = outcome.duration, at + outcome.takes
        attempt.cost = outcomes.cost(self.rng, attempt.channel, outcome.duration)
        attempt.currency = "USD" if attempt.cost is not None else ""
        if self.lead.status == "NEW":
            self.lead.status, self.lead.updated_at = "CONTACTED", at
        return outcome.end

    def _message(self, script: Script, pk: str, campaign: Campaign | None, sequence_name: str) -> dict[str, Any]:
        context = context_for(
            self.lead, campaign=campaign, sequence_name=sequence_name, unsubscribe_url=url_for(self.lead.pk, pk)
        )
        rendered = render(script, context)
        return {"subject": rendered.subject, "text": rendered.text, "html": rendered.html}
