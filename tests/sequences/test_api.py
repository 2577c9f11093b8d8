import pytest

from leads.models import Lead
from retention_center.models import AuditEvent
from sequences import enrolling
from sequences.models import RetentionSequence, SequenceEnrollment
from tests.builders import (
    make_attempt,
    make_enrollment,
    make_execution,
    make_integration,
    make_lead,
    make_leads,
    make_script,
    make_sequence,
)

SEQUENCES = "/api/sequences"


def step(script=None, channel="EMAIL", **more):
    return {
        "channel": channel,
        "scriptId": script.pk if script else None,
        "delayValue": 1,
        "delayUnit": "DAYS",
    } | more


def errors_of(answer):
    return {error["field"]: error["message"] for error in answer.json()["errors"]}


def test_a_new_sequence_is_a_draft_with_an_audit_event(api):
    body = {"name": "Win back", "triggerType": "no_conversion", "triggerConfig": {"minAgeHours": 48, "source": "CRM"}}
    answer = api("operator").post(SEQUENCES, body)
    assert answer.status_code == 201, answer.content
    said = answer.json()
    assert (said["status"], said["version"], said["steps"], said["enrollments"]) == ("DRAFT", 0, [], {})
    assert said["triggerConfig"] == {"minAgeHours": 48, "source": "CRM"}
    assert AuditEvent.objects.get(object_id=said["id"]).action == "create"


def test_a_sequence_narrows_the_contact_policy_by_its_own_rules(api):
    rules = {"contactHoursStart": "10:00", "perChannel": {"SMS": {"maxContactsPerDay": 1}}}
    made = api("operator").post(SEQUENCES, {"name": "Win back", "contactRules": rules | {"contactDays": None}})
    assert made.status_code == 201, made.content
    assert made.json()["contactRules"] == rules
    path = f"{SEQUENCES}/{made.json()['id']}"
    assert api("operator").patch(path, {"name": "Win them back"}).json()["contactRules"] == rules
    assert api("operator").patch(path, {"contactRules": {}}).json()["contactRules"] == {}
    assert AuditEvent.objects.filter(object_id=made.json()["id"]).latest("pk").before["contact_rules"] == rules


@pytest.mark.parametrize(
    ("rules", "word"),
    [
        ({"contactHoursStart": "24:00"}, "contactHoursStart: Write a time as HH:MM"),
        ({"holidays": []}, "“holidays” is no contact rule; there are contactHoursStart"),
        ({"delayBetweenChannels": 8 * 24 * 3_600_000}, "from 0 to 604,800,000"),
        ({"perChannel": {"SMS": {"contactDays": ["FRIDAY"]}}}, "perChannel: SMS: contactDays: Name at least one day"),
        ({"perChannel": {"FAX": {}}}, "perChannel: “FAX” is no channel"),
    ],
)
def test_contact_rules_that_make_no_sense_are_refused_in_a_sentence(api, rules, word):
    answer = api("operator").post(SEQUENCES, {"name": "Win back", "contactRules": rules})
    assert answer.status_code == 400
    assert word in errors_of(answer)["contactRules"]


def test_a_viewer_reads_and_changes_nothing(api):
    sequence = make_sequence(1)
    assert api("viewer").get(f"{SEQUENCES}/{sequence.pk}").status_code == 200
    assert api("viewer").patch(f"{SEQUENCES}/{sequence.pk}", {"name": "Other"}).status_code == 403
    assert api("").get(SEQUENCES).status_code == 401


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ({"lookbackMinutes": "soon"}, "lookbackMinutes: Give a whole number of minutes"),
        ({"lookbackMinutes": -1}, "from 0 to 10,080"),
        ({"minAgeHours": True}, "minAgeHours: Give a whole number of hours"),
        ({"minAgeHours": 10**30}, "from 0 to 87,600"),
        ({"source": 7}, "source: A source is a text"),
        ({"status": "CONVERTED"}, "status: A status to enter with is one of NEW, CONTACTED, IN_PROGRESS"),
        ({"sauce": "CRM"}, "There is no “sauce”"),
        ([], "Must be an object"),
    ],
)
def test_a_trigger_that_makes_no_sense_is_refused_in_a_sentence(api, config, word):
    answer = api("operator").post(SEQUENCES, {"name": "A", "triggerType": "new_lead", "triggerConfig": config})
    assert answer.status_code == 400
    assert word in errors_of(answer)["triggerConfig"]
    assert not RetentionSequence.objects.exists()


