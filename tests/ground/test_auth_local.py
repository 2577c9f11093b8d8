"""Signing in with our own form: who gets in, who does not, and where they land."""

import re
from io import StringIO

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client

from retention_center.auth.signing_in import CHANGE_ASKED
from retention_center.models import AuditEvent, Role, User
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.ground.page_urls")]
PAGE = "/a-page/?x=1"


@pytest.fixture(autouse=True)
def _no_failures_yet() -> None:
    cache.clear()


def sign_in(client: Client, email: str, password: str = builders.PASSWORD, **more):
    return client.post("/auth/login", {"email": email, "password": password} | more)


def test_a_page_leads_to_the_form_and_the_form_back_to_the_page(operator):
    browser = Client()
    to_form = browser.get(PAGE)
    assert (to_form.status_code, to_form["Location"]) == (302, "/auth/login?next=%2Fa-page%2F%3Fx%3D1")
    form = browser.get(to_form["Location"])
    assert b'value="/a-page/?x=1"' in form.content
    back = sign_in(browser, operator.email, next=PAGE)
    assert (back.status_code, back["Location"]) == (302, PAGE)
    assert browser.get(PAGE).status_code == 200


def test_an_address_is_known_however_it_is_spelled(operator):
    assert sign_in(Client(), f" {operator.email.upper()} ").status_code == 302


def test_a_refusal_does_not_tell_whether_the_account_exists(operator):
    wrong = sign_in(Client(), operator.email, "wrong")
    unknown = sign_in(Client(), "nobody@example.com", "wrong")
    disabled = builders.make_user(is_active=False)
    off = sign_in(Client(), disabled.email)
    told = [re.search(r"E-mail and password[^<]*", answer.content.decode())[0] for answer in (wrong, unknown, off)]
    assert len(set(told)) == 1
    assert {answer.status_code for answer in (wrong, unknown, off)} == {422}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"email": "a@example.com"},
        {"email": "x" * 300, "password": "p"},
        {"email": "a\x00b@example.com", "password": "p\x00"},
        {"email": "a@example.com", "password": "p" * 5000},
        {"email": "\ud800@example.com".encode("utf-8", "surrogatepass"), "password": "p"},
    ],
)
def test_garbage_in_the_form_gets_the_form_again(fields):
    answer = Client().post("/auth/login", fields)
    assert answer.status_code in {422, 429}
    assert b"<form" in answer.content


def test_a_wrong_password_is_never_shown_again(operator):
    assert b"hush hush" not in sign_in(Client(), operator.email, "hush hush").content


def test_too_many_failures_stop_an_account_for_a_while(operator):
    for _ in range(10):
        assert sign_in(Client(), operator.email, "wrong").status_code == 422
    answer = sign_in(Client(), operator.email)
    assert answer.status_code == 429
    assert b"Wait a minute" in answer.content
    assert sign_in(Client(), builders.make_user().email).status_code == 302


def test_too_many_failures_stop_an_address_for_a_while(operator):
    for number in range(50):
        sign_in(Client(), f"guess{number}@example.com", "wrong")
    assert sign_in(Client(), operator.email).status_code == 429


def test_signing_in_forgives_earlier_slips(operator):
    for _ in range(9):
        sign_in(Client(), operator.email, "wrong")
    assert sign_in(Client(), operator.email).status_code == 302
    for _ in range(9):
        assert sign_in(Client(), operator.email, "wrong").status_code == 422


def test_signing_in_begins_a_new_session(operator):
    browser = Client()
    browser.get("/auth/login")
    sign_in(browser, operator.email)
    first = browser.session.session_key
    browser.post("/auth/logout")
    sign_in(browser, operator.email)
    assert browser.session.session_key != first


def test_the_form_needs_its_csrf_token(operator):
    browser = Client(enforce_csrf_checks=True)
    assert sign_in(browser, operator.email).status_code == 403


ELSEWHERE = [
    "https://evil.example.com",
    "//evil.example.com",
    "///evil.example.com",
    "////evil.example.com",
    "/\\evil.example.com",
    "\\\\evil.example.com",
    "/\t/evil.example.com",
    "\t//evil.example.com",
    "http:evil.example.com",
    "https:/evil.example.com",
    "http:///evil.example.com",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "http://testserver@evil.example.com",
    "http://testserver.evil.example.com/",
    "http://evil.example.com/?testserver",
    "http://[::1",
    "/auth/logout",
    "/auth/login",
    "evil",
    "\x00//evil.example.com",
    "",
]


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_nobody_is_sent_off_our_own_host(operator, wanted):
    assert sign_in(Client(), operator.email, next=wanted)["Location"] == "/"
    browser = Client()
    browser.force_login(operator)
    assert browser.get("/auth/login", {"next": wanted})["Location"] == "/"


