"""System checks of our own: what would only fail later fails at start."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, Warning, register
from django.utils.module_loading import import_string

from retention_center.auth import jwks
from retention_center.models import Role


@register()
def dotted_paths_exist(**_: Any) -> list[Error]:
    """Everything that settings name by a dotted path can be imported."""
    named = {
        "PROVIDERS": settings.PROVIDERS.values(),
        "INBOUND_HANDLERS": [path for paths in settings.INBOUND_HANDLERS.values() for path in paths],
        "LEAD_WENT_OFF": settings.LEAD_WENT_OFF,
        "CHANNEL_WENT_OFF": settings.CHANNEL_WENT_OFF,
        "ERASERS": settings.ERASERS,
        "IMPORTED": [settings.IMPORTED],
        "REASON_SENTENCE": [settings.REASON_SENTENCE],
        "MAY_CONTACT": [settings.MAY_CONTACT],
        "OUTLOOK": [settings.OUTLOOK],
        "OPEN_CONTACTS": settings.OPEN_CONTACTS,
        "OVERDUE": [settings.OVERDUE],
        "WAITING": [settings.WAITING],
        "STANDING": [settings.STANDING],
        "STOPPED": [settings.STOPPED],
        "OUTAGES": [settings.OUTAGES],
        "WAKE_HELD": [settings.WAKE_HELD],
        "SENT_TODAY": [settings.SENT_TODAY],
        "TIMELINES": settings.TIMELINES,
        "LEAD_ACTIONS": [path for paths in settings.LEAD_ACTIONS.values() for path in paths],
        "INVARIANTS": settings.INVARIANTS,
        "NARROWERS": settings.NARROWERS,
        "HEALTH_SIGNS": settings.HEALTH_SIGNS.values(),
        "RESTORED": settings.RESTORED,
        "SEARCHES": settings.SEARCHES,
        "JOBS": settings.JOBS.values(),
        "SCHEDULES": [path for path, _cron in settings.SCHEDULES.values()],
    }
    return [
        Error(f"{setting} names {path}, which cannot be imported.", id="rc.E001")
        for setting, paths in named.items()
        for path in paths
        if not _exists(path)
    ]


def _exists(path: str) -> bool:
    try:
        import_string(path)
    except ImportError:
        return False
    return True


@register()
def auth_center_is_whole(**_: Any) -> list[Error | Warning]:
    """With an Auth Center there is exactly one way to verify its tokens, and the tokens are meant for us."""
    keys = [
        settings.AUTH_CENTER_JWT_SECRET,
        settings.AUTH_CENTER_PUBLIC_KEY,
        settings.AUTH_CENTER_JWKS_URL,
    ]
    if not settings.AUTH_CENTER_URL and not any(keys):
        return []
    found: list[Error | Warning] = []
    if sum(map(bool, keys)) != 1:
        found.append(
            Error(
                "Set exactly one of AUTH_CENTER_JWT_SECRET, AUTH_CENTER_PUBLIC_KEY and AUTH_CENTER_JWKS_URL.",
                id="rc.E002",
            )
        )
    if settings.AUTH_CENTER_JWT_SECRET and len(settings.AUTH_CENTER_JWT_SECRET) < 32:
        found.append(Error("AUTH_CENTER_JWT_SECRET must have at least 32 characters.", id="rc.E003"))
    if settings.AUTH_CENTER_JWKS_URL and not jwks.is_trustworthy(settings.AUTH_CENTER_JWKS_URL):
        found.append(Error("AUTH_CENTER_JWKS_URL must begin with https://.", id="rc.E005"))
    if settings.AUTH_DEFAULT_ROLE not in Role.values:
        found.append(Error("AUTH_DEFAULT_ROLE must be viewer, operator or admin.", id="rc.E004"))
    for name in ("AUTH_CENTER_ISSUER", "AUTH_CENTER_AUDIENCE"):
        if not getattr(settings, name):
            found.append(
                Warning(
                    f"{name} is not set, so tokens made for other apps are accepted too.",
                    id="rc.W001",
                )
            )
    return found
