"""Instantly on loopback, as its published description has it: what it checks, what it answers, and how it fails."""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.contracts.openapi import description
from tests.contracts.server import Outside, Reply, serving

KEY = "key-of-the-workspace-6b1d"
CONFIG: dict[str, Any] = {"apiKey": KEY, "emailAccounts": ["sales@example.org"]}
ERRORS = {
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    413: "Payload Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Instantly(Outside):
    """Keeps what it was told. ``fail``: the status of every call, or of those of one path."""

    described = description("instantly")

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str, Any]] = []
        self.campaigns: dict[str, dict[str, Any]] = {}
        self.leads: dict[str, dict[str, Any]] = {}
        self.blocked: set[str] = set()
        self.figures: dict[str, dict[str, Any]] = {}
        self.fail: int | None = None
        self.fail_path = ""
        self.fail_method = ""
        self.inner = 0  # an error inside a good answer
        self.forget_created = False  # says nothing of whom it created

    def error(self, status: int, inner: int = 0) -> Reply:
        return status, {"statusCode": inner or status, "error": ERRORS[status], "message": "…"}

    def answer(self, method: str, target: str, headers: Mapping[str, str], raw: bytes, mistakes: list[str]) -> Reply:
        body = json.loads(raw) if raw else {}
        path = urlsplit(target).path.removeprefix("/api/v2/")
        query = parse_qs(urlsplit(target).query)
        self.asked.append((method, path, body))
        if headers.get("Authorization") != f"Bearer {KEY}" or "python" in headers.get("User-Agent", "python").lower():
            return self.error(401)
        if self.fail and path.startswith(self.fail_path) and method.startswith(self.fail_method):
            return self.error(self.fail)
        if self.inner and path.startswith(self.fail_path):
            return 200, {"statusCode": self.inner, "error": "No", "message": "…"}
        return self.error(400) if mistakes else self._routed(method, path, query, body)

    def _routed(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Reply:
        match method, path.split("/"):
            case "GET", ["campaigns"]:
                wanted = query.get("search", [""])[0]
                found = [each for each in self.campaigns.values() if wanted in each["name"]]
                return 200, {"items": found, "next_starting_after": "cursor"}
            case "GET", ["campaigns", "analytics"]:
                return 200, [self.figures[key] for key in query["id"] if key in self.figures]
            case "POST", ["campaigns"]:
                return self.create_campaign(body)
            case (("PATCH" | "DELETE" | "POST"), ["campaigns", key, *act]):
                return self.change_campaign(method, key, act, body)
            case "POST", ["leads", "add"]:
                return self.add(body)
            case "POST", ["leads", "list"]:
                return self.listed(body)
            case "POST", ["block-lists-entries"]:
                self.blocked.add(body["bl_value"])
                return 200, {"id": str(uuid.uuid4())}
            case (("GET" | "DELETE"), ["leads", key]):
                found_lead = self.leads.pop(key, None) if method == "DELETE" else self.leads.get(key)
                return (200, found_lead) if found_lead else self.error(404)
        return self.error(404)

    def create_campaign(self, body: Any) -> Reply:
        key = str(uuid.uuid4())
        self.campaigns[key] = {"id": key, "status": 0, **body}
        return 200, self.campaigns[key]

    def change_campaign(self, method: str, key: str, act: list[str], body: Any) -> Reply:
        campaign = self.campaigns.get(key)
        if campaign is None:
            return self.error(400, 404) if act == ["activate"] else self.error(404)
        if method == "DELETE":
            return 200, self.campaigns.pop(key)
        campaign |= body if method == "PATCH" else {"status": 1 if act == ["activate"] else 2}
        return 200, campaign

    def add(self, body: Any) -> Reply:
        given = body["leads"]
        if body["campaign_id"] not in self.campaigns:
            return self.error(404)
        counted = dict.fromkeys(
            ("in_blocklist", "duplicated_leads", "skipped_count", "invalid_email_count", "incomplete_count",
             "duplicate_email_count"), 0,
        )  # fmt: skip
        there = {lead["email"] for lead in self.leads.values() if lead["campaign"] == body["campaign_id"]}
        created = []
        for index, lead in enumerate(given):
            if lead["email"] in self.blocked:
                counted["in_blocklist"] += 1
            elif "@" not in lead["email"]:
                counted["invalid_email_count"] += 1
            elif lead["email"] in there:
                counted["duplicated_leads"] += 1
            else:
                key = self._keep(body["campaign_id"], lead)
                there.add(lead["email"])
                created.append({"index": index, "id": key, "email": lead["email"]})
        told = [] if self.forget_created else created
        extra = {"status": "success", "total_sent": len(given), "leads_uploaded": len(created), "created_leads": told}
        return 200, counted | extra | {"blocklist_used": None, "remaining_in_plan": None}

    def _keep(self, campaign_id: str, lead: Any) -> str:
        key = str(uuid.uuid4())
        self.leads[key] = {
            "id": key, "campaign": campaign_id, "status": 1, "email": lead["email"], "email_open_count": 0,
            "email_reply_count": 0, "email_click_count": 0, "payload": dict(lead.get("custom_variables", {})),
        }  # fmt: skip
        return key

    def listed(self, body: Any) -> Reply:
        found = [
            lead
            for lead in self.leads.values()
            if lead["email"] in body.get("contacts", []) and body.get("campaign", lead["campaign"]) == lead["campaign"]
        ]
        after = [] if body.get("starting_after") else found
        return 200, {"items": after, "next_starting_after": "cursor"}  # the last page carries one, too

    def calls(self, method: str, path: str) -> list[Any]:
        """The bodies of the calls to a path."""
        return [body for how, where, body in self.asked if (how, where) == (method, path)]


@contextmanager
def instantly_server() -> Iterator[Instantly]:
    with serving(Instantly()) as instantly:
        yield instantly
