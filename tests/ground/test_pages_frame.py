from datetime import timedelta
from html import unescape

import pytest
from django.test import Client

from campaigns import sending
from integrations.models import ProviderBreaker
from retention_center import health
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from retention_center.models import User
from retention_center.pages.context import Frame
from tests.builders import make_execution, make_inbound_event, make_lead
from tests.ground.pages_site import sample_site  # noqa: F401

pytestmark = pytest.mark.django_db


def text(answer):
    return unescape(answer.content.decode())


def test_the_sidebar_shows_the_pages_that_exist_and_marks_the_current_one(as_viewer):
    html = text(as_viewer.get("/samples/"))
    assert 'href="/samples/"' in html
    assert "Campaigns</span>" not in html


def test_the_light_says_how_the_processor_is(as_viewer):
    assert "Processor has not run yet" in text(as_viewer.get("/samples/"))
    health.beat(health.PROCESSOR, sent=0, seconds=0.1, last={"sent": 0})
    assert "light tap good" in text(as_viewer.get("/samples/"))


def test_the_light_can_be_asked_alone(as_viewer):
    answer = as_viewer.get("/light/")
    assert text(answer).strip().startswith('<a class="light')
    assert "no-store" in answer["Cache-Control"]


def test_viewers_cannot_stop_sending_and_operators_can(as_viewer, as_operator):
    assert "Stop sending" not in text(as_viewer.get("/samples/"))
    assert 'action="/sending/stop"' in text(as_operator.get("/samples/"))


def test_while_sending_is_stopped_every_page_says_so(as_viewer, as_operator):
    sending.pause_all(SYSTEM)
    assert "Sending is stopped." in text(as_viewer.get("/samples/"))
    assert 'action="/sending/go-on"' in text(as_operator.get("/samples/"))


def test_the_frame_asks_two_questions_of_the_database(as_viewer, viewer, rf, django_assert_num_queries):
    request = rf.get("/samples/")
    request.user = viewer
    sending.pause_all(SYSTEM, "A wrong price went out.")
    frame = Frame(request)
    with django_assert_num_queries(2):
        assert frame.is_stopped
        assert frame.stop_notes == ["A wrong price went out."]
        assert frame.outages == []
        assert frame.light.tone == "bad"
        assert frame.navigation


def test_who_stops_sending_sees_it_at_once_and_so_does_who_resumes(as_operator):
    assert "Sending is stopped." not in text(as_operator.get("/samples/"))
    sending.pause_all(SYSTEM)
    assert "Sending is stopped." in text(as_operator.get("/samples/"))
    sending.resume_all(SYSTEM)
    assert "Sending is stopped." not in text(as_operator.get("/samples/"))


def test_the_frame_names_a_provider_that_fails_for_everybody(viewer, rf):
    request = rf.get("/samples/")
    request.user = viewer
    since = clock.now()
    ProviderBreaker.objects.create(
        provider="sandbox", reason="It answered 401", opened_at=since, retry_at=since + timedelta(minutes=1)
    )
    sending.pause(sending.Scope.CHANNEL, "SMS", SYSTEM, "Too dear.")
    frame = Frame(request)
    (outage,) = frame.outages
    assert (outage.provider, outage.since, outage.waiting) == ("sandbox", since, 0)
    assert not frame.is_stopped


def test_the_sidebar_counts_what_waits_for_a_decision(viewer, rf):
    make_execution(held_reason="late", due_at=None, held_until=None)
    make_inbound_event(status="UNMATCHED", reason="No lead has this number.")
    request = rf.get("/samples/")
    request.user = viewer
    counted = Frame(request).waiting
    assert counted.for_staff == {"catch-up": 1, "inbox": 1}


def test_the_theme_is_kept_with_the_person_and_in_the_browser(as_viewer, viewer):
    answer = as_viewer.post("/preferences/theme", {"theme": "dark", "next": "/samples/?q=a"})
    assert answer["Location"] == "/samples/?q=a"
    viewer.refresh_from_db()
    assert viewer.preferences["theme"] == "dark"
    assert '<html lang="en" data-theme="dark">' in text(as_viewer.get("/samples/"))
    stranger = Client()
    stranger.cookies["rc_theme"] = answer.cookies["rc_theme"].value
    assert 'data-theme="dark"' in text(stranger.get("/auth/login"))


def test_a_theme_nobody_knows_is_the_systems(as_viewer):
    as_viewer.post("/preferences/theme", {"theme": "pink"})
    assert 'data-theme="system"' in text(as_viewer.get("/samples/"))


@pytest.mark.parametrize("target", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)"])
def test_preferences_never_lead_to_another_host(as_viewer, target):
    assert as_viewer.post("/preferences/theme", {"theme": "dark", "next": target})["Location"] == "/"


def test_single_letter_shortcuts_can_be_turned_off(as_viewer):
    assert "data-no-shortcuts" not in text(as_viewer.get("/samples/"))
    as_viewer.post("/preferences/shortcuts", {"shortcuts": "off"})
    assert "data-no-shortcuts" in text(as_viewer.get("/samples/"))


def test_times_show_in_the_persons_zone(as_viewer, viewer):
    User.objects.filter(pk=viewer.pk).update(time_zone="Australia/Sydney")
    assert "Times in Australia/Sydney" in text(as_viewer.get("/samples/"))
    for unknown in ("Mars/Olympus", "../etc/passwd", ""):
        User.objects.filter(pk=viewer.pk).update(time_zone=unknown)
        assert "Times in UTC" in text(as_viewer.get("/samples/"))


