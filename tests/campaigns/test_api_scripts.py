import pytest

from campaigns.models import Script
from retention_center.models import AuditEvent
from tests.builders import make_attempt, make_campaign, make_lead, make_script, make_sequence

pytestmark = pytest.mark.django_db


def test_a_script_is_made_with_what_the_contract_names(api):
    campaign = make_campaign()
    body = {
        "name": "Hello",
        "type": "EMAIL",
        "content": " Hi {{ firstName }}\n",
        "contentType": "text",
        "provider": "sandbox",
        "vapiConfig": {"voice": "a"},
        "campaignId": campaign.pk,
        "isDefault": True,
    }
    made = api("operator").post("/api/scripts", body)
    assert made.status_code == 201, made.json()
    assert body.items() <= made.json().items()
    assert made.json()["isArchived"] is False


def test_making_a_script_the_default_takes_it_from_the_former_of_its_type(api):
    former, other = make_script(is_default=True), make_script("SMS", is_default=True)
    script = make_script()
    assert api("operator").patch(f"/api/scripts/{script.pk}", {"isDefault": True}).json()["isDefault"] is True
    assert set(Script.objects.filter(is_default=True)) == {script, other}
    assert AuditEvent.objects.filter(object_id=former.pk, after={"is_default": False}).exists()


@pytest.mark.parametrize(
    ("body", "field", "word"),
    [
        ({"content": "Hi {{ firstname }}"}, "content", "did you mean firstName?"),
        ({"content": "{% include 'x' %}"}, "content", "there is no tag"),
        ({"content": "   "}, "content", "Write what is sent."),
        ({"subject": "Hi {{ nobody }}"}, "subject", "no placeholder “nobody”"),
        ({"type": "WEBHOOK", "content": "{}"}, "url", "A webhook needs the address"),
        (
            {"type": "WEBHOOK", "content": "{}", "url": "https://me:pass@example.com/"},
            "url",
            "Credentials do not belong in an address",
        ),
        ({"type": "WEBHOOK", "content": "{}", "url": "ftp://x.example"}, "url", "A webhook needs the address"),
        ({"type": "WEBHOOK", "content": "{", "url": "https://x.example"}, "content", "no JSON"),
        ({"url": "https://x.example"}, "url", "Only a webhook"),
        ({"provider": "pigeon"}, "provider", "no provider “pigeon”"),
        ({"type": "SMS", "provider": "smtp"}, "provider", "smtp does not send on the channel SMS"),
        ({"campaignId": "nobody"}, "campaignId", "nobody"),
        ({"type": "FAX"}, "type", "FAX"),
        ({"vapiConfig": []}, "vapiConfig", "object"),
        ({"content": "x" * 100_001}, "content", "100000"),
    ],
)
def test_what_cannot_be_saved_is_said_beside_its_field(api, body, field, word):
    answer = api("operator").post("/api/scripts", {"name": "x", "type": "EMAIL", "content": "Hi"} | body)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert word in error["message"]


def test_the_preview_fills_in_a_lead_and_marks_what_is_empty(api):
    script = make_script("SMS", content="Hi {{ firstName }}, {{ meta.city }}!")
    lead = make_lead(first_name="Ann")
    seen = api("operator").post(f"/api/scripts/{script.pk}/preview", {"leadId": lead.pk}).json()
    assert seen["text"] == "Hi Ann, [meta.city is empty]!"
    assert seen["emptyPlaceholders"] == ["meta.city"]
    assert seen["placeholders"] == ["firstName", "meta.city"]
    assert seen["isSendable"] is False
    assert seen["sms"] == {"characters": 29, "encoding": "GSM-7", "segments": 1}


def test_the_preview_lists_unknown_placeholders_of_a_text_not_saved_yet(api):
    script = make_script()
    seen = api("operator").post(f"/api/scripts/{script.pk}/preview", {"content": "{{ lead.name }}"}).json()
    assert seen["unknownPlaceholders"] == ["lead.name"]
    assert Script.objects.get(pk=script.pk).content == script.content


def test_the_preview_of_a_text_that_does_not_parse_says_why(api):
    script = make_script(content="{% if %}")
    seen = api("operator").post(f"/api/scripts/{script.pk}/preview")
    assert seen.status_code == 200
    assert seen.json()["problems"]
    assert api("operator").post(f"/api/scripts/{script.pk}/preview", {"leadId": "none"}).status_code == 400


def test_a_script_that_steps_use_or_was_sent_is_archived_not_deleted(api):
    used = make_sequence(1).steps.get().script
    sent = make_attempt(script=make_script()).script
    for script in (used, sent):
        refused = api("operator").delete(f"/api/scripts/{script.pk}")
        assert refused.status_code == 409
        assert "Archive it instead" in refused.json()["detail"]
        assert api("operator").patch(f"/api/scripts/{script.pk}", {"isArchived": True}).json()["isArchived"] is True
    assert api("viewer").get("/api/scripts", {"isArchived": "true"}).json()["total"] == 2
    assert api("operator").patch(f"/api/scripts/{used.pk}", {"type": "SMS"}).status_code == 400
    assert api("operator").delete(f"/api/scripts/{make_script().pk}").status_code == 204


def test_the_list_filters_by_type_campaign_and_default(api):
    campaign = make_campaign()
    make_script("SMS", campaign=campaign, is_default=True)
    make_script()
    for query in ({"type": "SMS"}, {"campaignId": campaign.pk}, {"isDefault": "true"}):
        assert api("viewer").get("/api/scripts", query).json()["total"] == 1
    assert api("viewer").get("/api/scripts", {"isDefault": "perhaps"}).status_code == 400
