"""Liquid, fenced in: what staff may write in a script, compiled once per text, and never able to run away.

Three flavours differ only in how a value is written out: ``text`` as it is, ``html`` escaped, ``json`` as JSON
(inside quotes escaped, outside quotes as a whole value). Values are plain dict, list, str and numbers, there is
no include, no ``safe``, no clock, and loops, nesting and sizes are limited.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import lru_cache, wraps
from itertools import chain
from typing import Any, TextIO

from liquid import Environment, RenderContext
from liquid.builtin.expressions import Path
from liquid.builtin.output import Output, OutputNode
from liquid.exceptions import FilterArgumentError, LiquidError, LoopIterationLimitError, OutputStreamLimitError
from liquid.output import LimitedStringIO
from liquid.stringify import to_liquid_string
from liquid.template import BoundTemplate
from liquid.undefined import Undefined

from campaigns import plain_scripts

NAMES = ("firstName", "lastName", "email", "phone", "externalId", "source", "status", "unsubscribeUrl", "trackingUrl")
NESTED = {"meta": None, "campaign": {"name"}, "sequence": {"name"}}  # None: any key below it
LOOPS = 1_000
OUTPUT_BYTES = 100_000
PLAIN_AT_MOST = OUTPUT_BYTES // 4  # characters, however many bytes each takes
DEPTH = 8
LIST_ITEMS = 10_000
LARGEST_NUMBER = 10**18
TAGS = {"if", "unless", "case", "for", "break", "continue", "assign", "capture", "comment", "#"}
PSEUDO_TAGS = {"content", "output", "illegal"}  # the parser's own, for text, {{ }} and unknown tags
# fmt: off
FILTERS = {
    "abs", "append", "at_least", "at_most", "capitalize", "ceil", "default", "divided_by", "downcase", "escape",
    "first", "floor", "join", "last", "lstrip", "minus", "modulo", "newline_to_br", "plus", "prepend", "remove",
    "remove_first", "replace", "replace_first", "round", "rstrip", "size", "slice", "sort", "split", "squish",
    "strip", "strip_html", "strip_newlines", "times", "truncate", "truncatewords", "uniq", "upcase", "url_decode",
    "url_encode",
}
# fmt: on


class EmptyPlaceholder(Exception):
    """A placeholder has no value for this lead and no ``default``; ``name`` is the placeholder."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is empty for this lead and has no default.")
        self.name = name


