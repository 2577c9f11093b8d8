"""A real Chromium on the pages of a real server. Its tests run by themselves, once, on SQLite."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext
from pytest_django.live_server_helper import LiveServer

from retention_center.models import User
from tests import services
from tests.browser.watching import WATCH_POLICY

# Playwright runs an event loop in the test's own thread, where Django would refuse to touch the database
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

QUIET = ["background-networking", "component-update", "sync", "quic", "default-apps", "extensions"]

Sitting = Callable[..., BrowserContext]


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    switches = [f"--disable-{name}" for name in QUIET]
    return {"executable_path": services.browser(), "args": [*switches, "--no-first-run", "--no-sandbox"]}


@pytest.fixture
def sit_down(
    browser: Browser, live_server: LiveServer, settings: Any, signed_in: Callable[[User], Any]
) -> Iterator[Sitting]:
    """A browser window of somebody who is signed in: `sit_down(user, width=360, color_scheme="dark")`."""
    settings.PUBLIC_URL = live_server.url
    settings.CSRF_TRUSTED_ORIGINS = [live_server.url]
    contexts = []

    def open_window(user: User | None = None, *, width: int = 1440, **options: Any) -> BrowserContext:
        size = {"width": width, "height": 900 if width > 600 else 740}
        context = browser.new_context(base_url=live_server.url, viewport=size, reduced_motion="reduce", **options)
        context.add_init_script(WATCH_POLICY)
        if user is not None:
            cookie = signed_in(user).cookies[settings.SESSION_COOKIE_NAME]
            context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
        contexts.append(context)
        return context

    yield open_window
    for context in contexts:
        context.close()
