"""What the suite needs beside Python: where it is on this machine. `.ci/services` installs what is missing."""

import shutil

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Missing(Exception):
    """A part the suite cannot do without is not installed; the text says which, in one sentence."""


def browser() -> str:
    """The path of Chromium or Chrome."""
    return _first(BROWSERS, "The tests need Chromium or Chrome: run `make test`, or apt-get install chromium.")


def redis_server() -> str:
    return _first(("redis-server",), "The tests need redis-server: run `make test`, or apt-get install redis-server.")


def _first(names: tuple[str, ...], otherwise: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    raise Missing(otherwise)
