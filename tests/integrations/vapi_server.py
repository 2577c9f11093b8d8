"""VAPI on loopback, as its published description has it: what it checks, what it answers, and how it fails."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.utils.dateparse import parse_datetime

from retention_center.lib import clock
from tests.contracts.openapi import description
from tests.contracts.server import Outside, Reply, serving

KEY = "key-of-thirty-two-characters-4c7e"
SECRET = "a-secret-of-thirty-two-characters"
CONFIG: dict[str, Any] = {
    "apiKey": KEY,
    "assistantId": "019c0000-0000-7000-8000-0000000000a5",
    "phoneNumberId": "019c0000-0000-7000-8000-0000000000b5",
    "webhookSecret": SECRET,
}
NO_NUMBER = "customer.number must be a valid phone number in the E.164 format"


class Vapi(Outside):
    """Keeps what it was sent. ``fail`` is (status, message) for every new call."""

    described = description("vapi")

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str]] = []
        self.placed: list[dict[str, Any]] = []
        self.calls: dict[str, dict[str, Any]] = {}
        self.fail: Reply | None = None
        self.is_full = False
        self.fails_look_ups = False

    def create(self, body: dict[str, Any], mistakes: list[str]) -> Reply:
        self.placed.append(body)
        if self.fail:
            return error(*self.fail)
        if mistakes:
            return error(400, [NO_NUMBER if "customer.number" in each else each for each in mistakes])
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

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes, mistakes: list[str]) -> Reply:
        parts = urlsplit(target)
        self.asked.append((method, target))
        if headers.get("Authorization") != f"Bearer {KEY}":
            return error(401, "Invalid Key")
        if parts.path == "/call":
            if method == "POST":
                return self.create(json.loads(body), mistakes)
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


def error(status: int, message: Any) -> tuple[int, dict[str, Any]]:
    return status, {"message": message, "error": "No", "statusCode": status}


def _at(text: str) -> Any:
    return parse_datetime(text)


@contextmanager
def vapi_server() -> Iterator[Vapi]:
    with serving(Vapi()) as vapi:
        yield vapi
