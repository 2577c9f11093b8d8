import pytest
from django.urls import reverse

from leads.models import Lead
from retention_center import jobs
from retention_center.audit import SYSTEM
from retention_center.models import AuditEvent, Job
from retention_center.search import search
from sequences import enrolling
from sequences.models import RetentionSequence, SequenceEnrollment
from tests.builders import (
    make_enrollment,
    make_execution,
    make_lead,
    make_leads,
    make_script,
    make_sequence,
    make_step,
)

MOST_QUERIES = 12


@pytest.fixture
def used(db, now):
    """A sequence with people at every place, and one query less than it seems for none of them."""
    sequence = make_sequence(3, trigger_type="new_lead")
    for number in range(30):
        enrollment = make_enrollment(sequence, status="ACTIVE" if number % 3 else "CONVERTED")
        make_execution(enrollment, 1, status="SENT", executed_at=now)
        if number % 3:
            make_execution(enrollment, 2, held_reason="quiet_hours")
    return sequence


PAGES = [
    "sequence", "sequence-enrollments", "sequence-executions", "sequence-results", "sequence-history",
    "sequence-settings", "sequence-enroll", "sequence-matching",
]  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_a_page_costs_at_most_twelve_queries(as_operator, used, name, django_assert_max_num_queries):
    address = reverse(name, args=[used.pk])
    as_operator.get(address)
    with django_assert_max_num_queries(MOST_QUERIES):
        assert as_operator.get(address).status_code == 200


def test_the_list_costs_the_same_however_many_sequences(as_operator, used, django_assert_max_num_queries):
    for _ in range(20):
        make_sequence(2)
    as_operator.get("/sequences/")
    with django_assert_max_num_queries(MOST_QUERIES):
        html = as_operator.get("/sequences/").content.decode()
    assert "Every new lead" in html


def test_an_enrollment_costs_at_most_twelve_queries(as_operator, used, django_assert_max_num_queries):
    address = used.enrollments.first().get_absolute_url()
    as_operator.get(address)
    with django_assert_max_num_queries(MOST_QUERIES):
        assert as_operator.get(address).status_code == 200


def test_a_number_of_the_funnel_opens_its_rows(as_viewer, used):
    address = reverse("sequence-executions", args=[used.pk])
    html = as_viewer.get(address, {"step": "step-1", "state": "converted"}).content.decode()
    assert "10 rows" in html
    held = as_viewer.get(address, {"step": "step-2", "state": "held"}).content.decode()
    assert "20 rows" in held
    assert "Outside the contact hours" in held


# Empty, starts, making ----


def test_the_empty_list_offers_ready_starts(as_operator):
    html = as_operator.get("/sequences/").content.decode()
    for word in ("No sequences yet", "Win back", "Welcome", "Ask once", "No leads yet"):
        assert word in html


def test_a_viewer_is_told_whom_to_ask(as_viewer):
    html = as_viewer.get("/sequences/").content.decode()
    assert "Ask an operator or an admin" in html
    assert "Use this" not in html


@pytest.mark.parametrize(("slug", "steps"), [("win-back", 4), ("welcome", 3), ("ask-once", 1)])
def test_a_ready_start_makes_a_draft_with_scripts(as_operator, slug, steps):
    answer = as_operator.post(f"/sequences/start/{slug}/")
    sequence = RetentionSequence.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, sequence.get_absolute_url())
    assert sequence.status == "DRAFT"
    assert [step.script is not None for step in sequence.live_steps()] == [True] * steps
    assert as_operator.post("/sequences/start/nothing/").status_code == 404


def test_a_sequence_is_made_by_its_form(as_operator):
    body = {"name": "Back in 30", "trigger_type": "no_conversion", "age": "30", "age_unit": "24", "source": "CRM"}
    answer = as_operator.post("/sequences/new/", body | {"lookback": "15", "status": "", "stop_on_reply": "on"})
    sequence = RetentionSequence.objects.get()
    assert answer["Location"] == sequence.get_absolute_url()
    assert sequence.trigger_config == {"source": "CRM", "lookbackMinutes": 15, "minAgeHours": 720}
    html = as_operator.get("/sequences/").content.decode()
    assert "No conversion for 30 days, leads from CRM" in html


def test_a_form_that_cannot_be_saved_keeps_what_was_typed(as_operator):
    answer = as_operator.post("/sequences/new/", {"name": " ", "trigger_type": "new_lead", "source": "Facebook"})
    assert answer.status_code == 422
    assert "Facebook" in answer.content.decode()
    assert as_operator.post("/sequences/new/", {"name": "A", "trigger_type": "new_lead", "age": "x"}).status_code == 422


def test_stale_settings_are_shown_beside_what_stands_now(as_operator):
    sequence = make_sequence(1, name="Old")
    body = {"name": "Mine", "trigger_type": "manual", "version": sequence.updated_at.isoformat()}
    sequence.name = "Theirs"
    sequence.save()
    answer = as_operator.post(reverse("sequence-settings", args=[sequence.pk]), body)
    assert answer.status_code == 409
    assert "Theirs" in answer.content.decode()


