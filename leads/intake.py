"""Letting people in, one or many, and changing what is known of them. Safe beside any number of other writers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, OperationalError, transaction

from leads import consent, suppression
from leads.cleaning import OURS_IN_META, Problem, Row, clean, clean_some
from leads.merging import WRITTEN, Book, Outcome, Taken
from leads.models import Lead
from retention_center import audit
from retention_center.audit import Actor
from retention_center.lib import clock
from retention_center.lib.bulk import insert_rows

TRIES = 5
LOOKED_AT_BY_TRIGGERS = ("status", "source", "meta")
COLUMNS = [field.name for field in Lead._meta.concrete_fields]
AUDITED = (
    "first_name",
    "last_name",
    "email",
    "phone",
    "external_id",
    "source",
    "status",
    "time_zone",
    "notes",
    "meta",
)


class InvalidLead(Exception):
    """The values given make no lead; ``problems`` say why, field by field."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(" ".join(problem.message for problem in problems))
        self.problems = list(problems)


class Conflict(Exception):
    """The address belongs to somebody else; ``owner`` is who has it, ``field`` which address."""

    def __init__(self, owner: Lead, field: str) -> None:
        what = "phone number" if field == "phone" else "e-mail address"
        super().__init__(f"This {what} belongs to {owner}. They are two leads and are not merged.")
        self.owner = owner
        self.field = field


class Stale(Exception):
    """Somebody else saved the lead since the form was opened; ``lead`` is how it stands now."""

    def __init__(self, lead: Lead) -> None:
        super().__init__("Somebody else changed this lead while you were editing it.")
        self.lead = lead


@dataclass(frozen=True)
class Added:
    """The lead, new or known already; ``filled`` names the blanks that were filled."""

    lead: Lead
    created: bool
    filled: tuple[str, ...] = ()


def add(values: Mapping[str, Any], *, actor: Actor, now: datetime, source: str = "MANUAL", region: str = "") -> Added:
    """Let one person in, or fill the blanks of the lead they are already.

    Raises InvalidLead for values that cannot be kept, Conflict when the phone belongs to a lead with another e-mail.
    """
    row = clean(values, region=region)
    if not row.is_valid:
        raise InvalidLead(row.problems)
    with transaction.atomic():
        taken = take_in([row], now=now, actor=actor, source=source, strict=True)[0]
        lead = taken.lead
        if lead is None or taken.outcome == Outcome.INVALID:
            raise Conflict(lead, "phone") if lead else InvalidLead(taken.problems)
        record_taken([taken], actor)
    return Added(lead, taken.outcome == Outcome.CREATED, tuple(taken.filled))


def take_in(rows: Sequence[Row], *, now: datetime, actor: Actor, source: str, strict: bool = False) -> list[Taken]:
    """Let a slice of people in by a constant number of queries: what became of each row, in their order.

    Runs in the caller's transaction. When another writer was quicker with somebody's address, the slice is
    decided again and finds them.
    """
    for last in [*[False] * (TRIES - 1), True]:
        try:
            with transaction.atomic():
                return _take_in_once(rows, now, actor, source, strict)
        except (IntegrityError, OperationalError) as error:
            if last or not _is_a_race(error):
                raise
    raise AssertionError("unreachable: the last try returns or raises")


def _is_a_race(error: Exception) -> bool:
    """Lost to another writer: its row came first, or PostgreSQL ended our wait for it (deadlock)."""
    return isinstance(error, IntegrityError) or getattr(error.__cause__, "sqlstate", "") == "40P01"


def _take_in_once(rows: Sequence[Row], now: datetime, actor: Actor, source: str, strict: bool) -> list[Taken]:
    book = Book()
    book.load(rows, lock=True)
    taken = [book.take(row, now=now, source=source, strict=strict) for row in rows]
    _bar_the_suppressed(list(book.new.values()))
    insert_rows(Lead, [{name: getattr(lead, name) for name in COLUMNS} for lead in book.new.values()])
    Lead.objects.bulk_create(
        book.changed.values(), update_conflicts=True, unique_fields=["id"], update_fields=list(WRITTEN)
    )
    barred = [one.lead for one in taken if one.says_do_not_contact and one.lead]
    if barred:
        consent.do_not_contact_all([lead.pk for lead in barred], now=now, actor=actor, source=source)
    return taken


