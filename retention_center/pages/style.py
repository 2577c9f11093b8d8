"""The style page: every shared part with sample data, to look at. For admins, and for everybody under DEBUG."""

import re
from datetime import timedelta

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.models import Role, User
from retention_center.pages import charts, words
from retention_center.pages.forms import PageForm
from retention_center.pages.statuses import STATUSES

SPRITE = settings.BASE_DIR / "static" / "img" / "symbols.svg"


class SampleForm(PageForm):
    """One field of each kind."""

    name = forms.CharField(help_text="As it stands on letters.")
    email = forms.EmailField(label="E-mail", required=False)
    source = forms.ChoiceField(choices=[("CRM", "CRM"), ("API", "API")])
    days = forms.MultipleChoiceField(
        choices=[("mon", "Monday"), ("tue", "Tuesday")], widget=forms.CheckboxSelectMultiple, required=False
    )
    rule = forms.ChoiceField(
        label="When a lead exists already",
        choices=[("fill", "Fill blanks only"), ("over", "Overwrite with the file")],
        widget=forms.RadioSelect,
        initial="fill",
    )
    notes = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), required=False)
    active = forms.BooleanField(label="Active", required=False, help_text="Off: nothing is sent by it.")


@require_GET
@needs(Role.VIEWER)
def style_page(request: HttpRequest) -> HttpResponse:
    if not (settings.DEBUG or (isinstance(request.user, User) and request.user.is_staff)):
        raise Http404
    now = clock.now()
    wrong = SampleForm(
        {"wrong-name": "", "wrong-email": "anna@@example.com", "wrong-source": "CRM", "wrong-rule": "fill"},
        prefix="wrong",
    )
    context = {
        "statuses": [(model, list(values.items())) for model, values in STATUSES.items()],
        "form": SampleForm(),
        "wrong": wrong,
        "times": [
            now - timedelta(seconds=12),
            now - timedelta(hours=3),
            now - timedelta(days=40),
            now + timedelta(hours=9),
        ],
        "sends": _sends(),
        "revenue": _revenue(),
        "pace": _pace(),
        "parts": charts.shares([("good", 812), ("move", 94), ("idle", 31), ("hold", 4), ("bad", 9)]),
        "funnel": _funnel(),
        "facts": [
            ("Source", "CRM"),
            ("Zone", "Australia/Sydney, from the phone"),
            ("Campaign", "Weekend code", "#facts"),
        ],
        "crumbs": [{"label": "Leads", "href": "/leads/"}, {"label": "Amara Okafor", "href": ""}],
        "tabs": [
            {"label": "Steps", "href": "#tabs", "is_current": True, "count": None},
            {"label": "Enrollments", "href": "#tabs", "is_current": False, "count": "412"},
            {"label": "Forecast", "href": "#tabs", "is_current": False, "count": None},
        ],
        "periods": [{"label": f"{n} days", "href": f"?days={n}", "is_current": n == 7} for n in (7, 14, 30)],
        "icons": re.findall(r'id="([a-z-]+)" viewBox="0 0 16', SPRITE.read_text()),
    }
    return render(request, "pages/style.html", context)


def _sends() -> charts.Chart:
    email = [640, 702, 690, 735, 405, 382, 655, 694, 748, 776, 806, 455, 392, 216]
    sms = [377, 404, 398, 430, 210, 190, 380, 402, 428, 456, 470, 228, 200, 120]
    call = [120, 130, 140, 130, 60, 50, 112, 140, 154, 146, 160, 70, 80, 42]
    hook = [34, 40, 36, 42, 26, 24, 38, 38, 40, 44, 46, 30, 28, 10]
    labels = ["10 Feb", *map(str, range(11, 23)), "today"]
    series = [
        charts.Series("E-mail", "email", email),
        charts.Series("SMS", "sms", sms),
        charts.Series("Call", "call", call),
        charts.Series("Webhook", "webhook", hook),
    ]
    summary = "Most on 20 Feb with 1,482 contacts; fewer at the weekends; today is not over."
    return charts.stacked("Sends by channel, 14 days", labels, series, summary=summary, now=13)


def _revenue() -> charts.Chart:
    days = ["Mon 16", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun 22"]
    return charts.compared(
        "Confirmed revenue, 7 days",
        days,
        [830, 1250, 1020, 1700, 1190, 650, 1840],
        [920, 990, 1130, 1160, 1250, 830, 1180],
        names=("16 to 22 Feb, $8,480", "9 to 15 Feb, $7,460"),
        summary="$1,020 more than the 7 days before; Sunday was the best day.",
        say=lambda amount: "$" + words.number(amount),
    )


def _pace() -> charts.Chart:
    anyway = [19, 21, 25, 32, 39, 45, 53, 50, 48, 44, 41, 39]
    freed = [81, 81, 81, 81, 81, 75, 67, 70, 72, 76, 79, 80]
    hours = [f"{9 + n // 4:02}:{n % 4 * 15:02}" for n in range(2, 14)]
    series = [charts.Series("Planned anyway", "quiet", anyway), charts.Series("Released", "accent", freed)]
    return charts.stacked(
        "The next hours",
        hours,
        series,
        summary="At the pace limit until 11:00.",
        height=140,
        limit=(120, "Pace limit, 120 in 15 min"),
    )


def _funnel() -> list[dict[str, object]]:
    counts = [
        ("Due", 984),
        ("Sent", 842),
        ("Delivered", 826),
        ("Replied", 61),
        ("Converted", 24),
        ("Failed", 16),
        ("Skipped", 126),
    ]
    return [
        {
            "word": word,
            "count": n,
            "href": "#funnel",
            "share": round(100 * n / 984, 1),
            "is_quiet": word in {"Failed", "Skipped"},
        }
        for word, n in counts
    ]
