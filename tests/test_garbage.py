"""Garbage to every address and every form: an answer that says what is wrong, never an error of ours.

The addresses come from the resolver and the forms from the pages, so that new ones are covered by being there.
Each request is undone: what one of them does never helps or hides another.
"""

import html
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection, transaction
from django.test import Client

from tests import builders
from tests.browser.house import furnish
from tests.garbage import RAW_BODIES, RAW_QUERIES, Form, Page, addresses, rotated

pytestmark = pytest.mark.django_db
PARTS = ["/admin/", "/api/", "/leads/", "/sequences/", "/campaigns/", ""]  # "" is everything else


class Undone(Exception):
    """Rolls back what a request did."""


class Sender:
    """Sends, undoes, and keeps what should not have come back."""

    def __init__(self, client: Client) -> None:
        self.client, self.faults, self.asked = client, [], 0

    def __call__(self, method: str, address: str, data: Any = None, kind: str = "") -> Any:
        self.asked += 1
        answer = None
        try:
            with transaction.atomic():
                answer = self._sent(method, address, data, kind)
                connection.check_constraints()  # what PostgreSQL would only notice at the commit
                raise Undone
        except Undone:
            pass
        except Exception as error:
            self.faults.append(f"{method} {address[:200]} {str(data)[:300]}: {error!r}")
        if answer is not None and (fault := _fault_of(answer)):
            self.faults.append(f"{method} {address[:200]} {str(data)[:300]}: {answer.status_code}, {fault}")
        return answer

    def _sent(self, method: str, address: str, data: Any, kind: str) -> Any:
        if method == "GET":
            answer = self.client.get(address)
        elif kind:
            answer = self.client.generic("POST", address, data, kind)
        else:
            answer = self.client.post(address, data or {})
        if answer.streaming:
            b"".join(answer.streaming_content)
        return answer


def _fault_of(answer: Any) -> str:
    """What is wrong with an answer, whatever was asked."""
    if answer.status_code >= 500:
        return "our fault"
    if answer.status_code < 400 or answer.streaming:
        return ""
    kind, text = answer.headers.get("Content-Type", ""), answer.content.decode()
    if "json" in kind:
        return "" if json.loads(text).get("detail") else "no sentence"
    if "html" in kind:
        return "" if re.search(r"<h1|role=.alert|class=.err|<p", text) else "no sentence"
    return "" if text.strip() or answer.status_code == 401 else "no words"


@pytest.fixture
def rows(settings: Any) -> dict[str, Any]:
    rates = {"caller": "1000000/min", "anonymous": "1000000/min", "sign_in": "1000000/min"}
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"DEFAULT_THROTTLE_RATES": rates}
    settings.CRON_TOKEN = "a token"
    builders.make_integration("keitaro", webhookSecret="a-secret-of-thirty-two-characters")
    return furnish()


def _turns(part: str) -> int:
    return 2 if part == "/admin/" else 4  # Django's own forms stand there, and many


def _part(every: list[str], part: str) -> list[str]:
    named = tuple(filter(None, PARTS))
    return [one for one in every if (one.startswith(part) if part else not one.startswith(named))]


def _page(send: Sender, address: str) -> Page:
    answer = send("GET", address)
    is_page = answer is not None and not answer.streaming and "html" in answer.headers.get("Content-Type", "")
    return Page(address, answer.content.decode() if is_page else "")


def _forms(send: Sender, every: list[str]) -> Iterator[Form]:
    """Each address once, as the fullest form that leads to it; those to which none leads take any names."""
    found: dict[str, Form] = {address: Form(address, "post") for address in every}
    for address in every:
        for form in _page(send, address).forms:
            if form.method == "post" and len(form.kinds) > len(found.get(form.action, Form("", "")).kinds):
                found[form.action] = form
    yield from (form for action, form in sorted(found.items()) if action in every)


@pytest.mark.parametrize("part", PARTS)
def test_odd_questions_get_an_answer(rows: dict[str, Any], as_admin: Client, part: str) -> None:
    send = Sender(as_admin)
    for address in _part(addresses(rows), part):
        if address == "/api/schema":  # takes nothing, and takes its time
            continue
        names = sorted(_page(send, address).names)
        for turn in range(_turns(part)):
            send("GET", f"{address}?{urlencode(rotated(names, turn * 8))}")
        for raw in RAW_QUERIES:
            send("GET", f"{address}?{raw}")
    assert send.asked > 50
    assert not send.faults, "\n".join(send.faults[:20])


@pytest.mark.parametrize("part", PARTS)
def test_odd_forms_get_an_answer(rows: dict[str, Any], as_admin: Client, part: str) -> None:
    send = Sender(as_admin)
    for number, form in enumerate(_forms(send, _part(addresses(rows), part))):
        names = list(form.kinds) or ["name", "action", "ids", "query", "lead", "status", "note", "next"]
        send("POST", form.action, form.filled)
        send("POST", form.action, {})
        for turn in range(_turns(part)):
            send("POST", form.action, rotated(names, turn * 8 + 1))
        for name, junk in rotated(list(form.kinds), number).items() if part != "/admin/" else ():
            send("POST", form.action, form.filled | {name: junk})
        send("POST", form.action, *RAW_BODIES[number % len(RAW_BODIES)])
    assert not send.faults, "\n".join(send.faults[:20])


def test_a_form_that_is_refused_loses_nothing(rows: dict[str, Any], as_admin: Client) -> None:
    send, lost, refused = Sender(as_admin), [], 0
    every = [one for one in addresses(rows) if not one.startswith(("/api/", "/admin/", "/auth/"))]
    for form in _forms(send, every):
        typed = {name: f"as typed, {index}" for index, name in enumerate(form.of_kind("text", "textarea", "email"))}
        numbers = dict.fromkeys(form.of_kind("number"), "-7")
        answer = send("POST", form.action, form.filled | typed | numbers)
        if answer is None or answer.status_code != 422 or not typed:
            continue
        refused += 1
        shown = html.unescape(answer.content.decode())
        lost += [f"{form.action}: {name}" for name, text in typed.items() if text not in shown]
    assert refused > 3
    assert not lost, "\n".join(lost)
    assert not send.faults, "\n".join(send.faults[:20])


@pytest.mark.parametrize("role", ["operator", "viewer", "nobody"])
def test_others_are_refused_in_words(
    rows: dict[str, Any], signed_in: Callable[..., Client], as_admin: Client, role: str
) -> None:
    send = Sender(Client() if role == "nobody" else signed_in(builders.make_user(role)))
    every = addresses(rows)
    for address in every if role != "operator" else _part(every, "") + _part(every, "/leads/"):
        send("GET", f"{address}?{RAW_QUERIES[0]}")
        send("POST", address, rotated(["name", "action", "ids", "lead", "status", "next"], len(address)))
    assert send.asked > 100
    assert not send.faults, "\n".join(send.faults[:20])
