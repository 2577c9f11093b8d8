"""Contact now: what staff and the API send themselves, through the one door and under the same policy.

Such a contact has no row that waits to become due: the attempt is the work. Its deadline tells when the lease of the
worker who wrote it has ended; ``completed_at`` that nobody will ask any more what came of it. It is tried once.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.db.models import Exists, OuterRef, Q, QuerySet

from campaigns.delivery.claiming import lock_free
from campaigns.delivery.facts import facts_of, surroundings
from campaigns.delivery.intent import deadline_of_ended
from campaigns.delivery.reconcile import is_ripe, reconcile
from campaigns.delivery.rounds import run_batch
from campaigns.delivery.work import Answer, Outcome, Report, WorkItem
from campaigns.models import ContactAttempt, Script
from campaigns.policy import Decision, decide
from campaigns.reasons import Reason
from leads.models import Lead, Suppression
from retention_center import audit
from retention_center.lib import clock
from retention_center.lib.channels import Channel

STATUS = ContactAttempt.Status
ORIGIN = ContactAttempt.Origin.MANUAL


class MayNot(Exception):
    """The policy forbids the contact now; ``decision`` says why, and until when."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.reason.sentence if decision.reason else "")
        self.decision = decision


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody wants this script to go to this lead; a wish repeated with its token is the same wish."""

    lead_id: str
    script: Script
    token: str
    actor: audit.Actor
    repeats: str = ""

    @property
    def work_id(self) -> str:
        named = f"{self.lead_id} {self.script.pk} {self.token}"
        return f"hand-{hashlib.sha256(named.encode()).hexdigest()[:32]}"


def contact_now(lead: Lead, script: Script, *, token: str, now: datetime, actor: audit.Actor) -> ContactAttempt:
    """Send the script to the lead, whatever came of it; raises MayNot when the policy forbids it now.

    ``token`` names the wish: asked for again (a second click, a repeated request), the first attempt is the answer.
    Call it outside any transaction: the intent has to be committed before the provider is asked.
    """
    return _fulfil(Wish(lead.pk, script, token, actor), now)


def _fulfil(wish: Wish, now: datetime) -> ContactAttempt:
    source = ByHand(wish)
    report = run_batch(source, now)
    if source.refusal:
        raise MayNot(source.refusal)
    if report.paced:
        raise MayNot(Decision(Reason.BEYOND_PACE))
    return ContactAttempt.objects.get(origin=ORIGIN, work_id=wish.work_id)


def send_again(attempt: ContactAttempt, *, token: str, now: datetime, actor: audit.Actor) -> ContactAttempt:
    """Hand a webhook over once more under the id its receiver knows it by: a receiver that has it leaves it out.

    The script is filled in anew, and every rule of a contact holds. Raises MayNot, as `contact_now` does.
    """
    if not may_be_repeated(attempt):
        raise MayNot(Decision(Reason.NO_SCRIPT))
    repeats = attempt.message.get("repeats") or attempt.work_id
    wish = Wish(str(attempt.lead_id), cast("Script", attempt.script), f"{attempt.pk} {token}", actor, repeats)
    return _fulfil(wish, now)


def may_be_repeated(attempt: ContactAttempt) -> bool:
    """A webhook whose lead and script are still there."""
    is_whole = attempt.lead is not None and attempt.lead.deleted_at is None and attempt.script is not None
    return attempt.channel == Channel.WEBHOOK and is_whole


def outlook(lead: Lead, scripts: Mapping[str, Script], now: datetime) -> dict[str, Decision]:
    """What `contact_now` would decide for each channel, with the channel's script: the same facts, one look."""
    around = surroundings([lead], now)
    items = [_item(lead, channel, scripts.get(channel)) for channel in Channel.values]
    return {item.channel: decide(facts_of(item, around), now) for item in items}


def reconcile_left(now: datetime) -> Report:
    """Find out what came of the contacts whose worker died; one look when there are none."""
    return reconcile(ByHand(), now) if _left(clock.db_now()).exists() else Report()


