"""What every answer promises a browser, and that the map of threats names controls and tests that exist."""

import re
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.test import Client

from leads.unsubscribe import Link, read, url_for
from retention_center.auth import limits
from retention_center.lib import clock
from tests import builders

ROOT = Path(configured.BASE_DIR)
STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


def policy(answer) -> dict[str, str]:
    parts = [part.strip().partition(" ") for part in answer["Content-Security-Policy"].split(";")]
    return {name: value for name, _, value in parts}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/auth/login", "/keys/", "/audit/", "/nothing/", "/admin/", "/api/jobs/none"])
def test_every_answer_has_the_strict_policy(as_admin, path):
    answer = as_admin.get(path)
    assert STRICT.items() <= policy(answer).items()
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"


def test_only_previews_and_the_apis_page_have_a_policy_of_their_own():
    sources = [path for path in ROOT.glob("*/**/*.py") if path.parts[len(ROOT.parts)] not in {"tests", ".venv"}]
    own = {str(path.relative_to(ROOT)) for path in sources if "csp_override(" in path.read_text()}
    assert own == {"retention_center/api/docs.py", "campaigns/views/previews.py"}


def test_no_script_of_ours_reads_a_cookie():
    scripts = list((ROOT / "static" / "js").glob("*.js"))
    assert scripts
    assert [path.name for path in scripts if "document.cookie" in path.read_text()] == []


@pytest.mark.django_db
def test_over_https_browsers_are_told_to_stay_there(settings):
    settings.SECURE_HSTS_SECONDS = 31_536_000
    answer = Client().get("/auth/login", secure=True)
    assert answer["Strict-Transport-Security"] == "max-age=31536000"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.django_db
def test_failed_sign_ins_are_counted_where_all_processes_see_them(operator):
    assert configured.CACHES["default"]["BACKEND"].endswith("DatabaseCache")
    for _ in range(10):
        limits.count_failure("192.0.2.1", operator.email)
    given = {"email": operator.email, "password": builders.PASSWORD}
    assert Client().post("/auth/login", given).status_code == 429


@pytest.mark.django_db
def test_a_failed_sign_in_counts_for_its_minute_only(settings):
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] | {"sign_in": "2/s"}
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"DEFAULT_THROTTLE_RATES": rates}
    limits.count_failure("192.0.2.1", "a@example.com")
    assert not limits.is_exceeded("192.0.2.1", "a@example.com")
    limits.count_failure("192.0.2.1", "a@example.com")
    assert limits.is_exceeded("192.0.2.2", "A@example.com ")
    assert not limits.is_exceeded("192.0.2.1", "b@example.com")
    clock.sleep(2)
    assert not limits.is_exceeded("192.0.2.1", "a@example.com")


@pytest.mark.django_db
def test_former_secret_keys_still_read_what_they_signed(settings):
    link, settings.SECRET_KEY_FALLBACKS = url_for("lead-1", "attempt-1"), [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key, of which nothing was ever signed before today"
    assert read(link.rpartition("/u/")[2]) == Link("lead-1", "attempt-1")
    settings.SECRET_KEY_FALLBACKS = []
    assert read(link.rpartition("/u/")[2]) is None


@pytest.mark.django_db
def test_a_body_beyond_the_limit_is_refused_before_it_is_read(as_operator, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert as_operator.post("/leads/new/", {"notes": "x" * 2000}).status_code in {400, 413}


NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs" / "security.md").read_text())


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED)))
def test_the_map_names_tests_that_exist(path, name):
    assert (ROOT / path).is_file()
    assert not name or f"def {name}(" in (ROOT / path).read_text()


def test_the_map_names_tests_at_all():
    assert len(NAMED) > 30
