import pytest

from campaigns.search import find
from retention_center.lib import clock
from tests.builders import make_campaign, make_script

pytestmark = pytest.mark.django_db


def test_campaigns_and_scripts_are_found_by_name_and_archived_scripts_are_not():
    campaign, script = make_campaign(name="Spring offer"), make_script(name="Offer ends")
    make_script(name="Old offer", archived_at=clock.now())
    make_campaign(name="Autumn")
    assert [(hit.kind, hit.title, hit.url) for hit in find("offer", 6)] == [
        ("Campaigns", "Spring offer", campaign.get_absolute_url()),
        ("Scripts", "Offer ends", script.get_absolute_url()),
    ]


def test_each_kind_keeps_to_the_limit():
    for _ in range(3):
        make_campaign(name="Offer")
        make_script(name="Offer")
    assert len(find("offer", 2)) == 4
