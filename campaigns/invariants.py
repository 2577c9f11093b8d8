"""The doctor's part for contacts: once, intended, allowed, and only ever up."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from campaigns.due_contacts import overdue
from campaigns.models import CampaignLead, ContactAttempt
from leads.models import Suppression
from retention_center.doctor import ALARM, Check

Status = ContactAttempt.Status
OURS = ContactAttempt.objects.filter(is_legacy=False)  # what the old system did is exempt
UNKNOWN_FOR = timedelta(hours=1)


def _accepted_twice(_now: datetime) -> QuerySet[ContactAttempt]:
    """Two accepted attempts for one piece of work: the person got it twice (INV-2)."""
    earlier = OURS.filter(
        origin=OuterRef("origin"), work_id=OuterRef("work_id"), status__in=ContactAttempt.ACCEPTED
    ).filter(try_no__lt=OuterRef("try_no"))
    return OURS.accepted().filter(try_no__gt=1).filter(Exists(earlier))


def _called_late(_now: datetime) -> QuerySet[ContactAttempt]:
    return OURS.filter(called_at__gt=F("deadline_at"))


def _accepted_uncalled(_now: datetime) -> QuerySet[ContactAttempt]:
    return OURS.accepted().filter(called_at=None)


def _after_off(_now: datetime) -> QuerySet[ContactAttempt]:
    """Intents committed while the address or the lead was suppressed on that channel (INV-4)."""
    standing = Suppression.objects.filter(lead=OuterRef("lead"), channel__in=[OuterRef("channel"), "ALL"])
    before = standing.filter(recorded_at__lt=OuterRef("recorded_at")).filter(
        Q(lifted_at=None) | Q(lifted_at__gt=OuterRef("recorded_at"))
    )
    suppressed = Suppression.objects.exclude(lead=None).values("lead")
    return OURS.filter(lead__in=suppressed).filter(Exists(before))


def _over_cap(_now: datetime) -> QuerySet[ContactAttempt]:
    return OURS.filter(policy_snapshot__contactsToday__gte=F("policy_snapshot__cap"))


def _counted_wrong(_now: datetime) -> QuerySet[ContactAttempt]:
    """Sent attempts that are marked as never sent."""
    return OURS.accepted().filter(was_unsent=True)


def _without_reference(_now: datetime) -> QuerySet[ContactAttempt]:
    return OURS.filter(status=Status.SENT, provider_ref=None)


def _completed_open(_now: datetime) -> QuerySet[CampaignLead]:
    return CampaignLead.objects.filter(status=CampaignLead.Status.COMPLETED, completed_at=None)


def _completed_due(_now: datetime) -> QuerySet[CampaignLead]:
    return CampaignLead.objects.filter(status=CampaignLead.Status.COMPLETED).exclude(due_at=None)


def _places_left(now: datetime) -> QuerySet[CampaignLead]:
    """Contacts of campaigns whose worker died, and which nobody looked into."""
    patience = timedelta(seconds=settings.SETTLE_SECONDS + 120)
    return CampaignLead.objects.filter(is_in_flight=True, lease_until__lt=now - patience)


def _places_overdue(now: datetime) -> QuerySet[CampaignLead]:
    return overdue(now - timedelta(minutes=10))


def _in_flight_long(now: datetime) -> QuerySet[ContactAttempt]:
    patience = timedelta(seconds=settings.LEASE_SECONDS + settings.SETTLE_SECONDS + 120)
    return OURS.filter(status=Status.PENDING, recorded_at__lt=now - patience)


def _by_hand_open(now: datetime) -> QuerySet[ContactAttempt]:
    """Contacts by hand of unknown outcome that nobody closed: reconciliation does not run."""
    unknown = OURS.filter(origin=ContactAttempt.Origin.MANUAL, status=Status.UNKNOWN, completed_at=None)
    return unknown.filter(recorded_at__lt=now - 2 * UNKNOWN_FOR)


def _by_hand_twice(_now: datetime) -> QuerySet[ContactAttempt]:
    return OURS.filter(origin=ContactAttempt.Origin.MANUAL, try_no__gt=1)


def _pairs(_now: datetime) -> QuerySet[CampaignLead]:
    twice = CampaignLead.objects.values("campaign", "lead").annotate(n=Count("pk")).filter(n__gt=1)
    return CampaignLead.objects.filter(lead__in=twice.values("lead"), campaign__in=twice.values("campaign"))


CHECKS = [
    Check("INV-2", "Nobody got one piece of work twice.", _accepted_twice),
    Check("INV-2h", "A contact by hand is tried once.", _by_hand_twice),
    Check("INV-3", "No call began after its intent's deadline.", _called_late),
    Check("INV-3c", "Nothing was accepted that was never called.", _accepted_uncalled),
    Check("INV-4", "No intent while the address was suppressed.", _after_off),
    Check("INV-6", "No intent beyond the daily cap.", _over_cap),
    Check("INV-6c", "What was accepted counts as a contact.", _counted_wrong),
    Check("INV-13", "What was sent has its provider's reference.", _without_reference),
    Check("INV-19c", "One place per lead in a campaign.", _pairs),
    Check("INV-9c", "A completed place says since when.", _completed_open),
    Check("INV-9d", "A completed place waits for nothing.", _completed_due),
    Check("L1c", "Due contacts of running campaigns are looked at.", _places_overdue, ALARM),
    Check("L2c", "No contact of a campaign is left in flight.", _places_left, ALARM),
    Check("L2", "Nothing is in flight longer than a lease and the settling time.", _in_flight_long, ALARM),
    Check("L2h", "What came of a contact by hand is found out, or closed as unknown.", _by_hand_open, ALARM),
]