def test_the_list_filters_by_status_and_trigger(api):
    make_sequence(1, name="Runs")
    draft = make_sequence(0, name="Draft", status="DRAFT", trigger_type="new_lead")
    caller = api("viewer")
    assert [row["id"] for row in caller.get(SEQUENCES, {"status": "DRAFT"}).json()["data"]] == [draft.pk]
    assert caller.get(SEQUENCES, {"triggerType": "new_lead,no_conversion"}).json()["total"] == 1
    assert caller.get(SEQUENCES, {"search": "run"}).json()["total"] == 1
    assert caller.get(SEQUENCES, {"status": "GONE"}).status_code == 400


# Steps ----


def test_steps_are_replaced_as_a_whole_and_keep_their_keys_by_place(api):
    sequence, script, sms = make_sequence(2), make_script(), make_script("SMS")
    answer = api("operator").put(
        f"{SEQUENCES}/{sequence.pk}/steps",
        {"steps": [step(script, delayValue=0), step(sms, "SMS", delayUnit="HOURS", onFailure="stop", isActive=False)]},
    )
    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert said["version"] == 2
    assert [one["stepOrder"] for one in said["steps"]] == [1, 2]
    assert said["steps"][0]["key"] == "step-1"
    assert said["steps"][1]["key"] != "step-2"  # another channel is another step
    assert (said["steps"][1]["onFailure"], said["steps"][1]["isActive"]) == ("stop", False)
    assert api("viewer").get(f"{SEQUENCES}/{sequence.pk}/steps").json() == said


@pytest.mark.parametrize(
    ("wrong", "field", "word"),
    [
        ({"channel": "PIGEON"}, "steps.0.channel", "not a valid choice"),
        ({"delayValue": -1}, "steps.0.delayValue", "greater than or equal to 0"),
        ({"delayValue": 10**12}, "steps.0.delayValue", "less than or equal to"),
        ({"delayUnit": "YEARS"}, "steps.0.delayUnit", "not a valid choice"),
        ({"scriptId": "nowhere"}, "steps.0.scriptId", "There is no such script"),
        ({"channel": "SMS"}, "steps.0.scriptId", "choose one that fits"),
        ({"conditions": [{"field": "status"}]}, "steps.0.conditions", "Condition 1: its op must be one of"),
        ({"onFailure": "cry"}, "steps.0.onFailure", "not a valid choice"),
    ],
)
def test_a_wrong_step_changes_nothing_and_is_named(api, wrong, field, word):
    sequence = make_sequence(1)
    answer = api("operator").put(f"{SEQUENCES}/{sequence.pk}/steps", {"steps": [step(make_script()) | wrong]})
    assert answer.status_code == 400
    assert word in errors_of(answer)[field]
    sequence.refresh_from_db()
    assert sequence.version == 1


def test_empty_conditions_are_taken(api):
    sequence = make_sequence(1)
    body = {"steps": [step(make_script(), conditions=[])]}
    assert api("operator").put(f"{SEQUENCES}/{sequence.pk}/steps", body).status_code == 200


def test_an_active_sequence_keeps_a_step_that_is_on(api):
    sequence = make_sequence(1)
    answer = api("operator").put(f"{SEQUENCES}/{sequence.pk}/steps", {"steps": []})
    assert answer.status_code == 409
    assert "needs a step that is on" in answer.json()["detail"]


