"""What a trigger's configuration may say, and how it reads in words."""

from collections.abc import Mapping
from typing import Any

from leads.models import Lead
from sequences.models import RetentionSequence
from sequences.triggers import DEFAULT_LOOKBACK_MINUTES, DEFAULT_MIN_AGE_HOURS

TRIGGER = RetentionSequence.Trigger
RE_ENTRY = RetentionSequence.ReEntry
LONGEST_LOOKBACK = 7 * 24 * 60  # minutes
LONGEST_AGE = 10 * 365 * 24  # hours
LONGEST_SOURCE = 60
LONGEST_RE_ENTRY = 3650  # days
MOST_ENTRANTS = 1_000_000  # a day
STATUSES = (Lead.Status.NEW, Lead.Status.CONTACTED, Lead.Status.IN_PROGRESS)  # the others never enter by themselves


class BadTriggerConfig(Exception):
    """``errors`` are (key, sentence)."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__(" ".join(sentence for _key, sentence in errors))
        self.errors = errors


def checked(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration without its blanks; raises BadTriggerConfig for what no trigger understands."""
    given = {key: value for key, value in config.items() if value is not None and value != ""}
    errors = [(key, said) for key, value in given.items() if (said := _wrong(key, value))]
    if errors:
        raise BadTriggerConfig(errors)
    return given


def _wrong(key: str, value: Any) -> str:
    match key:
        case "lookbackMinutes":
            return _wrong_number(value, LONGEST_LOOKBACK, "minutes")
        case "minAgeHours":
            return _wrong_number(value, LONGEST_AGE, "hours")
        case "source":
            is_source = isinstance(value, str) and len(value) <= LONGEST_SOURCE
            return "" if is_source else f"A source is a text of at most {LONGEST_SOURCE} characters."
        case "status":
            return "" if value in STATUSES else f"A status to enter with is one of {', '.join(STATUSES)}."
    return f"There is no “{key[:60]}”; a trigger takes lookbackMinutes, source, status and minAgeHours."


def _wrong_number(value: Any, most: int, unit: str) -> str:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return "" if is_number and 0 <= value <= most else f"Give a whole number of {unit} from 0 to {most:,}."


def wrong_entry(sequence: RetentionSequence) -> dict[str, str]:
    """What is wrong with its re-entry and its number a day, by column; days without a use are dropped."""
    wrong = {}
    if sequence.re_entry != RE_ENTRY.AFTER_DAYS:
        sequence.re_entry_days = None
    elif not 1 <= (sequence.re_entry_days or 0) <= LONGEST_RE_ENTRY:
        wrong["re_entry_days"] = f"Say after how many days, from 1 to {LONGEST_RE_ENTRY:,}."
    if sequence.entrants_per_day is not None and not 1 <= sequence.entrants_per_day <= MOST_ENTRANTS:
        wrong["entrants_per_day"] = f"Give a whole number from 1 to {MOST_ENTRANTS:,}, or none for any number."
    return wrong


def in_words(sequence: RetentionSequence) -> str:
    """When leads enter: 'By hand', 'Every new lead from CRM', 'No conversion for 30 days, leads from CRM'."""
    config = sequence.trigger_config
    match sequence.trigger_type:
        case TRIGGER.NEW_LEAD:
            return f"Every new lead{_narrowed(config)}"
        case TRIGGER.NO_CONVERSION:
            told = f"No conversion for {_span(config.get('minAgeHours', DEFAULT_MIN_AGE_HOURS))}"
            narrowed = _narrowed(config)
            return f"{told}, leads{narrowed}" if narrowed else told
    return "By hand"


def sentence(sequence: RetentionSequence) -> tuple[str, str]:
    """The banner above the steps: a bold beginning and the rest of the sentence."""
    config = sequence.trigger_config
    of = _narrowed(config)
    match sequence.trigger_type:
        case TRIGGER.NEW_LEAD:
            return "Enters by itself", f"as soon as a lead{of} is new or comes to match, {again(sequence)}."
        case TRIGGER.NO_CONVERSION:
            age = _span(config.get("minAgeHours", DEFAULT_MIN_AGE_HOURS))
            return "Enters by itself", f"when a lead{of} has had no conversion for {age}, {again(sequence)}."
    return "Enters by hand", "from the leads list, from here, or by the API."


def again(sequence: RetentionSequence) -> str:
    """Who enters again by itself: the end of a sentence."""
    match sequence.re_entry:
        case RE_ENTRY.AFTER_FINISHING:
            return "and again once through, while it matches"
        case RE_ENTRY.AFTER_DAYS:
            days = sequence.re_entry_days or 0
            return f"and again {days:,} {'day' if days == 1 else 'days'} after finishing, while it matches"
    return "nobody twice"


def _narrowed(config: Mapping[str, Any]) -> str:
    source = f" from {config['source']}" if config.get("source") else ""
    status = f" with status {Lead.Status(config['status']).label}" if config.get("status") in STATUSES else ""
    return source + status


def _span(hours: int) -> str:
    value, unit = (hours // 24, "day") if hours >= 48 and hours % 24 == 0 else (hours, "hour")
    return f"{value:,} {unit}" if value == 1 else f"{value:,} {unit}s"


def with_defaults(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with the values that hold where it says nothing."""
    return {"lookbackMinutes": DEFAULT_LOOKBACK_MINUTES, "minAgeHours": DEFAULT_MIN_AGE_HOURS} | dict(config)
