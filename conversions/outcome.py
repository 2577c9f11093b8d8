"""What a conversion does to its lead: a confirmed one ends all contact, taking it back frees the lead again."""

from datetime import datetime

from campaigns.assigning import complete_for_lead
from campaigns.reasons import Reason
from conversions.models import Conversion
from leads.models import Lead
from retention_center import audit
from retention_center.lib import clock
from sequences.enrolling import convert_leads


def convert(lead: Lead, now: datetime) -> None:
    """The lead bought: its sequences and campaigns end. Do not contact stays do not contact. Under the lead's lock."""
    if lead.status not in {Lead.Status.CONVERTED, Lead.Status.DO_NOT_CONTACT}:
        _move(lead, Lead.Status.CONVERTED, "convert")
    convert_leads([lead.pk], now)
    complete_for_lead([lead.pk], Reason.CONVERTED, now)


def take_back(lead: Lead) -> None:
    """A conversion of the lead stands no more; unless another does, it is being worked again. Under the lead's lock."""
    if lead.status != Lead.Status.CONVERTED:
        lead.matched_at = clock.now()  # triggers look at conversions that were pending, too
        lead.save(update_fields=["matched_at"])
        return
    if not Conversion.objects.confirmed().filter(lead=lead).exists():
        _move(lead, Lead.Status.IN_PROGRESS, "take back conversion")


def _move(lead: Lead, status: str, action: str) -> None:
    before = audit.snapshot(lead, "status")
    lead.status = Lead.Status(status)
    lead.matched_at = clock.now()  # triggers look at the status
    lead.save(update_fields=["status", "matched_at"])
    audit.record(audit.SYSTEM, action, lead, before=before, after=audit.snapshot(lead, "status"))
