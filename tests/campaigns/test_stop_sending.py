import pytest

from campaigns import sending
from campaigns.sending import Standing
from retention_center.audit import SYSTEM
from retention_center.models import AuditEvent

pytestmark = pytest.mark.django_db


def test_stopping_twice_stands_once_and_is_audited_once():
    assert sending.pause_all(SYSTEM)
    assert not sending.pause_all(SYSTEM)
    assert sending.standing() == Standing(all=True)
    assert AuditEvent.objects.filter(action="stop sending").count() == 1


def test_resuming_everything_lifts_each_pause():
    sending.pause("channel", "SMS", SYSTEM)
    sending.pause("provider", "smtp", SYSTEM)
    assert sending.standing() == Standing(channels=["SMS"], providers=["smtp"])
    assert sending.resume_all(SYSTEM) == 2
    assert not sending.standing()
    assert AuditEvent.objects.filter(action="resume sending").count() == 2


def test_one_channel_goes_on_alone():
    sending.pause("channel", "SMS", SYSTEM)
    sending.pause("channel", "EMAIL", SYSTEM)
    assert sending.resume("channel", "SMS", SYSTEM) == 1
    assert sending.standing().channels == ["EMAIL"]


def test_setting_what_stands_lifts_the_rest_and_audits_only_changes():
    sending.set_standing(Standing(all=True, channels=["SMS"]), SYSTEM)
    AuditEvent.objects.all().delete()
    assert sending.set_standing(Standing(channels=["SMS", "CALL"]), SYSTEM) == Standing(channels=["CALL", "SMS"])
    assert sorted(AuditEvent.objects.values_list("action", flat=True)) == ["resume sending", "stop sending"]


def test_an_unknown_channel_or_provider_is_refused_by_name():
    with pytest.raises(sending.UnknownTarget, match="no channel “FAX”; there are EMAIL, SMS"):
        sending.pause("channel", "FAX", SYSTEM)
    with pytest.raises(sending.UnknownTarget, match="no provider “pigeon”"):
        sending.set_standing(Standing(providers=["pigeon"]), SYSTEM)
