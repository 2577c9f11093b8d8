"""Text that no database takes: NUL characters, and halves of surrogate pairs."""

import re
from typing import Any

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
SENTENCE = "The text holds a character that cannot be stored (NUL, or half of a surrogate pair)."


def is_storable(text: str) -> bool:
    return _UNSTORABLE.search(text) is None


def first_unstorable(value: Any, path: str = "") -> str | None:
    """Where in parsed JSON the first such text stands ("leads.3.email"; the whole is ""), or None."""
    if isinstance(value, str):
        return None if is_storable(value) else path
    if isinstance(value, dict):
        for key, inner in value.items():
            if not is_storable(key):
                return path
            if (found := first_unstorable(inner, _join(path, key))) is not None:
                return found
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if (found := first_unstorable(inner, _join(path, str(index)))) is not None:
                return found
    return None


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
