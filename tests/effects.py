"""A provider outside every process: what it takes is a line in a file, so that it survives whoever sent it.

It takes a repeat as a new message and can be searched (class B). `tests.effects_settings` lets workers use it.
"""

import os
import time
from collections import Counter
from pathlib import Path

from integrations.providers.base import Message, Provider, Receipt

PATH = "tests.effects.Effects"


class Effects(Provider):
    """``config``: the ``file``, and how many ``seconds`` an answer takes."""

    name = "effects"
    channels = ("EMAIL",)
    is_searchable = True
    parallel = 4

    def send(self, message: Message) -> Receipt:
        line = f"{message.key}\n".encode()
        file = os.open(self.config["file"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, line)  # one write of few bytes at the end: never torn, never mixed
        os.close(file)
        time.sleep(self.config["seconds"])
        return Receipt(reference=f"effect-{message.key}")

    def find(self, message: Message) -> Receipt | None:
        return Receipt(reference=f"effect-{message.key}") if message.key in taken(self.config["file"]) else None


def taken(file: str | Path) -> Counter[str]:
    """How often each key was taken."""
    return Counter(Path(file).read_text().split()) if Path(file).exists() else Counter()


def works(file: str | Path) -> Counter[str]:
    """How often each piece of work was done, whatever the try."""
    return Counter(key.rpartition(":")[0] for key in taken(file).elements())
