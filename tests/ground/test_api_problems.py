"""Whatever goes wrong is told as a problem (RFC 9457), in one sentence, never as a page."""

from datetime import timedelta

import pytest
from django.test import Client, override_settings

from retention_center.api import throttles
from retention_center.lib import clock

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.ground.odd_urls")]


def problem_of(answer, status: int) -> dict:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert {"type", "title", "status", "detail", "errors"} <= set(body)
    assert body["status"] == status
    assert body["detail"]
    return body


def test_a_wrong_field_is_named_as_on_the_wire(api):
    body = problem_of(api("operator").post("/api/odd", {"firstName": "x" * 21}), 400)
    assert body["errors"][0] | {"message": ""} == {"field": "firstName", "code": "max_length", "message": ""}
    assert body["detail"].startswith("firstName: ")


def test_fields_inside_lists_are_named_by_their_path(api):
    steps = [{"stepOrder": 1, "channel": "EMAIL"}, {"stepOrder": 10**30, "channel": "PIGEON"}]
    body = problem_of(api("operator").post("/api/odd", {"firstName": "Ada", "steps": steps}), 400)
    assert {(error["field"], error["code"]) for error in body["errors"]} == {
        ("steps.1.stepOrder", "max_value"),
        ("steps.1.channel", "invalid_choice"),
    }
    assert body["detail"].endswith("(1 more)")


def test_a_rule_named_in_python_is_asked_for_the_wires_field(api):
    body = problem_of(api("operator").post("/api/odd", {"firstName": "Nobody"}), 400)
    assert body["errors"] == [{"field": "firstName", "code": "nobody", "message": "Nobody is no name."}]


@pytest.mark.parametrize(
    "body", [b"{", b"", b"[1, 2", b"\xff\xfe", b'{"firstName": NaN}', b'{"n": 1e999}', b"nul", b"1" * 5000]
)
def test_a_body_that_is_no_json_is_malformed(api, body):
    problem_of(api("operator").post("/api/odd", body), 400)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"null", b"7", b"[" * 100_000])
def test_json_that_is_no_object_is_malformed(api, body):
    problem_of(api("operator").post("/api/odd", body), 400)


@pytest.mark.parametrize("opening", [b'{"a":', b"["])
@pytest.mark.parametrize("levels", [101, 960, 5_000, 50_000])
def test_json_that_nobody_gets_out_of_again_is_malformed(api, opening, levels):
    closing = b"}" if opening[:1] == b"{" else b"]"
    body = b'{"firstName": "Ada", "x": ' + opening * levels + b"1" + closing * levels + b"}"
    assert "100 levels" in problem_of(api("operator").post("/api/odd", body), 400)["detail"]


def test_a_hundred_levels_are_taken_and_given_back(api):
    body = b'{"email": "ada@example.com", "meta": ' + b'{"a": ' * 98 + b"1" + b"}" * 98 + b"}"
    caller = api("operator")
    assert caller.get(f"/api/leads/{caller.post('/api/leads', body).json()['id']}").status_code == 200


@pytest.mark.parametrize("text", ["\\u0000", "a\\ud800b", "\\udfff"])
def test_text_that_no_database_takes_is_malformed(api, text):
    caller = api("operator")
    body = problem_of(caller.post("/api/odd", f'{{"firstName": "Ada", "steps": ["{text}"]}}'.encode()), 400)
    assert body["errors"][0]["field"] == "steps.0"
    problem_of(caller.post("/api/odd", f'{{"{text}": 1}}'.encode()), 400)
    problem_of(caller.post("/api/odd", f'"{text}"'.encode()), 400)


def test_a_whole_surrogate_pair_is_a_character_like_any_other(api):
    answer = api("operator").post("/api/odd", b'{"firstName": "\\ud83d\\ude00"}')
    assert answer.json()["firstName"] == "\U0001f600"


def test_nul_in_an_address_is_malformed_or_not_found(api):
    caller = api("operator")
    problem_of(caller.get("/api/odd?x=a%00b"), 400)
    problem_of(caller.get("/api/odd?a%00b=x"), 400)
    problem_of(caller.get("/api/jobs/a%00b"), 404)


def test_what_is_not_there_is_not_found(api):
    caller = api("operator")
    problem_of(caller.get("/api/jobs/unknown"), 404)
    problem_of(caller.get("/api/no/such/thing"), 404)
    problem_of(caller.get("/api/jobs/"), 404)
    problem_of(caller.post("/api/nothing", {}), 404)
    problem_of(Client().get("/api/nothing"), 404)
    problem_of(Client().get("/api/"), 404)
    assert "slash" in problem_of(caller.post("/api/leads/", {}), 404)["detail"]


