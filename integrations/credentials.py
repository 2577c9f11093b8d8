"""How providers are set up: options are checked, secrets go in and never come out (INV-22)."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from integrations.catalogue import Kind, Known, Option
from integrations.models import IntegrationConfig
from retention_center import audit
from retention_center.audit import Actor

MASK = "••••"
SHOWN = 4  # of a secret's end; of a short one nothing
LONGEST = 2000
MOST_PER_SECOND = 10_000


class BadConfig(Exception):
    """What is wrong with a config: ``{option key: sentence}``; the key "" is about the whole."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)


def masked(known: Known, config: Mapping[str, Any]) -> dict[str, Any]:
    """The config as it may be shown: of each secret at most its last characters, to recognise it by."""
    secret = {option.key for option in known.options if option.is_secret}
    return {key: mask(value) if key in secret and value else value for key, value in config.items()}


def mask(secret: str) -> str:
    return MASK + (secret[-SHOWN:] if len(secret) >= 3 * SHOWN else "")


def is_mask(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(MASK)


def merged(known: Known, given: Mapping[str, Any], old: Mapping[str, Any], *, is_active: bool) -> dict[str, Any]:
    """The config that ``given`` asks for: it replaces the old one, but an untouched mask keeps its secret.

    Raises BadConfig naming every option that is wrong. An inactive provider may be half set up.
    """
    options = {option.key: option for option in known.options}
    config: dict[str, Any] = {}
    problems = {key: "There is no such option." for key in given if key not in options}
    for key, option in options.items():
        value = given.get(key)
        if value is None or value == "" or value == []:
            continue
        if option.is_secret and is_mask(value):
            value = old.get(key)
        try:
            config[key] = _read(option, value)
        except ValueError as error:
            problems[key] = str(error)
    if is_active:
        problems |= _missing(known, config, problems)
    if problems:
        raise BadConfig(problems)
    return config


def save(
    known: Known, *, config: Mapping[str, Any] | None = None, is_active: bool | None = None, actor: Actor
) -> IntegrationConfig:
    """Set a provider up, or change it: a part that is None stays as it is. BadConfig when it cannot be so."""
    if known.name == "smtp" and is_active is False and settings.EMAIL_URL:
        raise BadConfig(
            {"isActive": "EMAIL_URL is set, which keeps SMTP active; take it out of the environment first."}
        )
    with transaction.atomic():
        IntegrationConfig.objects.get_or_create(provider=known.name, defaults={"type": known.type, "config": {}})
        row = IntegrationConfig.objects.select_for_update().get(provider=known.name)
        before = {"isActive": row.is_active, "config": masked(known, row.config)}
        old = row.config
        row.type = known.type
        row.is_active = row.is_active if is_active is None else is_active
        row.config = merged(known, old if config is None else config, old, is_active=row.is_active)
        row.save()
        after = {"isActive": row.is_active, "config": masked(known, row.config)}
        replaced = [option.key for option in known.options if option.is_secret and _differ(option, old, row.config)]
        if before != after or replaced:
            audit.record(actor, "change", row, before=before, after=after | {"replacedSecrets": replaced})
    return row


def _differ(option: Option, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return old.get(option.key) != new.get(option.key)


def _missing(known: Known, config: Mapping[str, Any], problems: Mapping[str, str]) -> dict[str, str]:
    needed = [option for option in known.options if option.is_needed and option.key not in {*config, *problems}]
    missing = {option.key: f"{option.label} is needed before {known.label} can be active." for option in needed}
    if known.needs_one_of and not any(config.get(key) for key in known.needs_one_of):
        labels = [option.label for option in known.options if option.key in known.needs_one_of]
        missing[known.needs_one_of[0]] = f"One of these is needed: {' or '.join(labels)}."
    if known.name == "smtp" and not settings.EMAIL_URL and "host" not in {*config, *problems}:
        missing["host"] = "Name the server, or set EMAIL_URL."
    return missing


def _read(option: Option, value: Any) -> Any:
    """The option's value in the one form it is kept in; ValueError with a sentence when it cannot be."""
    match option.kind:
        case Kind.NUMBER:
            return _number(value, 0, MOST_PER_SECOND, "a number above 0", above=True)
        case Kind.SHARE:
            return _number(value, 0, 1, "a number from 0 to 1")
        case Kind.PORT:
            return int(_number(value, 1, 65_535, "a port, 1 to 65535", whole=True))
        case Kind.SWITCH:
            return _switch(value)
        case Kind.TEXTS:
            return list(_texts(value))
    text = _text(value)
    if option.kind == Kind.CHOICE and text not in dict(option.choices):
        raise ValueError(f"Must be one of {', '.join(dict(option.choices))}.")
    if option.kind == Kind.URL and not _is_web_address(text):
        raise ValueError("Must be a web address, as https://tracker.example.com.")
    return text


def _number(value: Any, least: float, most: float, words: str, *, above: bool = False, whole: bool = False) -> float:
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        number = None
    if number is None or not least <= number <= most or (above and number == least) or (whole and number % 1):
        raise ValueError(f"Must be {words}.")
    return number


def _switch(value: Any) -> bool:
    if value not in (True, False, "true", "false"):
        raise ValueError("Must be true or false.")
    return value in (True, "true")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("Must be text.")
    text = value.strip()
    if len(text) > LONGEST or any(ord(character) < 32 for character in text):
        raise ValueError(f"Must be one line of at most {LONGEST} characters.")
    return text


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        value = value.splitlines()
    if not isinstance(value, list) or len(value) > 200:
        raise ValueError("Must be a list of at most 200 lines.")
    yield from (_text(each) for each in value if not isinstance(each, str) or each.strip())


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False
