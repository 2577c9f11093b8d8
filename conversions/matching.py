"""Whose conversion is it? By the attempt we planted, an earlier conversion of the same click, or the lead itself."""

from collections.abc import Iterable
from dataclasses import dataclass

from campaigns.models import ContactAttempt
from conversions.models import Conversion
from leads.models import Lead
from retention_center.lib.models import ID_LENGTH


@dataclass(frozen=True, slots=True)
class Match:
    """Whom it belongs to and what brought it; blank where nobody knows."""

    lead_id: str | None = None
    attempt_id: str | None = None
    campaign_id: str | None = None
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Clues:
    """What a postback carries, and what staff or an API said outright (they come first)."""

    sub_id: str = ""
    click_id: str = ""
    external_id: str = ""
    planted: tuple[str, ...] = ()
    lead_id: str = ""
    attempt_id: str = ""


def find(clues: Clues, source: str) -> Match:
    """At most four queries; the first answer that names a lead wins."""
    match = _by_attempt([clues.attempt_id, *clues.planted, clues.sub_id, clues.click_id])
    if clues.lead_id:
        return Match(clues.lead_id, match.attempt_id, match.campaign_id, match.channel)
    if match.lead_id:
        return match
    if (earlier := _by_click(clues.sub_id, source)).lead_id:
        return earlier
    lead_id = _by_lead([clues.external_id, clues.click_id, clues.sub_id, *clues.planted])
    return Match(lead_id, match.attempt_id, match.campaign_id, match.channel)


def _by_attempt(candidates: Iterable[str]) -> Match:
    ids = _ids(candidates)
    attempts = ContactAttempt.objects.only("lead_id", "campaign_id", "channel").in_bulk(ids) if ids else {}
    attempt = next((attempts[each] for each in ids if each in attempts), None)
    if attempt is None:
        return Match()
    return Match(attempt.lead_id, attempt.pk, attempt.campaign_id, attempt.channel)


def _by_click(sub_id: str, source: str) -> Match:
    if not sub_id:
        return Match()
    same = Conversion.objects.filter(source=source, sub_id=sub_id, lead__isnull=False).order_by("created_at", "id")
    row = same.values_list("lead_id", "contact_attempt_id", "campaign_id", "channel").first()
    return Match(*row) if row else Match()


def _by_lead(candidates: Iterable[str]) -> str | None:
    """By our id, else by the other system's; of several leads that share it, the newest that is not deleted."""
    texts = [each for each in dict.fromkeys(candidates) if each]
    known = set(Lead.objects.filter(pk__in=_ids(texts)).values_list("pk", flat=True))
    if mine := next((each for each in texts if each in known), None):
        return mine
    named = Lead.objects.present().filter(external_id__in=texts).exclude(external_id="").order_by("created_at", "id")
    leads = dict(named.values_list("external_id", "pk"))
    return next((leads[each] for each in texts if each in leads), None)


def _ids(candidates: Iterable[str]) -> list[str]:
    return [each for each in dict.fromkeys(candidates) if each and len(each) <= ID_LENGTH]
