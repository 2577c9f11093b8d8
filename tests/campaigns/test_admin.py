import pytest

from campaigns.models import ABTest, ContactPolicy
from campaigns.sending import pause_all
from retention_center.audit import SYSTEM
from tests.builders import make_attempt, make_campaign, make_campaign_lead, make_script

pytestmark = pytest.mark.django_db
MODELS = ("campaign", "script", "campaignlead", "contactattempt", "contactpolicy", "sendingpause", "abtest")


@pytest.fixture
def rows():
    for number in range(20):
        campaign = make_campaign()
        make_script(campaign=campaign)
        make_campaign_lead(campaign)
        make_attempt(campaign=campaign, script=make_script("SMS"))
        ABTest.objects.create(campaign=campaign, channel="EMAIL", variant_a=f"A{number}", variant_b="B")
    ContactPolicy().save()
    pause_all(SYSTEM)


@pytest.mark.parametrize("model", MODELS)
def test_each_list_opens_and_costs_the_same_for_many_rows(as_admin, rows, model, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        assert as_admin.get(f"/admin/campaigns/{model}/").status_code == 200
    if model != "contactpolicy":
        assert as_admin.get(f"/admin/campaigns/{model}/?q=a").status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_each_row_opens(as_admin, rows, model):
    listed = as_admin.get(f"/admin/campaigns/{model}/")
    row = listed.context["cl"].result_list[0]
    assert as_admin.get(f"/admin/campaigns/{model}/{row.pk}/change/").status_code == 200


def test_what_the_pages_refuse_is_refused_here_too(as_admin):
    script = make_script()
    form = {"name": "x", "type": "EMAIL", "content": "{{ nobody }}", "content_type": "text", "vapi_config": "{}"}
    answer = as_admin.post(f"/admin/campaigns/script/{script.pk}/change/", form)
    assert "There is no placeholder" in answer.content.decode()
    answer = as_admin.post(f"/admin/campaigns/script/{script.pk}/change/", form | {"content": "Hi"})
    assert answer.status_code == 302
    script.refresh_from_db()
    assert script.content == "Hi"


def test_operators_do_not_get_in(as_operator):
    assert as_operator.get("/admin/campaigns/campaign/").status_code in {302, 403}
