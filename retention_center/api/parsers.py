"""Bodies in: JSON and files, no larger than settings allow, with nothing in them that the database cannot hold."""

import json
import math
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework import parsers
from rest_framework.exceptions import ParseError

from retention_center.api import text
from retention_center.api.problems import Invalid


class WireJSONParser(parsers.JSONParser):
    """Strict JSON in UTF-8: no NaN or infinity, no text that cannot be stored, not deeper than anybody needs."""

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        raw = stream.read()
        if len(raw) > (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or math.inf):
            raise RequestDataTooBig
        try:
            data = json.loads(raw.decode("utf-8"), parse_constant=_refuse, parse_float=_finite)
            field = text.first_unstorable(data)
        except (ValueError, RecursionError) as error:
            raise ParseError(_explained(error)) from error
        if field is not None:
            raise Invalid(field if text.is_storable(field) else "", text.SENTENCE, code="unstorable_text")
        return data


class WireMultiPartParser(parsers.MultiPartParser):
    """Files with their form fields."""

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        parsed = super().parse(stream, media_type, parser_context)
        for field, values in parsed.data.lists():
            if not all(map(text.is_storable, [field, *values])):
                raise Invalid(field if text.is_storable(field) else "", text.SENTENCE, code="unstorable_text")
        return parsed


def _explained(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
    if isinstance(error, UnicodeDecodeError):
        return "The body is not UTF-8."
    if isinstance(error, text.TooDeep | RecursionError):
        return f"The JSON is nested more than {text.DEEPEST} levels deep."
    return "The body is not JSON that we can read: a number is too large, or not a number."


def _refuse(_constant: str) -> NoReturn:
    raise ValueError


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError
    return value