def test_the_steps_of_an_archived_sequence_stay(api):
    sequence = make_sequence(1, status="ARCHIVED")
    answer = api("operator").put(f"{SEQUENCES}/{sequence.pk}/steps", {"steps": [step(make_script())]})
    assert answer.status_code == 409
    assert "is archived" in answer.json()["detail"]


# Moves ----


def test_activation_needs_a_step_with_a_script(api):
    empty = make_sequence(0, status="DRAFT", activated_at=None)
    mute = make_sequence([{"script": None}], status="DRAFT", activated_at=None)
    for sequence, word in [(empty, "no step that is on"), (mute, "Step 1 has no script")]:
        answer = api("operator").patch(f"{SEQUENCES}/{sequence.pk}", {"status": "ACTIVE"})
        assert answer.status_code == 409
        assert word in answer.json()["detail"]
        assert word in errors_of(answer)["steps"]


@pytest.mark.parametrize(("existing", "is_open"), [("none", False), ("all", True), (None, False)])
def test_activation_says_whether_those_who_match_now_enter(api, existing, is_open):
    sequence = make_sequence(1, status="DRAFT", activated_at=None, trigger_type="new_lead")
    body = {"status": "ACTIVE"} | ({"existing": existing} if existing else {})
    answer = api("operator").patch(f"{SEQUENCES}/{sequence.pk}", body)
    assert (answer.status_code, answer.json()["status"]) == (200, "ACTIVE")
    sequence.refresh_from_db()
    assert (sequence.enrolls_from is None) == is_open


def test_a_forbidden_move_names_the_allowed_ones(api):
    sequence = make_sequence(1, status="DRAFT")
    answer = api("operator").patch(f"{SEQUENCES}/{sequence.pk}", {"status": "PAUSED", "name": "Renamed"})
    assert (answer.status_code, answer.json()["allowed"]) == (409, ["ACTIVE"])
    sequence.refresh_from_db()
    assert sequence.name != "Renamed"  # all of a request or nothing of it


def test_archiving_ends_who_is_in_it(api):
    sequence, lead = make_sequence(1), make_lead()
    enrollment = make_enrollment(sequence, lead)
    make_execution(enrollment)
    assert api("operator").patch(f"{SEQUENCES}/{sequence.pk}", {"status": "ARCHIVED"}).status_code == 200
    enrollment.refresh_from_db()
    assert (enrollment.status, enrollment.reason) == ("CANCELLED", "sequence_archived")


def test_another_trigger_takes_only_leads_that_match_from_then_on(api):
    sequence = make_sequence(1, trigger_type="manual")
    answer = api("operator").patch(f"{SEQUENCES}/{sequence.pk}", {"triggerType": "new_lead"})
    assert answer.status_code == 200
    sequence.refresh_from_db()
    assert sequence.enrolls_from is not None


def test_a_sequence_with_history_is_not_deleted(api):
    used, fresh = make_sequence(1, status="PAUSED"), make_sequence(1, status="DRAFT")
    make_enrollment(used)
    refused = api("operator").delete(f"{SEQUENCES}/{used.pk}")
    assert refused.status_code == 409
    assert "Archive it instead" in refused.json()["detail"]
    assert api("operator").delete(f"{SEQUENCES}/{fresh.pk}").status_code == 204


# Enrollments ----


def test_enrolling_says_who_was_left_out_and_why(api):
    sequence, lead, off = make_sequence(1), make_lead(), make_lead(status=Lead.Status.DO_NOT_CONTACT)
    make_enrollment(sequence, again := make_lead())
    ids = [lead.pk, off.pk, again.pk, "nobody", lead.pk]
    answer = api("operator").post(f"{SEQUENCES}/{sequence.pk}/enrollments", {"leadIds": ids})
    assert answer.status_code == 200, answer.content
    assert answer.json() == {
        "enrolled": 1,
        "skipped": [
            {"leadId": off.pk, "reason": "do_not_contact"},
            {"leadId": again.pk, "reason": "already_enrolled"},
            {"leadId": "nobody", "reason": "unknown_lead"},
        ],
    }
    assert sequence.enrollments.get(lead=lead).source == "api"


