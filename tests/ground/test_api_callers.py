"""Who may call the API: keys, tokens, our own pages; and what each role may do."""

import pytest
from django.test import Client

from retention_center.api.checks import api_views, api_views_name_their_callers
from retention_center.models import ApiKey
from tests.wire import Wire

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.ground.odd_urls")]


@pytest.mark.parametrize(
    "credential",
    [None, "Bearer", "Bearer ", "Bearer rc_unknown", "Bearer abc", "Basic YTpi", "Token x", "Bearer a.b.c", "\u00e9"],
)
def test_without_a_valid_credential_nobody_gets_in(credential):
    answer = Client(headers={"Authorization": credential} if credential is not None else {}).get("/api/odd")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer["Content-Type"] == "application/problem+json"


def test_viewers_read_and_operators_change(api):
    assert api("viewer").get("/api/odd").status_code == 200
    refused = api("viewer").post("/api/odd", {"firstName": "Ada"})
    assert refused.status_code == 403
    assert refused.json()["detail"] == "This needs the role operator."
    assert api("operator").post("/api/odd", {"firstName": "Ada"}).status_code == 201


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("operator", 403), ("admin", 200), ("", 401)])
def test_keys_and_audit_are_the_admins(api, role, status):
    assert api(role).get("/api/api-keys").status_code == status
    assert api(role).get("/api/audit").status_code == status


def test_a_key_works_with_any_spelling_of_bearer(api):
    caller = api("viewer")
    caller.headers = {"Authorization": caller.headers["Authorization"].replace("Bearer", "bearer")}
    assert caller.get("/api/odd").status_code == 200


def test_a_page_reads_with_its_session(as_viewer):
    assert as_viewer.get("/api/odd").status_code == 200


def test_a_page_changes_only_with_its_csrf_token(operator):
    page = Client(enforce_csrf_checks=True)
    page.force_login(operator)
    body = {"firstName": "Ada"}
    assert page.post("/api/odd", body, "application/json").status_code == 401
    page.get("/auth/password")
    token = page.cookies["rc_csrf"].value
    assert page.post("/api/odd", body, "application/json", headers={"X-CSRFToken": token}).status_code == 201


def test_a_disabled_person_is_nobody(as_operator, operator):
    operator.is_active = False
    operator.save()
    assert as_operator.get("/api/odd").status_code == 401


def test_a_key_needs_no_csrf_token(api):
    caller = api("operator")
    caller.client = Client(enforce_csrf_checks=True)
    assert caller.post("/api/odd", {"firstName": "Ada"}).status_code == 201


def test_a_bad_key_beside_a_good_session_is_still_refused(as_operator):
    assert as_operator.get("/api/odd", headers={"Authorization": "Bearer rc_bad"}).status_code == 401


def test_every_address_of_the_api_names_its_callers():
    assert api_views_name_their_callers() == []
    assert len(list(api_views())) > 5


def test_no_address_but_the_open_ones_answers_a_stranger(api):
    stranger = Wire()
    for address, view in api_views():
        if "(" in address or "^" in address or getattr(view, "__name__", "") in {"SchemaView", "DocsView"}:
            continue
        path = "/api/" + address.replace("<str:", "<").replace("<", "").replace(">", "")
        if "webhooks" not in path and "cron" not in path:
            assert stranger.get(path).status_code in {401, 429}, path


def test_a_key_that_was_never_used_again_is_not_noted_twice_a_minute(api, django_assert_num_queries):
    caller = api("viewer")
    caller.get("/api/odd")
    used = ApiKey.objects.get().last_used_at
    assert used is not None
    with django_assert_num_queries(1):
        caller.get("/api/odd")
    assert ApiKey.objects.get().last_used_at == used
