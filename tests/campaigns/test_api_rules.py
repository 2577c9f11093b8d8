import pytest

from campaigns.models import ContactPolicy
from retention_center.models import AuditEvent

pytestmark = pytest.mark.django_db


def test_the_policy_begins_with_the_contracts_defaults(api):
    assert api("viewer").get("/api/policy").json() == {
        "contactHoursStart": "08:00",
        "contactHoursEnd": "21:00",
        "contactDays": ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"],
        "maxContactsPerDay": 3,
        "delayBetweenChannels": 0,
        "lateAfterHours": 24,
        "holidays": [],
        "perChannel": {},
    }


def test_an_admin_changes_the_policy_and_it_is_audited(api):
    body = {"contactHoursEnd": "24:00", "contactDays": ["MON"], "holidays": ["2026-12-25"], "maxContactsPerDay": 2}
    answer = api("admin").put("/api/policy", body)
    assert answer.status_code == 200
    assert body.items() <= answer.json().items()
    assert ContactPolicy.load().contact_hours_end == "24:00"
    assert AuditEvent.objects.get(object_type="contactpolicy").before["contact_hours_end"] == "21:00"
    assert api("operator").put("/api/policy", body).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"contactHoursStart": "24:00"},
        {"contactHoursEnd": "9"},
        {"contactDays": []},
        {"contactDays": ["MON", "MON"]},
        {"maxContactsPerDay": 0},
        {"maxContactsPerDay": 10**30},
        {"delayBetweenChannels": -1},
        {"delayBetweenChannels": 10**18},
        {"lateAfterHours": 0},
        {"holidays": ["25.12.2026"]},
        {"holidays": "2026-12-25"},
        {"perChannel": {"PIGEON": {"maxContactsPerDay": 1}}},
        {"perChannel": {"SMS": {"maxContactsPerDay": 0}}},
        {"perChannel": {"SMS": {"holidays": []}}},
        {"perChannel": {"SMS": [1]}},
        {"perChannel": []},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_in_a_sentence(api, body):
    answer = api("admin").put("/api/policy", body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].split(".")[0] in body
    assert not ContactPolicy.objects.exists()


def test_a_channel_has_rules_of_its_own_and_a_change_without_them_leaves_them(api):
    sms = {"contactHoursStart": "10:00", "contactHoursEnd": "18:00", "maxContactsPerDay": 1, "contactDays": None}
    answer = api("admin").put("/api/policy", {"perChannel": {"SMS": sms, "EMAIL": {}}})
    assert answer.status_code == 200, answer.content
    kept = {"SMS": {"contactHoursStart": "10:00", "contactHoursEnd": "18:00", "maxContactsPerDay": 1}}
    assert answer.json()["perChannel"] == kept
    assert api("admin").put("/api/policy", {"maxContactsPerDay": 2}).json()["perChannel"] == kept
    assert AuditEvent.objects.filter(object_type="contactpolicy").latest("pk").after == {"max_contacts_per_day": 2}


def test_what_is_wrong_about_a_channel_is_named_to_the_letter(api):
    body = {"perChannel": {"SMS": {"contactHoursEnd": "25:00", "cap": 2}, "CALL": {"contactDays": ["SUNDAY"]}}}
    (error, *more) = api("admin").put("/api/policy", body).json()["errors"]
    said = " ".join(one["message"] for one in (error, *more))
    assert "SMS: contactHoursEnd: Write a time as HH:MM, from 00:00 to 24:00." in said
    assert "SMS: “cap” is no contact rule" in said
    assert "CALL: contactDays: Name at least one day" in said


def test_operators_stop_and_resume_sending(api):
    assert api("viewer").get("/api/pause").json() == {"all": False, "channels": [], "providers": []}
    stopped = {"all": True, "channels": ["SMS"], "providers": ["smtp"]}
    assert api("operator").put("/api/pause", stopped).json() == stopped
    assert api("operator").put("/api/pause", {}).json() == {"all": False, "channels": [], "providers": []}
    assert api("viewer").put("/api/pause", stopped).status_code == 403
    assert api("operator").put("/api/pause", {"providers": ["pigeon"]}).status_code == 400
    assert api("operator").put("/api/pause", {"channels": ["FAX"]}).status_code == 400


def test_every_reason_has_a_sentence_and_an_effect(api):
    reasons = api("viewer").get("/api/reasons").json()
    assert reasons["total"] == len(reasons["data"]) > 20
    assert all(one["sentence"] and one["effect"] in {"hold", "skip", "stop", "fail"} for one in reasons["data"])
    assert "quiet_hours" in {one["code"] for one in reasons["data"]}
