"""Signing in while the Auth Center publishes its keys, changes them, and is down."""

from collections.abc import Iterator

import pytest
from django.conf import settings as configured
from django.test import Client

from retention_center.auth import jwks
from tests.ground import auth_center
from tests.ground.auth_center import EC_KEY, OTHER_KEY, RSA_KEY, Publisher, token
from tests.wire import Wire

pytestmark = pytest.mark.django_db
PAGE = "/health/"


@pytest.fixture
def publisher(settings) -> Iterator[Publisher]:
    jwks.forget()
    with auth_center.serving() as publisher:
        settings.AUTH_CENTER_URL = publisher.url.replace("jwks.json", "sign-in")
        settings.AUTH_CENTER_JWKS_URL = publisher.url
        settings.AUTH_CENTER_ISSUER, settings.AUTH_CENTER_AUDIENCE = "https://auth.example.com", "retention"
        publisher.publish(first=RSA_KEY)
        yield publisher
    jwks.forget()


def signed(key, kid: str, algorithm: str = "RS256", **claims) -> str:
    return token(key, algorithm, {"kid": kid}, **{"iss": "https://auth.example.com", "aud": "retention"} | claims)


def status(cookie: str) -> int:
    browser = Client()
    browser.cookies[configured.AUTH_COOKIE_NAME] = cookie
    return browser.get(PAGE).status_code


def test_a_person_comes_in_by_page_and_by_bearer(publisher):
    assert status(signed(RSA_KEY, "first")) == 200
    assert Wire(signed(RSA_KEY, "first")).get("/api/jobs/none").status_code == 404
    assert publisher.asked == 1


def test_keys_change_and_both_kinds_are_believed(publisher):
    assert status(signed(RSA_KEY, "first")) == 200
    publisher.publish(second=EC_KEY, first=RSA_KEY)
    assert status(signed(EC_KEY, "second", "ES256")) == 200
    assert status(signed(RSA_KEY, "first")) == 200


def test_people_come_in_while_the_auth_center_is_down(publisher):
    assert status(signed(RSA_KEY, "first")) == 200
    publisher.status = 503
    jwks.forget()  # another process, just started
    assert status(signed(RSA_KEY, "first")) == 200
    for number in range(20):
        assert status(signed(OTHER_KEY, f"made-up-{number}")) == 302
    assert publisher.asked <= 3


@pytest.mark.parametrize(
    "bad",
    [
        {"key": OTHER_KEY},
        {"exp": 1000},
        {"iss": "https://evil.example.com"},
        {"aud": "billing"},
        {"iat": 1000},
    ],
)
def test_forged_expired_and_foreign_tokens_lead_back_to_the_auth_center(publisher, bad):
    cookie = signed(bad.pop("key", RSA_KEY), "first", **bad)
    assert status(cookie) == 302
    assert Wire(cookie).get("/api/jobs/none").status_code == 401
