"""What every test can ask for. Rows come from `tests/builders.py`."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client

from retention_center.models import Role, User
from tests import builders


@pytest.fixture
def now() -> datetime:
    """A Wednesday noon in UTC: inside the contact window of Europe and the Americas' east coast."""
    return datetime(2026, 3, 11, 15, 0, tzinfo=UTC)


@pytest.fixture
def admin(db: None) -> User:
    return builders.make_user(Role.ADMIN)


@pytest.fixture
def operator(db: None) -> User:
    return builders.make_user(Role.OPERATOR)


@pytest.fixture
def viewer(db: None) -> User:
    return builders.make_user(Role.VIEWER)


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    """A browser in which the given person is signed in."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def as_admin(admin: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(admin)


@pytest.fixture
def as_operator(operator: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(operator)


@pytest.fixture
def as_viewer(viewer: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(viewer)
