"""May we contact this lead then? Every rule for itself, asked of the same `decide` over the same facts as the engine.

Which rules speak against a contact is found by asking `decide`, then taking away what it named, and asking again.
So the first that speaks against it is the engine's own reason, and none is judged here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from campaigns import policy, wording
from campaigns.delivery.facts import facts_of, surroundings
from campaigns.delivery.work import WorkItem
from campaigns.policy import Decision, Facts, contacts_today, opens_at
from campaigns.reasons import Effect, Reason, sentence_of
from campaigns.windows import DAY_CODES, Rules
from integrations.catalogue import label_of
from leads.models import Lead
from retention_center.lib.channels import Channel
from retention_center.pages.words import planned, plural, span, within_a_sentence

ALWAYS_OPEN = {"hours": ((0, 24 * 60),), "days": frozenset(DAY_CODES), "holidays": frozenset()}
UNLIMITED = 1_000_000


@dataclass(frozen=True)
class Check:
    """One rule's answer: OK, WAIT, NO (a status of the pages' ``Check``), in ``words``.

    ``rule`` is its name, ``reason`` the code of what speaks against the contact; blank when nothing does.
    """

    status: str
    words: str
    rule: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Answer:
    """May this lead be contacted on the channel: ``decision`` is the engine's own, ``checks`` every rule."""

    channel: str
    address: str
    at: datetime
    decision: Decision
    checks: list[Check]

    @property
    def may(self) -> bool:
        return self.decision.sends

    @property
    def status(self) -> str:
        return "OK" if self.may else _status(self.decision)

    @property
    def word(self) -> str:
        """ "Yes", "Not now" for what passes by itself, or "No"."""
        return {"OK": "Yes", "WAIT": "Not now"}.get(self.status, "No")

    @property
    def why(self) -> str:
        """The first rule that speaks against it; blank when none does."""
        return next((check.words for check in self.checks if check.status != "OK"), "")


def may_contact(lead: Lead, at: datetime, channels: Sequence[str] = tuple(Channel.values)) -> list[Answer]:
    """For each of the channels, with whichever script; as many queries as one batch costs."""
    around = surroundings([lead], at)
    answers = []
    for channel in channels:
        item = WorkItem(id="", lead=lead, channel=channel, script=None, try_no=1, fence=0)
        facts = replace(facts_of(item, around), has_script=True)
        answers.append(Answer(channel, facts.address or "", at, policy.decide(facts, at), rule_by_rule(facts, at)))
    return answers


def speaking_against(facts: Facts, at: datetime) -> list[Decision]:
    """Everything that speaks against the contact, `decide`'s own reason first; empty when it would be made."""
    found: dict[Reason, Decision] = {}
    while (decision := policy.decide(facts, at)).reason and decision.reason not in found:
        found[decision.reason] = decision
        if decision.reason not in _WITHOUT:
            break
        facts = _WITHOUT[decision.reason](facts)
    return list(found.values())


def rule_by_rule(facts: Facts, at: datetime) -> list[Check]:
    """Every rule in the order in which `decide` asks them; the first that is not OK is its reason."""
    against = {str(decision.reason): decision for decision in speaking_against(facts, at)}
    told: dict[str, Check] = {}
    for name, reasons, words in _RULES:
        hit = next((against[reason] for reason in reasons if reason in against), None)
        check = Check(_status(hit), _against(facts, hit, at), name, str(hit.reason)) if hit else None
        told[name] = check or Check("OK", words(facts, at), name)
    known = {reason for _name, reasons, _words in _RULES for reason in reasons}
    about_this_contact = [
        Check(_status(one), one.reason.sentence, "This contact", code)
        for code, one in against.items()
        if one.reason and one.reason not in known
    ]
    return [*told.values()] if not about_this_contact else _in_order([*about_this_contact, *told.values()], against)


def _in_order(checks: list[Check], against: dict[str, Decision]) -> list[Check]:
    """What belongs to one contact alone (its conditions, its step) stands where `decide` asks for it."""
    order = {code: number for number, code in enumerate(against)}
    fine = [check for check in checks if not check.reason]
    return [*sorted((check for check in checks if check.reason), key=lambda check: order[check.reason]), *fine]


# Taking a rule away: how facts look that it has nothing against ----------------------------------------------------


def _with_rules(facts: Facts, **rules: object) -> Facts:
    return replace(facts, rules=replace(facts.rules, **rules))  # type: ignore[arg-type]


