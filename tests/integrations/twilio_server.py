"""Twilio on loopback, as its published description has it: what it checks, what it answers, and how it fails."""

import base64
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from tests.contracts.openapi import description
from tests.contracts.server import Outside, Reply, serving

ACCOUNT = "AC" + "0" * 31 + "1"
TOKEN = "token-of-thirty-two-characters-9d41"
CONFIG: dict[str, Any] = {"accountSid": ACCOUNT, "authToken": TOKEN, "from": "+15005550006"}
PATHS = re.compile(
    r"/2010-04-01/Accounts/(?P<account>AC[0-9a-f]{32})(?P<rest>\.json|/Messages\.json|/Messages/SM\w+\.json)"
)


class Twilio(Outside):
    """Keeps what it was sent. ``fail`` is (status, code) for every new message."""

    described = description("twilio")
    beyond = r"GET /2010-04-01/Accounts/AC\w+(\.json|/Messages\.json\?.*)"  # the account, and the list

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str]] = []
        self.posted: list[dict[str, str]] = []
        self.messages: dict[str, dict[str, Any]] = {}
        self.fail: tuple[int, int] | None = None
        self.as_problem = False  # errors in their newer form

    def create(self, fields: dict[str, str]) -> Reply:
        self.posted.append(fields)
        if self.fail:
            return self.error(*self.fail)
        if not re.fullmatch(r"\+[1-9]\d{1,14}", fields.get("To", "")):
            return self.error(400, 21211)
        if not fields.get("Body"):
            return self.error(400, 21602)
        if not (fields.get("From") or fields.get("MessagingServiceSid")):
            return self.error(400, 21603)
        sid = f"SM{len(self.messages):032x}"
        self.messages[sid] = {
            "sid": sid, "to": fields["To"], "body": fields["Body"], "status": "queued", "num_segments": "1",
            "price": None, "price_unit": None, "error_code": None, "date_created": formatdate(),
        }  # fmt: skip
        return 201, self.messages[sid]

    def error(self, status: int, code: int) -> Reply:
        if self.as_problem:
            return status, {"type": "about:blank", "title": "No", "status": status, "code": code, "detail": "…"}
        return status, {
            "code": code,
            "message": "The number +14155552671 …",
            "more_info": "https://…",
            "status": status,
        }

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes, mistakes: list[str]) -> Reply:
        parts, fields = urlsplit(target), dict(parse_qsl(body.decode(), keep_blank_values=True))
        self.asked.append((method, target))
        known = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if headers.get("Authorization") != known:
            return self.error(401, 20003)
        found = PATHS.fullmatch(parts.path)
        if not found or found["account"] != ACCOUNT:
            return self.error(404, 20404)
        if found["rest"] == ".json":
            return 200, {"sid": ACCOUNT, "friendly_name": "Growth", "status": "active"}
        if found["rest"] == "/Messages.json":
            return self.create(fields) if method == "POST" else (200, self.listed(parse_qs(parts.query)))
        message = self.messages.get(found["rest"].split("/")[2].removesuffix(".json"))
        return (200, message) if message else self.error(404, 20404)

    def listed(self, query: dict[str, list[str]]) -> dict[str, Any]:
        found = [each for each in self.messages.values() if each["to"] == query["To"][0]]
        return {"messages": found, "next_page_uri": None, "page_size": 100}


@contextmanager
def twilio_server() -> Iterator[Twilio]:
    with serving(Twilio()) as twilio:
        yield twilio
