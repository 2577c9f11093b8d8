"""Whether a row is somebody new, somebody known, or nobody: decided in memory, for a whole slice at a time.

E-mail decides who it is, then phone. A known lead's blanks are filled, nothing is overwritten. A phone that
belongs to another lead is left out and told, never merged.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from leads.cleaning import Problem, Row
from leads.models import ImportRow, Lead

Outcome = ImportRow.Outcome
FILLED = ("first_name", "last_name", "email", "phone", "external_id", "notes", "time_zone")
WRITTEN = (*FILLED, "phone_zones", "meta", "matched_at", "updated_at")


@dataclass(frozen=True)
class Taken:
    """What became of one row. ``filled`` are the values it gave to a lead that was known already."""

    outcome: str
    lead: Lead | None
    problems: list[Problem] = field(default_factory=list)
    filled: dict[str, Any] = field(default_factory=dict)
    says_do_not_contact: bool = False


class Book:
    """The leads that a slice of rows may speak of, found by e-mail and phone, and those made of it so far."""

    def __init__(self) -> None:
        self.by_email: dict[str, Lead] = {}
        self.by_phone: dict[str, Lead] = {}
        self.new: dict[str, Lead] = {}
        self.changed: dict[str, Lead] = {}

    def load(self, rows: Iterable[Row], *, lock: bool) -> None:
        """Look up, in three queries at most, everybody the rows may mean and who is not known here yet."""
        rows = [row for row in rows if row.is_valid]
        emails = {row.values["email"] for row in rows if "email" in row.values} - self.by_email.keys()
        phones = {row.values["phone"] for row in rows if "phone" in row.values} - self.by_phone.keys()
        ids = set(Lead.objects.present().filter(email__in=emails).values_list("pk", flat=True)) if emails else set()
        if phones:
            ids |= set(Lead.objects.present().filter(phone__in=phones).values_list("pk", flat=True))
        if ids:
            found = Lead.objects.present().filter(pk__in=ids)
            for lead in found.locked() if lock else found:
                self._note(lead)

    def _note(self, lead: Lead) -> None:
        if lead.email:
            self.by_email.setdefault(lead.email, lead)
        if lead.phone:
            self.by_phone.setdefault(lead.phone, lead)

    def take(self, row: Row, *, now: datetime, source: str, strict: bool = False) -> Taken:
        """Decide one row and remember it for those that follow. ``strict``: a phone conflict makes it invalid."""
        if not row.is_valid:
            return Taken(Outcome.INVALID, None, row.problems)
        email, phone = row.values.get("email"), row.values.get("phone")
        lead = self.by_email.get(email) if email else None
        owner = self.by_phone.get(phone) if phone else None
        values, problems = row.values, row.problems
        if owner and owner is not lead:
            if lead is None and (not email or not owner.email):
                lead = owner
            else:
                problems = [*problems, _conflict(owner)]
                if strict:
                    return Taken(Outcome.INVALID, owner, problems)
                values = {name: value for name, value in values.items() if name not in {"phone", "phone_zones"}}
        bars = values.get("status") == Lead.Status.DO_NOT_CONTACT
        if lead is None:
            return Taken(Outcome.CREATED, self._add(values, now, source), problems, says_do_not_contact=bars)
        filled = self._fill(lead, values, now)
        return Taken(Outcome.UPDATED if filled else Outcome.UNCHANGED, lead, problems, filled, bars)

    def _add(self, values: dict[str, Any], now: datetime, source: str) -> Lead:
        lead = Lead(**{"source": source} | values, created_at=now, updated_at=now)
        self.new[lead.pk] = lead
        self._note(lead)
        return lead

    def _fill(self, lead: Lead, values: dict[str, Any], now: datetime) -> dict[str, Any]:
        filled = {name: values[name] for name in FILLED if values.get(name) and not getattr(lead, name)}
        for name, value in filled.items():
            setattr(lead, name, value)
        if "phone" in filled:
            lead.phone_zones = values.get("phone_zones", [])
        more = {name: value for name, value in values.get("meta", {}).items() if name not in lead.meta}
        if more:
            lead.meta = lead.meta | more
        if (filled or more) and lead.pk not in self.new:
            lead.updated_at = now
            self.changed[lead.pk] = lead
        self._note(lead)
        return filled


def _conflict(owner: Lead) -> Problem:
    return Problem(
        "phone",
        "phone_taken",
        "The phone belongs to another lead. The e-mail differs, so they are not merged.",
        owner.pk,
    )
