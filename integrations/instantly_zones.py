"""Instantly takes a list of time zones of its own; ours are told in its names, or not at all: never guessed."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from integrations import providers


def accepted() -> list[str]:
    """The names it takes."""
    return list(_table()["accepted"])


def zone_for(name: str) -> str:
    """Its name for one of our zones, or that of one with the same hours; blank when there is none."""
    table = _table()
    return name if name in table["accepted"] else str(table["substitute"].get(name, ""))


@cache
def _table() -> dict[str, Any]:
    path = Path(providers.__path__[0]) / "data" / "instantly_timezones.json"
    return dict(json.loads(path.read_text()))
