from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.template import Context, Template
from django.utils import timezone

from campaigns.models import Campaign, CampaignLead, ContactAttempt
from leads.models import Lead
from retention_center.models import Job
from retention_center.pages import charts, words
from retention_center.pages.exports import harmless, plain
from retention_center.pages.statuses import STATUSES, status_of
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStepExecution

NOW = datetime(2026, 2, 23, 7, 14, tzinfo=UTC)
RIGA = ZoneInfo("Europe/Riga")


@pytest.mark.parametrize(
    ("value", "told"), [(1240, "1,240"), (0, "0"), (None, "none"), (2.5, "2.5"), (Decimal("12.00"), "12"), ("7", "7")]
)
def test_numbers_have_separators(value, told):
    assert words.number(value) == told


@pytest.mark.parametrize(
    ("amount", "currency", "told"),
    [
        (8412, "USD", "$8,412.00"),
        (Decimal("0.0415"), "USD", "$0.0415"),
        (Decimal("-80"), "EUR", "-€80.00"),
        (12, "PLN", "12.00 PLN"),
        (None, "USD", "none"),
    ],
)
def test_money_has_its_currency(amount, currency, told):
    assert words.money(amount, currency) == told


def test_a_rate_stands_beside_its_count_and_few_observations_are_not_judged():
    assert words.rate(23, 924) == "23 of 924, 2.5 %"
    assert words.rate(3, 12) == "3 of 12, too few to judge"
    assert words.rate(0, 0) == "0 of 0, too few to judge"
    assert words.rate(924, 924) == "924 of 924, 100 %"


@pytest.mark.parametrize(
    ("passed", "told"),
    [
        (timedelta(seconds=12), "12 s ago"),
        (timedelta(minutes=41), "41 min ago"),
        (timedelta(hours=14), "14 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=6, hours=23), "6 days ago"),
        (timedelta(days=7), "16 Feb 2026"),
        (timedelta(hours=-3), "in 3 h"),
    ],
)
def test_times_are_relative_for_seven_days(passed, told):
    assert words.ago(NOW - passed, NOW) == told


def test_planned_times_say_their_day_in_the_readers_zone():
    with timezone.override(RIGA):
        assert words.planned(datetime(2026, 2, 23, 21, 0, tzinfo=UTC), NOW) == "Today 23:00"
        assert words.planned(datetime(2026, 2, 23, 23, 0, tzinfo=UTC), NOW) == "Tomorrow 01:00"
        assert words.planned(datetime(2026, 2, 25, 6, 0, tzinfo=UTC), NOW) == "Wed 25 Feb 08:00"
        assert words.planned(datetime(2027, 2, 25, 6, 0, tzinfo=UTC), NOW) == "Thu 25 Feb 2027 08:00"


def test_a_time_carries_its_exact_moment_and_zone():
    with timezone.override(RIGA):
        html = Template("{% load rc %}{{ at|when }}{{ none|ago }}").render(Context({"at": NOW, "none": None}))
    assert 'datetime="2026-02-23T07:14:00+00:00"' in html
    assert 'title="23 Feb 2026 09:14:00, Europe/Riga"' in html
    assert html.endswith("never")


@pytest.mark.parametrize(
    ("name", "told"), [("Kaija Ozola", "KO"), ("k.ozola@example.com", "KO"), ("root", "R"), ("", "")]
)
def test_initials_come_from_names_and_addresses(name, told):
    assert words.initials(name) == told


@pytest.mark.parametrize(
    "model",
    [Lead, Campaign, CampaignLead, ContactAttempt, RetentionSequence, SequenceEnrollment, SequenceStepExecution, Job],
)
def test_every_status_of_every_model_has_a_word_a_shape_and_a_tone(model):
    assert set(model.Status.values) <= STATUSES[model.__name__].keys()


def test_a_shape_is_never_the_only_thing_that_tells_two_statuses_of_a_model_apart():
    for values in STATUSES.values():
        assert len({status.word for status in values.values()}) == len(values)


def test_an_unknown_status_is_shown_as_its_own_word():
    assert status_of("Lead", "ON_HOLIDAY").word == "On holiday"
    assert status_of("Nothing", None).word == "None"


def test_every_shape_and_symbol_in_use_is_drawn(settings):
    sprite = (settings.BASE_DIR / "static" / "img" / "symbols.svg").read_text()
    for values in STATUSES.values():
        for status in values.values():
            assert f'id="s-{status.shape}"' in sprite


@pytest.mark.parametrize("text", ["=1+1", "+49", "-2", "@SUM(A1)", "\tx", "\rx"])
def test_cells_that_a_spreadsheet_would_run_are_made_harmless(text):
    assert harmless(text) == f"'{text}"


def test_numbers_stay_numbers_in_exports():
    assert plain(-5) == -5
    assert plain(None) == ""
    assert plain(True) == "yes"
    assert plain("Ada") == "Ada"


def test_bars_start_at_zero_and_end_below_a_round_number():
    chart = charts.stacked("Sends", ["Mon", "Tue"], [charts.Series("E-mail", "email", [1, 1482])], summary="Few.")
    assert [text for _y, text in chart.grid] == ["0", "400", "800", "1,200", "1,600"]
    assert chart.rows == [["Mon", "1"], ["Tue", "1,482"]]
    tallest = chart.bars[1].pieces[0]
    assert tallest.y + tallest.height == pytest.approx(chart.height)


def test_a_chart_of_nothing_is_still_a_chart():
    chart = charts.compared("Revenue", ["Mon"], [0], [0], names=("now", "before"), summary="None.")
    assert chart.bars[0].pieces == []
    assert len(chart.grid) == 5


def test_a_long_chart_labels_every_few_bars():
    labels = [str(day) for day in range(90)]
    chart = charts.stacked("Sends", labels, [charts.Series("E-mail", "email", [1] * 90)], summary="Even.")
    assert 10 <= sum(bool(bar.label) for bar in chart.bars) <= 14


def test_shares_never_vanish():
    drawn = charts.shares([("good", 99_999), ("bad", 1), ("idle", 0)])
    assert [ink for ink, _start, _width in drawn] == ["good", "bad"]
    assert drawn[1][2] >= 0.2
