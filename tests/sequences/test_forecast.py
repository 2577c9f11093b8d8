"""The forecast is what then really happens: the same leads, channels and days, told beforehand and without a trace."""

import json
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.delivery.facts import surroundings
from campaigns.models import ContactAttempt, ContactPolicy, SendingPause
from integrations.providers.registry import ActiveProviders
from leads.models import Lead
from leads.suppression import suppress
from retention_center import jobs
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from retention_center.models import AuditEvent, Job
from sequences import forecast_job, processor
from sequences.enrolling import enroll, pause
from sequences.forecast import Bounds, CannotForecast, forecast
from sequences.forecast_pace import Lanes
from sequences.forecast_runs import Plan
from sequences.forecast_scripts import Fitting
from sequences.forecast_tally import Tally
from sequences.forecast_walk import Walk
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStepExecution
from tests.builders import (
    make_attempt,
    make_campaign,
    make_campaign_lead,
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
DAYS = 5
AGE = 48 * HOUR
JITTER = timedelta(minutes=30)  # those who wait for one opening leave a little apart
RIGA = ZoneInfo("Europe/Riga")


@pytest.fixture(autouse=True)
def sandbox(db):
    return make_integration("sandbox")


def enter(sequence: RetentionSequence, leads: list[Lead], at: datetime) -> None:
    enroll(sequence, [lead.pk for lead in leads], now=at, source="manual", actor=SYSTEM)


def contacts_by_lead(
    sequence: RetentionSequence, now: datetime, end: datetime
) -> dict[str, list[tuple[datetime, str]]]:
    """Who gets what when: the parts of a forecast, played as it does."""
    plan = Plan.load(sequence, now, end, 1000)
    providers = ActiveProviders.load()
    lanes, fitting = Lanes(providers.rates(), now), Fitting(tracks=False)
    found = {}
    for _size, runs in plan.runs():
        around = surroundings([run.lead for run in runs], now)
        walk = Walk(sequence, plan.steps, now, end, lanes, fitting, Tally(RIGA, {}), around)
        found |= {run.lead.pk: contacts for run in runs if (contacts := walk.run(run))}
    return found


def what_happens(sequence: RetentionSequence, now: datetime, end: datetime) -> dict[str, list[tuple[datetime, str]]]:
    """Run the processor whenever something is due or somebody may enter, until ``end``."""
    known = set(ContactAttempt.objects.values_list("pk", flat=True))
    may_enter = [made_at + AGE for made_at in Lead.objects.values_list("created_at", flat=True)]
    may_enter += [end - n * DAY for n in range(DAYS)]  # a new day of the organisation's
    at = now
    while at < end:
        processor.run(at, until_idle=True)
        due = SequenceStepExecution.objects.scheduled().filter(due_at__gt=at).values_list("due_at", flat=True)
        at = min([end, *due, *(moment for moment in may_enter if moment > at)])
    found: dict[str, list[tuple[datetime, str]]] = {}
    rows = ContactAttempt.objects.exclude(pk__in=known).order_by("started_at")
    for lead_id, started_at, channel in rows.values_list("lead_id", "started_at", "channel"):
        found.setdefault(lead_id, []).append((started_at, channel))
    return found


def by_day(contacts: dict[str, list[tuple[datetime, str]]]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for at, channel in (contact for every in contacts.values() for contact in every):
        found.setdefault(at.astimezone(RIGA).date().isoformat(), Counter())[channel] += 1
    return {day: dict(counts) for day, counts in found.items()}


def days(contacts: dict[str, list[tuple[datetime, str]]]) -> dict[str, list[tuple[str, str]]]:
    return {
        lead: [(at.astimezone(RIGA).date().isoformat(), channel) for at, channel in every]
        for lead, every in contacts.items()
    }


def days_of(result: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {row["date"]: row["by_channel"] for row in result["days"] if row["contacts"]}


# What is foreseen is what happens ----------------------------------------------------------------------------------


def a_world(seed: int, now: datetime) -> RetentionSequence:
    """People in several zones, some unreachable, somewhere in a sequence of steps, rules and conditions."""
    dice = Random(seed)
    ContactPolicy.objects.update_or_create(
        pk=1,
        defaults={
            "contact_hours_start": dice.choice(["08:00", "10:00", "00:00"]),
            "contact_hours_end": dice.choice(["12:00", "21:00", "24:00"]),
            "contact_days": dice.choice([["MON", "TUE", "WED", "THU", "FRI"], ["MON", "WED", "THU", "SAT", "SUN"]]),
            "max_contacts_per_day": dice.choice([1, 2, 3]),
            "delay_between_channels": dice.choice([0, 3_600_000, 18_000_000]),
        },
    )
    steps = [_a_step(dice, order) for order in range(1, 6)]
    trigger = dice.choice(["manual", "new_lead", "no_conversion"])
    sequence = make_sequence(
        steps,
        trigger_type=trigger,
        trigger_config={"source": "CRM", "minAgeHours": 48},
        entrants_per_day=dice.choice([None, 1, 2]),
        contact_rules=dice.choice([{}, {"maxContactsPerDay": 1}, {"perChannel": {"SMS": {"maxContactsPerDay": 1}}}]),
    )
    zones = ["UTC", "America/New_York", "Asia/Tokyo", "Europe/Riga"]
    leads = [
        make_lead(
            time_zone=dice.choice(zones),
            first_name=dice.choice(["Ada", "Ada", ""]),
            **({"phone": None} if dice.random() < 0.3 else {"email": None} if dice.random() < 0.2 else {}),
        )
        for _ in range(8)
    ]
    Lead.objects.update(created_at=now - 400 * DAY)
    suppress(
        leads[0].email or "nobody@example.com", channel="EMAIL", reason="asked", source="staff", now=now, actor=SYSTEM
    )
    enter(sequence, leads[:4], now - 30 * HOUR)
    for at in (now - 30 * HOUR, now - 20 * HOUR):
        processor.run(at, until_idle=True)
    enter(sequence, leads[4:], now - 2 * HOUR)
    for hours in (60, 30, 5):  # they enter by themselves, now or when they have come of age
        make_lead(source="CRM", time_zone=dice.choice(zones), created_at=now - hours * HOUR)
    make_campaign_lead(make_campaign(meta={"maxContactsPerDay": 1}), leads[5])
    make_attempt(leads[6], started_at=now - HOUR, called_at=now - HOUR, provider_ref="earlier")
    return sequence


def _a_step(dice: Random, order: int) -> dict[str, Any]:
    channel = dice.choice([Channel.EMAIL, Channel.SMS, Channel.CALL])
    unit = dice.choice(["HOURS", "DAYS"])
    name = dice.choice(["{{ firstName }}", '{{ firstName | default: "you" }}'])
    step: dict[str, Any] = {
        "channel": channel,
        "delay_value": dice.choice([0, 1, 2] if unit == "DAYS" else [0, 3, 7]),
        "delay_unit": unit,
        "is_active": order == 1 or dice.random() > 0.15,
        "script": make_script(channel, content=f"Hello {name}."),
    }
    if order > 2 and dice.random() < 0.5:
        field, op, value = dice.choice(
            [("step.step-1.result", "is", "sent"), ("status", "is", "CONTACTED"), ("source", "is_not", "CRM")]
        )
        step["conditions"] = [{"field": field, "op": op, "value": value}]
    return step


@pytest.mark.parametrize("seed", range(6))
def test_what_is_foreseen_is_what_the_processor_then_does_lead_by_lead_and_day_by_day(seed, now, settings):
    settings.TIME_ZONE = "Europe/Riga"
    sequence = a_world(seed, now)
    end = datetime.combine(now.astimezone(RIGA).date() + DAYS * DAY, datetime.min.time(), RIGA)

    told = forecast(sequence, DAYS, now)
    foreseen = contacts_by_lead(sequence, now, end)
    happened = what_happens(sequence, now, end)

    assert days(foreseen) == days(happened)
    for lead, contacts in happened.items():
        assert all(abs(told_at - at) < JITTER for (told_at, _), (at, _) in zip(foreseen[lead], contacts, strict=True))
    assert days_of(told) == by_day(happened)
    assert told["totals"]["contacted"] == len(happened)
    ended = SequenceEnrollment.objects.filter(status="COMPLETED", completed_at__gte=now).count()
    assert told["totals"]["completes"] == ended


def test_a_rate_of_the_provider_spreads_what_is_due_over_minutes_and_days(now):
    make_integration("sandbox", ratePerSecond=0.05)  # three a minute
    sequence = make_sequence(1)
    enter(sequence, make_leads(8), now)

    contacts = contacts_by_lead(sequence, now, now + DAY)

    minutes = Counter((at - now) // timedelta(minutes=1) for ((at, _channel),) in contacts.values())
    assert minutes == {0: 3, 1: 3, 2: 2}
    assert forecast(sequence, 1, now)["totals"]["held"] == {"beyond_pace": 5}


def test_lanes_give_each_minute_what_the_rate_adds_up_to(now):
    lanes = Lanes({"slow": 1 / 90, "free": None}, now)  # two in three minutes

    given = []
    for _ in range(4):
        given.append(lanes.opens_at("slow", now))
        lanes.take("slow", given[-1])

    assert [(at - now) // timedelta(minutes=1) for at in given] == [1, 2, 4, 5]
    assert lanes.opens_at("free", now) == now


# What is told ------------------------------------------------------------------------------------------------------


def test_totals_tell_who_and_why_not(now):
    sequence = make_sequence([{}, {"channel": Channel.SMS}])
    reachable, mute, blank, off = make_lead(), make_lead(phone=None), make_lead(first_name=""), make_lead()
    paused, late = make_lead(), make_lead()
    enter(sequence, [reachable, mute, blank, off, paused], now)
    pause(sequence.enrollments.get(lead=paused), actor=SYSTEM)
    make_execution(make_enrollment(sequence, late), scheduled_at=now - 3 * DAY)
    Lead.objects.filter(pk=off.pk).update(status=Lead.Status.DO_NOT_CONTACT)

    totals = forecast(sequence, 3, now)["totals"]

    assert (totals["leads"], totals["contacted"], totals["contacts"]) == (6, 2, 3)
    assert totals["by_channel"] == {"EMAIL": 2, "SMS": 1}
    assert totals["blocked"] == {"enrollment_paused": 1, "late": 1}
    assert totals["skipped"] == {"empty_placeholder": 2, "no_address": 1}
    assert totals["ended"] == {"do_not_contact": 1}
    assert totals["completes"] == 3
    SequenceEnrollment.objects.filter(lead=off).delete()  # a state that only this test makes


def test_what_waits_already_is_told_with_what_will_have_to_wait(now):
    sequence = make_sequence(2)
    enter(sequence, make_leads(1), now.replace(hour=23))
    processor.run(now.replace(hour=23))

    assert forecast(sequence, 3, now.replace(hour=23, minute=30))["totals"]["held"] == {"quiet_hours": 1}


def test_what_stops_sending_is_told_and_nothing_is_foreseen_behind_it(now):
    SendingPause.objects.create(scope=SendingPause.Scope.ALL)
    sequence = make_sequence(2)
    enter(sequence, make_leads(2), now)

    totals = forecast(sequence, 14, now)["totals"]

    assert (totals["contacts"], totals["blocked"]) == (0, {"sending_paused": 2})


def test_costs_are_the_average_of_past_contacts_and_unknown_ones_are_said_to_be(now):
    make_integration("smtp", host="mail.example.com")
    for n, cost in enumerate(("0.0400", "0.0600")):
        past = {"called_at": now - DAY, "provider_ref": f"past-{n}", "started_at": now - 8 * DAY}
        make_attempt(provider="sandbox", channel=Channel.SMS, cost=Decimal(cost), currency="EUR", **past)
    sequence = make_sequence([{"channel": Channel.SMS}, {"channel": Channel.EMAIL, "delay_value": 0}])
    enter(sequence, [make_lead(), make_lead()], now)

    result = forecast(sequence, 2, now)

    assert result["totals"]["cost"] == {"EUR": "0.1000"}
    assert result["totals"]["unknown_cost"] == 2
    assert any("E-mail through smtp" in sentence for sentence in result["assumptions"])


def test_a_draft_is_foreseen_as_if_it_were_activated_now(now):
    sequence = make_sequence(
        1, status="DRAFT", activated_at=None, trigger_type="new_lead", trigger_config={"source": "CRM"}
    )
    for _ in range(3):
        make_lead(source="CRM", created_at=now, matched_at=now)
    make_lead(source="elsewhere")

    result = forecast(sequence, 1, now)

    assert (result["totals"]["entering"], result["totals"]["contacts"]) == (3, 3)
    assert any("as if it were activated now" in sentence for sentence in result["assumptions"])
    assert any("match already are taken too" in sentence for sentence in result["assumptions"])
    assert RetentionSequence.objects.get(pk=sequence.pk).status == "DRAFT"


def test_a_step_in_flight_is_not_counted_again_but_what_follows_is(now):
    sequence = make_sequence(2)
    enter(sequence, make_leads(1), now)
    row = SequenceStepExecution.objects.get()
    flying = {"status": "PENDING", "fence": 1, "lease_until": now + DAY, "claimed_by": "w", "due_at": None}
    SequenceStepExecution.objects.filter(pk=row.pk).update(**flying)

    result = forecast(sequence, 3, now)

    assert days_of(result) == {(now + DAY).date().isoformat(): {"EMAIL": 1}}
    SequenceStepExecution.objects.filter(pk=row.pk).update(
        status="SCHEDULED", lease_until=None, claimed_by="", due_at=row.due_at
    )


def test_it_is_cut_off_where_it_would_take_too_long_and_says_so(now):
    sequence = make_sequence(1)
    enter(sequence, make_leads(5), now)

    result = forecast(sequence, 1, now, bounds=Bounds(leads=3))

    assert (result["is_cut_off"], result["totals"]["contacts"]) == (True, 3)
    assert result["assumptions"][0] == "It was cut off after 3 leads; the real numbers are higher."


@pytest.mark.parametrize(
    ("steps", "status", "days", "said"),
    [
        (1, "ARCHIVED", 14, "is archived"),
        (1, "ACTIVE", 0, "1 to 90 days"),
        (1, "ACTIVE", 91, "1 to 90 days"),
        (0, "DRAFT", 14, "no published step"),
    ],
)
def test_where_there_is_nothing_to_foresee_one_sentence_says_so(now, steps, status, days, said):
    with pytest.raises(CannotForecast, match=said):
        forecast(make_sequence(steps, status=status), days, now)


def test_it_changes_nothing_and_its_queries_do_not_grow_with_leads_or_steps(now):
    sequence = make_sequence(3, trigger_type="new_lead")
    enter(sequence, make_leads(2), now)
    make_leads(2)

    def told() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            forecast(sequence, 14, now)
        assert not [query for query in caught if not query["sql"].lstrip("(").startswith("SELECT")]
        return len(caught)

    told()  # what a process reads once is known from here on
    few = told()
    enter(sequence, make_leads(40), now)
    make_leads(40)
    assert told() == few <= 40
    assert not ContactAttempt.objects.exists()


# As a job, over the API, as a command, on its page -------------------------------------------------------------------


@pytest.fixture
def sequence(db):
    found = make_sequence([{}, {"channel": Channel.SMS}], name="Win back")
    enter(found, [make_lead(), make_lead()], clock.now())
    return found


def run(sequence: RetentionSequence, days: int = 14) -> Job:
    return jobs.run_here(forecast_job.KIND, {"sequence": sequence.pk, "days": days})


def test_the_api_starts_a_forecast_once_and_tells_the_latest(api, sequence):
    address = f"/api/sequences/{sequence.pk}/forecast"
    none_yet = api("viewer").get(address)
    assert (none_yet.status_code, none_yet.json()["type"]) == (404, "urn:retention-center:problem:no_forecast")

    started = api("operator").post(address, {"days": 7})
    again = api("operator").post(address, {"days": 7})
    jobs.work_on(started.json()["jobId"])
    body = api("viewer").get(address).json()

    assert (started.status_code, again.json()) == (202, started.json())
    assert (body["jobId"], body["sequenceId"], len(body["days"])) == (started.json()["jobId"], sequence.pk, 7)
    assert body["totals"]["contacts"] == 4
    assert 0 <= body["ageSeconds"] < 60
    assert api("viewer").post(address, {}).status_code == 403
    assert api("operator").post(address, {"days": 91}).status_code == 400


def test_the_api_refuses_what_is_archived(api):
    sequence = make_sequence(1, status="ARCHIVED")
    answer = api("operator").post(f"/api/sequences/{sequence.pk}/forecast", {})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:retention-center:problem:cannot_forecast")
    assert api("operator").post("/api/sequences/nobody/forecast", {}).status_code == 404


def test_a_job_can_be_stopped_and_what_a_dead_worker_began_is_begun_anew(sequence):
    stopped = forecast_job.start(sequence, 7, SYSTEM)
    jobs.request_stop(stopped)
    dead = forecast_job.start(sequence, 7, SYSTEM)
    Job.objects.filter(pk=dead.pk).update(status="RUNNING", done=1, lease_until=clock.now() - HOUR)

    jobs.work_on_open_jobs()

    stopped.refresh_from_db()
    dead.refresh_from_db()
    assert (stopped.status, stopped.result) == ("STOPPED", {})
    assert (dead.status, dead.done, dead.result["totals"]["contacts"]) == ("DONE", 2, 4)


def test_the_command_tells_it_and_ends_with_one_json_object(sequence):
    out = StringIO()
    call_command("forecast", "Win back", days=3, stdout=out)

    lines = out.getvalue().splitlines()
    told = json.loads(lines[-1])
    assert lines[0] == "Win back: 4 contacts for 2 leads in 3 days, costs nothing"
    assert (told["totals"]["contacts"], len(told["days"]), told["sequenceId"]) == (4, 3, sequence.pk)
    assert not Job.objects.filter(kind=forecast_job.KIND).exists()
    with pytest.raises(CommandError, match="no sequence"):
        call_command("forecast", "Nobody")
    with pytest.raises(CommandError, match="1 to 90"):
        call_command("forecast", "Win back", days=0)


def test_the_page_starts_it_tells_how_it_goes_and_draws_the_result(as_operator, as_viewer, sequence):
    address = f"/sequences/{sequence.pk}/forecast/"
    assert "Nobody has looked ahead yet" in as_viewer.get(address).content.decode()

    assert as_operator.post(address, {"days": "7"}).status_code == 302
    assert "Foreseeing the next 7 days" in as_viewer.get(address).content.decode()
    jobs.work_on_open_jobs()
    page = as_viewer.get(address).content.decode()

    assert "4 contacts for 2 leads in 7 days" in page
    assert "Show as table" in page
    assert "What it takes for granted" in page
    assert "Run it again" not in page
    assert "Run it again" in as_operator.get(address).content.decode()


def test_a_running_one_is_stopped_from_the_page_and_the_old_result_stays(as_operator, sequence):
    address = f"/sequences/{sequence.pk}/forecast/"
    run(sequence)
    as_operator.post(address, {"days": "30"})

    as_operator.post(address, {"stop": "1"})

    page = as_operator.get(address).content.decode()
    assert "The newest forecast was stopped" in page
    assert "4 contacts for 2 leads in 14 days" in page
    assert AuditEvent.objects.filter(action="stop").exists()


def test_the_page_refuses_bad_days_viewers_and_what_is_archived(as_operator, as_viewer, sequence):
    address = f"/sequences/{sequence.pk}/forecast/"
    assert as_operator.post(address, {"days": "8"}).status_code == 400
    assert as_viewer.post(address, {"days": "7"}).status_code == 403
    RetentionSequence.objects.filter(pk=sequence.pk).update(status="ARCHIVED")
    assert as_operator.post(address, {"days": "7"}).status_code == 409
    assert "is archived" in as_operator.get(address).content.decode()


def test_long_forecasts_are_drawn_by_the_week(as_viewer, sequence):
    run(sequence, 90)
    page = as_viewer.get(f"/sequences/{sequence.pk}/forecast/").content.decode()
    assert "Contacts by week and channel" in page


def test_the_page_costs_the_same_queries_whatever_was_foreseen(as_viewer, sequence, django_assert_max_num_queries):
    run(sequence)
    as_viewer.get(f"/sequences/{sequence.pk}/forecast/")
    with django_assert_max_num_queries(14):
        as_viewer.get(f"/sequences/{sequence.pk}/forecast/")


def test_the_question_before_activation_tells_what_was_foreseen(as_operator):
    draft = make_sequence(1, status="DRAFT")
    address = f"/sequences/{draft.pk}/activation/"
    assert "Look ahead</a> first" in as_operator.get(address).content.decode()
    enter(draft, [make_lead()], clock.now())
    run(draft)
    assert "1 contact for 1 lead in 14 days, costs nothing" in as_operator.get(address).content.decode()
