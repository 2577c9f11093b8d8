"""A sequence narrows the contact policy for its own steps; the strictest of all that apply decides."""

from datetime import datetime, timedelta

import pytest
from django.urls import reverse

from campaigns import wording
from campaigns.delivery.facts import facts_of, surroundings
from campaigns.models import ContactAttempt, ContactPolicy
from campaigns.policy import NEVER_MEET, decide
from campaigns.rules import zones_for, zones_of
from campaigns.windows import Rules
from leads.identity import zones_of as zones_of_number
from retention_center.audit import SYSTEM
from sequences import processor
from sequences.due_steps import item_of
from sequences.enrolling import enroll
from sequences.models import RetentionSequence, SequenceStepExecution
from tests.builders import make_campaign, make_campaign_lead, make_integration, make_lead, make_leads, make_sequence

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]
HOUR = timedelta(hours=1)
STEPS = SequenceStepExecution.objects


@pytest.fixture(autouse=True)
def sandbox(db):
    make_integration("sandbox")


def narrow(steps=1, **rules) -> RetentionSequence:
    sequence = make_sequence(steps)
    sequence.contact_rules = rules
    sequence.save()
    return sequence


def enter(sequence, leads, now):
    enroll(sequence, [lead.pk for lead in leads], now=now, source="manual", actor=SYSTEM)


def test_its_hours_hold_its_own_steps_and_nobody_elses(now):
    lead = make_lead()
    own, other = narrow(contactHoursStart="18:00"), make_sequence(1)
    enter(own, [lead], now)
    enter(other, [lead], now)
    processor.run(now, until_idle=True)

    assert STEPS.get(sequence=other).status == "SENT"
    held = STEPS.get(sequence=own)
    assert held.held_reason == "quiet_hours"
    assert now.replace(hour=18) <= held.held_until < now.replace(hour=18, minute=30)


def test_its_rules_its_leads_campaign_and_the_policys_channel_all_hold(now):
    lead = make_lead()
    make_campaign_lead(make_campaign(status="ACTIVE", meta={"contactDays": ["FRI"]}), lead)
    ContactPolicy.objects.create(per_channel={"EMAIL": {"contactHoursStart": "11:00"}})
    enter(narrow(contactHoursStart="10:00", perChannel={"SMS": {"contactHoursStart": "20:00"}}), [lead], now)
    processor.run(now)

    friday = datetime.fromisoformat("2026-03-13T11:00:00+00:00")
    assert friday <= STEPS.get().held_until < friday + HOUR / 2


def test_a_channels_cap_counts_that_channels_contacts_alone(now):
    ContactPolicy.objects.create(per_channel={"EMAIL": {"maxContactsPerDay": 1}})
    lead = make_lead()
    for channel in ("EMAIL", "SMS", "EMAIL"):
        enter(make_sequence([{"channel": channel}]), [lead], now)
    processor.run(now, until_idle=True)

    assert sorted(ContactAttempt.objects.values_list("channel", flat=True)) == ["EMAIL", "SMS"]
    assert STEPS.get(status="SCHEDULED").held_reason == "channel_cap"
    kept = ContactAttempt.objects.get(channel="EMAIL").policy_snapshot
    assert (kept["contactsOnChannel"], kept["channelCap"]) == (0, 1)
    assert "channelCap" not in ContactAttempt.objects.get(channel="SMS").policy_snapshot


def test_a_gap_of_weeks_that_the_policy_asks_is_kept(now):
    ContactPolicy.objects.create(delay_between_channels=14 * 24 * 3_600_000)
    lead = make_lead()
    enter(make_sequence(1), [lead], now)
    processor.run(now)
    later = now + timedelta(days=10)
    enter(make_sequence(1), [lead], later)
    processor.run(later)

    assert STEPS.get(status="SCHEDULED").held_reason == "channel_gap"
    assert STEPS.get(status="SCHEDULED").held_until == now + timedelta(days=14)