class BadTemplate(Exception):
    """The text cannot be rendered, whoever the lead; ``detail`` is one sentence for staff."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Compiled:
    """A text made ready: ``names`` are the placeholders it uses, ``template`` is None where it uses no Liquid.

    ``parts`` are its words and placeholders, where it is made of nothing else.
    """

    source: str
    template: BoundTemplate | None
    names: frozenset[str]
    parts: tuple[plain_scripts.Part, ...] | None = None

    def render(self, context: Mapping[str, Any]) -> str:
        """The text for one lead; raises EmptyPlaceholder or BadTemplate."""
        if self.template is None:
            return self.source
        plain = plain_scripts.filled(self.parts, context) if self.parts else None
        if plain is not None and len(plain) <= PLAIN_AT_MOST:
            return plain
        try:
            return self.template.render(context)
        except EmptyPlaceholder:
            raise
        except Exception as error:  # whatever a text makes Liquid raise is that text's fault, and fails it alone
            raise BadTemplate(_sentence(error)) from error


@lru_cache(maxsize=1024)
def compiled(source: str, flavour: str = "text") -> Compiled:
    """The text, parsed; kept by its content. Raises BadTemplate when it does not parse."""
    if "{{" not in source and "{%" not in source and flavour != "json":
        return Compiled(source, None, frozenset())
    try:
        template = _ENVIRONMENTS[flavour].from_string(source)
        used = template.analyze(include_partials=False)
    except Exception as error:  # as above: a text that breaks the parser is a bad text
        raise BadTemplate(_sentence(error)) from error
    if unknown := sorted(set(used.filters) - _ENVIRONMENTS[flavour].filters.keys()):
        raise BadTemplate(f"There is no filter “{unknown[0]}”.")
    names = frozenset(str(name) for name in chain.from_iterable(used.globals.values()))
    parts = plain_scripts.parts_of(template) if flavour == "text" else None
    return Compiled(source, template, names, parts)


def unknown_names(names: frozenset[str]) -> list[str]:
    """A sentence for each name that no lead has."""
    return [_unknown(name) for name in sorted(names) if not _is_known(name)]


def _is_known(name: str) -> bool:
    root, *rest = re.split(r"[.\[]", name, maxsplit=1)
    if root in NAMES:
        return not rest
    below = NESTED.get(root, ())
    return bool(rest) and (below is None or rest[0] in below)


def _unknown(name: str) -> str:
    if name in NESTED:
        return f"“{name}” needs a name after it, such as {name}.{'city' if name == 'meta' else 'name'}."
    known = [*NAMES, "campaign.name", "sequence.name"]
    lower = {each.lower(): each for each in known}
    close = get_close_matches(name.lower().replace("_", ""), lower, n=1)
    hint = (
        f"did you mean {lower[close[0]]}?"
        if close
        else f"a lead's own fields are meta.{name.split('.')[-1]} and so on."
    )
    return f"There is no placeholder “{name}”; {hint}"


def _sentence(error: Exception) -> str:
    """What is wrong, with its line, without Liquid's drawing of it."""
    if not isinstance(error, LiquidError):
        return "It cannot be worked out: a value or a number in it is too large or of the wrong kind."
    text = str(error.message or "it cannot be read").rstrip(".")
    text = re.sub(r"^unexpected tag '(.*)'$", r"there is no tag “\1”", text)
    if error.token and error.token.start_index >= 0:
        return f"Line {error.token.source.count('\n', 0, error.token.start_index) + 1}: {text}."
    return f"{text[:1].upper()}{text[1:]}."


# Writing a value out ---------------------------------------------------------------------------------


def _is_empty(value: object) -> bool:
    return value is None or isinstance(value, Undefined) or (isinstance(value, str) and not value.strip())


class PlaceholderNode(OutputNode):
    """{{ … }}: refuses to write a blank where a placeholder has no value and nobody said what to write instead."""

    __slots__ = ("fallback_is_a_name", "name", "required")

    def __init__(self, token: Any, expression: Any) -> None:
        super().__init__(token, expression)
        self.name = str(expression.left)
        filters = expression.filters or []
        defaults = [each for each in filters if each.name == "default"]
        others = [each for each in filters if each.name != "default"]
        wanted = [] if defaults else [expression.left]
        wanted += [argument for each in others for argument in each.children()]
        self.required = [each for each in wanted if isinstance(each, Path)]
        fallbacks = [argument for each in defaults for argument in each.children()]
        self.fallback_is_a_name = any(isinstance(each, Path) for each in fallbacks)

    def value(self, context: RenderContext) -> object:
        """What to write; raises EmptyPlaceholder."""
        for path in self.required:
            value = path.evaluate(context)
            if isinstance(value, Undefined) or (_is_empty(value) and _is_ours(path)):
                raise EmptyPlaceholder(str(path))
        value = self.expression.evaluate(context)
        if self.fallback_is_a_name and _is_empty(value):
            raise EmptyPlaceholder(self.name)
        return value

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(to_liquid_string(self.value(context), context.autoescape))


def _is_ours(path: Path) -> bool:
    """Whether the name is a placeholder, not one the text itself assigned (whose blank is meant)."""
    return path.path[0] in NAMES or path.path[0] in NESTED


class PlaceholderOutput(Output):
    node_class = PlaceholderNode


