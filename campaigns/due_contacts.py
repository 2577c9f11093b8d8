"""The due contacts of one campaign, as work for the one door (campaigns.delivery)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from campaigns.delivery.claiming import lock_free
from campaigns.delivery.intent import lease_and_deadline
from campaigns.delivery.reconcile import is_ripe
from campaigns.delivery.work import RETRY_AFTER, TRIES_BEFORE_SKIP, Answer, Outcome, Report, WorkItem
from campaigns.models import Campaign, CampaignLead, ContactAttempt
from campaigns.plan import Plan, plan_of
from campaigns.policy import Decision
from campaigns.reasons import Effect, Reason
from leads.models import Lead
from retention_center.lib import clock
from retention_center.lib.bulk import update_rows
from retention_center.lib.channels import Channel

STATUS = CampaignLead.Status
SETTLED = (
    "status", "reason", "completed_at", "updated_at", "done", "scheduled_at", "due_at", "held_reason", "held_until",
    "held_since", "failures", "last_error", "is_in_flight", "claimed_by", "lease_until",
)  # fmt: skip


def campaigns_with_due_contacts(now: datetime) -> list[str]:
    """Running campaigns with something due, one index probe each."""
    due = CampaignLead.objects.due(now).filter(campaign=OuterRef("pk"))
    return list(Campaign.objects.running(now).filter(Exists(due)).order_by("pk").values_list("pk", flat=True))


def campaigns_with_abandoned_work() -> list[str]:
    """Campaigns with contacts in flight whose worker's lease has run out."""
    expired = CampaignLead.objects.filter(is_in_flight=True, lease_until__lt=clock.db_now())
    return sorted(set(expired.order_by().values_list("campaign_id", flat=True)))


