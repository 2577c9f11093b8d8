"""The pages of conversions: seen, linked, confirmed and rejected, written down."""

from typing import Any

import pytest

from conversions.models import Conversion
from leads.models import Lead
from tests.builders import make_campaign, make_conversion, make_lead

pytestmark = pytest.mark.django_db


def test_the_list_shows_whose_and_how_much(as_viewer: Any) -> None:
    make_conversion(make_lead(first_name="Grace"), revenue=1250)
    make_conversion(None, standing="pending", status="lead")
    text = as_viewer.get("/conversions/").content.decode()
    assert "Grace" in text
    assert "$1,250.00" in text
    assert "Nobody yet" in text
    assert "2 conversions" in text
    assert "New conversion" not in text


@pytest.mark.parametrize("query", ["isUnmatched=true", "standing=pending", "search=needle", "status=lead"])
def test_the_list_is_filtered_by_its_address(as_viewer: Any, query: str) -> None:
    make_conversion(make_lead(first_name="Grace"))
    make_conversion(None, standing="pending", status="lead", sub_id="needle")
    text = as_viewer.get(f"/conversions/?{query}").content.decode()
    assert "1 conversion" in text
    assert "Grace" not in text


def test_the_list_costs_the_same_however_long(as_viewer: Any, django_assert_max_num_queries: Any) -> None:
    for _ in range(10):
        make_conversion(make_lead(), campaign=make_campaign())
    with django_assert_max_num_queries(12):
        as_viewer.get("/conversions/")


def test_nothing_yet_says_what_to_do(as_operator: Any) -> None:
    text = as_operator.get("/conversions/").content.decode()
    assert "No conversions yet" in text
    assert "Set up Keitaro" in text


def test_a_conversion_shows_what_was_told(as_viewer: Any, postback: Any) -> None:
    postback(status="lead", payout="5", campaign_name="Spring <b>")
    postback(status="sale", payout="9.50")
    postback(status="refund")
    text = as_viewer.get(Conversion.objects.get().get_absolute_url()).content.decode()
    assert "<s>$9.50</s>" in text
    assert "Spring &lt;b&gt;" in text
    assert "belongs to nobody yet" in text
    assert "Link to this lead" not in text


@pytest.mark.parametrize("by", ["email", "phone", "external_id", "pk"])
def test_staff_link_a_conversion_to_its_lead(as_operator: Any, by: str) -> None:
    lead = make_lead(external_id="CRM 77", phone="+12125550123", email="grace@example.com")
    conversion = make_conversion(None)
    answer = as_operator.post(f"/conversions/{conversion.pk}/lead/", {"lead": f" {getattr(lead, by)} "})
    assert answer.status_code == 302
    conversion.refresh_from_db()
    assert conversion.lead == lead
    assert Lead.objects.get().status == "CONVERTED"


def test_a_lead_that_is_not_there_is_said_beside_the_field(as_operator: Any) -> None:
    conversion = make_conversion(None)
    for text in ("nobody@example.com", "", "x" * 300, "12"):
        answer = as_operator.post(f"/conversions/{conversion.pk}/lead/", {"lead": text})
        assert answer.status_code == 422
        assert 'aria-invalid="true"' in answer.content.decode()


def test_an_external_id_that_several_leads_share_is_not_guessed(as_operator: Any) -> None:
    make_lead(external_id="7"), make_lead(external_id="7")
    answer = as_operator.post(f"/conversions/{make_conversion(None).pk}/lead/", {"lead": "7"})
    assert "Several leads" in answer.content.decode()


def test_staff_confirm_and_reject(as_operator: Any) -> None:
    lead = make_lead()
    conversion = make_conversion(lead, standing="pending", status="lead", revenue=5)
    path = f"/conversions/{conversion.pk}/status/"
    as_operator.post(path, {"status": "confirmed"})
    assert Lead.objects.get().status == "CONVERTED"
    as_operator.post(path, {"status": "rejected"})
    conversion.refresh_from_db()
    assert (conversion.standing, conversion.revenue, conversion.old_revenue) == ("rejected", 0, 5)
    for status in ("confirmed", "", "sale", "x" * 100):
        answer = as_operator.post(path, {"status": status}, follow=True)
        assert "cannot be changed like that" in answer.content.decode()


def test_staff_write_a_conversion_down(as_operator: Any) -> None:
    lead, campaign = make_lead(email="grace@example.com"), make_campaign()
    assert as_operator.get("/conversions/new/").status_code == 200
    typed = {
        "lead": "grace@example.com", "status": "sale", "revenue": "12.50", "currency": "eur",
        "campaign": campaign.pk, "external_ref": "order-1",
    }  # fmt: skip
    for _ in range(2):
        assert as_operator.post("/conversions/new/", typed).status_code == 302
    row = Conversion.objects.get()
    assert (row.lead, row.campaign, row.currency, row.source) == (lead, campaign, "EUR", "manual")


@pytest.mark.parametrize("typed", [{}, {"revenue": "-1"}, {"revenue": "1e400"}, {"status": "odd"}, {"lead": "nobody"}])
def test_what_cannot_be_comes_back_with_what_was_typed(as_operator: Any, typed: dict[str, str]) -> None:
    valid = {"status": "sale", "revenue": "5", "currency": "USD"} if typed else {}
    answer = as_operator.post("/conversions/new/", valid | typed | {"external_ref": "typed-before"})
    assert answer.status_code == 422
    assert "typed-before" in answer.content.decode()
    assert not Conversion.objects.exists()


def test_viewers_change_nothing(as_viewer: Any) -> None:
    conversion = make_conversion(None)
    assert as_viewer.post(f"/conversions/{conversion.pk}/lead/", {}).status_code == 403
    assert as_viewer.post(f"/conversions/{conversion.pk}/status/", {}).status_code == 403
    assert as_viewer.get("/conversions/new/").status_code == 403
    assert as_viewer.get("/conversions/nothing/").status_code == 404
