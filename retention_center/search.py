"""Global search: each app finds its own; ``settings.SEARCHES`` names who is asked, in the order of the answer."""

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.utils.module_loading import import_string

LONGEST = 100


@dataclass(frozen=True)
class Hit:
    """One thing found. ``kind`` is its plural heading ("Leads"); ``detail`` tells namesakes apart."""

    kind: str
    title: str
    detail: str
    url: str


Find = Callable[[str, int], list[Hit]]


def search(query: str, limit: int = 6) -> list[Hit]:
    """What matches, at most ``limit`` of each kind; a query shorter than two characters finds nothing."""
    query = query.strip()[:LONGEST]
    if len(query) < 2:
        return []
    finders: list[Find] = [import_string(path) for path in settings.SEARCHES]
    return [hit for find in finders for hit in find(query, limit)]