class DueContacts:
    """A `WorkSource`: claims by (in flight, fence), so that of two workers one wins and a stale one changes nothing."""

    origin = ContactAttempt.Origin.CAMPAIGN

    def __init__(self, campaign_id: str) -> None:
        self.campaign_id = campaign_id
        self.plan = Plan((), RETRY_AFTER)

    # Claiming -------------------------------------------------------------------------------------------------------

    def claim(self, now: datetime, limit: int) -> list[WorkItem]:
        due = CampaignLead.objects.due(now).filter(campaign=self.campaign_id)
        picked = dict(due.order_by("due_at", "id").values_list("pk", "lead_id")[:limit])
        leads = lock_free(picked.values()) if picked else {}
        campaign = Campaign.objects.running(now).filter(pk=self.campaign_id).first() if leads else None
        if campaign is None:
            return []
        self.plan = plan_of(campaign)
        # Read again under the locks: what was picked may have been claimed, removed or completed since
        places = due.filter(pk__in=picked, lead__in=leads).order_by("due_at", "id")
        return [item_of(place, leads[place.lead_id], campaign, self.plan) for place in places]

    def start(self, items: Sequence[WorkItem], attempts: dict[str, str], lease_until: datetime, owner: str) -> set[str]:
        rows = [
            {
                "id": item.own.pk,
                "fence": item.fence,
                "is_in_flight": True,
                "try_no": item.try_no,
                "contact_attempt": attempts[item.id],
                "claimed_by": owner,
                "lease_until": lease_until,
                "due_at": None,
                "held_reason": "",
                "held_until": None,
                "held_since": None,
            }
            for item in items
        ]
        claimed = update_rows(CampaignLead, rows, match=("fence",), bump=("fence",), is_in_flight=False)
        ours = {item.id for item in items if item.own.pk in claimed}
        for item in items:
            item.fence += item.id in ours
        return ours

    def wanted(self) -> Q:
        return Q(
            campaign_places__is_in_flight=True,
            campaign_places__status__in=CampaignLead.WAITING,
            campaign_places__campaign__status=Campaign.Status.ACTIVE,
        )

    # What is not sent -------------------------------------------------------------------------------------------------

    def put_off(self, decided: Sequence[tuple[WorkItem, Decision]], now: datetime) -> Report:
        report, completed = Report(), 0
        for item, decision in decided:
            if decision.effect == Effect.HOLD:
                _hold(item.own, str(decision.reason), now, until=decision.until)
                item.own.due_at = decision.until or decision.look_again
                report.held += 1
                continue
            report.skipped += decision.reason != Reason.NOTHING_LEFT
            if decision.effect == Effect.SKIP:
                completed += self._through(item, now, now, decision.reason)
            else:
                completed += _complete(item.own, str(decision.reason), now)
        self._save([item for item, _decision in decided], in_flight=False)
        report.completed = completed
        return report

    # What came of it --------------------------------------------------------------------------------------------------

    def settle(self, answers: Sequence[Answer], now: datetime) -> Report:
        """Only places in flight under the answer's own fence move; a stale worker finds none (INV-10)."""
        _refresh([answer.intent.item.own for answer in answers])
        report = Report()
        settled: list[WorkItem] = []
        for answer in answers:
            if answer.outcome == Outcome.UNKNOWN and not answer.is_permanent:
                report.unknown += 1  # it stays in flight until reconciliation finds out
                continue
            settled.append(answer.intent.item)
            report.add(self._settle(answer, now))
        self._save(settled, in_flight=True)
        return report

    def _settle(self, answer: Answer, now: datetime) -> Report:
        item, place = answer.intent.item, answer.intent.item.own
        place.last_error = answer.detail
        if answer.outcome == Outcome.SENT:
            if place.status == STATUS.PENDING:
                place.status = STATUS.CONTACTED
            return Report(sent=1, completed=self._through(item, now + self.plan.apart, now))
        if answer.outcome == Outcome.UNKNOWN:
            return Report(failed=1, completed=self._through(item, now + self.plan.apart, now, answer.reason))
        if answer.outcome == Outcome.POSTPONED:
            if answer.reason and answer.reason.effect == Effect.HOLD:
                _hold(place, str(answer.reason), now)
            place.due_at = now + answer.wait
            return Report()
        place.failures += 1
        if answer.is_permanent or place.failures >= TRIES_BEFORE_SKIP:
            return Report(skipped=1, completed=self._through(item, now, now, answer.reason))
        place.scheduled_at = place.due_at = now + RETRY_AFTER
        return Report(retried=1)

    def _through(self, item: WorkItem, at: datetime, now: datetime, reason: Reason | None = None) -> int:
        """The key is done, however it went: the next one is due ``at``, or the place is completed."""
        place: CampaignLead = item.own
        place.done = [*place.done, _key(item)]
        place.failures = 0
        _hold(place, "", now)
        if self.plan.next_after(place.done) is None:
            return _complete(place, "" if place.status == STATUS.CONTACTED else str(reason or ""), now)
        place.scheduled_at = place.due_at = at
        return 0

    def _save(self, items: Iterable[WorkItem], *, in_flight: bool) -> None:
        """Write what was decided about places that are still ours; one that ended meanwhile waits for nothing."""
        rows = []
        for item in items:
            place = item.own
            place.is_in_flight, place.claimed_by, place.lease_until = False, "", None
            place.updated_at = clock.now()
            if place.status == STATUS.COMPLETED:
                place.due_at = None
            settled = {name: getattr(place, name) for name in SETTLED}
            rows.append({"id": place.pk, "fence": item.fence} | settled)
        update_rows(CampaignLead, rows, match=("fence",), is_in_flight=in_flight)

    # After a crash ----------------------------------------------------------------------------------------------------

    def abandoned(self, real_now: datetime, limit: int) -> list[tuple[WorkItem, ContactAttempt | None]]:
        expired = CampaignLead.objects.filter(campaign=self.campaign_id, is_in_flight=True, lease_until__lt=real_now)
        found = expired.order_by("lease_until").select_related("contact_attempt")[:limit]
        ripe = {place.pk: place.lead_id for place in found if is_ripe(place.contact_attempt, real_now)}
        leads = lock_free(ripe.values())
        places = list(expired.filter(pk__in=ripe, lead__in=leads).select_related("contact_attempt__script"))
        campaign = Campaign.objects.get(pk=self.campaign_id)
        self.plan = plan_of(campaign)
        items = [self._left(place, leads, campaign) for place in places]
        lease_until, _deadline = lease_and_deadline(real_now)
        expired.filter(pk__in=[place.pk for place in places]).update(fence=F("fence") + 1, lease_until=lease_until)
        for item in items:
            item.fence += 1
        return [(item, item.own.contact_attempt) for item in items]

    def give_back(self, items: Sequence[WorkItem], now: datetime) -> None:
        for item in items:
            item.own.due_at = item.own.scheduled_at
        self._save(items, in_flight=True)

    def _left(self, place: CampaignLead, leads: Mapping[str, Lead], campaign: Campaign) -> WorkItem:
        """What was in flight, as its attempt knows it: the plan may have changed since."""
        item = item_of(place, leads[place.lead_id], campaign, self.plan)
        attempt = place.contact_attempt
        if attempt:
            item.id, item.channel, item.script = attempt.work_id, attempt.channel, attempt.script
        return item


