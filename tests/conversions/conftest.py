"""A tracker that calls us."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from tests.builders import make_integration

SECRET = "a-secret-of-thirty-two-characters"


@pytest.fixture
def keitaro(db: None) -> None:
    make_integration("keitaro", webhookSecret=SECRET)


@pytest.fixture
def postback(keitaro: None, client: Client) -> Callable[..., HttpResponse]:
    """Send one postback by GET; names as Keitaro's."""

    def send(**parameters: Any) -> HttpResponse:
        answer = client.get("/api/webhooks/keitaro", {"secret": SECRET, "subid": "click-1"} | parameters)
        assert answer.status_code == 200, answer.content
        return answer

    return send
