import pytest

from leads.importing import start
from retention_center.audit import SYSTEM
from tests.builders import make_lead

pytestmark = pytest.mark.django_db
JUNK = ["%00", "%ED%A0%80", "%FF", "x" * 500, "..%2F..", "%27%22%3C", "%F0%9F%98%80"]


@pytest.mark.parametrize("junk", JUNK)
def test_junk_in_an_address_is_never_our_fault(as_admin, junk):
    lead = make_lead()
    for path in (
        f"/leads/{junk}/",
        f"/leads/{junk}/edit/",
        f"/leads/{junk}/checks/",
        f"/leads/{lead.pk}/?kind={junk}&before={junk}",
        f"/leads/{lead.pk}/checks/?channel={junk}",
        f"/leads/import/{junk}/columns/",
        f"/leads/changes/{junk}/",
        f"/leads/?search={junk}&status={junk}&source={junk}&createdFrom={junk}&page={junk}&sort={junk}&size={junk}",
        f"/leads/suppressions/?search={junk}",
        f"/u/{junk}",
    ):
        assert as_admin.get(path).status_code < 500, path


@pytest.mark.parametrize("junk", ["\x00", "\ud800", "x" * 5000, "<script>", "💥", "-1", "9" * 400, "١٢٣"])
def test_junk_in_a_form_is_never_our_fault(as_admin, junk):
    lead = make_lead()
    draft = start.upload(b"email,name\na@example.com,Ada\n", "x.csv", actor=SYSTEM)
    junk = junk.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    everything = dict.fromkeys(
        ("first_name", "email", "phone", "source", "status", "time_zone", "notes", "external_id", "version"), junk
    )
    posts = {
        "/leads/new/": everything,
        f"/leads/{lead.pk}/edit/": everything,
        "/leads/bulk/": {"action": "status", "ids": [junk, lead.pk], "sure": "1", "target": junk},
        "/leads/suppressions/new/": {"address": junk, "channel": junk, "note": junk},
        f"/leads/import/{draft.pk}/columns/": {"source": junk, "region": junk, "campaign": junk, "column-0": junk},
        "/leads/import/": {"file": junk, "region": junk},
    }
    for path, data in posts.items():
        assert as_admin.post(path, data).status_code < 500, path
    assert as_admin.post("/leads/bulk/", {"action": junk, "all": "1", "query": f"search={junk}"}).status_code < 500