# Moves ----


def test_activation_shows_the_checklist_and_who_matches(as_operator):
    make_leads(4)
    sequence = make_sequence(1, status="DRAFT", activated_at=None, trigger_type="new_lead")
    html = as_operator.get(reverse("sequence-activation", args=[sequence.pk])).content.decode()
    for word in ("4 leads match", "Every step has a script", "No active provider for E-mail", "Future only"):
        assert word in html
    answer = as_operator.post(reverse("sequence-activation", args=[sequence.pk]), {"existing": "all"})
    assert answer.status_code == 302
    sequence.refresh_from_db()
    assert (sequence.status, sequence.enrolls_from) == ("ACTIVE", None)


def test_what_blocks_activation_is_said(as_operator):
    sequence = make_sequence([{"script": None}], status="DRAFT", activated_at=None)
    answer = as_operator.post(reverse("sequence-activation", args=[sequence.pk]))
    assert answer.status_code == 422
    assert "Step 1 has no script" in answer.content.decode()


def test_pausing_and_archiving_say_how_many_are_concerned(as_operator, now):
    sequence = make_sequence(1)
    enrolling.enroll(sequence, [lead.pk for lead in make_leads(3)], now=now, source="manual", actor=SYSTEM)
    html = as_operator.get(sequence.get_absolute_url()).content.decode()
    assert "3 people are in it. Nothing is sent while it is paused" in html
    assert "3 people leave it at once" in html
    assert as_operator.post(reverse("sequence-pause", args=[sequence.pk])).status_code == 302
    assert as_operator.post(reverse("sequence-pause", args=[sequence.pk])).status_code == 409
    assert as_operator.post(reverse("sequence-archive", args=[sequence.pk])).status_code == 302
    assert not sequence.enrollments.open().exists()


def test_only_a_sequence_without_history_is_deleted(as_operator):
    used, fresh = make_sequence(1), make_sequence(1, status="DRAFT")
    make_enrollment(used)
    assert as_operator.post(reverse("sequence-delete", args=[used.pk])).status_code == 409
    assert as_operator.post(reverse("sequence-delete", args=[fresh.pk])).status_code == 302
    assert list(RetentionSequence.objects.all()) == [used]


def test_the_history_tells_who_did_what(as_operator, operator):
    as_operator.post("/sequences/start/ask-once/")
    sequence = RetentionSequence.objects.get()
    html = as_operator.get(reverse("sequence-history", args=[sequence.pk])).content.decode()
    assert f"{operator} made it" in html
    assert f"{operator} published version 1" in html


# People ----


def test_selected_leads_are_enrolled_and_the_rest_is_explained(as_operator):
    sequence = make_sequence(1)
    lead, off = make_lead(), make_lead(status=Lead.Status.DO_NOT_CONTACT)
    answer = as_operator.post(reverse("sequence-enroll-chosen", args=[sequence.pk]), {"ids": [lead.pk, off.pk]})
    html = answer.content.decode()
    assert answer.status_code == 200
    assert "1 lead entered" in html
    assert "The lead is marked do not contact" in html
    assert sequence.enrollments.get().lead == lead


def test_all_that_match_are_enrolled_as_a_job_when_there_are_many(as_operator, operator):
    sequence = make_sequence(1)
    make_leads(230, source="CRM")
    make_leads(10, source="OTHER")
    make_enrollment(sequence, Lead.objects.filter(source="CRM").first())
    answer = as_operator.post(
        reverse("sequence-enroll-chosen", args=[sequence.pk]), {"all": "1", "query": "source=CRM&page=2"}
    )
    job = Job.objects.get()
    assert answer["Location"] == reverse("sequence-job", args=[sequence.pk, job.pk])
    assert job.total == 230
    jobs.work_on(job.pk)
    job.refresh_from_db()
    assert (job.status, job.result["enrolled"], job.result["skipped"]) == ("DONE", 229, {"already_enrolled": 1})
    assert sequence.enrollments.count() == 230
    html = as_operator.get(answer["Location"]).content.decode()
    assert "Already in the sequence" in html


def test_a_filter_that_cannot_be_read_chooses_nobody(as_operator):
    sequence = make_sequence(1)
    make_leads(3)
    body = {"all": "1", "query": "status=NONSENSE"}
    answer = as_operator.post(reverse("sequence-enroll-chosen", args=[sequence.pk]), body)
    assert answer.status_code == 400
    assert not sequence.enrollments.exists()