# Search -----------------------------------------------------------------------------------------------------------
def test_search_finds_by_name_and_links_to_the_thing(as_viewer):
    lead = make_lead(last_name="Okafor")
    html = text(as_viewer.get("/search/?q=okaf"))
    assert f'href="/samples/{lead.pk}/"' in html
    assert "<html" in html


def test_the_palette_gets_the_hits_only(as_viewer):
    make_lead(last_name="Okafor")
    answer = as_viewer.get("/search/?q=okaf", headers={"HX-Request": "true"})
    assert "<html" not in text(answer)
    assert "Okafor" in text(answer)
    assert "HX-Request" in answer["Vary"]


@pytest.mark.parametrize("query", ["", "a", "%00%00", "x" * 5000, "%3Cscript%3E"])
def test_search_bears_whatever_is_typed(as_viewer, query):
    answer = as_viewer.get(f"/search/?q={query}")
    assert answer.status_code == 200
    assert b"<script>" not in answer.content.replace(b"<script src", b"")


# Forms --------------------------------------------------------------------------------------------------------------
def test_a_form_with_a_mistake_comes_back_with_what_was_typed(as_operator):
    lead = make_lead()
    answer = as_operator.post(f"/samples/{lead.pk}/edit", {"first_name": "Grace", "source": ""})
    html = text(answer)
    assert answer.status_code == 422
    assert 'value="Grace"' in html
    assert "This is missing." in html
    assert 'aria-describedby="id_source_error"' in html
    assert 'href="#id_source"' in html


def test_a_form_somebody_else_was_faster_with_shows_both_values(as_operator):
    lead = make_lead(first_name="Ada", source="CRM")
    shown = as_operator.get(f"/samples/{lead.pk}/").context["form"].initial["version"]
    lead.first_name = "Augusta"
    lead.save()
    answer = as_operator.post(f"/samples/{lead.pk}/edit", {"first_name": "Grace", "source": "CRM", "version": shown})
    html = text(answer)
    assert answer.status_code == 409
    assert "Augusta" in html
    assert 'name="first_name" value="Grace"' in html
    lead.refresh_from_db()
    assert lead.first_name == "Augusta"
    again = {"first_name": "Grace", "source": "CRM", "version": answer.context["version"]}
    assert as_operator.post(f"/samples/{lead.pk}/edit", again).status_code == 302


@pytest.mark.parametrize("version", ["", "yesterday", "2026-99-99T00:00"])
def test_a_version_that_is_no_time_saves_as_a_form_without_one(as_operator, version):
    lead = make_lead()
    form = {"first_name": "Grace", "source": "CRM", "version": version}
    assert as_operator.post(f"/samples/{lead.pk}/edit", form).status_code == 302


# Error pages --------------------------------------------------------------------------------------------------------
def test_a_missing_page_says_what_to_do_next(as_viewer):
    answer = as_viewer.get("/no/such/page")
    assert answer.status_code == 404
    assert "There is nothing at this address" in text(answer)
    assert "also in the logs" in text(answer)


def test_a_role_too_low_is_told_whom_to_ask(as_viewer):
    answer = as_viewer.post("/samples/bulk")
    assert answer.status_code == 403
    assert "needs the role operator" in text(answer)


def test_a_page_that_fails_says_so_without_the_database(as_viewer):
    as_viewer.raise_request_exception = False
    as_viewer.cookies["rc_theme"] = "dark"
    answer = as_viewer.get("/fails/")
    assert answer.status_code == 500
    assert "it is our fault" in text(answer)
    assert 'data-theme="dark"' in text(answer)
    assert "RuntimeError" not in text(answer)


def test_a_form_without_its_safety_code_is_refused_kindly(viewer):
    client = Client(enforce_csrf_checks=True)
    client.force_login(viewer)
    answer = client.post("/preferences/theme", {"theme": "dark"})
    assert answer.status_code == 403
    assert "This form is too old" in text(answer)


# The style page -------------------------------------------------------------------------------------------------------
def test_the_style_page_is_for_admins(as_viewer, as_admin):
    assert as_viewer.get("/style/").status_code == 404
    assert as_admin.get("/style/").status_code == 200


def test_no_page_styles_or_scripts_inline(as_admin):
    for address in ("/style/", "/samples/", "/search/?q=ab", "/no/such/page"):
        html = text(as_admin.get(address))
        for banned in (" style=", "<style", " onclick=", " hx-on", "javascript:", "<script>"):
            assert banned not in html


def test_messages_become_toasts(as_viewer):
    make_lead()
    as_viewer.post("/views/", {"name": "", "page": "samples", "next": "/samples/"})
    html = text(as_viewer.get("/samples/"))
    assert 'data-toast="error"' in html
    assert "A view needs a name." in html


def test_a_stale_light_is_red(as_viewer):
    health.beat(health.PROCESSOR, sent=0, seconds=0.1, last={"sent": 0})
    state = health.processor_state(clock.now() + timedelta(minutes=6))
    assert state.tone == "bad"


def test_browsers_find_an_icon_where_they_look_for_one(client):
    answer = client.get("/favicon.ico")
    assert (answer.status_code, answer["Location"]) == (301, "/static/img/favicon.svg")