@pytest.mark.parametrize(
    ("wanted", "landed"),
    [
        ("/leads/?status=NEW&page=2", "/leads/?status=NEW&page=2"),
        ("http://testserver/leads/", "/leads/"),
        ("/x#y", "/x"),
    ],
)
def test_our_own_addresses_are_returned_to(operator, wanted, landed):
    assert sign_in(Client(), operator.email, next=wanted)["Location"] == landed


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_every_page_asks_for_a_person(method):
    answer = getattr(Client(), method)("/for-operators/")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/auth/login")


@pytest.mark.parametrize("path", ["/no/such/page", "/admin/", "/admin/login/", "/leads/", "/", "/style/"])
def test_a_stranger_learns_nothing_about_addresses(path):
    assert Client().get(path)["Location"].startswith("/auth/login")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/auth/login", "/auth/signed-out"])
def test_what_is_open_is_open(path):
    assert Client().get(path).status_code == 200


def test_viewers_may_not_do_what_operators_may(as_viewer):
    answer = as_viewer.post("/for-operators/")
    assert answer.status_code == 403


def test_a_disabled_person_is_out_at_once(as_operator, operator):
    User.objects.filter(pk=operator.pk).update(is_active=False)
    assert as_operator.get(PAGE).status_code == 302


def test_there_is_no_callback_without_an_auth_center():
    assert Client().get("/auth/callback", {"state": "x"}).status_code == 404


def test_the_first_admin_signs_in_once_and_then_chooses_a_password():
    told = StringIO()
    call_command("first_admin", stdout=told)
    email, password = re.search(r"as (\S+) with the one-time password (\S+)", told.getvalue()).groups()
    assert (email, User.objects.get().role) == ("admin@localhost", Role.ADMIN)
    browser = Client()
    assert sign_in(browser, email, password)["Location"] == "/auth/password"
    changed = {"current": password, "new": "four words in a row", "again": "four words in a row"}
    assert browser.post("/auth/password", changed)["Location"] == "/"
    assert browser.get(PAGE).status_code == 200
    assert sign_in(Client(), email, password).status_code == 422
    assert sign_in(Client(), email, "four words in a row").status_code == 302
    assert "change password" in AuditEvent.objects.values_list("action", flat=True)


def test_the_first_admin_is_made_only_once():
    call_command("first_admin", "--email", "boss@example.com", stdout=StringIO())
    told = StringIO()
    call_command("first_admin", stdout=told)
    assert "boss@example.com" in told.getvalue()
    assert User.objects.count() == 1


def test_the_first_admin_needs_an_address():
    with pytest.raises(CommandError):
        call_command("first_admin", "--email", "nonsense")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"current": "wrong"}, "not your present password"),
        ({"again": "something else here"}, "differ"),
        ({"new": "short", "again": "short"}, "too short"),
        ({"new": "password1234", "again": "password1234"}, "too common"),
        ({"new": builders.PASSWORD, "again": builders.PASSWORD}, "Choose another one"),
    ],
)
def test_a_new_password_must_make_sense(as_operator, changes, said):
    fields = {"current": builders.PASSWORD, "new": "four words in a row", "again": "four words in a row"} | changes
    answer = as_operator.post("/auth/password", fields)
    assert answer.status_code == 422
    assert said in answer.content.decode()


def test_a_one_time_password_leads_to_choosing_an_own_one_and_every_page_says_so_until_then(operator, client):
    User.objects.filter(pk=operator.pk).update(preferences={CHANGE_ASKED: True})
    answer = client.post("/auth/login", {"email": operator.email, "password": builders.PASSWORD})
    assert answer["Location"] == "/auth/password"
    assert b"Choose your own password" in client.get("/leads/").content

    new = "four words in a row"
    client.post("/auth/password", {"current": builders.PASSWORD, "new": new, "again": new})
    assert b"Choose your own password" not in client.get("/leads/").content


def test_pages_learn_when_the_session_ends(as_viewer):
    assert as_viewer.get("/auth/token").json()["role"] == "viewer"


@pytest.mark.parametrize("wanted", ["http://testserver//evil.example.com", "/\x00", "dashboard", "http://[", "//evil"])
def test_an_odd_way_back_leads_to_the_front_page(as_viewer, wanted):
    for address in ("/auth/login", "/preferences/theme", "/preferences/shortcuts"):
        assert as_viewer.post(address, {"next": wanted}).headers["Location"] == "/"