class JsonBuffer(LimitedStringIO):
    """Knows whether what comes next stands inside a JSON string."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit=limit)
        self.in_string = False

    def write(self, text: str) -> int:
        for found in re.findall(r'\\.|"', text):
            self.in_string ^= found == '"'
        return super().write(text)

    def write_value(self, value: object) -> int:
        if self.in_string:
            return super().write(json.dumps(to_liquid_string(value, False), ensure_ascii=False)[1:-1])
        plain = None if isinstance(value, Undefined) else str(value) if isinstance(value, range) else value
        return super().write(json.dumps(plain, ensure_ascii=False, allow_nan=False))


class JsonNode(PlaceholderNode):
    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        if isinstance(buffer, JsonBuffer):
            return buffer.write_value(self.value(context))
        return super().render_to_output(context, buffer)  # inside capture: encoded when it is written out


class JsonOutput(Output):
    node_class = JsonNode


# Limits ----------------------------------------------------------------------------------------------


class LimitedContext(RenderContext):
    """Counts the turns of all loops together, so that many small loops are no way round the limit."""

    __slots__ = ("turns",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.turns = 0

    def raise_for_loop_limit(self, length: int = 1) -> None:
        self.turns += length
        if self.turns > LOOPS:
            raise LoopIterationLimitError(f"loops may turn {LOOPS:,} times together", token=None)


class LimitedTemplate(BoundTemplate):
    context_class = LimitedContext


class JsonTemplate(LimitedTemplate):
    def _get_buffer(self) -> JsonBuffer:
        return JsonBuffer(limit=OUTPUT_BYTES)


def _too_large(value: object) -> bool:
    if isinstance(value, str):
        return len(value) > OUTPUT_BYTES
    if isinstance(value, list | tuple | range):
        return len(value) > (LOOPS if isinstance(value, range) else LIST_ITEMS)
    return isinstance(value, int | float) and abs(value) > LARGEST_NUMBER


def _bounded(work: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, refusing values whose size would let a short text take all memory."""

    @wraps(work)  # carries the marks by which Liquid hands a filter its environment
    def bounded(*args: Any, **kwargs: Any) -> Any:
        if any(map(_too_large, args)):
            raise OutputStreamLimitError("a value is too large", token=None)
        result = work(*args, **kwargs)
        if _too_large(result):
            raise OutputStreamLimitError("a value is too large", token=None)
        return result

    return bounded


def _replace(value: object, old: object, new: object = "") -> str:
    text, old, new = str(value), str(old), str(new)
    if len(text) + text.count(old) * len(new) > OUTPUT_BYTES:
        raise OutputStreamLimitError("a value is too large", token=None)
    return text.replace(old, new)


def _join(value: object, separator: object = " ") -> str:
    items = [str(item) for item in value] if isinstance(value, list | tuple | range) else [str(value)]
    if len(items) * len(str(separator)) > OUTPUT_BYTES:
        raise OutputStreamLimitError("a value is too large", token=None)
    return str(separator).join(items)


def _date(value: object, pattern: object = "%d %b %Y") -> object:
    """An ISO date or time in another shape; what is no date stays as it is. There is no "now" in here."""
    if str(value).strip().lower() in {"now", "today"}:
        raise FilterArgumentError("the date filter has no clock; write the date out", token=None)
    if len(str(pattern)) > 60 or re.search(r"%[^a-zA-Z%-]", str(pattern)):
        raise FilterArgumentError("that date pattern cannot be used", token=None)
    try:
        return datetime.fromisoformat(str(value)).strftime(str(pattern))
    except ValueError:
        return value


def _environment(output: type[Output], template: type[BoundTemplate], *, autoescape: bool = False) -> Environment:
    class Fenced(Environment):
        block_nesting_limit = DEPTH
        loop_iteration_limit = LOOPS
        local_namespace_limit = OUTPUT_BYTES
        output_stream_limit = OUTPUT_BYTES
        suppress_blank_control_flow_blocks = False
        template_class = template

    fenced = Fenced(autoescape=autoescape)
    fenced.tags = {name: tag for name, tag in fenced.tags.items() if name in TAGS or name in PSEUDO_TAGS}
    fenced.filters = {name: work for name, work in fenced.filters.items() if name in FILTERS}
    fenced.filters |= {"replace": _replace, "join": _join, "date": _date}
    fenced.filters = {name: _bounded(work) for name, work in fenced.filters.items()}
    fenced.add_tag(output)
    return fenced


_ENVIRONMENTS = {
    "text": _environment(PlaceholderOutput, LimitedTemplate),
    "html": _environment(PlaceholderOutput, LimitedTemplate, autoescape=True),
    "json": _environment(JsonOutput, JsonTemplate),
}
