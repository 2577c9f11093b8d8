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
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_in_a_sentence(api, body):
    answer = api("admin").put("/api/policy", body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].split(".")[0] in body
    assert not ContactPolicy.objects.exists()


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
