"""Twilio on loopback, as its published description has it: what it checks, what it answers, and how it fails."""

import base64
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

ACCOUNT = "AC" + "0" * 31 + "1"
TOKEN = "token-of-thirty-two-characters-9d41"
CONFIG: dict[str, Any] = {"accountSid": ACCOUNT, "authToken": TOKEN, "from": "+15005550006"}
PATHS = re.compile(
    r"/2010-04-01/Accounts/(?P<account>AC[0-9a-f]{32})(?P<rest>\.json|/Messages\.json|/Messages/SM\w+\.json)"
)


class Twilio:
    """Keeps what it was sent. ``fail`` is (status, code) for every new message; ``mood``: drops, silent or babbles."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, str]] = []
        self.posted: list[dict[str, str]] = []
        self.messages: dict[str, dict[str, Any]] = {}
        self.fail: tuple[int, int] | None = None
        self.headers: dict[str, str] = {}
        self.mood = ""
        self.as_problem = False  # errors in their newer form

    def create(self, fields: dict[str, str]) -> tuple[int, dict[str, Any]]:
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

    def error(self, status: int, code: int) -> tuple[int, dict[str, Any]]:
        if self.as_problem:
            return status, {"type": "about:blank", "title": "No", "status": status, "code": code, "detail": "…"}
        return status, {
            "code": code,
            "message": "The number +14155552671 …",
            "more_info": "https://…",
            "status": status,
        }

    def answer(
        self, method: str, target: str, fields: dict[str, str], authorization: str
    ) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(target)
        self.asked.append((method, target))
        known = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if authorization != known:
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


def _handler(twilio: Twilio) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            fields = dict(parse_qsl(self.rfile.read(length).decode(), keep_blank_values=True))
            self._reply("POST", fields)

        def do_GET(self) -> None:
            self._reply("GET", {})

        def _reply(self, method: str, fields: dict[str, str]) -> None:
            status, body = twilio.answer(method, self.path, fields, self.headers.get("Authorization", ""))
            if twilio.mood == "silent":
                time.sleep(1.5)
            if twilio.mood in {"silent", "drops"}:
                self.close_connection = True
                return
            raw = b"<html>" if twilio.mood == "babbles" else json.dumps(body).encode()
            self.send_response(status)
            for name, value in (twilio.headers | {"Content-Length": str(len(raw))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextmanager
def twilio_server() -> Iterator[Twilio]:
    twilio = Twilio()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(twilio))
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # whom it drops, or who gives up, is no news
    twilio.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield twilio
    finally:
        server.shutdown()
        server.server_close()
