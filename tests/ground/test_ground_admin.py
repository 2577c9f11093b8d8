"""The admin of the ground's own rows."""

import re

import pytest
from django.contrib import admin

from retention_center.models import ApiKey, AuditEvent, Job, Role, User
from tests import builders

pytestmark = pytest.mark.django_db
PERSON = {"email": "New@Example.com", "name": "New", "role": "operator", "time_zone": "", "is_active": "on"}


@pytest.mark.parametrize("who", ["as_viewer", "as_operator"])
def test_only_admins_come_in(who, request):
    assert request.getfixturevalue(who).get("/admin/", follow=True).status_code == 403


def test_the_queues_insides_and_groups_are_not_here():
    apps = {model._meta.app_label for model in admin.site._registry}
    assert not apps & {"django_q", "auth"}


@pytest.mark.parametrize("path", ["/admin/django_q/schedule/add/", "/admin/django_q/", "/admin/auth/group/"])
def test_no_schedule_can_be_made_by_hand(as_admin, path):
    assert as_admin.get(path).status_code == 404


@pytest.mark.parametrize("model", [User, ApiKey, AuditEvent, Job])
def test_every_list_opens_and_searches(as_admin, model):
    Job.objects.create(kind="x")
    builders.make_api_key()
    path = f"/admin/retention_center/{model._meta.model_name}/"
    assert as_admin.get(path).status_code == 200
    assert as_admin.get(path, {"q": "x"}).status_code == 200


def test_a_new_person_gets_a_one_time_password_shown_once(as_admin):
    answer = as_admin.post("/admin/retention_center/user/add/", PERSON, follow=True)
    password = re.search(r"shown only now: ([\w-]+)", answer.content.decode())[1]
    person = User.objects.get(email="new@example.com")
    assert person.check_password(password)
    assert person.preferences == {"changePassword": True}
    stored = str([*AuditEvent.objects.values_list("after", "before")])
    assert password not in stored
    assert "pbkdf2" not in stored
    assert [*AuditEvent.objects.order_by("id").values_list("action", "via")] == [
        ("create", "admin"),
        ("give one-time password", "admin"),
    ]


def test_a_changed_role_stands_in_the_audit(as_admin, viewer):
    fields = PERSON | {"email": viewer.email, "name": viewer.name}
    as_admin.post(f"/admin/retention_center/user/{viewer.pk}/change/", fields)
    event = AuditEvent.objects.get()
    assert (event.before, event.after) == ({"role": "viewer"}, {"role": "operator"})


@pytest.mark.parametrize("changes", [{"role": "viewer"}, {"role": "admin", "is_active": ""}])
def test_the_last_admin_stays_one(as_admin, admin, changes):
    fields = PERSON | {"email": admin.email} | changes
    fields = {name: value for name, value in fields.items() if value}
    answer = as_admin.post(f"/admin/retention_center/user/{admin.pk}/change/", fields)
    assert b"last admin" in answer.content
    admin.refresh_from_db()
    assert admin.may(Role.ADMIN)


def test_people_and_keys_are_never_deleted(as_admin, viewer):
    builders.make_api_key()
    assert as_admin.post(f"/admin/retention_center/user/{viewer.pk}/delete/", {"post": "yes"}).status_code == 403
    key = ApiKey.objects.get()
    assert as_admin.post(f"/admin/retention_center/apikey/{key.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_key_is_made_shown_once_and_revoked(as_admin):
    path = "/admin/retention_center/apikey/"
    answer = as_admin.post(f"{path}add/", {"name": "CRM", "role": "viewer"}, follow=True)
    assert re.search(r"shown only now: rc_[\w-]+", answer.content.decode())
    key = ApiKey.objects.get()
    as_admin.post(path, {"action": "revoke", "_selected_action": [key.pk]})
    key.refresh_from_db()
    assert key.revoked_at is not None


@pytest.mark.parametrize("model", ["auditevent", "job"])
def test_history_is_only_looked_at(as_admin, model):
    Job.objects.create(kind="x")
    AuditEvent.objects.create(actor_name="Ada", via="page", action="change", object_type="lead")
    row = (AuditEvent if model == "auditevent" else Job).objects.first()
    assert as_admin.get(f"/admin/retention_center/{model}/add/").status_code == 403
    assert as_admin.post(f"/admin/retention_center/{model}/{row.pk}/change/", {}).status_code == 403
    assert as_admin.get(f"/admin/retention_center/{model}/{row.pk}/change/").status_code == 200


def test_a_job_is_stopped_from_the_list(as_admin):
    job = Job.objects.create(kind="x")
    as_admin.post("/admin/retention_center/job/", {"action": "stop", "_selected_action": [job.pk]})
    job.refresh_from_db()
    assert job.status == Job.Status.STOPPED


def test_the_admin_keeps_the_strict_policy(as_admin):
    answer = as_admin.get("/admin/")
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", answer.content.decode())
