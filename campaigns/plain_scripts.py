"""The short way for what most scripts are: words with plain placeholders in between, every one filled by a text.

Whatever else there is (filters, tags, blanks, numbers, escaping) is Liquid's: the short way then gives None.
"""

from collections.abc import Mapping
from typing import Any

from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import Path
from liquid.builtin.output import OutputNode
from liquid.template import BoundTemplate

Part = str | tuple[str, ...]  # words as they are, or the path to a value
ANSWERED_BY_LIQUID = {"size", "first", "last"}  # such keys are questions about a value


def parts_of(template: BoundTemplate) -> tuple[Part, ...] | None:
    """The template as words and paths; None where it holds anything else."""
    parts = [_part(node) for node in template.nodes]
    return None if None in parts else tuple(part for part in parts if part is not None)


def filled(parts: tuple[Part, ...], context: Mapping[str, Any]) -> str | None:
    """The text; None where a value is no text, or blank, and Liquid must say what then."""
    words = [part if isinstance(part, str) else _value(part, context) for part in parts]
    return "".join(words) if None not in words else None  # type: ignore[arg-type]


def _part(node: Any) -> Part | None:
    if isinstance(node, ContentNode):
        return node.text
    expression: Any = getattr(node, "expression", None)
    if not isinstance(node, OutputNode) or expression.filters or not isinstance(expression.left, Path):
        return None
    path = expression.left.path
    is_plain = all(isinstance(key, str) and key not in ANSWERED_BY_LIQUID for key in path)
    return tuple(map(str, path)) if is_plain else None


def _value(path: tuple[str, ...], context: Mapping[str, Any]) -> str | None:
    value: Any = context
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) and value.strip() else None
