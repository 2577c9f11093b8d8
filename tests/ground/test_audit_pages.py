"""The audit's pages: who changed what, from what to what; the history of one thing; earlier texts of a script."""

import csv
import io
from datetime import timedelta

import pytest
from django.urls import reverse

from campaigns import script_versions, scripting
from campaigns.models import Script
from retention_center import audit
from retention_center.lib import clock
from retention_center.models import AuditEvent, Role
from retention_center.pages import audit_words
from tests import builders

pytestmark = pytest.mark.django_db
BEA = audit.Actor("Bea", "page")


def event(action: str = "change", **fields) -> AuditEvent:
    given = {"actor_name": "Bea", "via": "page", "object_type": "campaign", "object_id": "c1", "object_label": "Spring"}
    return AuditEvent.objects.create(action=action, **given | fields)


def body(answer) -> str:
    return b"".join(answer).decode() if answer.streaming else answer.content.decode()


def test_the_audit_shows_who_did_what_and_both_values(as_admin):
    event(before={"name": "Winter"}, after={"name": "Spring"})
    shown = body(as_admin.get("/audit/?view=all"))
    for words in ("Bea", "Spring", "Campaign", "name was “Winter”, is “Spring”"):
        assert words in shown


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("objectType=script", {"sms"}),
        ("objectType=script,campaign", {"sms", "spring"}),
        ("via=api", {"sms"}),
        ("action=delete", {"sms"}),
        ("objectId=c1", {"spring"}),
        ("search=bea", {"spring"}),
        ("search=sms", {"sms"}),
        ("dateTo=2026-01-31", {"spring"}),
        ("dateFrom=2026-02-01", {"sms"}),
    ],
)
def test_the_page_and_the_api_filter_alike(as_admin, api, query, found):
    at = clock.now().replace(year=2026, month=1, day=31, hour=9)
    event(object_label="spring", at=at)
    names = {"object_type": "script", "object_id": "s1", "object_label": "sms", "actor_name": "Carl", "via": "api"}
    event("delete", **names, at=at + timedelta(days=1))
    listed = api("admin").get(f"/api/audit?{query}").json()["data"]
    assert {row["objectLabel"] for row in listed} == found
    shown = body(as_admin.get(f"/audit/?{query}&export=csv"))
    assert {row["What"] for row in csv.DictReader(io.StringIO(shown.removeprefix("\ufeff")))} == found


def test_by_person(as_admin, admin):
    event(actor=admin, object_label="hers")
    event(object_label="another's")
    shown = body(as_admin.get(f"/audit/?actorId={admin.pk}"))
    assert "hers" in shown
    assert "another" not in shown


def test_no_cell_of_the_file_is_a_formula(as_admin):
    event("=cmd()", actor_name="@SUM(1)", object_label="-1+1", after={"name": "=1"})
    (row,) = csv.DictReader(io.StringIO(body(as_admin.get("/audit/?export=csv&view=all")).removeprefix("\ufeff")))
    assert (row["Did"], row["Who"], row["What"]) == ("'=cmd()", "'@SUM(1)", "'-1+1")


def test_the_list_costs_the_same_however_long_it_is(as_admin, django_assert_max_num_queries):
    for _ in range(30):
        event(after={"name": "x"})
    with django_assert_max_num_queries(16):
        as_admin.get("/audit/?view=all")


def test_one_event_shows_every_value_in_full(as_admin):
    long = "x" * 500
    one = event(before={"content": long, "is_active": True}, after={"content": long + "!", "is_active": False})
    shown = body(as_admin.get(f"/audit/{one.pk}/"))
    assert long + "!" in shown
    assert ">yes<" in shown
    assert as_admin.get("/audit/none/").status_code == 404


def test_values_are_never_markup(as_admin):
    event(object_label="<script>alert(1)</script>", after={"<b>": "<img src=x>"})
    one = AuditEvent.objects.get()
    for address in ("/audit/?view=all", f"/audit/{one.pk}/", "/history/campaign/c1/"):
        shown = body(as_admin.get(address))
        assert "<script>alert" not in shown
        assert "<img src=x>" not in shown


@pytest.mark.parametrize("address", ["/audit/", "/audit/none/", "/history/user/none/", "/history/apikey/none/"])
def test_the_audit_of_all_and_of_people_is_the_admins(as_operator, address):
    assert as_operator.get(address).status_code == 403


def test_everybody_reads_the_history_of_what_they_see(as_viewer):
    event(before={"name": "Winter"}, after={"name": "Spring"})
    event("pause", object_id="another")
    shown = body(as_viewer.get("/history/campaign/c1/"))
    assert "Bea: change" in shown
    assert "pause" not in shown
    assert as_viewer.get("/history/campaign/nothing/").status_code == 404