_WITHOUT: dict[Reason, Callable[[Facts], Facts]] = {
    Reason.DELETED: lambda facts: replace(facts, lead_is_deleted=False),
    Reason.DO_NOT_CONTACT: lambda facts: replace(facts, lead_opted_out=False),
    Reason.CONVERTED: lambda facts: replace(facts, lead_converted=False),
    Reason.ENROLLMENT_PAUSED: lambda facts: replace(facts, enrollment_is_paused=False),
    Reason.STEP_OFF: lambda facts: replace(facts, step_is_on=True),
    Reason.NO_SCRIPT: lambda facts: replace(facts, has_script=True),
    Reason.CONDITION_NOT_MET: lambda facts: replace(facts, conditions_hold=True),
    Reason.NO_ADDRESS: lambda facts: replace(facts, address="somewhere"),
    Reason.SUPPRESSED: lambda facts: replace(facts, is_suppressed=False),
    Reason.SENDING_PAUSED: lambda facts: replace(facts, is_stopped=False),
    Reason.SEQUENCE_PAUSED: lambda facts: replace(facts, owner_runs=True),
    Reason.LATE: lambda facts: replace(facts, due_since=None),
    Reason.NO_PROVIDER: lambda facts: replace(facts, provider="some provider"),
    Reason.HOLIDAY: lambda facts: _with_rules(facts, holidays=frozenset()),
    Reason.CONTACT_DAY: lambda facts: _with_rules(facts, days=frozenset(DAY_CODES)),
    Reason.QUIET_HOURS: lambda facts: _with_rules(facts, **ALWAYS_OPEN),
    Reason.NO_WINDOW: lambda facts: _with_rules(facts, **ALWAYS_OPEN),
    Reason.DAILY_CAP: lambda facts: _with_rules(facts, cap=UNLIMITED),
    Reason.CHANNEL_CAP: lambda facts: _with_rules(facts, channel_cap=None),
    Reason.CHANNEL_GAP: lambda facts: replace(facts, contacts=()),
    Reason.RATE_LIMITED: lambda facts: replace(facts, provider_back_at=None),
    Reason.PROVIDER_DOWN: lambda facts: replace(facts, provider_back_at=None),
}


# Words ---------------------------------------------------------------------------------------------------------------


def _status(decision: Decision) -> str:
    return "WAIT" if decision.effect == Effect.HOLD else "NO"


def _local(facts: Facts, at: datetime) -> datetime:
    return at.astimezone(ZoneInfo(facts.zones.main))


def _hours(rules: Rules) -> str:
    return " and ".join(f"{_clock(start)} to {_clock(end)}" for start, end in rules.hours)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _hours_words(facts: Facts, at: datetime) -> str:
    return f"{_local(facts, at):%H:%M} in {wording.zone_words(facts.zones)}; open {_hours(facts.rules)}"


def _cap_words(facts: Facts, at: datetime) -> str:
    return f"{contacts_today(facts, at)} of {facts.rules.cap} on {_local(facts, at):%a}"


def _channel_cap_words(facts: Facts, at: datetime) -> str:
    if facts.rules.channel_cap is None:
        return "None set"
    own = replace(facts, contacts=facts.contacts_on_channel)
    return f"{contacts_today(own, at)} of {facts.rules.channel_cap} on {_local(facts, at):%a}"


def _gap_words(facts: Facts, at: datetime) -> str:
    if not facts.rules.gap:
        return "None set"
    last = max(facts.contacts, default=None)
    return f"{span(facts.rules.gap)} after another; " + (
        f"the last was {span(at - last)} before" if last else "none yet"
    )


def _late_words(facts: Facts, at: datetime) -> str:
    hours = f"{facts.rules.late_after // timedelta(hours=1)} h"
    if facts.due_since is None:
        return f"Does not apply: not planned; what is over {hours} late waits for staff"
    late = max(at - facts.due_since, timedelta(0))
    return f"{f'{span(late)} late' if late else 'On time'}; over {hours} would wait for staff"


def _against(facts: Facts, decision: Decision, at: datetime) -> str:
    """What speaks against it, with the numbers of the rule."""
    match decision.reason:
        case Reason.QUIET_HOURS:
            said = f"Closed: {_hours_words(facts, at)}"
        case Reason.CONTACT_DAY:
            said = f"No contact on {_local(facts, at):%A} in {wording.zone_words(facts.zones)}"
        case Reason.HOLIDAY:
            local = _local(facts, at)
            said = f"{local.day} {local:%b} is a holiday in {wording.zone_words(facts.zones)}"
        case Reason.DAILY_CAP:
            said = f"Over the daily cap ({_cap_words(facts, at)})"
        case Reason.CHANNEL_CAP:
            said = f"Over the cap of the channel ({_channel_cap_words(facts, at)})"
        case Reason.CHANNEL_GAP:
            said = f"Too soon: {_gap_words(facts, at)}"
        case Reason.LATE:
            said = f"Too late: {_late_words(facts, at)}"
        case reason:
            said = reason.sentence if reason else ""
    return said


