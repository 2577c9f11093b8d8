"""Statuses that move only along a declared table, each move one compare-and-set."""

from typing import Any, ClassVar

from django.db import models

from retention_center.lib import clock


class RefusedTransition(Exception):
    """The move is not allowed, or someone else moved the row first. Its text is for staff.

    ``allowed`` lists the statuses the row may move to from where it stands.
    """

    def __init__(self, message: str, allowed: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.allowed = allowed


class Stateful(models.Model):
    """A model with a ``status`` whose whole life stands in ``MOVES``: from each status, where to."""

    MOVES: ClassVar[dict[str, set[str]]]
    status: Any  # each model declares its own choices

    class Meta:
        abstract = True

    def allowed_moves(self) -> tuple[str, ...]:
        """The statuses this row may move to, in alphabetical order."""
        return tuple(sorted(str(status) for status in self.MOVES[self.status]))

    def move_to(self, status: str, **changes: Any) -> None:
        """Move, or raise RefusedTransition; two that race cannot both win.

        ``changes`` are further columns written by the same UPDATE.
        """
        if status not in self.MOVES[self.status]:
            raise RefusedTransition(self._refusal(status), self.allowed_moves())
        changes |= {"status": status, "updated_at": clock.now()}
        same = type(self)._base_manager.filter(pk=self.pk, status=self.status)  # type: ignore[misc]
        if not same.update(**changes):
            raise RefusedTransition(f"{self} was changed by someone else; load it again.")
        for name, value in changes.items():
            setattr(self, name, value)

    def _refusal(self, status: str) -> str:
        allowed = " or ".join(self.allowed_moves()) or "nothing else"
        return f"{self} is {self.status}; it cannot become {status}, only {allowed}."