@pytest.mark.parametrize("page", ["0", "-1", "x", "99999", "²"])
def test_an_odd_page_of_a_history_is_no_error(as_viewer, page):
    event()
    assert as_viewer.get("/history/campaign/c1/", {"page": page}).status_code == 200


def test_a_long_history_has_pages(as_viewer):
    for number in range(60):
        event(f"act-{number:02}")
    first, second = (body(as_viewer.get("/history/campaign/c1/", {"page": page})) for page in (1, 2))
    assert "act-59" in first
    assert "act-00" not in first
    assert "act-00" in second


def test_things_show_their_history_on_their_own_page(as_operator):
    campaign, script = builders.make_campaign(), builders.make_script()
    integration = builders.make_integration("sandbox")
    for row in (campaign, script, integration):
        audit.record(BEA, "rename", row)
    for address in (campaign.get_absolute_url(), script.get_absolute_url(), "/integrations/sandbox/"):
        assert "Bea: rename" in body(as_operator.get(address)), address


def test_a_persons_history_tells_their_roles(as_admin, viewer):
    audit.record(BEA, "change", viewer, before={"role": "viewer"}, after={"role": "operator"})
    there = as_admin.get(reverse("admin:retention_center_user_history", args=[viewer.pk]))
    assert "role was “viewer”, is “operator”" in body(as_admin.get(there["Location"]))


def test_a_changed_secret_stands_in_no_history(as_admin):
    row = builders.make_integration("webhook", signingSecret="whsec_0123456789abcdefghijklmnop")
    as_admin.post("/integrations/webhook/", {"is_active": "on", "signingSecret": "whsec_" + "Zz9" * 10})
    told = str(list(AuditEvent.objects.filter(object_id=row.pk).values_list("before", "after")))
    assert "Zz9Zz9" not in told


def test_a_word_of_a_value_is_short_in_a_line():
    one = AuditEvent(before={"a_b": "x" * 100}, after={"a_b": None, "stopOnReply": True, "list": []})
    told = audit_words.in_short(one)
    assert told == f"a b was “{'x' * 60}…”, is blank; stop on reply “yes”; list blank"


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        ("2026-03-01 19:22:31.634164+00:00", "“1 Mar 2026 19:22”"),
        ("2026-03-01T19:22:31Z", "“1 Mar 2026 19:22”"),
        ("2026-13-45 99:22:31+00:00", "“2026-13-45 99:22:31+00:00”"),
        ("0001-01-01T00:00:00+14:00", "“0001-01-01T00:00:00+14:00”"),
        ("2026-03-01", "“2026-03-01”"),
    ],
)
def test_a_time_is_told_as_staff_read_times(stored, told):
    assert audit_words.in_short(AuditEvent(after={"at": stored})) == f"at {told}"


def made(**fields) -> Script:
    script = Script(**{"name": "Hello", "type": "EMAIL", "subject": "One", "content": "First"} | fields)
    return scripting.create(script, BEA)


def test_earlier_texts_of_a_script_are_told_newest_first():
    script = made()
    scripting.change(script, {"content": "Second"}, BEA)
    scripting.change(script, {"name": "Renamed"}, BEA)
    scripting.change(script, {"subject": "Two", "content": "Third"}, BEA)
    assert [(version.subject, version.content, version.is_live) for version in script_versions.of(script)] == [
        ("Two", "Third", True),
        ("One", "Second", False),
        ("One", "First", False),
    ]


def test_an_operator_puts_an_earlier_text_back(as_operator):
    script = made()
    scripting.change(script, {"subject": "Two", "content": "Second"}, BEA)
    first = script_versions.of(script)[-1]
    assert "First" in body(as_operator.get(f"/scripts/{script.pk}/versions/"))
    answer = as_operator.post(f"/scripts/{script.pk}/versions/", {"event": first.event_id})
    script.refresh_from_db()
    assert (answer.status_code, script.subject, script.content, script.name) == (302, "One", "First", "Hello")
    assert len(script_versions.of(script)) == 3  # going back is a change as well


@pytest.mark.parametrize("given", ["", "none", "x" * 500])
def test_a_text_that_never_was_is_not_put_back(as_operator, given):
    script = made()
    assert as_operator.post(f"/scripts/{script.pk}/versions/", {"event": given}).status_code == 409


def test_viewers_put_nothing_back(as_viewer):
    script = made()
    assert as_viewer.get(f"/scripts/{script.pk}/versions/").status_code == 200
    assert as_viewer.post(f"/scripts/{script.pk}/versions/", {"event": "x"}).status_code == 403


def test_histories_of_unknown_kinds_are_the_admins():
    assert audit_words.kind_of("user").role == Role.ADMIN
    assert audit_words.kind_of("lead").role == Role.VIEWER
    assert audit_words.kind_of("anything").role == Role.ADMIN
