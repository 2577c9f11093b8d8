"""Places between two commits, where a process may die or others may overtake it.

Nothing happens there. The simulator (`tests/simulation`) sets ``hook`` to let other workers run, or to end this one.
"""

from collections.abc import Callable

hook: Callable[[str], None] | None = None


def seam(name: str) -> None:
    """Mark such a place; never inside a transaction."""
    if hook is not None:
        hook(name)
