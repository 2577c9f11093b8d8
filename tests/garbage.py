"""What no client should send, every address to send it to, and every form that stands on a page."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, quote, urljoin, urlsplit

from django.contrib import admin
from django.urls import URLResolver, get_resolver

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"  # the id of no row
FIELDS = {"input", "select", "textarea", "button"}
ID_IN_A_PATH = re.compile(r"\(\?P<\w+>[^)]*\)|<[^>]+>")
JUNK = [
    "",
    "\x00",
    "x" * 3000,
    "-1",
    "9" * 400,
    "2147483648",
    "9223372036854775808",
    "2026-02-31",
    "0001-01-01T00:00:00+14:00",
    "99999-01-01",
    "9999-12-31T23:59",
    "null",
    "[1]",
    "{}",
    "[" * 3000,
    '{"a": "\\u0000"}',
    "NaN",
    "1e309",
    "{% for a in b %}",
    "{{ x",
    "\x00,a,,b",
    "²",
    "💥\u202e",
    "http://[",
    "//evil.example.com",
    "../../etc",
    "a@b",
    "+1" * 30,
    "12:60",
    "<script>",
    UNKNOWN,
]
# Read by some view, without a link or a field on a page that would tell
QUERY_NAMES = (
    *("page", "pageSize", "size", "sort", "sortBy", "sortOrder", "cursor", "search", "q", "dateFrom", "dateTo"),
    *("createdFrom", "createdTo", "next", "kind", "before", "channel", "ids", "columns", "export", "include", "state"),
)
RAW_QUERIES = ("%ED%A0%80=%ED%A0%80&page=%ED%A0%80&search=%ED%A0%80&ids=%FF", "%00=1&=&&%", "a=1&" * 1500)
RAW_BODIES = (
    (b"\xff\xfe", "application/x-www-form-urlencoded"),
    (b"name=%ED%A0%80&ids=%ED%A0%80&action=%FF", "application/x-www-form-urlencoded; charset=utf-7"),
    (b"--x\r\nbad", "multipart/form-data; boundary=x"),
    (b"x", "multipart/form-data"),
    (b'{"a": [', "application/json"),
    (b"a=1&" * 10_001, "application/x-www-form-urlencoded"),
)


def rotated(names: list[str], turn: int) -> dict[str, str]:
    """Another piece of junk for each name; all pieces have come by after ``len(JUNK)`` turns."""
    return {name: JUNK[(index * 7 + turn) % len(JUNK)] for index, name in enumerate(sorted(names))}


@dataclass
class Form:
    """A form, or a button that sends by itself; ``filled`` is what a browser would send untouched."""

    action: str
    method: str
    filled: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    def of_kind(self, *kinds: str) -> list[str]:
        return [name for name, kind in self.kinds.items() if kind in kinds]


class Page(HTMLParser):
    """The forms on a page, and the names in its queries."""

    def __init__(self, address: str, html: str) -> None:
        super().__init__()
        self.address, self.forms, self.names = address, [], set(QUERY_NAMES)
        self._form: Form | None = None
        self._ids: dict[str, Form] = {}
        self._elsewhere: list[tuple[str, dict[str, str]]] = []
        self._open: tuple[Form | None, str] = (None, "")
        self.feed(html)
        for owner, attributes in self._elsewhere:
            if owner in self._ids:
                self._add(self._ids[owner], "input", attributes)
        for form in self.forms:
            if form.method == "get":
                self.names |= set(form.kinds)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        for name in ("href", "hx-get"):
            self.names |= {key for key, _value in parse_qsl(urlsplit(given.get(name, "")).query)}
        for name in ("hx-post", "formaction"):
            if name in given:
                self._begin(given[name], "post", self._form)
        if tag == "form":
            self._form = self._begin(given.get("action", ""), given.get("method", "get").lower())
            self._ids[given.get("id", "")] = self._form
        elif tag in FIELDS and given.get("name"):
            self._meet(tag, given)
        elif tag == "option" and self._open[0] is not None:
            form, name = self._open
            if "selected" in given or not form.filled.get(name):
                form.filled[name] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        if tag in {"select", "textarea"}:
            self._open = (None, "")

    def handle_data(self, data: str) -> None:
        form, name = self._open
        if form is not None and form.kinds.get(name) == "textarea":
            form.filled[name] += data

    def _begin(self, action: str, method: str, like: Form | None = None) -> Form:
        path = urlsplit(urljoin(self.address, action)).path
        form = Form(path, method, like.filled if like else {}, like.kinds if like else {})
        self.forms.append(form)
        return form

    def _meet(self, tag: str, given: dict[str, str]) -> None:
        if "form" in given:
            self._elsewhere.append((given["form"], given))
        elif self._form is not None:
            self._add(self._form, tag, given)

    def _add(self, form: Form, tag: str, given: dict[str, str]) -> None:
        name, kind = given["name"], given.get("type", "text") if tag == "input" else tag
        form.kinds.setdefault(name, kind)
        if kind in {"button", "submit", "file"} or (kind in {"checkbox", "radio"} and "checked" not in given):
            return
        form.filled.setdefault(name, given.get("value", ""))
        if tag in {"select", "textarea"}:
            self._open = (form, name)


def addresses(rows: dict[str, Any]) -> list[str]:
    """Every address there is: pages, acts, the API, the admin; with the ids of ``rows``, or of nothing."""
    ours = {_filled_in(route, str(name), rows) for route, name in _walked(get_resolver().url_patterns)}
    return sorted(ours - {"/auth/logout"}) + list(_of_the_admin())


def _walked(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from () if route.startswith("admin/") else _walked(pattern.url_patterns, route)
        else:
            yield route, pattern.name


def _filled_in(route: str, name: str, rows: dict[str, Any]) -> str:
    kind = name.removeprefix("api-").split("-")[0].rstrip("s")
    value = str(rows.get(name, rows.get(kind, UNKNOWN)))
    path = ID_IN_A_PATH.sub(lambda _: value, route).replace("/?", "").replace(".*", "nothing")
    return "/" + path.strip("^$")


def _of_the_admin() -> Iterator[str]:
    for model in admin.site._registry:
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        first = model._default_manager.first()
        pk = quote(str(first.pk)) if first else UNKNOWN
        yield from (base, f"{base}add/", *(f"{base}{pk}/{page}/" for page in ("change", "delete", "history")))
