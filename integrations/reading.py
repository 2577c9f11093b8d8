"""The parameters of a call from outside, read as data only: bounded in size and depth, and fit for every database."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError
from django.http.request import RawPostDataException, UnreadablePostError

LARGEST = 256 * 1024
DEEPEST = 16
MOST_FIELDS = 1000
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Unreadable(Exception):
    """The call is not what it says it is; the text says so to its sender."""


class TooLarge(Exception):
    """The call is larger than any honest one."""


def query_parameters(request: HttpRequest) -> dict[str, Any]:
    """What stands in the address; of a name given twice, the last."""
    # WSGI hands bytes over as Latin-1; a sender who does not quote means UTF-8
    raw = request.META.get("QUERY_STRING", "").encode("latin-1", "replace")
    return _form(raw.decode("utf-8", "replace"))


def body_parameters(request: HttpRequest) -> dict[str, Any]:
    """What stands in the body: a form, or a JSON object. Numbers come as the text they were written in."""
    if _length(request) > LARGEST:
        raise TooLarge(f"The body is larger than {LARGEST // 1024} KiB.")
    try:
        if request.content_type == "multipart/form-data":
            return {_storable(name): _storable(request.POST[name]) for name in request.POST}
        text = request.body.decode("utf-8", "replace")
    except (MultiPartParserError, RawPostDataException, SuspiciousOperation, UnreadablePostError, ValueError) as error:
        raise Unreadable("The body cannot be read.") from error
    if len(text) > LARGEST:
        raise TooLarge(f"The body is larger than {LARGEST // 1024} KiB.")
    if "json" in (request.content_type or "") or text.lstrip("\ufeff \t\r\n")[:1] in {"{", "["}:
        return json_object(text.lstrip("\ufeff"))
    return _form(text)


def _length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def _form(text: str) -> dict[str, Any]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise Unreadable(f"More than {MOST_FIELDS} parameters.") from error
    return {_storable(name): _storable(value) for name, value in pairs}


def json_object(text: str) -> dict[str, Any]:
    """A JSON object, or Unreadable. Numbers come as the text they were written in; blank text is an empty one."""
    if not text.strip():
        return {}
    if _depth(text) > DEEPEST:
        raise Unreadable(f"The JSON is nested deeper than {DEEPEST} levels.")
    try:
        value = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise Unreadable("The body is not JSON.") from error
    if not isinstance(value, dict):
        raise Unreadable("The JSON is not an object.")
    return _storable(value)


def _depth(text: str) -> int:
    """How deep its brackets go, those inside strings left out. One pass: no regular expression that could run away."""
    deepest = level = 0
    is_string = is_escaped = False
    for character in text:
        if is_string:
            is_string = is_escaped or character != '"'
            is_escaped = character == "\\" and not is_escaped
        elif character == '"':
            is_string = True
        elif character in "[{":
            level += 1
            deepest = max(deepest, level)
        elif character in "]}":
            level -= 1
    return deepest


def _storable(value: Any) -> Any:
    """The value without NUL and lone surrogates, which PostgreSQL and UTF-8 refuse."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_storable(name): _storable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_storable(inner) for inner in value]
    return value