class ByHand:
    """A `WorkSource` of one wish; without one it only knows what was left in flight."""

    origin = ORIGIN

    def __init__(self, wish: Wish | None = None) -> None:
        self.wish = wish
        self.refusal: Decision | None = None

    def claim(self, now: datetime, limit: int) -> list[WorkItem]:
        """The wish, under its lead's lock, unless it was fulfilled already."""
        if self.wish is None:
            return []
        lead = Lead.objects.locked().filter(pk=self.wish.lead_id).first()
        if lead is None:
            self.refusal = Decision(Reason.DELETED)
            return []
        if ContactAttempt.objects.filter(origin=ORIGIN, work_id=self.wish.work_id).exists():
            return []
        item = _item(lead, self.wish.script.type, self.wish.script, self.wish.work_id)
        item.repeats = self.wish.repeats
        return [item]

    def start(self, items: Sequence[WorkItem], attempts: dict[str, str], lease_until: datetime, owner: str) -> set[str]:
        """The lead's lock and the attempt's own constraint make it ours; it is audited with the intent."""
        if self.wish:
            for item in items:
                sent = {"channel": item.channel, "script_id": self.wish.script.pk, "attempt_id": attempts[item.id]}
                audit.record(self.wish.actor, "contact", item.lead, after=sent)
        return {item.id for item in items}

    def put_off(self, decided: Sequence[tuple[WorkItem, Decision]], now: datetime) -> Report:
        """Nothing waits for a better moment: whoever asked is told why not."""
        for _item, decision in decided:
            self.refusal = decision
        return Report(skipped=len(decided))

    def settle(self, answers: Sequence[Answer], now: datetime) -> Report:
        """The attempt has its facts already; what nobody will ever know is not asked for again."""
        waiting = [answer for answer in answers if answer.outcome == Outcome.UNKNOWN and not answer.is_permanent]
        unknown = [answer for answer in answers if answer.outcome == Outcome.UNKNOWN and answer.is_permanent]
        closed = ContactAttempt.objects.filter(pk__in=[answer.intent.attempt_id for answer in unknown])
        closed.filter(status=STATUS.UNKNOWN, completed_at=None).update(completed_at=now)
        sent = sum(answer.outcome == Outcome.SENT for answer in answers)
        return Report(sent=sent, unknown=len(waiting), failed=len(answers) - sent - len(waiting))

    def abandoned(self, real_now: datetime, limit: int) -> list[tuple[WorkItem, ContactAttempt | None]]:
        """What was left in flight. Two who look into one attempt at once find the same, and facts only grow."""
        left = _left(real_now)
        ripe = {one.pk: one.lead_id for one in left.order_by("deadline_at")[:limit] if is_ripe(one, real_now)}
        leads = lock_free(filter(None, ripe.values()))
        attempts = left.filter(pk__in=ripe, lead__in=leads).select_related("script")
        return [(_item(leads[str(one.lead_id)], one.channel, one.script, one.work_id), one) for one in attempts]

    def give_back(self, items: Sequence[WorkItem], now: datetime) -> None:
        """Nothing is ever claimed without its attempt."""

    def wanted(self) -> Q:
        barred = Suppression.objects.standing().filter(
            lead=OuterRef("lead"), channel__in=[OuterRef("channel"), Suppression.Scope.ALL]
        )
        may_be_contacted = Q(lead__deleted_at=None) & ~Q(lead__status=Lead.Status.DO_NOT_CONTACT)
        return Q(lead__isnull=False) & may_be_contacted & ~Q(Exists(barred))


def _left(real_now: datetime) -> QuerySet[ContactAttempt]:
    """Attempts by hand of which nobody knows yet what came of them, and nobody is at work on any more."""
    return ContactAttempt.objects.filter(
        origin=ORIGIN,
        status__in=[STATUS.PENDING, STATUS.UNKNOWN],
        completed_at=None,
        deadline_at__lt=deadline_of_ended(real_now),
    )


def _item(lead: Lead, channel: str, script: Script | None, work_id: str = "") -> WorkItem:
    """``due_since`` stays empty: what is sent by hand is never late."""
    campaign = script.campaign if script else None
    return WorkItem(id=work_id, lead=lead, channel=channel, script=script, try_no=1, fence=0, campaign=campaign)
