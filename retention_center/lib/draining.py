"""Whether this process was asked to end: what is under way is finished and recorded, nothing new begins."""

import signal
from types import FrameType

_asked = False


def on_signals() -> None:
    """From now on SIGTERM and SIGINT ask instead of killing. For processes that work; call it in the main thread."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ask)


def is_asked() -> bool:
    """Whoever works in rounds or in groups looks here before each."""
    return _asked


def _ask(_number: int, _frame: FrameType | None) -> None:
    global _asked
    _asked = True
