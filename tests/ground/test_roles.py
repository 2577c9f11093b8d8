"""Who may do what: one table, and every address walked as nobody, viewer, operator and admin."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, get_resolver

from retention_center.api import throttles
from retention_center.api.permissions import Open, needed_role
from retention_center.auth import table
from retention_center.auth.middleware import declared_role
from retention_center.models import Role
from tests import builders
from tests.garbage import addresses
from tests.wire import Wire

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
UNGUARDED = {table.ANYBODY, table.SECRET}
FILLED = {"int": "1", "slug": "none", "str": "none"}  # no such row: who may comes before what there is
ODD = {
    r"^u/(?P<token>[^/]+)/?$": "u/none",
    "history/<slug:object_type>/<str:pk>/": "history/lead/none/",  # of people and keys: see test_audit_pages.py
}


def routes(prefix: str, resolver: Any = None, below: str = "") -> Iterator[tuple[str, URLPattern]]:
    """(address, pattern) of every view whose address does (or, by "!", does not) begin with the prefix."""
    for entry in (resolver or get_resolver()).url_patterns:
        address = below + str(entry.pattern)
        if not isinstance(entry, URLPattern):
            yield from routes(prefix, entry, address)
        elif not address.startswith("admin/") and address.startswith("api/") == (prefix == "api/"):
            yield address, entry


PAGES = [(address, route) for address, route in routes("") if route.name in table.PAGES]
API = [(address, route) for address, route in routes("api/") if route.name in table.API]


def filled(address: str) -> str:
    """The address with made-up ids."""
    if address in ODD:
        return "/" + ODD[address]
    parts = [part.partition(":")[0] if part.startswith("<") else part for part in address.split("/")]
    return "/" + "/".join(FILLED[part[1:]] if part.startswith("<") else part for part in parts).replace(
        "^", ""
    ).replace("/?$", "")


def test_every_view_has_a_line_and_every_line_a_view():
    named = {route.name for _, route in [*routes(""), *routes("api/")]} - {None}
    assert named - table.PAGES.keys() - table.API.keys() == set(), (
        "Give these views a line in retention_center/auth/table.py"
    )
    assert (table.PAGES.keys() | table.API.keys()) - named == set(), "These lines have no view any more"
    assert {address for prefix in ("", "api/") for address, route in routes(prefix) if not route.name} == {"api/^.*$"}


def test_a_line_names_known_verbs_and_roles():
    for name in [*table.PAGES, *table.API]:
        verbs = table.verbs_of(name)
        assert verbs, name
        assert set(verbs) <= set(VERBS), name
        assert set(verbs.values()) <= {*UNGUARDED, *Role.values}, name


def test_pages_ask_for_what_the_table_says():
    for address, route in PAGES:
        declared = declared_role(route.callback)
        if declared is None:
            assert set(table.PAGES[route.name].split()[1::2]) <= {"anybody", "anybody,", "secret", "secret,"}, address
            continue
        read, write = declared if isinstance(declared, tuple) else (declared, declared)
        for verb, who in table.verbs_of(route.name).items():
            assert who == (read if verb == "GET" else write), f"{address} {verb}"


class _Asked:
    """A view as the permission sees it."""

    def __init__(self, cls: Any, verb: str, actions: dict[str, str]) -> None:
        self.roles = getattr(cls, "roles", {})
        self.action = actions.get(verb.lower())


def test_the_api_asks_for_what_the_table_says():
    for address, route in API:
        view: Any = route.callback
        cls = getattr(view, "cls", None)
        if cls is None:  # a provider's webhook
            assert "secret" in table.API[route.name], address
            continue
        actions = getattr(view, "actions", None) or {v.lower(): "" for v in VERBS if hasattr(cls, v.lower())}
        verbs = table.verbs_of(route.name)
        assert {verb.upper() for verb in actions} - {"HEAD"} == set(verbs), address
        for verb, who in verbs.items():
            if list(cls.permission_classes) == [Open]:
                assert who in UNGUARDED, address
            else:
                assert who == needed_role(_Asked(cls, verb, actions), verb), f"{address} {verb}"


def expected(who: str | None, role: str) -> str:
    """may, may not, or closed (no such verb)."""
    if who is None:
        return "closed"
    needed = table.needed(who)
    return "may" if needed is None or (role and Role(role).covers(needed)) else "may not"


def wrong(who: str | None, role: str, status: int, *, is_page: bool) -> bool:
    """Whether that answer is not the one the table promises."""
    if status >= 500:
        return not (who == table.SECRET and status == 503)  # no secret is set here
    if who in UNGUARDED:
        return who == table.SECRET and status < 300 and not is_page
    match expected(who, role):
        case "may":
            return status in {401, 403, 405}
        case "closed":
            return status != 405 and bool(role)
    return status != 403 if role else status not in {302, 401}


def walk(client: Any, role: str, listed: list[tuple[str, URLPattern]], *, is_page: bool) -> list[str]:
    found = []
    for address, route in listed:
        verbs = table.verbs_of(route.name)
        if not role:  # strangers are throttled
            throttles.forget()
            cache.clear()
        for verb in VERBS if role in {"", "admin"} else verbs:
            if route.name == "logout" and verb == "POST":
                continue
            answer = client(verb, filled(address))
            if wrong(verbs.get(verb), role, answer.status_code, is_page=is_page):
                found.append(f"{verb} {filled(address)} as {role or 'nobody'}: {answer.status_code}")
            if not role and is_page and not UNGUARDED & set(verbs.values()):
                assert answer.get("Location", "").startswith("/auth/login"), address
    return found


def browser(role: str) -> Any:
    client = Client(raise_request_exception=False)
    if role:
        client.force_login(builders.make_user(role))
    return lambda verb, address: client.generic(verb, address)


pytestmark = pytest.mark.once  # what is refused is refused before any database is asked


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["", *Role.values])
def test_every_page_as(role):
    assert walk(browser(role), role, PAGES, is_page=True) == []


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["", *Role.values])
def test_every_endpoint_with_a_key_of(role):
    wire = Wire(builders.make_api_key(role) if role else "")
    wire.client.raise_request_exception = False
    assert walk(wire.send, role, API, is_page=False) == []


@pytest.mark.django_db
@pytest.mark.parametrize("role", Role.values)
def test_every_endpoint_with_the_session_of(role):
    assert walk(browser(role), role, API, is_page=False) == []


@pytest.mark.django_db
def test_a_key_opens_no_page():
    wire = Wire(builders.make_api_key(Role.ADMIN))
    for address, route in PAGES:
        if not UNGUARDED & set(table.verbs_of(route.name).values()):
            assert wire.get(filled(address)).status_code in {302, 405}, address


@pytest.mark.django_db
def test_a_page_nobody_gave_a_role_is_open_to_nobody(as_admin, settings):
    settings.ROOT_URLCONF = "tests.ground.roleless_urls"
    assert as_admin.get("/roleless/").status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["", Role.VIEWER, Role.OPERATOR])
def test_the_configuration_is_the_admins(role):
    ask = browser(role)
    every = [one for one in addresses({}) if one.startswith("/admin/")]
    assert len(every) > 60
    for address in [*every, "/admin/", "/admin/jsi18n/", "/admin/leads/", "/admin/nothing/"]:
        for verb in ("GET", "POST"):
            answer = ask(verb, address)
            away = "/admin/login/" if role else "/auth/login"
            assert answer.status_code == 403 or answer["Location"].startswith(away), f"{verb} {address}"