def test_nobody_enters_an_archived_sequence(api):
    sequence = make_sequence(1, status="ARCHIVED")
    answer = api("operator").post(f"{SEQUENCES}/{sequence.pk}/enrollments", {"leadIds": [make_lead().pk]})
    assert answer.status_code == 409
    assert "is archived" in answer.json()["detail"]


@pytest.mark.parametrize("ids", [[], "x", [["x"]], None, ["a" * 41]])
def test_lead_ids_are_a_list_of_ids(api, ids):
    sequence = make_sequence(1)
    assert api("operator").post(f"{SEQUENCES}/{sequence.pk}/enrollments", {"leadIds": ids}).status_code == 400


def test_more_than_five_thousand_ids_are_refused(api):
    sequence = make_sequence(1)
    ids = [f"id-{n}" for n in range(5001)]
    assert api("operator").post(f"{SEQUENCES}/{sequence.pk}/enrollments", {"leadIds": ids}).status_code == 400


def test_enrollments_are_listed_by_status(api):
    sequence = make_sequence(1)
    make_enrollment(sequence)
    done = make_enrollment(sequence, status="COMPLETED")
    make_enrollment()
    answer = api("viewer").get(f"{SEQUENCES}/{sequence.pk}/enrollments", {"status": "COMPLETED"})
    assert [row["id"] for row in answer.json()["data"]] == [done.pk]
    assert api("viewer").get(f"{SEQUENCES}/nowhere/enrollments").status_code == 404


def test_an_enrollment_tells_each_step_with_its_reason(api):
    sequence = make_sequence(2)
    enrollment = make_enrollment(sequence)
    attempt = make_attempt(enrollment.lead)
    sent = make_execution(enrollment, 1, status="DELIVERED", contact_attempt=attempt, try_no=1)
    make_execution(enrollment, 2, held_reason="quiet_hours", scheduled_at=sent.scheduled_at.replace(year=2030))
    said = api("viewer").get(f"/api/enrollments/{enrollment.pk}").json()
    first, second = said["executions"]
    assert (first["stepKey"], first["stepOrder"], first["channel"], first["status"]) == (
        "step-1",
        1,
        "EMAIL",
        "DELIVERED",
    )
    assert (first["attemptId"], first["tryNo"], first["reason"]) == (attempt.pk, 1, "")
    assert (second["reason"], second["why"]) == ("quiet_hours", "Outside the contact hours in the lead's zone")


def test_an_enrollment_is_paused_resumed_and_cancelled(api):
    sequence, lead = make_sequence(1), make_lead()
    api("operator").post(f"{SEQUENCES}/{sequence.pk}/enrollments", {"leadIds": [lead.pk]})
    address = f"/api/enrollments/{sequence.enrollments.get().pk}"
    for status in ("PAUSED", "ACTIVE", "CANCELLED"):
        answer = api("operator").patch(address, {"status": status})
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    refused = api("operator").patch(address, {"status": "ACTIVE"})
    assert (refused.status_code, refused.json()["allowed"]) == (409, [])
    assert api("operator").patch(address, {"status": "COMPLETED"}).status_code == 400
    assert api("viewer").patch(address, {"status": "PAUSED"}).status_code == 403


# Figures ----


def funnel_of(sequence):
    """Six people: one replied, one converted after step 1, one bounced, one skipped, one held, one is waiting."""
    kinds = [
        ("SENT", "", {"replied": True}),
        ("DELIVERED", "", {}),
        ("FAILED", "bounced", {}),
        ("SKIPPED", "no_address", {}),
    ]
    for status, reason, result in kinds:
        enrollment = make_enrollment(sequence, status="CONVERTED" if status == "DELIVERED" else "COMPLETED")
        attempt = make_attempt(enrollment.lead, result=result)
        make_execution(enrollment, 1, status=status, reason=reason, contact_attempt=attempt,
                       executed_at=enrollment.enrolled_at)  # fmt: skip
    late = make_enrollment(sequence)
    make_execution(late, 1, held_reason="no_provider", scheduled_at=late.enrolled_at)
    waiting = make_enrollment(sequence)
    make_execution(waiting, 1, scheduled_at=waiting.enrolled_at.replace(year=2099))
    left = make_enrollment(sequence, status="CANCELLED", reason="opted_out")
    make_execution(left, 1, status="SKIPPED", reason="opted_out")


