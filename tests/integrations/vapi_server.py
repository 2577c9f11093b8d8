"""VAPI on loopback, as its published description has it: what it checks, what it answers, and how it fails."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.utils.dateparse import parse_datetime

from retention_center.lib import clock

KEY = "key-of-thirty-two-characters-4c7e"
SECRET = "a-secret-of-thirty-two-characters"
CONFIG: dict[str, Any] = {
    "apiKey": KEY,
    "assistantId": "019c0000-0000-7000-8000-0000000000a5",
    "phoneNumberId": "019c0000-0000-7000-8000-0000000000b5",
    "webhookSecret": SECRET,
}
OF_CALL = {
    "assistantVersion", "transport", "customers", "name", "schedulePlan", "assistantId", "assistant",
    "assistantOverrides", "squadId", "squad", "squadOverrides", "workflowId", "workflow", "workflowOverrides",
    "phoneNumberId", "phoneNumber", "customerId", "customer",
}  # fmt: skip
OF_OVERRIDES = {
    "transcriber", "model", "voice", "firstMessage", "firstMessageMode", "voicemailDetection", "serverMessages",
    "maxDurationSeconds", "variableValues", "name", "voicemailMessage", "endCallMessage", "metadata", "analysisPlan",
    "artifactPlan", "server", "hooks",
}  # fmt: skip
OF_SERVER = {"url", "timeoutSeconds", "credentialId", "headers", "backoffPlan"}
OF_CUSTOMER = {"number", "name", "email", "externalId", "extension"}


class Vapi:
    """Keeps what it was sent. ``fail`` is (status, message) for every new call; ``mood``: drops, silent or babbles."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, str]] = []
        self.placed: list[dict[str, Any]] = []
        self.calls: dict[str, dict[str, Any]] = {}
        self.fail: tuple[int, Any] | None = None
        self.headers: dict[str, str] = {}
        self.mood = ""
        self.is_full = False
        self.fails_look_ups = False

    def create(self, body: dict[str, Any]) -> tuple[int, Any]:
        self.placed.append(body)
        if self.fail:
            return error(*self.fail)
        if wrong := list(mistakes(body)):
            return error(400, wrong)
        number = len(self.calls) + 1
        at = clock.now().isoformat().replace("+00:00", "Z")
        call = {
            "id": f"019c0000-0000-7000-8000-{number:012x}", "orgId": "019c0000-0000-7000-8000-0000000000f2",
            "createdAt": at, "updatedAt": at, "type": "outboundPhoneCall", "status": "queued", "cost": 0, **body,
        }  # fmt: skip
        self.calls[str(call["id"])] = call
        limits = {"concurrencyBlocked": self.is_full, "concurrencyLimit": 10, "remainingConcurrentCalls": 0}
        return 201, call | {"subscriptionLimits": limits}

    def end(self, call_id: str, reason: str = "customer-ended-call", **said: Any) -> dict[str, Any]:
        """The call ends; it is given back as VAPI then tells it."""
        times = {"startedAt": "2026-02-21T09:00:10.000Z", "endedAt": "2026-02-21T09:02:13.000Z"}
        self.calls[call_id] |= {"status": "ended", "endedReason": reason, "cost": 0.1834} | times | said
        return self.calls[call_id]

    def answer(self, method: str, target: str, body: dict[str, Any], authorization: str) -> tuple[int, Any]:
        parts = urlsplit(target)
        self.asked.append((method, target))
        if authorization != f"Bearer {KEY}":
            return error(401, "Invalid Key")
        if parts.path == "/call":
            if method == "POST":
                return self.create(body)
            return error(500, "Internal Server Error") if self.fails_look_ups else (200, self.listed(parts.query))
        found = self.calls.get(parts.path.removeprefix("/call/"))
        return (200, found) if found else error(404, "Not Found")

    def listed(self, query: str) -> list[dict[str, Any]]:
        """Newest first."""
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        earliest, latest = asked.get("createdAtGe", "0001-01-01T00:00Z"), asked.get("createdAtLe", "9999-01-01T00:00Z")
        inside = [each for each in self.calls.values() if _at(earliest) <= _at(each["createdAt"]) <= _at(latest)]
        inside.sort(key=lambda each: (each["createdAt"], each["id"]), reverse=True)
        return inside[: int(asked.get("limit", 100))]


def mistakes(body: dict[str, Any]) -> Iterator[str]:
    """What VAPI finds wrong with a call, in its own words."""
    overrides, customer = body.get("assistantOverrides", {}), body.get("customer", {})
    parts = [
        ("", body, OF_CALL), ("assistantOverrides.", overrides, OF_OVERRIDES), ("customer.", customer, OF_CUSTOMER),
        ("assistantOverrides.server.", overrides.get("server", {}), OF_SERVER),
    ]  # fmt: skip
    for path, part, known in parts:
        yield from (f"{path}property {name} should not exist" for name in part if name not in known)
    if not re.fullmatch(r"\+[1-9]\d{1,14}", customer.get("number", "")):
        yield "customer.number must be a valid phone number in the E.164 format"
    for name, value in (("name", body.get("name")), ("customer.externalId", customer.get("externalId"))):
        if len(value or "") > 40:
            yield f"{name} must be shorter than or equal to 40 characters"
    if not any(body.get(name) for name in ("assistantId", "assistant", "squadId", "squad", "workflowId", "workflow")):
        yield "one of assistantId, assistant, squadId, squad, workflowId, workflow is needed"


def error(status: int, message: Any) -> tuple[int, dict[str, Any]]:
    return status, {"message": message, "error": "No", "statusCode": status}


def _at(text: str) -> Any:
    return parse_datetime(text)


def _handler(vapi: Vapi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self._reply("POST", json.loads(self.rfile.read(length) or b"{}"))

        def do_GET(self) -> None:
            self._reply("GET", {})

        def _reply(self, method: str, body: dict[str, Any]) -> None:
            status, said = vapi.answer(method, self.path, body, self.headers.get("Authorization", ""))
            if vapi.mood == "silent":
                time.sleep(1.5)
            if vapi.mood in {"silent", "drops"}:
                self.close_connection = True
                return
            raw = b"<html>" if vapi.mood == "babbles" else json.dumps(said).encode()
            self.send_response(status)
            for name, value in (vapi.headers | {"Content-Length": str(len(raw))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextmanager
def vapi_server() -> Iterator[Vapi]:
    vapi = Vapi()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(vapi))
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # whom it drops, or who gives up, is no news
    vapi.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield vapi
    finally:
        server.shutdown()
        server.server_close()