def _bar_the_suppressed(new: Sequence[Lead]) -> None:
    """Somebody who opted out and was deleted comes back as what they are: not to be contacted."""
    standing = suppression.standing_for(address for lead in new for address in suppression.addresses_of(lead))
    if not standing:
        return
    barred = {address_digest for address_digest, channel in standing if channel == "ALL"}
    for lead in new:
        if any(suppression.digest(address) in barred for address in suppression.addresses_of(lead)):
            lead.status = Lead.Status.DO_NOT_CONTACT


def record_taken(taken: Sequence[Taken], actor: Actor) -> None:
    """The audit of people let in: one event for each lead made or filled."""
    created = [one.lead for one in taken if one.outcome == Outcome.CREATED and one.lead]
    audit.record_many(actor, "create", [(lead, {}, audit.snapshot(lead, *AUDITED)) for lead in created])
    filled = [one for one in taken if one.outcome == Outcome.UPDATED and one.lead]
    audit.record_many(actor, "fill", [(one.lead, {}, one.filled) for one in filled if one.lead])


def change(
    lead: Lead,
    values: Mapping[str, Any],
    *,
    actor: Actor,
    now: datetime,
    region: str = "",
    seen: datetime | None = None,
) -> Lead:
    """Write the values given (blank empties a field) and return the lead as it stands then.

    ``seen`` is the ``updated_at`` the editor started from. Raises InvalidLead, Conflict, or Stale.
    """
    cleaned, problems = clean_some(values, region=region)
    if problems:
        raise InvalidLead(problems)
    try:
        with transaction.atomic():
            return _change_locked(lead.pk, cleaned, actor, now, seen)
    except IntegrityError:
        raise _taken_by(lead.pk, cleaned) from None


def _change_locked(pk: str, cleaned: dict[str, Any], actor: Actor, now: datetime, seen: datetime | None) -> Lead:
    lead = Lead.objects.present().locked().get(pk=pk)
    if seen is not None and lead.updated_at != seen:
        raise Stale(lead)
    before = audit.snapshot(lead, *AUDITED)
    status = cleaned.pop("status", lead.status)
    for name, value in cleaned.items():
        setattr(lead, name, _with_consent(lead, value) if name == "meta" else value)
    if not lead.email and not lead.phone:
        raise InvalidLead([Problem("", "no_contact_point", "A lead needs an e-mail address or a phone number.")])
    old, new = audit.changed_values(lead, before)
    if old:
        if any(name in old for name in LOOKED_AT_BY_TRIGGERS):
            lead.matched_at = clock.now()
        _refuse_taken(lead, old)
        lead.save()
        audit.record(actor, "change", lead, before=old, after=new)
    if status != lead.status:
        consent.set_status(lead, status, actor=actor, now=now)
    return lead


def _with_consent(lead: Lead, meta: dict[str, Any]) -> dict[str, Any]:
    ours = lead.meta.get(OURS_IN_META)
    return {**meta, OURS_IN_META: ours} if ours else meta


def _refuse_taken(lead: Lead, changed: Mapping[str, Any]) -> None:
    moved = {name: getattr(lead, name) for name in ("email", "phone") if name in changed}
    owner = Lead.objects.matching(**moved).exclude(pk=lead.pk).first()
    if owner:
        raise Conflict(owner, _shared(owner, moved))


def _taken_by(pk: str, values: Mapping[str, Any]) -> Exception:
    """Who was quicker, after the database refused our address as a double."""
    moved = {name: values.get(name) for name in ("email", "phone")}
    owner = Lead.objects.matching(**moved).exclude(pk=pk).first()
    if owner:
        return Conflict(owner, _shared(owner, moved))
    return InvalidLead([Problem("", "taken", "Somebody else took this address just now; try again.")])


def _shared(owner: Lead, addresses: Mapping[str, Any]) -> str:
    return "email" if addresses.get("email") and owner.email == addresses["email"] else "phone"
