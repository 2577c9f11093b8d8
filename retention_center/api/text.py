"""Text that no database takes: NUL characters, and halves of surrogate pairs."""

import re
from collections.abc import Iterable
from typing import Any

DEEPEST = 100  # levels of lists and objects inside each other
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
SENTENCE = "The text holds a character that cannot be stored (NUL, or half of a surrogate pair)."


def is_storable(text: str) -> bool:
    return _UNSTORABLE.search(text) is None


class TooDeep(ValueError):
    """Lists and objects inside each other that whoever walks through them later might not get out of again."""


def first_unstorable(value: Any, path: str = "", levels: int = DEEPEST) -> str | None:
    """Where in parsed JSON the first such text stands ("leads.3.email"; the whole is ""), or None. Raises TooDeep."""
    if levels < 0:
        raise TooDeep
    if isinstance(value, str):
        return None if is_storable(value) else path
    for key, inner in _inside(value):
        if not is_storable(key):
            return path
        if (found := first_unstorable(inner, f"{path}.{key}" if path else key, levels - 1)) is not None:
            return found
    return None


def _inside(value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict):
        return value.items()
    return ((str(index), inner) for index, inner in enumerate(value)) if isinstance(value, list) else ()
