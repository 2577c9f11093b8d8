"""The doctor's part for contacts: once, intended, allowed, and only ever up."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from campaigns import policy_proof, repairs
from campaigns.due_contacts import overdue
from campaigns.models import Campaign, CampaignLead, ContactAttempt, SendingPause
from integrations.models import InboundEvent
from integrations.providers.registry import adapter_of
from leads.models import Lead, Suppression
from leads.repairs import forget_again
from retention_center.doctor import ALARM, Check
from retention_center.models import AuditEvent

Status = ContactAttempt.Status
OURS = ContactAttempt.objects.filter(is_legacy=False)  # what the old system did is exempt
UNKNOWN_FOR = timedelta(hours=1)
LOOKED_BACK = timedelta(days=7)  # what is still unknown after a week will be known to nobody
UNDER_WAY = timedelta(minutes=1)  # an intent's transaction may have read the pauses this long before it wrote


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


def _after_deletion(_now: datetime) -> QuerySet[ContactAttempt]:
    """Intents after the lead was deleted; when that was, on the real clock, stands in the audit."""
    gone = Lead.objects.exclude(deleted_at=None).values("pk")
    acts = AuditEvent.objects.filter(object_type="lead", object_id=OuterRef("lead"), at__lt=OuterRef("recorded_at"))
    return (
        OURS.filter(lead__in=gone)
        .filter(Exists(acts.filter(action="delete")))
        .exclude(Exists(acts.filter(action="restore")))
    )


def _while_stopped(_now: datetime) -> QuerySet[ContactAttempt]:
    """Intents that began after sending was stopped: everything, their channel or their provider (INV-8)."""
    scope = Q(scope="all") | Q(target=OuterRef("channel")) | Q(target=OuterRef("provider"))
    stopped = SendingPause.objects.filter(scope, created_at__lt=OuterRef("recorded_at") - UNDER_WAY)
    return OURS.filter(Exists(stopped))


def _counted_wrong(_now: datetime) -> QuerySet[ContactAttempt]:
    """Sent attempts that are marked as never sent."""
    return OURS.accepted().filter(was_unsent=True)


def _without_reference(_now: datetime) -> QuerySet[ContactAttempt]:
    return OURS.filter(status=Status.SENT, provider_ref=None)


def _completed_open(_now: datetime) -> QuerySet[CampaignLead]:
    return CampaignLead.objects.filter(status=CampaignLead.Status.COMPLETED, completed_at=None)


def _completed_due(_now: datetime) -> QuerySet[CampaignLead]:
    return CampaignLead.objects.filter(status=CampaignLead.Status.COMPLETED).exclude(due_at=None)


def _erased_attempts(_now: datetime) -> QuerySet[ContactAttempt]:
    erased = ContactAttempt.objects.filter(lead__in=Lead.objects.exclude(erased_at=None))
    return erased.filter(~Q(message={}) | ~Q(address="") | ~Q(notes=""))


def _erased_events(_now: datetime) -> QuerySet[InboundEvent]:
    """What came for an attempt still in flight waits with its facts; it is emptied as soon as it is applied."""
    erased = Lead.objects.exclude(erased_at=None)
    theirs = Q(lead_id__in=erased.values("pk")) | Q(
        attempt_id__in=ContactAttempt.objects.filter(lead__in=erased).values("pk")
    )
    settled = InboundEvent.objects.filter(theirs).exclude(status=InboundEvent.Status.WAITING)
    return settled.filter(~Q(facts={}) | ~Q(payload={}))


def _forget_attempts(now: datetime) -> int:
    return forget_again(_erased_attempts(now).values_list("lead_id", flat=True), now)


def _forget_events(now: datetime) -> int:
    of_attempts = ContactAttempt.objects.filter(pk__in=_erased_events(now).values("attempt_id"))
    return forget_again(
        [*of_attempts.values_list("lead_id", flat=True), *_erased_events(now).values_list("lead_id", flat=True)], now
    )


def _places_left(now: datetime) -> QuerySet[CampaignLead]:
    """Contacts of campaigns whose worker died, and which nobody looked into."""
    patience = timedelta(seconds=settings.SETTLE_SECONDS + 120)
    return CampaignLead.objects.filter(is_in_flight=True, lease_until__lt=now - patience)


def _places_forgotten(now: datetime) -> QuerySet[CampaignLead]:
    """Waiting in a running campaign without a time, though neither held nor in flight: nobody would look at it."""
    waiting = CampaignLead.objects.waiting().filter(campaign__in=Campaign.objects.running(now))
    return waiting.filter(due_at=None, held_reason="", is_in_flight=False)


def _places_overdue(now: datetime) -> QuerySet[CampaignLead]:
    return overdue(now - timedelta(minutes=10))


def _in_flight_long(now: datetime) -> QuerySet[ContactAttempt]:
    patience = timedelta(seconds=settings.LEASE_SECONDS + settings.SETTLE_SECONDS + 120)
    return OURS.filter(status=Status.PENDING, recorded_at__lt=now - patience)


def _unknown_long(now: datetime) -> QuerySet[ContactAttempt]:
    """On a provider that could tell, asked for an hour and more (L5)."""
    searchable = [name for name in settings.PROVIDERS if (adapter := adapter_of(name)) and adapter.is_searchable]
    unknown = OURS.filter(status=Status.UNKNOWN, started_at__gt=now - LOOKED_BACK, provider__in=searchable)
    return unknown.filter(recorded_at__lt=now - UNKNOWN_FOR)


def _by_hand_open(now: datetime) -> QuerySet[ContactAttempt]:
    """Contacts by hand of unknown outcome that nobody closed: reconciliation does not run."""
    unknown = OURS.filter(origin=ContactAttempt.Origin.MANUAL, status=Status.UNKNOWN, completed_at=None)
    return unknown.filter(recorded_at__lt=now - 2 * UNKNOWN_FOR)


def _by_hand_twice(_now: datetime) -> QuerySet[ContactAttempt]:
    return OURS.filter(origin=ContactAttempt.Origin.MANUAL, try_no__gt=1)


CHECKS = [
    Check("INV-2", "Nobody got one piece of work twice.", _accepted_twice, is_scan=True),
    Check("INV-2h", "A contact by hand is tried once.", _by_hand_twice, is_scan=True),
    Check("INV-3", "No call began after its intent's deadline.", _called_late, is_scan=True),
    Check("INV-3c", "Nothing was accepted that was never called.", _accepted_uncalled, is_scan=True),
    Check("INV-4", "No intent while the address was suppressed.", _after_off),
    Check("INV-4d", "No intent after the lead was deleted.", _after_deletion),
    Check("INV-5", "Every intent lies inside the contact window of its time.", policy_proof.outside_window),
    Check("INV-6", "No intent beyond the daily cap.", policy_proof.over_cap, is_scan=True),
    Check("INV-6c", "What was accepted counts as a contact.", _counted_wrong, is_scan=True),
    Check("INV-6g", "No intent sooner than the gap allows.", policy_proof.too_soon, is_scan=True),
    Check("INV-8", "No intent begins while sending is stopped.", _while_stopped, is_scan=True),
    Check("INV-13", "What was sent has its provider's reference.", _without_reference, is_scan=True),
    Check("INV-9c", "A completed place says since when.", _completed_open, is_scan=True, repair=repairs.date_places),
    Check("INV-9d", "A completed place waits for nothing.", _completed_due, is_scan=True, repair=repairs.close_places),
    Check("INV-21a", "An erased lead's attempts hold bare facts.", _erased_attempts, repair=_forget_attempts),
    Check("INV-21e", "An erased lead's settled events are empty.", _erased_events, repair=_forget_events),
    Check("L1c", "Due contacts of running campaigns are looked at.", _places_overdue, ALARM),
    Check(
        "L1p",
        "What waits in a running campaign has a time, or is held.",
        _places_forgotten,
        ALARM,
        repair=lambda now: repairs.start_places(_places_forgotten(now), now),
    ),
    Check("L2c", "No contact of a campaign is left in flight.", _places_left, ALARM),
    Check(
        "L2", "Nothing is in flight longer than a lease and the settling time.", _in_flight_long, ALARM, is_scan=True
    ),
    Check(
        "L2h", "What came of a contact by hand is found out, or closed as unknown.", _by_hand_open, ALARM, is_scan=True
    ),
    Check("L5", "What a provider can be asked about is known within the hour.", _unknown_long, ALARM, is_scan=True),
]