def test_the_funnel_counts_what_became_of_everybody(api):
    sequence = make_sequence(2)
    funnel_of(sequence)
    said = api("viewer").get(f"{SEQUENCES}/{sequence.pk}/stats").json()
    assert said["total"] == 7
    assert said["byStatus"] == {"ACTIVE": 2, "CANCELLED": 1, "COMPLETED": 3, "CONVERTED": 1}
    first, second = said["steps"]
    assert first == {
        "stepKey": "step-1", "stepOrder": 1, "channel": "EMAIL", "due": 5, "sent": 2, "delivered": 1, "replied": 1,
        "converted": 1, "failed": 1, "skipped": 1, "waiting": 2, "held": 1,
    }  # fmt: skip
    assert second["due"] == 0


# The timer ----


def test_the_cron_address_needs_its_token(api, settings):
    address = "/api/cron/process-sequences"
    assert "not set" in api("admin").post(address).json()["detail"]
    settings.CRON_TOKEN = "a token for timers"
    refused = api("admin").post(address)
    assert refused.status_code == 401
    assert refused["WWW-Authenticate"].startswith("Bearer")
    assert api("").post(address, Authorization="Bearer a token for timers!").status_code == 401


@pytest.mark.django_db(transaction=True)
def test_the_cron_address_does_one_round_and_answers_as_the_command(api, settings):
    settings.CRON_TOKEN = "a token for timers"
    make_integration("sandbox")
    sequence = make_sequence(1)
    [lead] = make_leads(1, time_zone="UTC")
    api("operator").post(f"{SEQUENCES}/{sequence.pk}/enrollments", {"leadIds": [lead.pk]})
    answer = api("").post("/api/cron/process-sequences", Authorization="Bearer a token for timers")
    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert list(said) == [
        "due",
        "sent",
        "failed",
        "retried",
        "skipped",
        "held",
        "unknown",
        "completed",
        "enrolled",
        "seconds",
    ]
    assert said["due"] == 1
    assert said["sent"] + said["held"] == 1  # by the hour this runs


def test_a_run_that_has_ended_begins_anew_by_enrolling(api, now):
    sequence, lead = make_sequence(1), make_lead()
    operator = api("operator")
    operator.post(f"{SEQUENCES}/{sequence.pk}/enrollments", {"leadIds": [lead.pk]})
    enrolling.stop_for_lead([lead.pk], "cancelled", now)
    operator.post(f"{SEQUENCES}/{sequence.pk}/enrollments", {"leadIds": [lead.pk]})
    assert SequenceEnrollment.objects.get().run_no == 2


def test_re_entry_and_the_number_a_day_are_set_and_checked(api):
    caller = api("operator")
    path = f"/api/sequences/{make_sequence(1, trigger_type='new_lead').pk}"
    wanted = {"reEntry": "after_days", "reEntryDays": 30, "entrantsPerDay": 50}
    assert wanted.items() <= caller.patch(path, wanted).json().items()
    assert caller.patch(path, {"reEntry": "never"}).json()["reEntryDays"] is None
    for wrong, field in (
        ({"reEntry": "after_days"}, "reEntryDays"),
        ({"reEntry": "always"}, "reEntry"),
        ({"reEntryDays": 0}, "reEntryDays"),
        ({"entrantsPerDay": 0}, "entrantsPerDay"),
    ):
        refused = caller.patch(path, wrong)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, field)
