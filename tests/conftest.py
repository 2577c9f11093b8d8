"""What every test can ask for. Rows come from `tests/builders.py`."""

import functools
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from campaigns.models import CampaignLead, ContactAttempt
from conversions.models import Conversion
from integrations.models import InboundEvent
from leads.models import Lead
from retention_center import doctor
from retention_center.api import throttles
from retention_center.lib import clock
from retention_center.models import Role, User
from sequences.models import SequenceEnrollment, SequenceStepExecution
from tests import builders
from tests.environment import SCRATCH
from tests.processes import Manage, redis
from tests.wire import Wire

BROWSER_TESTS = Path(__file__).parent / "browser"
LARGE = (Lead, CampaignLead, ContactAttempt, InboundEvent, SequenceEnrollment, SequenceStepExecution, Conversion)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(BROWSER_TESTS):
            item.add_marker(pytest.mark.browser)
    if os.environ.get("TEST_DATABASE_URL"):  # what is the same on every database is shown once
        once = {item for item in items if item.get_closest_marker("once") or not _asks_a_database(item)}
        config.hook.pytest_deselected(items=list(once))
        items[:] = [item for item in items if item not in once]


def _asks_a_database(item: pytest.Item) -> bool:
    """By its mark or its fixtures; or its module itself names the database it is about."""
    fixtures = set(getattr(item, "fixturenames", ()))
    if item.get_closest_marker("django_db") or fixtures & {"db", "transactional_db"}:
        return True
    return _names_a_database(item.path)


@functools.cache
def _names_a_database(module: Path) -> bool:
    return any(word in module.read_text() for word in ("DATABASE_URL", "database_url", "postgres", "vendor"))


def pytest_unconfigure() -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:  # the workers share the folder with who started them
        shutil.rmtree(SCRATCH, ignore_errors=True)


@pytest.fixture(autouse=True)
def forget_cached(request: pytest.FixtureRequest) -> None:
    """Tests that really commit leave the cache's rows behind, which no model owns."""
    if "transactional_db" in request.fixturenames:
        request.getfixturevalue("transactional_db")
        cache.clear()


@pytest.fixture
def now() -> datetime:
    """A Wednesday, 15:00 in UTC: inside the contact hours of Europe and of America's east coast."""
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


def _analyze() -> None:
    """A test fills tables within seconds, and PostgreSQL would go on to plan for them as empty as they were."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {', '.join(model._meta.db_table for model in LARGE)}")


@pytest.fixture
def healthy(db: None) -> Iterator[None]:
    """When the test is over, the doctor finds no broken promise."""
    yield
    _analyze()
    broken = [finding for finding in doctor.examine(clock.now()) if finding.check.severity == doctor.VIOLATION]
    assert not broken, "\n".join(map(str, broken))


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


@pytest.fixture
def subprocess_manage(transactional_db: None) -> Iterator[Manage]:
    """`manage.py` in processes of its own, which may be killed, on the database this test sees."""
    manage = Manage()
    yield manage
    manage.kill_all()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with redis() as url:
        yield url


@pytest.fixture
def api(db: None) -> Callable[[str], Wire]:
    """``api("operator")``: a caller of the API with a key of that role; ``api("")``: a caller with none."""

    def caller(role: str = Role.OPERATOR) -> Wire:
        return Wire(builders.make_api_key(role) if role else "")

    return caller


@pytest.fixture(autouse=True)
def _full_buckets() -> None:
    """No test inherits what another one asked of the API's limits."""
    throttles.forget()
