"""The sidebar: what stands in it, in which order, and who sees it. A link appears once its page exists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse

from retention_center.models import Role


@dataclass(frozen=True)
class Link:
    """``route`` is a URL name; ``covers`` are the address beginnings under which the link is the current one."""

    label: str
    icon: str
    route: str
    covers: str
    role: Role = Role.VIEWER


@dataclass(frozen=True)
class Item:
    """A link worked out for one request; ``waiting`` is how much there waits for a decision of staff."""

    label: str
    icon: str
    href: str
    is_current: bool
    waiting: int = 0


GROUPS: Sequence[Sequence[Link]] = (
    (
        Link("Today", "today", "dashboard", "/"),
        Link("Leads", "lead", "leads", "/leads/"),
        Link("Campaigns", "campaign", "campaigns", "/campaigns/"),
        Link("Sequences", "sequence", "sequences", "/sequences/"),
        Link("Scripts", "script", "scripts", "/scripts/"),
    ),
    (
        Link("Attempts", "attempt", "attempts", "/attempts/"),
        Link("Conversions", "conversion", "conversions", "/conversions/"),
        Link("Reports", "report", "reports", "/reports/"),
        Link("Catch-up", "catch-up", "catch-up", "/catch-up/"),
        Link("Inbox", "inbox", "inbox", "/inbox/"),
    ),
    (
        Link("Integrations", "integration", "integrations", "/integrations/"),
        Link("Contact policy", "policy", "policy", "/policy/"),
        Link("Health", "check", "health", "/health/"),
        Link("API keys", "key", "keys", "/keys/", Role.ADMIN),
        Link("Audit", "file", "audit", "/audit/", Role.ADMIN),
    ),
)


def address(route: str, *args: object) -> str:
    """The address of a URL name, or nothing where that page does not exist."""
    try:
        return reverse(route, args=args)
    except NoReverseMatch:
        return ""


def groups_for(role: str, path: str, waiting: Mapping[str, int]) -> list[list[Item]]:
    """The links somebody of this role sees on the page at ``path``, with what is ``waiting`` by URL name."""
    seen = [[item for link in group if (item := _item(link, role, path, waiting))] for group in GROUPS]
    return [group for group in seen if group]


def _item(link: Link, role: str, path: str, waiting: Mapping[str, int]) -> Item | None:
    href = address(link.route)
    if not href or not Role(role).covers(link.role):
        return None
    is_current = path == "/" if link.covers == "/" else path.startswith(link.covers)
    return Item(link.label, link.icon, href, is_current, waiting.get(link.route, 0))
