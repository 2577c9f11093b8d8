"""Who somebody is: one way to write an e-mail address, a phone number, a text and a document of facts.

Everything that lets people in (pages, API, files, commands) cleans what it was given here.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

import phonenumbers
from django.conf import settings
from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneNumberFormat
from phonenumbers.timezone import time_zones_for_geographical_number, time_zones_for_number

LONGEST_EMAIL = 254
LONGEST_PHONE_TEXT = 60
UNKNOWN_ZONE = "Etc/Unknown"
PLAIN_LOCAL_PART = re.compile(r"(?=.{1,64}$)[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*")  # what the full check takes as it is
ZONES = frozenset(available_timezones())

_PARSE_PROBLEMS = {
    NumberParseException.INVALID_COUNTRY_CODE: "The country code of the phone number does not exist.",
    NumberParseException.NOT_A_NUMBER: "This is not a phone number.",
    NumberParseException.TOO_SHORT_AFTER_IDD: "The phone number is too short.",
    NumberParseException.TOO_SHORT_NSN: "The phone number is too short.",
    NumberParseException.TOO_LONG: "The phone number is too long.",
}
_LENGTH_PROBLEMS = {
    phonenumbers.ValidationResult.TOO_SHORT: "The phone number is too short.",
    phonenumbers.ValidationResult.TOO_LONG: "The phone number is too long.",
}


class BadValue(Exception):
    """What was given cannot be kept. ``code`` is for programs, the text is one sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Phone:
    """A phone number as E.164, and every time zone its prefix allows (none: unknown)."""

    e164: str
    zones: list[str]


def clean_email(text: str) -> str:
    """The address trimmed, checked for its form, and in lower case; nobody is asked whether it exists."""
    text = text.strip()
    if not text:
        raise BadValue("blank", "The e-mail address is blank.")
    if text.count("@") > 1:
        raise BadValue("email_two_ats", "The e-mail address has more than one @.")
    local, _at, domain = text.partition("@")
    try:
        if PLAIN_LOCAL_PART.fullmatch(local):
            address = f"{local}@{_domain(domain)}".lower()
        else:
            address = _validated(text).lower()
    except EmailNotValidError as error:
        raise BadValue("email_form", _email_problem(text, error)) from None
    if len(address) > LONGEST_EMAIL:
        raise BadValue("email_too_long", f"An e-mail address has at most {LONGEST_EMAIL} characters.")
    return address


def _validated(text: str) -> str:
    return validate_email(text, check_deliverability=False, test_environment=True).normalized


@lru_cache(maxsize=4096)
def _domain(domain: str) -> str:
    """The domain as the full check normalises it; a file has few domains and many rows."""
    return _validated(f"a@{domain}").partition("@")[2]


def _email_problem(text: str, error: EmailNotValidError) -> str:
    if "@" not in text:
        return "The e-mail address has no @."
    if text.endswith("@"):
        return "The e-mail address is incomplete: nothing follows the @."
    if "," in text:
        return "There is a comma in the e-mail address."
    return f"The e-mail address cannot be right. {error}"


def clean_phone(text: str, region: str = "") -> Phone:
    """The number as E.164. One without a country code is read as ``region``'s (default: the organisation's)."""
    text = text.strip()
    if not text:
        raise BadValue("blank", "The phone number is blank.")
    if len(text) > LONGEST_PHONE_TEXT:
        raise BadValue("phone_too_long", "The phone number is too long.")
    try:
        number = phonenumbers.parse(text, region or settings.DEFAULT_REGION)
    except NumberParseException as error:
        sentence = _PARSE_PROBLEMS.get(error.error_type, "This is not a phone number.")
        raise BadValue("phone_form", sentence) from None
    if not phonenumbers.is_valid_number(number):
        result = phonenumbers.is_possible_number_with_reason(number)
        sentence = _LENGTH_PROBLEMS.get(result, "No such phone number is in use anywhere.")
        raise BadValue("phone_unknown", sentence)
    return Phone(phonenumbers.format_number(number, PhoneNumberFormat.E164), _zones(number))


def zones_of(e164: str) -> list[str]:
    """Every time zone the number's prefix allows; empty when it tells none."""
    try:
        return _zones(phonenumbers.parse(e164, None))
    except NumberParseException:
        return []


def _zones(number: phonenumbers.PhoneNumber) -> list[str]:
    # North America's prefixes tell the zone whatever the number's type, which is dear to find out there
    find = time_zones_for_geographical_number if number.country_code == 1 else time_zones_for_number
    return [zone for zone in find(number) if zone != UNKNOWN_ZONE]


def clean_region(text: str) -> str:
    """A country's two letters, upper case; blank is the organisation's own."""
    region = text.strip().upper() or settings.DEFAULT_REGION
    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise BadValue("region_unknown", f"“{text.strip()[:20]}” is no country's two-letter code, such as US or DE.")
    return region


def clean_zone(text: str) -> str:
    """A time zone's name as the zone database writes it, such as Europe/Riga; blank stays blank."""
    zone = text.strip()
    if zone and zone not in ZONES:
        raise BadValue("zone_unknown", f"“{zone[:64]}” is no time zone; write it like Europe/Riga.")
    return zone


def clean_text(text: str, longest: int = 0) -> str:
    """The text without what no database keeps (NUL, half characters), trimmed; too long is a BadValue."""
    kept = storable(text).strip()
    if longest and len(kept) > longest:
        raise BadValue("too_long", f"At most {longest} characters fit here; these are {len(kept)}.")
    return kept


def storable(text: str) -> str:
    """Without NUL bytes and lone surrogates, which PostgreSQL refuses; in composed form."""
    if text.isascii():
        return text.replace("\x00", "")
    kept = text.replace("\x00", "").encode("utf-8", "ignore").decode("utf-8")
    return unicodedata.normalize("NFC", kept)


def storable_json(value: Any) -> Any:
    """The same for every text, and every key, of a JSON value."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [storable_json(item) for item in value]
    if isinstance(value, dict):
        return {storable(str(key)): storable_json(item) for key, item in value.items()}
    return value


def clean_address(text: str, region: str = "") -> str:
    """An e-mail address or a phone number, whichever it is, as leads keep it."""
    return clean_email(text) if "@" in text else clean_phone(text, region).e164
