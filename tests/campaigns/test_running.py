from datetime import timedelta

import pytest

from campaigns.models import Campaign
from campaigns.running import complete_ended
from retention_center.models import AuditEvent
from tests.builders import make_campaign

pytestmark = pytest.mark.django_db


def test_an_active_campaign_past_its_end_is_completed_and_others_are_left(now):
    ended = make_campaign(end_date=now - timedelta(minutes=1))
    make_campaign(end_date=now + timedelta(minutes=1))
    make_campaign()
    make_campaign(status="PAUSED", end_date=now - timedelta(days=1))
    assert complete_ended(now) == 1
    assert complete_ended(now) == 0
    assert list(Campaign.objects.filter(status="COMPLETED")) == [ended]
    assert AuditEvent.objects.get().actor_name == "Retention Center"
