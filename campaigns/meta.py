"""The names in ``Campaign.meta`` that mean something here, and what may stand under each; other names pass untouched.

Forms, API and the contact policy check their values with the same functions; each raises ValidationError with one
sentence.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError

from campaigns.models.contact_policy import DAYS
from retention_center.lib.channels import Channel

LONGEST_GAP_MS = 366 * 24 * 3600 * 1000
LONGEST_OWN_GAP_MS = 7 * 24 * 3600 * 1000
MOST_CONTACTS = 1000
MOST_HOURS = 366 * 24
MOST_HOLIDAYS = 1000


def check_start(value: Any) -> None:
    if not isinstance(value, str) or not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value):
        raise ValidationError("Write a time as HH:MM, from 00:00 to 23:59.", code="time")


def check_end(value: Any) -> None:
    if value != "24:00" and (not isinstance(value, str) or not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value)):
        raise ValidationError("Write a time as HH:MM, from 00:00 to 24:00.", code="time")


def check_days(value: Any) -> None:
    """At least one day, each once: a campaign without days would silently contact nobody."""
    known = isinstance(value, list) and all(isinstance(day, str) and day in DAYS for day in value)
    if not known or not value or len(set(value)) != len(value):
        raise ValidationError("Name at least one day, each once: MON, TUE, WED, THU, FRI, SAT, SUN.", code="days")


def check_channels(value: Any) -> None:
    known = isinstance(value, list) and all(isinstance(one, str) and one in Channel for one in value)
    if not known or len(set(value)) != len(value):
        raise ValidationError(f"List channels, each once: {', '.join(Channel.values)}.", code="channels")


def check_cap(value: Any) -> None:
    _check_number(value, 1, MOST_CONTACTS)


def check_gap(value: Any) -> None:
    """Milliseconds."""
    _check_number(value, 0, LONGEST_GAP_MS)


def check_late(value: Any) -> None:
    """Hours."""
    _check_number(value, 1, MOST_HOURS)


def check_holidays(value: Any) -> None:
    if not isinstance(value, list) or len(value) > MOST_HOLIDAYS or not all(map(_is_day, value)):
        raise ValidationError("List dates as YYYY-MM-DD, such as 2026-12-25.", code="dates")


def check_truth(value: Any) -> None:
    if not isinstance(value, bool):
        raise ValidationError("Say true or false.", code="truth")


def check_words(value: Any) -> None:
    if not isinstance(value, list) or len(value) > 100 or not all(isinstance(one, str) and one for one in value):
        raise ValidationError("List texts, at most 100.", code="texts")


def check_text(value: Any) -> None:
    if not isinstance(value, str) or len(value) > 255:
        raise ValidationError("Give a text of at most 255 characters.", code="text")


def check_object(value: Any) -> None:
    if not isinstance(value, dict):
        raise ValidationError("Give an object.", code="object")


RULES: dict[str, Callable[[Any], None]] = {
    "contactHoursStart": check_start,
    "contactHoursEnd": check_end,
    "contactDays": check_days,
    "maxContactsPerDay": check_cap,
    "delayBetweenChannels": check_gap,
}


def check_per_channel(value: Any) -> None:
    """``{"SMS": {"maxContactsPerDay": 1}}``: rules of single channels."""
    _check_channels(value, RULES)


def check_contact_rules(value: Any) -> None:
    """How a sequence narrows the contact policy: the rules of a campaign's ``meta``, and nothing else."""
    own = RULES | {"delayBetweenChannels": check_own_gap}
    _check_rules(value, own | {"perChannel": lambda channels: _check_channels(channels, own)})


def check_own_gap(value: Any) -> None:
    """Milliseconds; who sends looks back so far at contacts outside the sequence."""
    _check_number(value, 0, LONGEST_OWN_GAP_MS)


def stated(rules: dict[str, Any]) -> dict[str, Any]:
    """Checked rules without what is null or says nothing, also below ``perChannel``."""
    kept = {name: stated(value) if isinstance(value, dict) else value for name, value in rules.items()}
    return {name: value for name, value in kept.items() if value not in (None, {}, "", [])}


def sound(document: Mapping[str, Any]) -> dict[str, Any]:
    """The contact rules of a ``meta`` that can be read; what came in past the checks is no rule and harms nobody."""
    channels = document.get("perChannel")
    parts = channels.items() if isinstance(channels, dict) else ()
    own = {channel: _sound_rules(part) for channel, part in parts if isinstance(part, dict)}
    kept = _sound_rules(document)
    if own := {channel: rules for channel, rules in own.items() if rules}:
        kept["perChannel"] = own
    return kept


def _sound_rules(document: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: document[name] for name in RULES if document.get(name) is not None}
    return {name: value for name, value in given.items() if not list(_named(name, RULES[name], value))}


def _check_channels(value: Any, known: Mapping[str, Callable[[Any], None]]) -> None:
    check_object(value)
    wrong: list[ValidationError] = []
    for channel, rules in value.items():
        if channel not in Channel.values:
            sentence = f"“{str(channel)[:20]}” is no channel; there are {', '.join(Channel.values)}."
            wrong.append(ValidationError(sentence, code="channels"))
        elif rules is not None:
            wrong += _named(channel, lambda one: _check_rules(one, known), rules)
    if wrong:
        raise ValidationError(wrong)


def _check_rules(value: Any, known: Mapping[str, Callable[[Any], None]]) -> None:
    check_object(value)
    wrong: list[ValidationError] = []
    for name, given in value.items():
        if name not in known:
            sentence = f"“{str(name)[:40]}” is no contact rule; there are {', '.join(known)}."
            wrong.append(ValidationError(sentence, code="unknown"))
        elif given is not None:
            wrong += _named(name, known[name], given)
    if wrong:
        raise ValidationError(wrong)


CHECKS: dict[str, Callable[[Any], None]] = {
    **RULES,
    "perChannel": check_per_channel,
    "autoAssign": check_truth,
    "emailSequence": check_words,
    "vapiConfig": check_object,
    "instantlySync": check_truth,
    "instantlyCampaignId": check_text,
}


def check_meta(meta: dict[str, Any]) -> None:
    """Raise one ValidationError that names each wrong key; null stands for "not set"."""
    check_object(meta)
    wrong: list[ValidationError] = []
    for name, check in CHECKS.items():
        if meta.get(name) is not None:
            wrong += _named(name, check, meta[name])
    if wrong:
        raise ValidationError(wrong)


def _named(name: str, check: Callable[[Any], None], value: Any) -> Iterable[ValidationError]:
    try:
        check(value)
    except ValidationError as error:
        for one in error.error_list:
            yield ValidationError(f"{name}: {one.messages[0]}", code=one.code)


def _check_number(value: Any, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValidationError(f"Give a whole number from {least:,} to {most:,}.", code="number")


def _is_day(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(value) == 10 and date.fromisoformat(value) is not None
    except ValueError:
        return False