def overdue(before: datetime) -> QuerySet[CampaignLead]:
    """Contacts of running campaigns that should have been looked at before."""
    return CampaignLead.objects.due(before).filter(campaign__in=Campaign.objects.running(before))


def item_of(place: CampaignLead, lead: Lead, campaign: Campaign, plan: Plan) -> WorkItem:
    """The place's next contact, as the door and the policy see it."""
    entry = plan.next_after(place.done)
    variant = entry.variant_for(lead.pk) if entry else ""
    return WorkItem(
        id=f"{place.pk}:{entry.key if entry else ''}",
        lead=lead,
        channel=entry.channel if entry else Channel.EMAIL,  # of no matter: the place ends
        script=entry.script_for(variant) if entry else None,
        try_no=place.try_no + 1,
        fence=place.fence,
        due_since=_since(place, campaign),
        ended_because=None if entry else Reason.NOTHING_LEFT,
        campaign=campaign,
        has_tries_left=place.failures + 1 < TRIES_BEFORE_SKIP,
        ab_test=entry.test.pk if entry and entry.test and variant else None,
        variant=variant,
        own=place,
    )


def _key(item: WorkItem) -> str:
    return item.id.partition(":")[2]


def _since(place: CampaignLead, campaign: Campaign) -> datetime | None:
    moments = [place.scheduled_at, place.held_until, campaign.start_date]
    return max((moment for moment in moments if moment), default=None)


def _hold(place: CampaignLead, reason: str, now: datetime, until: datetime | None = None) -> None:
    """Held for a reason, since the first time in a row; without one, not held any more."""
    if not reason:
        place.held_since = None
    elif place.held_reason != reason:
        place.held_since = now
    place.held_reason, place.held_until = reason, until


def _complete(place: CampaignLead, reason: str, now: datetime) -> int:
    """End the place, unless it has ended already: how many ended."""
    _hold(place, "", now)
    if place.status == STATUS.COMPLETED:
        return 0
    place.status, place.reason, place.completed_at, place.due_at = STATUS.COMPLETED, reason, now, None
    return 1


def _refresh(places: Sequence[CampaignLead]) -> None:
    """The places as they stand now, under the leads' locks: they may have ended while we were calling."""
    standing = CampaignLead.objects.filter(pk__in=[place.pk for place in places])
    now = standing.only("status", "reason", "completed_at").in_bulk()
    for place in places:
        if place.pk in now:
            standing_one = now[place.pk]
            place.status, place.reason = standing_one.status, standing_one.reason
            place.completed_at = standing_one.completed_at
