"""People of the Auth Center as our users, where requests come at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection
from django.db.models.signals import pre_save

from retention_center.auth import people, tokens
from retention_center.models import User
from tests.ground.auth_center import SECRET, token


@pytest.fixture
def at_once() -> Any:
    """Whoever is about to be saved waits a moment for another one."""
    barrier = threading.Barrier(2, timeout=1)

    def wait(**_: Any) -> None:
        with suppress(threading.BrokenBarrierError):  # SQLite lets one write after the other
            barrier.wait()

    pre_save.connect(wait, sender=User)
    yield
    pre_save.disconnect(wait, sender=User)


def signed_in(subject: str) -> str:
    try:
        return people.user_of(tokens.verify(token(sub=subject))).subject or ""
    except people.Refused as refusal:
        return str(refusal)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("second", ["ac-1", "ac-2"])
def test_two_first_requests_at_once_make_one_account(settings, second):
    settings.AUTH_CENTER_JWT_SECRET = SECRET
    with ThreadPoolExecutor(2) as threads:
        told = sorted(threads.map(signed_in, ["ac-1", second]))
    made = User.objects.get()
    if second == "ac-1":
        assert told == ["ac-1", "ac-1"]
    else:  # two people, one address: it stays with whoever came first
        assert "has this e-mail address" in told[0]
        assert told[1] == made.subject
