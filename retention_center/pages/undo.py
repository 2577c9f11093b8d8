"""Undo in the toast of what was done: a plain form that asks the address of the opposite act.

That address looks at the role, the rules and the audit as for every other act, so nothing is taken back past them.
"""

import json
from typing import Any

from django.contrib import messages
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest


def offer(request: HttpRequest, told: str, href: str, **fields: Any) -> None:
    """Tell of success, with a button that posts ``fields`` (texts, or lists of them) to ``href``."""
    messages.success(request, told, extra_tags=json.dumps({"href": href, "fields": fields}))


def offered(message: Message) -> dict[str, Any] | None:
    """``href`` and ``fields``, as (name, value) pairs, of a message that can be taken back; else None."""
    if not message.extra_tags:
        return None
    kept = json.loads(message.extra_tags)
    each = ((name, value if isinstance(value, list) else [value]) for name, value in kept["fields"].items())
    return {"href": kept["href"], "fields": [(name, one) for name, values in each for one in values]}