def rule_in_words(code: str, facts: Facts) -> str:
    """The rule behind a reason with its numbers, whenever it was asked; else the reason's own sentence."""
    rules, zone = facts.rules, wording.zone_words(facts.zones)
    match code:
        case Reason.QUIET_HOURS:
            return f"Contact hours are {_hours(rules)} in {zone}"
        case Reason.CONTACT_DAY:
            return f"Contact days are {wording.days(sorted(rules.days))} in {zone}"
        case Reason.HOLIDAY:
            return f"A holiday in {zone}"
        case Reason.DAILY_CAP:
            return f"The daily cap, {plural(rules.cap, 'contact')} a day in {zone}"
        case Reason.CHANNEL_CAP:
            return f"The cap of the channel, {plural(rules.channel_cap or 0, 'contact')} a day in {zone}"
        case Reason.CHANNEL_GAP:
            return f"{span(rules.gap)} must lie between two contacts"
    return sentence_of(code)


_Words = Callable[[Facts, datetime], str]
# In the order in which `decide` asks
_RULES: tuple[tuple[str, tuple[Reason, ...], _Words], ...] = (
    ("Deleted", (Reason.DELETED, Reason.ERASED), lambda facts, at: "The lead is not deleted"),
    ("Do not contact", (Reason.DO_NOT_CONTACT,), lambda facts, at: "The lead is not marked"),
    ("Address", (Reason.NO_ADDRESS,), lambda facts, at: facts.address or ""),
    ("Opt-outs", (Reason.SUPPRESSED, Reason.OPTED_OUT), lambda facts, at: "Nobody opted this address out"),
    ("Sending", (Reason.SENDING_PAUSED,), lambda facts, at: "Not stopped"),
    ("Late rule", (Reason.LATE,), _late_words),
    ("Provider", (Reason.NO_PROVIDER,), lambda facts, at: f"{label_of(facts.provider or '')} is active"),
    ("Holidays", (Reason.HOLIDAY,), lambda facts, at: f"{_local(facts, at):%a} {_local(facts, at).day} is no holiday"),
    ("Contact days", (Reason.CONTACT_DAY,), lambda facts, at: wording.days(sorted(facts.rules.days)).capitalize()),
    ("Contact hours", (Reason.QUIET_HOURS, Reason.NO_WINDOW), _hours_words),
    ("Daily cap", (Reason.DAILY_CAP,), _cap_words),
    ("Cap of the channel", (Reason.CHANNEL_CAP,), _channel_cap_words),
    ("Gap", (Reason.CHANNEL_GAP,), _gap_words),
    ("Outages", (Reason.PROVIDER_DOWN, Reason.RATE_LIMITED, Reason.PROVIDER_REFUSES), lambda facts, at: "None known"),
)


# The row of ticks below an answer ------------------------------------------------------------------------------------


def ticks(facts: Facts, channel: str, at: datetime, now: datetime) -> list[Check]:
    """Consent, cap, gap, window and provider for a contact at ``at``, a few words each."""
    against = {str(decision.reason): decision for decision in speaking_against(facts, at)}
    name = Channel(channel).label if channel == Channel.SMS else Channel(channel).label.lower()
    opens = opens_at(facts, at)
    provider = label_of(facts.provider or "")

    def tick(words: str, otherwise: dict[Reason, str]) -> Check:
        hit = next((reason for reason in otherwise if reason in against), None)
        return Check(_status(against[hit]), otherwise[hit], reason=hit) if hit else Check("OK", words)

    opening = f"Window, opens {within_a_sentence(planned(opens, now))}" if opens else "Window, never open"
    cap = f"Cap, {_cap_words(facts, at)}"
    gap = f"Gap, {span(facts.rules.gap)}" if facts.rules.gap else "Gap, none set"
    return [
        tick(
            f"Consent, {name}",
            {
                Reason.DELETED: "Deleted",
                Reason.DO_NOT_CONTACT: "Do not contact",
                Reason.NO_ADDRESS: f"No address for {name}",
                Reason.SUPPRESSED: f"Opted out of {name}",
            },
        ),
        tick(cap, {Reason.DAILY_CAP: cap, Reason.CHANNEL_CAP: f"Cap of {name}, {_channel_cap_words(facts, at)}"}),
        tick(gap, {Reason.CHANNEL_GAP: gap}),
        tick(
            "Window, open then",
            dict.fromkeys((Reason.HOLIDAY, Reason.CONTACT_DAY, Reason.QUIET_HOURS, Reason.NO_WINDOW), opening),
        ),
        tick(
            f"{provider} ready",
            {
                Reason.SENDING_PAUSED: "Sending is stopped",
                Reason.NO_PROVIDER: f"No provider for {name}",
                Reason.PROVIDER_DOWN: f"{provider} fails for everybody",
                Reason.RATE_LIMITED: f"{provider} asked us to wait",
            },
        ),
    ]