def test_many_who_wait_for_one_opening_leave_over_half_an_hour_and_each_when_it_was_said(now):
    night = now.replace(hour=2)
    sequence = make_sequence(1)
    enter(sequence, make_leads(60), night)
    processor.run(night)

    untils = list(STEPS.values_list("held_until", flat=True))
    assert len(set(untils)) > 50
    assert now.replace(hour=8) <= min(untils) < now.replace(hour=8, minute=5)
    assert now.replace(hour=8, minute=25) < max(untils) < now.replace(hour=8, minute=30)
    assert processor.run(now.replace(hour=8, minute=15), until_idle=True)["sent"] == sum(
        until <= now.replace(hour=8, minute=15) for until in untils
    )
    assert processor.run(now.replace(hour=8, minute=30), until_idle=True)["held"] == 0
    assert set(STEPS.values_list("status", flat=True)) == {"SENT"}


def test_the_explanation_names_the_same_minute_as_the_processor(now):
    night = now.replace(hour=2)
    enter(make_sequence(1), make_leads(3), night)
    items = [
        item_of(row, row.lead, row.step, row.sequence)
        for row in STEPS.select_related("lead", "enrollment", "sequence", "step__script__campaign")
    ]
    around = surroundings([item.lead for item in items], night)
    told = {item.id: decide(facts_of(item, around), night).until for item in items}
    processor.run(night)
    assert dict(STEPS.values_list("pk", "held_until")) == told


def test_rules_that_never_open_together_hold_and_go_on_when_they_do(now):
    lead = make_lead()
    sequence = narrow(contactHoursStart="22:00", contactHoursEnd="23:00")
    enter(sequence, [lead], now)
    processor.run(now)
    assert (STEPS.get().held_reason, STEPS.get().due_at) == ("no_window", now + HOUR / 4)

    RetentionSequence.objects.update(contact_rules={})
    processor.run(now + HOUR / 4)
    assert STEPS.get().status == "SENT"


def test_a_toll_free_number_without_a_common_hour_goes_by_the_organisations_zone_and_says_so(now, settings):
    settings.TIME_ZONE = "Asia/Kolkata"
    lead = make_lead(time_zone="", phone="+18005550199", phone_zones=zones_of_number("+18005550199"))
    office_hours = Rules(hours=((9 * 60, 17 * 60),))
    zones = zones_for(lead, office_hours, now)
    assert (zones.names, zones.source) == (("Asia/Kolkata",), NEVER_MEET)
    assert wording.zone_words(zones) == (
        "Kolkata, the organisation's zone: those of the phone number share no contact hours"
    )
    assert zones_for(lead, Rules(), now) == zones_of(lead)  # from 08:00 to 21:00 they do share some
    assert wording.zone_words(zones_of(lead)).endswith("and 41 more, from the phone number: open in all of them")

    enter(narrow(contactHoursStart="09:00", contactHoursEnd="17:00"), [lead], now)
    processor.run(now)  # 20:30 in Kolkata
    held = STEPS.get()
    opening = datetime.fromisoformat("2026-03-12T09:00:00+05:30")
    assert opening <= held.held_until < opening + HOUR / 2
    processor.run(held.held_until)
    kept = ContactAttempt.objects.get().policy_snapshot
    assert (kept["zone"], kept["zoneSource"]) == ("Asia/Kolkata", NEVER_MEET)


def test_the_settings_page_keeps_the_rules_and_says_what_is_wrong(as_operator, as_viewer):
    sequence = make_sequence(1, name="Gentle")
    form = {"name": "Gentle", "trigger_type": "manual", "contact_hours_start": "10:00", "re_entry": "never"}
    address = reverse("sequence-settings", args=[sequence.pk])
    wrong = as_operator.post(address, form | {"gap_minutes": "20000", "SMS_contact_hours_end": "26:00"})
    assert wrong.status_code == 422
    assert "Give a whole number of minutes from 0 to 10,080." in wrong.content.decode()
    assert "Write a time as HH:MM" in wrong.content.decode()

    saved = as_operator.post(address, form | {"SMS_max_contacts_per_day": "1", "gap_minutes": "60"})
    assert saved.status_code == 302, saved.content.decode()
    sequence.refresh_from_db()
    assert sequence.contact_rules == {
        "contactHoursStart": "10:00",
        "delayBetweenChannels": 3_600_000,
        "perChannel": {"SMS": {"maxContactsPerDay": 1}},
    }
    assert "SMS only: at most 1 a day" in as_viewer.get(address).content.decode()