def test_enrollments_are_changed_one_by_one_and_in_bulk(as_operator, now):
    sequence = make_sequence(2)
    enrolling.enroll(sequence, [lead.pk for lead in make_leads(3)], now=now, source="manual", actor=SYSTEM)
    first, *_ = sequence.enrollments.all()
    assert as_operator.post(reverse("enrollment-change", args=[first.pk, "pause"])).status_code == 302
    assert as_operator.post(reverse("enrollment-change", args=[first.pk, "pause"])).status_code == 409
    address = reverse("enrollments-change", args=[sequence.pk])
    answer = as_operator.post(address, {"all": "1", "query": "", "do": "pause"}, follow=True)
    assert "2 enrollments paused; 1 left out" in answer.content.decode()
    as_operator.post(address, {"all": "1", "query": "status=PAUSED", "do": "resume"})
    assert sequence.enrollments.by_status() == {"ACTIVE": 3}
    as_operator.post(address, {"ids": [first.pk], "do": "cancel"})
    assert sequence.enrollments.by_status() == {"ACTIVE": 2, "CANCELLED": 1}
    assert AuditEvent.objects.filter(action="cancel").count() == 1


def test_many_enrollments_are_changed_by_a_job(as_operator, now):
    sequence = make_sequence(1)
    enrolling.enroll(sequence, [lead.pk for lead in make_leads(205)], now=now, source="manual", actor=SYSTEM)
    answer = as_operator.post(
        reverse("enrollments-change", args=[sequence.pk]), {"all": "1", "query": "status=ACTIVE", "do": "cancel"}
    )
    job = Job.objects.get()
    jobs.work_on(job.pk)
    job.refresh_from_db()
    assert (job.status, job.result["changed"]) == ("DONE", 205)
    assert not sequence.enrollments.open().exists()
    assert as_operator.get(answer["Location"]).status_code == 200


def test_an_enrollment_of_another_sequence_is_out_of_reach(as_operator):
    mine, other = make_sequence(1), make_enrollment(make_sequence(1))
    as_operator.post(reverse("enrollments-change", args=[mine.pk]), {"ids": [other.pk], "do": "cancel"})
    other.refresh_from_db()
    assert other.status == SequenceEnrollment.Status.ACTIVE


def test_an_enrollment_shows_every_run_with_its_reasons(as_viewer, now):
    sequence = make_sequence(2)
    enrollment = make_enrollment(sequence, run_no=2)
    make_execution(enrollment, 1, status="SKIPPED", reason="no_address", run_no=1)
    make_execution(enrollment, 1, held_reason="daily_cap", held_until=now)
    html = as_viewer.get(enrollment.get_absolute_url()).content.decode()
    for word in ("Run 2", "Run 1", "Nothing to send to", "Daily cap reached", "Held"):
        assert word in html
    assert "Cancel enrollment" not in html


@pytest.mark.parametrize("name", ["sequence-pause", "sequence-archive", "sequence-delete", "sequence-enroll-chosen"])
def test_a_viewer_changes_nothing(as_viewer, name):
    sequence = make_sequence(1)
    assert as_viewer.post(reverse(name, args=[sequence.pk])).status_code == 403


def test_what_is_not_there_is_404(as_operator):
    for name in [*PAGES, "sequence-activation"]:
        assert as_operator.get(reverse(name, args=["nowhere"])).status_code == 404, name
    assert as_operator.get(reverse("enrollment", args=["nowhere"])).status_code == 404


# Search, admin ----


def test_search_finds_sequences_by_every_word(db):
    make_sequence(1, name="Win back, 30 days")
    assert [hit.title for hit in search("days win") if hit.kind == "Sequences"] == ["Win back, 30 days"]


@pytest.mark.parametrize("model", ["retentionsequence", "sequencestep", "sequenceenrollment", "sequencestepexecution"])
def test_the_admin_lists_without_a_query_per_row(as_admin, used, model, django_assert_max_num_queries):
    make_step(used, 9, script=make_script())
    address = reverse(f"admin:sequences_{model}_changelist")
    as_admin.get(address)
    with django_assert_max_num_queries(10):
        assert as_admin.get(address).status_code == 200


def test_the_admin_edits_no_queue_fields(as_admin, used):
    execution = used.executions.first()
    address = reverse("admin:sequences_sequencestepexecution_change", args=[execution.pk])
    html = as_admin.get(address).content.decode()
    assert 'name="fence"' not in html
    sequence_page = as_admin.get(reverse("admin:sequences_retentionsequence_change", args=[used.pk])).content.decode()
    assert 'name="status"' not in sequence_page


def test_re_entry_and_the_number_a_day_are_set_on_the_settings_page(as_operator, as_viewer):
    sequence = make_sequence(1, trigger_type="new_lead")
    path = f"/sequences/{sequence.pk}/settings/"
    form = as_operator.get(path).context["form"]
    given = {"name": sequence.name, "trigger_type": "new_lead", "version": form["version"].value()}
    refused = as_operator.post(path, given | {"re_entry": "after_days"})
    assert (refused.status_code, "Say after how many days" in refused.content.decode()) == (422, True)
    as_operator.post(path, given | {"re_entry": "after_days", "re_entry_days": "7", "entrants_per_day": "50"})
    sequence.refresh_from_db()
    assert (sequence.re_entry, sequence.re_entry_days, sequence.entrants_per_day) == ("after_days", 7, 50)
    assert "Some days after finishing: 7 days" in as_viewer.get(path).content.decode()
    assert "and again 7 days after finishing" in as_viewer.get(f"/sequences/{sequence.pk}/").content.decode()
