"""What the frame around every page shows. Worked out only when a template asks, so partials pay nothing for it."""

from datetime import datetime
from functools import cached_property
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string
from django.utils.timezone import get_current_timezone_name

from retention_center import health
from retention_center.lib import clock
from retention_center.models import Role, User
from retention_center.pages import navigation
from retention_center.pages.theme import THEMES, theme_of


class Frame:
    """Sidebar, processor light, theme. Two small queries, none for somebody not signed in.

    Nothing is cached between requests: who stops sending must see at once that it is stopped.
    """

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @cached_property
    def user(self) -> User | None:
        user = getattr(self.request, "user", None)
        return user if isinstance(user, User) else None

    @cached_property
    def theme(self) -> str:
        """light, dark or system."""
        return theme_of(self.request)

    themes = THEMES

    @property
    def navigation(self) -> list[list[navigation.Item]]:
        if not self.user:
            return []
        return navigation.groups_for(self.user.role, self.request.path, self.waiting.for_staff)

    @cached_property
    def light(self) -> health.ProcessorState | None:
        """The processor light, for people who are signed in."""
        return health.light(self._now, self._standing.ran_at, self.waiting.overdue) if self.user else None

    @cached_property
    def is_stopped(self) -> bool:
        """Whether somebody stopped all sending."""
        return bool(self.user and self._standing.stopped.all)

    @property
    def stop_notes(self) -> list[str]:
        """Why sending is stopped, where somebody said so."""
        return list(self._standing.stopped.notes)

    @property
    def outages(self) -> list[Any]:
        """Providers that fail for everybody now."""
        return self._standing.outages if self.user else []

    @cached_property
    def _standing(self) -> Any:
        return import_string(settings.STANDING)()

    @cached_property
    def waiting(self) -> Any:
        """What is overdue, and what waits for staff."""
        return import_string(settings.WAITING)(self._now)

    @cached_property
    def _now(self) -> datetime:
        return clock.now()

    @property
    def sending_url(self) -> str:
        """Where the button posts to that stops sending, or lets it go on; nothing for viewers, who may not."""
        if not self.user or not self.user.may(Role.OPERATOR):
            return ""
        return navigation.address("sending-resume" if self.is_stopped else "sending-pause")

    @property
    def light_url(self) -> str:
        """Where the processor light leads: what is overdue, else today's page."""
        steps = navigation.address("steps")
        if steps and self.light and self.light.overdue:
            return f"{steps}?state=overdue"
        return navigation.address("dashboard") or "/"

    @property
    def zone(self) -> str:
        return get_current_timezone_name()

    @property
    def has_shortcuts(self) -> bool:
        """Single-letter shortcuts are on until somebody turns them off."""
        return not self.user or self.user.preferences.get("shortcuts", True)


def frame(request: HttpRequest) -> dict[str, Frame]:
    """Context processor: ``frame`` in every template."""
    return {"frame": Frame(request)}
