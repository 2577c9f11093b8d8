"""Instantly's API v2, as far as we use it: what it is asked, and what its refusals mean. No model of ours in here."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from django.conf import settings

from integrations.providers.base import NotSent, OutcomeUnknown
from integrations.providers.http import Answer, Caller

AGENT = "RetentionCenter/1.0"  # bare clients are refused before Instantly sees them
AT_ONCE = 1000  # leads in one call
PAGE = 100
MOST_PAGES = 20
# A DELETE of Instantly's has a body, and it says nothing
NOTHING: dict[str, Any] = {"data": b"null", "headers": {"Content-Type": "application/json"}}
Body = Mapping[str, Any]


class NotThere(NotSent):
    """Instantly knows nothing under this id (any more)."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, permanent=True)


class InstantlyApi:
    """One workspace. Every method raises NotSent, or OutcomeUnknown where a change may have been made all the same."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        bearer = f"Bearer {config.get('apiKey', '')}".encode().decode("latin-1")  # as UTF-8 on the wire
        self._caller = Caller(headers={"Authorization": bearer, "User-Agent": AGENT})

    def close(self) -> None:
        self._caller.close()

    # Campaigns ------------------------------------------------------------------------------------------------------

    def campaign_marked(self, mark: str) -> str:
        """The id of the campaign whose name ends with this mark; blank when there is none."""
        found = self._call("GET", "campaigns", params={"search": mark, "limit": PAGE})
        theirs = (each for each in _items(found) if str(each.get("name", "")).endswith(mark))
        return next((str(each["id"]) for each in theirs if each.get("id")), "")

    def create_campaign(self, body: Body) -> str:
        """The new campaign's id; a draft until it is activated."""
        made = self._call("POST", "campaigns", json=dict(body))
        if not made.get("id"):
            raise OutcomeUnknown("Instantly made the campaign, as it seems, but its answer cannot be read.")
        return str(made["id"])

    def change_campaign(self, campaign_id: str, body: Body) -> None:
        self._call("PATCH", f"campaigns/{_quoted(campaign_id)}", json=dict(body))

    def delete_campaign(self, campaign_id: str) -> None:
        self._call("DELETE", f"campaigns/{_quoted(campaign_id)}", **NOTHING)

    def activate(self, campaign_id: str) -> None:
        self._call("POST", f"campaigns/{_quoted(campaign_id)}/activate")

    def pause(self, campaign_id: str) -> None:
        self._call("POST", f"campaigns/{_quoted(campaign_id)}/pause")

    def figures(self, campaign_id: str) -> dict[str, Any]:
        """Its counts as Instantly names them; empty until something was sent."""
        told = _items(self._call("GET", "campaigns/analytics", params={"id": campaign_id}))
        return next((dict(each) for each in told if each.get("campaign_id") == campaign_id), {})

    def try_key(self) -> None:
        """Ask for anything at all, to see whether the key works."""
        self._call("GET", "campaigns", params={"limit": 1})

    # Leads ----------------------------------------------------------------------------------------------------------

    def add_leads(self, campaign_id: str, leads: Sequence[Body]) -> dict[str, Any]:
        """At most AT_ONCE. The counters, and ``created_leads`` with each one's place in ``leads`` under ``index``."""
        answer = self._call(
            "POST", "leads/add", json={"campaign_id": campaign_id, "leads": [dict(one) for one in leads]}
        )
        if not isinstance(answer.get("created_leads"), list):
            raise OutcomeUnknown("Instantly took the leads, as it seems, but its answer cannot be read.")
        return dict(answer)

    def leads_with(self, addresses: Sequence[str], campaign_id: str = "") -> Iterator[Mapping[str, Any]]:
        """The leads with these addresses, at most PAGE of them; in one campaign, or in all."""
        asked: dict[str, Any] = {"contacts": list(addresses), "limit": PAGE}
        if campaign_id:
            asked["campaign"] = campaign_id
        for _page in range(MOST_PAGES):
            answer = self._call("POST", "leads/list", json=asked)
            items = _items(answer)
            yield from items
            cursor = answer.get("next_starting_after")
            if not items or not cursor or cursor == asked.get("starting_after"):  # the last page may still carry one
                return
            asked["starting_after"] = cursor
        raise OutcomeUnknown("Instantly lists more leads than a look-up reads.")

    def lead(self, lead_id: str) -> dict[str, Any]:
        return dict(self._call("GET", f"leads/{_quoted(lead_id)}"))

    def remove_lead(self, lead_id: str) -> None:
        """Take it out: nothing more is sent to it."""
        self._call("DELETE", f"leads/{_quoted(lead_id)}", **NOTHING)

    def block(self, address: str) -> None:
        """Put an address on the workspace's block list: nobody there writes to it any more."""
        self._call("POST", "block-lists-entries", json={"bl_value": address})

    def _call(self, method: str, path: str, **how: Any) -> Mapping[str, Any]:
        url = f"{settings.INSTANTLY_API_URL.rstrip('/')}/api/v2/{path}"
        answer = self._caller.call(method, url, **how)
        # A few of its calls put an error into a good answer, or another status into a bad one
        inner = answer.body.get("statusCode")
        status = inner if isinstance(inner, int) and inner >= 400 else answer.status
        if not answer.is_ok or status != answer.status:
            raise refusal(answer, status, is_read=method == "GET" or path == "leads/list")
        return answer.body


def refusal(answer: Answer, status: int, *, is_read: bool = False) -> Exception:
    """What a refused call means, by its status: one message's fault, everybody's, or nobody knows."""
    said = f"Instantly answered {status}"
    match status:
        case 401:
            return NotSent(f"{said}: the API key is wrong or was revoked", account_wide=True)
        case 402:
            return NotSent(f"{said}: the workspace has no paid plan", account_wide=True)
        case 403:
            return NotSent(f"{said}: the API key lacks a scope", account_wide=True)
        case 404:
            return NotThere(f"{said}: it knows no such thing")
        case 429:
            return NotSent(said, retry_after=answer.retry_after)
    if status >= 500 or status == 408:
        return NotSent(said) if is_read else OutcomeUnknown(said)
    return NotSent(said, permanent=True)


def _items(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    items = body.get("items")
    return [each for each in items if isinstance(each, dict)] if isinstance(items, list) else []


def _quoted(part: str) -> str:
    return quote(part, safe="")