def test_another_method_is_not_allowed(api):
    answer = api("operator").delete("/api/odd")
    problem_of(answer, 405)
    assert answer["Allow"] == "GET, POST, HEAD"
    problem_of(api("operator").send("OPTIONS", "/api/odd"), 405)


def test_another_media_type_is_not_supported(api):
    caller = api("operator")
    answer = caller.client.post("/api/odd", "a=b", "application/x-www-form-urlencoded", headers=caller.headers)
    problem_of(answer, 415)


def test_an_odd_accept_header_still_gets_json(api):
    caller = api("operator")
    answer = caller.get("/api/odd", Accept="text/html")
    assert answer["Content-Type"] == "application/json"
    problem_of(caller.get("/api/odd", {"fail": "conflict"}, Accept="application/xml"), 409)


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=100)
def test_a_large_body_is_refused(api):
    problem_of(api("operator").post("/api/odd", {"firstName": "x" * 200}), 413)
    problem_of(api("operator").post("/api/odd", {"firstName": "x" * 200}, Idempotency_Key="one"), 413)


def test_a_conflict_carries_what_a_program_needs(api):
    body = problem_of(api("viewer").get("/api/odd", {"fail": "conflict"}), 409)
    assert (body["detail"], body["leadId"]) == ("The phone belongs to lead 7.", "7")
    assert body["type"].endswith("phone_taken")


def test_one_wrong_value_found_by_a_rule_names_its_field(api):
    body = problem_of(api("viewer").get("/api/odd", {"fail": "invalid"}), 400)
    assert body["errors"] == [{"field": "phone", "code": "bad_phone", "message": "This is no phone number."}]


def test_a_refused_move_tells_the_allowed_ones(api):
    assert problem_of(api("viewer").get("/api/odd", {"fail": "refused"}), 409)["allowed"] == ["PAUSED"]
    assert problem_of(api("viewer").get("/api/odd", {"fail": "moved"}), 409)["allowed"] == []


def test_an_error_of_ours_shows_nothing_of_itself(api):
    caller = api("viewer")
    caller.client.raise_request_exception = False
    answer = caller.get("/api/odd", {"fail": "crash"})
    problem_of(answer, 500)
    assert "secret" not in answer.content.decode()


@pytest.mark.urls("retention_center.urls")
def test_what_fails_before_the_api_is_asked_is_a_problem_too():
    problem_of(Client(headers={"Host": "evil.example.com"}).get("/api/schema"), 400)


def test_too_many_requests_are_told_when_to_come_again(api, settings):
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {
        "DEFAULT_THROTTLE_RATES": {"caller": "3/min", "anonymous": "2/min", "sign_in": "10/min"}
    }
    caller, other = api("viewer"), api("viewer")
    assert [caller.get("/api/odd").status_code for _ in range(3)] == [200] * 3
    answer = caller.get("/api/odd")
    problem_of(answer, 429)
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert other.get("/api/odd").status_code == 200


def test_guessing_keys_is_throttled_by_address(api, settings):
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {
        "DEFAULT_THROTTLE_RATES": {"caller": "3/min", "anonymous": "2/min", "sign_in": "10/min"}
    }
    guesser = Client(headers={"Authorization": "Bearer rc_guess"})
    assert [guesser.get("/api/odd").status_code for _ in range(3)] == [401, 401, 429]


def test_after_its_time_a_limit_begins_anew(monkeypatch):
    at = [clock.now()]
    monkeypatch.setattr(throttles.clock, "now", lambda: at[0])
    assert [bool(throttles.take("x", 2, 60)) for _ in range(3)] == [False, False, True]
    at[0] += timedelta(seconds=30)
    assert 29 < throttles.take("x", 2, 60) < 31
    at[0] += timedelta(seconds=31)
    assert [bool(throttles.take("x", 2, 60)) for _ in range(3)] == [False, False, True]


def test_processes_count_together_and_seldom_ask_the_database(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert not any(throttles.take("y", 100, 60) for _ in range(4))
    assert not any(throttles.take("y", 100, 60) for _ in range(96))
    throttles.forget()  # as another process, which has counted nothing yet
    allowed = sum(not throttles.take("y", 100, 60) for _ in range(10))
    assert allowed == 4  # it hears of the others at its fifth request


def test_every_answer_carries_the_request_id(api):
    assert api("viewer").get("/api/odd")["X-Request-Id"] != api("viewer").get("/api/odd")["X-Request-Id"]
    for address in ("/api/odd", "/api/nothing", "/api/schema", "/api/webhooks/vapi", "/leads/", "/healthz"):
        assert api("").get(address)["X-Request-Id"], address


def test_nobody_on_the_way_keeps_an_answer(api):
    assert api("viewer").get("/api/leads")["Cache-Control"] == "no-store"
    assert api("").get("/api/leads")["Cache-Control"] == "no-store"
