"""Staff decide about what waits for them: everybody once, under every rule, whoever decides at the same time."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections, transaction

from campaigns.assigning import assign
from campaigns.models import ContactAttempt, ContactPolicy
from leads.consent import opt_out
from leads.models import Lead
from leads.suppression import suppress
from retention_center import jobs
from retention_center.audit import SYSTEM
from retention_center.models import AuditEvent, Job
from sequences import catching_up, processor, waiting
from sequences.catching_up import Choice, How
from sequences.enrolling import convert_leads, enroll, pause, resume
from sequences.models import RetentionSequence, SequenceStepExecution
from tests.builders import (
    make_campaign,
    make_enrollment,
    make_execution,
    make_integration,
    make_lead,
    make_leads,
    make_script,
    make_sequence,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STATUS = SequenceStepExecution.Status
STEPS = SequenceStepExecution.objects
ALL = Choice()


@pytest.fixture(autouse=True)
def sandbox(db):
    return make_integration("sandbox")


def after_an_outage(sequence: RetentionSequence, leads, now: datetime, days: float = 3) -> datetime:
    """Everybody entered, then the processor stood still and found them late: when it came back."""
    enroll(sequence, [lead.pk for lead in leads], now=now, source="manual", actor=SYSTEM)
    back = now + days * DAY
    processor.run(back)
    assert set(sequence.executions.values_list("status", "held_reason")) == {("SCHEDULED", "late")}
    return back


def decide(how: How, now: datetime, choice: Choice = ALL, hours: float = 6) -> catching_up.Released:
    released, job = catching_up.release(choice, how, hours=hours, now=now, actor=SYSTEM)
    assert released is not None
    assert job is None
    return released


def test_after_an_outage_of_three_days_a_spread_contacts_everybody_once_inside_hours_and_under_the_cap(now):
    here, there = make_leads(20), make_leads(20, time_zone="Asia/Tokyo")  # 15:00 in UTC is midnight there
    first, second = make_sequence(1), make_sequence(1)
    after_an_outage(first, [*here, *there], now)
    back = after_an_outage(second, [*here, *there], now)

    assert decide(How.SPREAD, back).changed == 80
    for tick in range(4 * 24):
        processor.run(back + tick * HOUR / 2)

    assert STEPS.filter(status=STATUS.SENT).count() == ContactAttempt.objects.count() == 80
    for attempt in ContactAttempt.objects.all():
        local = datetime.fromisoformat(attempt.policy_snapshot["localTime"])
        assert 8 <= local.hour < 21
        assert attempt.policy_snapshot["contactsToday"] < attempt.policy_snapshot["cap"]
    sent_here = ContactAttempt.objects.filter(lead__in=here).order_by("started_at")
    assert {at - back < 7 * HOUR for at in sent_here.values_list("started_at", flat=True)} == {True}


def test_a_spread_comes_due_evenly_the_longest_waiting_first(now):
    sequence = make_sequence(1)
    early, late = make_leads(3), make_leads(3)
    enroll(sequence, [lead.pk for lead in early], now=now - HOUR, source="manual", actor=SYSTEM)
    back = after_an_outage(sequence, late, now)

    released = decide(How.SPREAD, back)

    due = STEPS.order_by("due_at").values_list("lead_id", "due_at", "held_until", "held_reason", "scheduled_at")
    assert [at - back for _lead, at, *_rest in due] == [n * HOUR for n in range(6)]
    assert {lead for lead, *_rest in due[:3]} == {lead.pk for lead in early}
    assert all(at == until == planned and not reason for _lead, at, until, reason, planned in due)
    assert (released.first_at, released.last_at) == (back, back + 5 * HOUR)


def test_the_late_rule_counts_anew_from_the_time_of_release(now):
    back = after_an_outage(make_sequence(1), make_leads(2), now)
    decide(How.SPREAD, back, hours=4)  # at once, and in two hours

    counts = processor.run(back + 25 * HOUR)

    assert (counts["sent"], counts["held"]) == (1, 1)
    assert STEPS.get(status=STATUS.SCHEDULED).held_reason == "late"


def test_a_released_step_that_the_provider_puts_off_does_not_become_late_by_it(now, sandbox):
    back = after_an_outage(make_sequence(1), make_leads(1), now)
    sandbox.delete()
    decide(How.SPREAD, back)
    processor.run(back)
    assert STEPS.get().held_reason == "no_provider"
    make_integration("sandbox")

    assert processor.run(back + HOUR)["sent"] == 1


def test_next_window_is_each_leads_own_next_opening(now):
    sequence = make_sequence(1)
    here, there = make_lead(), make_lead(time_zone="Asia/Tokyo")
    back = after_an_outage(sequence, [here, there], now)

    decide(How.NEXT_WINDOW, back)

    assert here.step_executions.get().due_at == back
    opening = datetime(2026, 3, 14, 23, 0, tzinfo=UTC)
    assert opening <= there.step_executions.get().due_at < opening + HOUR / 2
    processor.run(back)
    processor.run(opening + HOUR / 2)
    assert set(STEPS.values_list("status", flat=True)) == {STATUS.SENT}


def test_a_lead_whose_hours_never_open_stays_held(now):
    back = after_an_outage(make_sequence(1), make_leads(1), now)
    ContactPolicy.objects.update_or_create(pk=1, defaults={"contact_days": []})

    released = decide(How.NEXT_WINDOW, back)

    assert (released.changed, dict(released.left_out)) == (0, {"no_window": 1})
    assert waiting.count() == 1


def test_a_skip_goes_on_with_the_next_step(now):
    sequence = make_sequence(2)
    back = after_an_outage(sequence, make_leads(3), now)

    released = decide(How.SKIP, back)

    assert (released.changed, released.completed) == (3, 0)
    skipped, planned = STEPS.filter(step_key="step-1"), STEPS.filter(step_key="step-2")
    assert set(skipped.values_list("status", "reason", "executed_at")) == {("SKIPPED", "skipped_by_staff", back)}
    assert set(planned.values_list("status", "due_at", "held_reason")) == {("SCHEDULED", back + DAY, "")}
    assert processor.run(back + DAY)["sent"] == 3


def test_skipping_the_last_step_completes_the_run(now):
    sequence = make_sequence(1)
    back = after_an_outage(sequence, make_leads(2), now)

    assert decide(How.SKIP, back).completed == 2
    assert set(sequence.enrollments.values_list("status", flat=True)) == {"COMPLETED"}


def test_who_converted_or_opted_out_after_the_release_is_stopped_and_not_sent(now):
    buyer, refuser, other = make_leads(3)
    back = after_an_outage(make_sequence(1), [buyer, refuser, other], now)
    decide(How.SPREAD, back)

    with transaction.atomic():
        list(Lead.objects.filter(pk=buyer.pk).locked())
        convert_leads([buyer.pk], back)
    opt_out(refuser, channel="EMAIL", reason="asked", source="call", now=back, actor=SYSTEM)
    for tick in range(8):
        processor.run(back + tick * HOUR)

    assert list(ContactAttempt.objects.values_list("lead_id", flat=True)) == [other.pk]
    assert buyer.step_executions.get().reason == "converted"


def test_deciding_twice_finds_nothing_the_second_time(now):
    back = after_an_outage(make_sequence(1), make_leads(3), now)
    ids = tuple(STEPS.values_list("pk", flat=True))
    decide(How.SPREAD, back, Choice(ids=ids))
    before = list(STEPS.order_by("pk").values())

    assert decide(How.SKIP, back, Choice(ids=ids)).changed == 0
    assert list(STEPS.order_by("pk").values()) == before


def test_what_fails_twice_gets_its_tries_back(now):
    step = {"on_failure": "wait"}
    sequence = make_sequence([step])
    run = make_enrollment(sequence)
    held = {"scheduled_at": now, "due_at": None, "held_since": now, "try_no": 2, "failures": 2}
    row = make_execution(run, held_reason="waits_for_staff", **held)

    decide(How.SPREAD, now)

    row.refresh_from_db()
    assert (row.failures, row.try_no, row.due_at) == (0, 2, now)
    assert processor.run(now)["sent"] == 1


def test_a_step_of_a_paused_enrollment_waits_for_the_resume(now):
    sequence = make_sequence(1)
    back = after_an_outage(sequence, make_leads(1), now)
    enrollment = sequence.enrollments.get()
    pause(enrollment, actor=SYSTEM)

    decide(How.SPREAD, back)

    assert processor.run(back + HOUR)["sent"] == 0
    assert STEPS.get().due_at is None
    resume(enrollment, actor=SYSTEM)
    assert processor.run(back + HOUR)["sent"] == 1


def test_a_hold_that_ends_by_itself_goes_on_after_a_pause_of_the_enrollment(now, sandbox):
    sandbox.delete()
    sequence = make_sequence(1)
    enroll(sequence, [make_lead().pk], now=now, source="manual", actor=SYSTEM)
    processor.run(now)
    enrollment = sequence.enrollments.get()
    pause(enrollment, actor=SYSTEM)
    assert waiting.count() == 0
    resume(enrollment, actor=SYSTEM)
    make_integration("sandbox")

    assert processor.run(now + HOUR)["sent"] == 1


def test_nothing_is_released_before_it_was_held_even_if_the_clock_that_decides_was_moved_ahead(now):
    back = after_an_outage(make_sequence(1), make_leads(2), now)

    decide(How.SPREAD, now)

    assert STEPS.order_by("due_at").first().due_at == back


def test_only_the_chosen_are_released(now):
    one, two = make_sequence(1), make_sequence([{"channel": "SMS"}])
    after_an_outage(one, make_leads(2), now)
    back = after_an_outage(two, [make_lead(), make_lead()], now)

    assert decide(How.SPREAD, back, Choice(channels=("SMS",))).changed == 2
    assert decide(How.SPREAD, back, Choice(reasons=("bad_template",))).changed == 0
    assert decide(How.SKIP, back, Choice(sequences=(one.pk,), reasons=("late",))).changed == 2


def test_every_decision_stands_in_the_history_of_its_enrollment(now):
    sequence = make_sequence(1)
    back = after_an_outage(sequence, make_leads(2), now)
    decide(How.SPREAD, back)

    events = AuditEvent.objects.filter(action="decide about held step")
    assert set(events.values_list("object_id", flat=True)) == set(sequence.enrollments.values_list("pk", flat=True))
    assert events[0].before == {"step": "step-1", "heldReason": "late"}
    assert events[0].after["how"] == "spread"


def test_more_than_two_hundred_are_a_job_that_spreads_over_all_of_them(now, monkeypatch):
    monkeypatch.setattr(catching_up, "SLICE", 50)
    sequence = make_sequence(1)
    back = after_an_outage(sequence, make_leads(240), now)

    released, job = catching_up.release(Choice(), How.SPREAD, hours=4, now=back, actor=SYSTEM)
    assert released is None
    jobs.work_on(job.pk)

    job.refresh_from_db()
    assert (job.status, job.done, job.total, job.result["changed"]) == ("DONE", 240, 240, 240)
    due = list(STEPS.order_by("due_at").values_list("due_at", flat=True))
    assert [at - back for at in due] == [n * timedelta(minutes=1) for n in range(240)]


def test_a_job_that_was_interrupted_goes_on_where_it_stood(now, monkeypatch):
    monkeypatch.setattr(catching_up, "SLICE", 100)
    back = after_an_outage(make_sequence(1), make_leads(250), now)
    _released, job = catching_up.release(Choice(), How.SPREAD, hours=5, now=back, actor=SYSTEM)

    def die_after_the_first(done, _result):
        raise KeyboardInterrupt

    progress = jobs.Progress(jobs._claim(job.pk), watch=die_after_the_first)
    with pytest.raises(KeyboardInterrupt):
        catching_up.run_job(progress)
    first_slice = STEPS.filter(held_reason="").count()
    Job.objects.filter(pk=job.pk).update(lease_until=None)
    jobs.work_on(job.pk)

    assert first_slice in {0, 100}  # its transaction died with it
    assert waiting.count() == 0
    due = STEPS.order_by("due_at").values_list("due_at", flat=True)
    assert len(set(due)) == 250
    assert max(due) < back + 5 * HOUR


def test_the_survey_counts_by_sequence_and_reason_and_says_what_is_no_longer_right(now):
    sequence, other = make_sequence(1, name="Win back"), make_sequence([{"channel": "SMS"}])
    leads = make_leads(4)
    after_an_outage(sequence, leads, now)
    back = after_an_outage(other, [make_lead()], now)
    now_barred = leads[0]
    suppress(now_barred.email, channel="EMAIL", reason="asked", source="call", now=back, actor=SYSTEM)
    Lead.objects.filter(pk=leads[1].pk).update(email=None)

    first, second = waiting.survey(back)

    assert (first.owner, first.reason, first.waiting, dict(first.by_channel)) == (sequence, "late", 4, {"EMAIL": 4})
    assert (first.oldest, first.still_right, first.is_sampled) == (now, 2, False)
    assert dict(first.not_right) == {"suppressed": 1, "no_address": 1}
    assert (second.waiting, second.still_right) == (1, 1)


def test_what_the_survey_calls_right_is_what_then_leaves(now):
    leads = make_leads(6)
    back = after_an_outage(make_sequence(1), leads, now)
    Lead.objects.filter(pk__in=[lead.pk for lead in leads[:2]]).update(email=None)
    (group,) = waiting.survey(back)

    decide(How.SPREAD, back, hours=0.5)
    counts = processor.run(back + HOUR)

    assert (counts["sent"], counts["skipped"]) == (group.still_right, group.no_longer_right) == (4, 2)


def test_the_survey_looks_at_no_more_than_a_bound_and_says_so(now, monkeypatch):
    monkeypatch.setattr(waiting, "LOOKED_AT_OF_ONE", 3)
    back = after_an_outage(make_sequence(1), make_leads(5), now)

    (group,) = waiting.survey(back)

    assert (group.waiting, group.looked_at, group.is_sampled, group.still_right) == (5, 3, True, 3)


def test_what_goes_on_by_itself_does_not_wait_for_staff(now, sandbox):
    sandbox.delete()
    sequence = make_sequence(1)
    enroll(sequence, [lead.pk for lead in make_leads(2)], now=now, source="manual", actor=SYSTEM)
    processor.run(now)

    assert waiting.survey(now) == []
    assert [(one.owner, one.reason, one.count) for one in waiting.held_elsewhere()] == [(sequence, "no_provider", 2)]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_decide_at_once_one_finds_nothing_left(now):
    back = after_an_outage(make_sequence(2), make_leads(40), now)
    found, together = [], threading.Barrier(2)

    def one_of_the_staff(how: How) -> None:
        together.wait()
        found.append(decide(how, back).changed)
        connections.close_all()

    staff = [threading.Thread(target=one_of_the_staff, args=[how]) for how in (How.SKIP, How.SPREAD)]
    for person in staff:
        person.start()
    for person in staff:
        person.join(timeout=60)

    assert sum(found) == 40
    assert STEPS.filter(step_key="step-1", status=STATUS.SKIPPED).count() in {0, 40}


# What waits in campaigns -------------------------------------------------------------------------------------------


@pytest.fixture
def late_campaign(now):
    """Three leads of a campaign by e-mail, then by SMS, whose first contact came late: the campaign, and when."""
    campaign = make_campaign(channels=["EMAIL", "SMS"], meta={"delayBetweenChannels": 3_600_000})
    make_script("EMAIL", is_default=True)
    make_script("SMS", is_default=True)
    assign(campaign, [make_lead().pk for _ in range(3)], now, SYSTEM)
    back = now + 3 * DAY
    processor.run(back)
    assert set(campaign.campaign_leads.values_list("held_reason", "due_at")) == {("late", None)}
    return campaign, back


def test_the_survey_tells_of_campaigns_beside_sequences(late_campaign):
    campaign, back = late_campaign
    suppress(Lead.objects.first().email, channel="EMAIL", reason="opted_out", source="test", now=back, actor=SYSTEM)
    after_an_outage(make_sequence(1), make_leads(2), back - 3 * DAY)
    first, second = waiting.survey(back)
    assert (first.owner, first.reason, first.waiting, dict(first.by_channel)) == (campaign, "late", 3, {"EMAIL": 3})
    assert first.reasons == [("suppressed", first.reasons[0][1], 1)]
    assert (first.is_campaign, second.is_campaign) == (True, False)
    assert waiting.count() == 5


def test_a_spread_releases_steps_and_campaign_contacts_together(late_campaign):
    campaign, back = late_campaign
    after_an_outage(make_sequence(1), make_leads(3), back - 3 * DAY)
    assert decide(How.SPREAD, back, hours=6).changed == 6
    places = campaign.campaign_leads.values_list("due_at", flat=True)
    assert len({*places, *STEPS.values_list("due_at", flat=True)}) == 6
    for hour in range(8):
        processor.run(back + hour * HOUR)
    assert ContactAttempt.objects.filter(channel="EMAIL").count() == 6
    assert AuditEvent.objects.filter(action="decide about held contact").count() == 3


def test_a_skipped_campaign_contact_goes_on_with_the_next_channel(late_campaign):
    campaign, back = late_campaign
    assert decide(How.SKIP, back, Choice(campaigns=(campaign.pk,))).changed == 3
    processor.run(back)
    assert set(ContactAttempt.objects.values_list("channel", flat=True)) == {"SMS"}
    assert decide(How.SKIP, back).changed == 0


def test_campaign_contacts_move_to_the_next_window_and_filters_leave_out_the_other_kind(late_campaign):
    campaign, back = late_campaign
    Lead.objects.update(time_zone="Asia/Tokyo")
    assert decide(How.NEXT_WINDOW, back, Choice(sequences=("none",))).changed == 0
    assert decide(How.NEXT_WINDOW, back, Choice(channels=("SMS",))).changed == 0
    assert decide(How.NEXT_WINDOW, back, Choice(channels=("EMAIL",), leads=(Lead.objects.first().pk,))).changed == 1
    due = campaign.campaign_leads.exclude(due_at=None).get().due_at
    assert back + 7 * HOUR < due < back + 9 * HOUR
