"""Signing in by the Auth Center: the way there, the way back, and every request after that."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings as configured
from django.test import Client

from retention_center.auth.sso import MOST_STATES, STATES
from retention_center.lib import clock
from retention_center.models import AuditEvent, Role, User
from tests import builders
from tests.ground.auth_center import SECRET, token

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.ground.page_urls")]
PAGE = "/a-page/?x=1"


@pytest.fixture(autouse=True)
def _auth_center(settings) -> None:
    settings.AUTH_CENTER_URL = "https://auth.example.com/sign-in"
    settings.AUTH_CENTER_JWT_SECRET = SECRET


def with_cookie(client: Client | None = None, **claims) -> Client:
    client = client or Client()
    client.cookies[configured.AUTH_COOKIE_NAME] = token(**claims)
    return client


def departure(client: Client, path: str = PAGE) -> dict[str, str]:
    """Follow the page to our sign-in, and that to the Auth Center: the query it is given."""
    ours = client.get(path)
    assert ours.status_code == 302
    away = client.get(ours["Location"])
    assert away["Location"].startswith("https://auth.example.com/sign-in?")
    return {name: values[0] for name, values in parse_qs(urlsplit(away["Location"]).query).items()}


def test_without_a_cookie_a_page_leads_to_the_auth_center_with_our_return_address():
    query = departure(Client())
    assert query["redirect_uri"] == "http://testserver/auth/callback"
    assert len(query["state"]) >= 32


def test_the_auth_center_sets_its_cookie_and_the_person_lands_where_they_wanted():
    browser = Client()
    state = departure(browser)["state"]
    back = with_cookie(browser).get("/auth/callback", {"state": state})
    assert (back.status_code, back["Location"]) == (302, PAGE)
    assert browser.get(PAGE).content == b"Amara Okafor operator"
    made = User.objects.get()
    assert (made.email, made.role, made.subject, made.has_usable_password()) == (
        "amara@example.com",
        "operator",
        "ac-1",
        False,
    )
    assert AuditEvent.objects.get().actor_name == "Auth Center"


def test_the_auth_center_may_post_the_token_instead():
    browser = Client(enforce_csrf_checks=True)
    state = departure(browser)["state"]
    back = browser.post("/auth/callback", {"state": state, "token": token()})
    assert (back.status_code, back["Location"]) == (302, PAGE)
    kept = back.cookies[configured.AUTH_COOKIE_NAME]
    assert (kept["httponly"], kept["samesite"], kept["path"]) == (True, "Lax", "/")
    assert browser.get(PAGE).status_code == 200


def test_a_post_from_another_site_comes_without_our_session_and_goes_once_more_from_our_own():
    browser = Client(enforce_csrf_checks=True)
    sent = {"state": departure(browser)["state"], "token": token()}
    across = Client().post("/auth/callback", sent)  # SameSite=Lax keeps our cookie back
    assert across.status_code == 200
    assert "no-store" in across["Cache-Control"]
    assert f'value="{sent["state"]}"' in across.content.decode()
    assert not User.objects.exists()
    assert browser.post("/auth/callback", sent | {"again": "1"})["Location"] == PAGE
    assert Client().post("/auth/callback", sent | {"again": "1"}).status_code == 400


def test_whoever_is_disabled_is_told_so_at_the_return():
    browser = Client()
    state = departure(browser)["state"]
    builders.make_user(email="amara@example.com", subject="ac-1", is_active=False)
    answer = browser.post("/auth/callback", {"state": state, "token": token()})
    assert answer.status_code == 403
    assert b"disabled" in answer.content


def test_an_address_that_becomes_free_is_not_taken_from_its_holder():
    with_cookie().get(PAGE)
    builders.make_user(email="bea@example.com")
    with_cookie(email="bea@example.com").get(PAGE)
    assert User.objects.get(subject="ac-1").email == "amara@example.com"


def test_the_cookie_may_belong_to_a_session_but_not_begin_one_for_the_api():
    browser = with_cookie()
    browser.get(PAGE)
    with_cookie(browser, sub="ac-2", email="bea@example.com")
    assert browser.get("/api/jobs/x").status_code == 401
    assert not User.objects.filter(subject="ac-2").exists()


def test_a_valid_cookie_is_enough_to_see_a_page():
    assert with_cookie().get(PAGE).content == b"Amara Okafor operator"


@pytest.mark.parametrize("state", ["", "made-up"])
def test_a_return_without_our_state_signs_nobody_in(state):
    browser = with_cookie()
    departure(Client())
    answer = browser.get("/auth/callback", {"state": state})
    assert answer.status_code == 400
    assert not User.objects.exists()


def test_a_state_is_good_once():
    browser = Client()
    state = departure(browser)["state"]
    assert with_cookie(browser).get("/auth/callback", {"state": state}).status_code == 302
    assert browser.get("/auth/callback", {"state": state}).status_code == 400


def test_a_state_of_another_browser_is_worth_nothing():
    state = departure(Client())["state"]
    other = Client()
    departure(other)
    assert other.post("/auth/callback", {"state": state, "token": token(sub="attacker")}).status_code == 400
    assert not User.objects.exists()


def test_a_state_grows_old(monkeypatch):
    browser = Client()
    state = departure(browser)["state"]
    session = browser.session
    session[STATES] = {key: entry | {"at": entry["at"] - 1000} for key, entry in session[STATES].items()}
    session.save()
    assert with_cookie(browser).get("/auth/callback", {"state": state}).status_code == 400


def test_several_tabs_may_sign_in_at_once():
    browser = Client()
    states = [departure(browser, f"/a-page/?tab={n}")["state"] for n in range(MOST_STATES + 2)]
    assert browser.get("/auth/callback", {"state": states[0]}).status_code == 400
    back = with_cookie(browser).get("/auth/callback", {"state": states[-3]})
    assert back["Location"].endswith(f"tab={MOST_STATES - 1}")


def test_a_token_in_the_address_is_ignored():
    browser = Client()
    state = departure(browser)["state"]
    assert browser.get("/auth/callback", {"state": state, "token": token()}).status_code == 400


@pytest.mark.parametrize("bad", [{"key": "x" * 64}, {"exp": 1000}])
def test_a_bad_token_at_the_return_signs_nobody_in(bad):
    browser = Client()
    state = departure(browser)["state"]
    answer = browser.post("/auth/callback", {"state": state, "token": token(**bad)})
    assert answer.status_code == 400
    assert b"Sign in" in answer.content
    assert not User.objects.exists()


def test_an_expired_cookie_ends_the_session():
    browser = with_cookie()
    browser.get(PAGE)
    now = int(clock.now().timestamp())
    assert with_cookie(browser, exp=now - 60).get(PAGE).status_code == 302
    assert "_auth_user_id" not in browser.session


def test_without_its_cookie_a_session_is_worth_nothing():
    browser = with_cookie()
    browser.get(PAGE)
    del browser.cookies[configured.AUTH_COOKIE_NAME]
    assert browser.get(PAGE).status_code == 302
    assert browser.get("/api/jobs/x").status_code == 401


def test_a_session_begun_without_the_auth_center_is_worth_nothing(signed_in, operator):
    assert signed_in(operator).get(PAGE).status_code == 302


def test_another_persons_cookie_begins_another_session():
    browser = with_cookie()
    browser.get(PAGE)
    browser.session["left_behind"] = "by the first"
    key = browser.session.session_key
    answer = with_cookie(browser, sub="ac-2", email="bea@example.com", name="Bea", role="viewer").get(PAGE)
    assert answer.content == b"Bea viewer"
    assert browser.session.session_key != key
    assert "left_behind" not in browser.session


def test_a_lowered_role_counts_from_the_next_request():
    browser = with_cookie()
    assert browser.post("/for-operators/").status_code == 200
    with_cookie(browser, role="viewer")
    assert browser.post("/for-operators/").status_code == 403
    assert User.objects.get().role == Role.VIEWER
    assert AuditEvent.objects.filter(action="change", after__role="viewer").exists()


def test_a_disabled_person_is_out_at_once_and_is_told():
    browser = with_cookie()
    browser.get(PAGE)
    User.objects.update(is_active=False)
    answer = browser.get(PAGE)
    assert answer.status_code == 403
    assert b"disabled" in answer.content
    assert browser.get("/api/jobs/x").status_code == 401


def test_a_new_name_or_address_is_taken_over():
    with_cookie().get(PAGE)
    with_cookie(name="Amara Diallo", email="diallo@example.com").get(PAGE)
    user = User.objects.get()
    assert (user.name, user.email) == ("Amara Diallo", "diallo@example.com")


def test_somebody_known_by_address_keeps_their_account():
    known = builders.make_user(Role.VIEWER, email="amara@example.com")
    with_cookie().get(PAGE)
    known.refresh_from_db()
    assert (known.subject, known.role) == ("ac-1", "operator")


def test_nobody_takes_over_an_account_by_its_address():
    with_cookie().get(PAGE)
    answer = with_cookie(sub="ac-9").get(PAGE)
    assert answer.status_code == 403
    assert User.objects.get().subject == "ac-1"


def test_without_an_address_there_is_no_account():
    assert with_cookie(email=None).get(PAGE).status_code == 403


def test_the_cookie_alone_is_no_credential_for_the_api():
    assert with_cookie().get("/api/jobs/x").status_code == 401
    browser = with_cookie()
    browser.get(PAGE)
    assert browser.get("/api/jobs/x").status_code == 404  # our own page's session is


def test_the_token_is_a_credential_for_the_api_as_bearer():
    bearer = {"Authorization": f"Bearer {token()}"}
    assert Client(headers=bearer).get("/api/jobs/x").status_code == 404
    assert User.objects.get().email == "amara@example.com"
    assert Client(headers={"Authorization": f"Bearer {token(exp=1000)}"}).get("/api/jobs/x").status_code == 401


def test_pages_learn_the_sessions_end_and_role_but_never_the_token():
    browser = with_cookie()
    browser.get(PAGE)
    answer = browser.get("/auth/token")
    assert set(answer.json()) == {"expiresAt", "role"}
    assert answer.json()["role"] == "operator"
    assert browser.cookies[configured.AUTH_COOKIE_NAME].value not in answer.content.decode()
    assert Client().get("/auth/token").status_code == 401


def test_signing_out_clears_the_session_and_the_cookie(settings):
    settings.AUTH_COOKIE_DOMAIN = ".example.com"
    browser = with_cookie()
    browser.get(PAGE)
    answer = browser.post("/auth/logout")
    cleared = answer.cookies[configured.AUTH_COOKIE_NAME]
    assert (cleared.value, cleared["domain"], cleared["max-age"]) == ("", ".example.com", 0)
    assert "_auth_user_id" not in browser.session
    assert browser.get(answer["Location"]).status_code == 200


def test_signing_out_is_no_get():
    assert with_cookie().get("/auth/logout").status_code == 405


def test_our_own_form_and_passwords_are_closed(operator):
    answer = Client().post("/auth/login", {"email": operator.email, "password": builders.PASSWORD})
    assert answer["Location"].startswith("https://auth.example.com/")
    assert with_cookie().get("/auth/password").status_code == 404


def test_a_partial_request_is_told_to_leave_the_page():
    answer = Client().get(PAGE, headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/leads/?a=b"})
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == "/auth/login?next=%2Fleads%2F%3Fa%3Db"


def test_a_page_costs_two_queries_for_knowing_who_asks(django_assert_num_queries):
    browser = with_cookie()
    browser.get(PAGE)
    with django_assert_num_queries(2):  # the session, the person
        browser.get(PAGE)
