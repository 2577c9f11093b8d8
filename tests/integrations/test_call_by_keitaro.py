"""Keitaro's address: who may call it, what it understands, and that nothing makes it stumble."""

import json
import logging
import threading
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from conversions.models import Conversion
from integrations.models import InboundEvent, IntegrationConfig
from retention_center.api import throttles
from tests import knobs
from tests.builders import make_integration, make_lead

pytestmark = pytest.mark.django_db
URL = "/api/webhooks/keitaro"
SECRET = "a-secret-of-thirty-two-characters"
OLD = "the-secret-of-before-it-was-changed"
CALLER = Client()  # one for all: building it is what takes time


@pytest.fixture(autouse=True)
def _unthrottled() -> None:
    throttles.forget()


@pytest.fixture
def keitaro() -> IntegrationConfig:
    return make_integration("keitaro", webhookSecret=SECRET, previousWebhookSecret=OLD)


def get(**parameters: Any) -> Any:
    return CALLER.get(URL, {"secret": SECRET, "subid": "c1", "status": "sale"} | parameters)


def post_json(body: Any, **options: Any) -> Any:
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    return CALLER.post(f"{URL}?secret={SECRET}", text, content_type="application/json", **options)


# Who may call ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        None,
        {"is_active": True},
        {"is_active": True, "webhookSecret": ""},
        {"is_active": False, "webhookSecret": SECRET},
    ],
    ids=["no row", "no secret", "a blank secret", "switched off"],
)
def test_before_it_is_set_up_it_says_so(config: dict[str, Any] | None) -> None:
    if config:
        make_integration("keitaro", **config)
    assert get().status_code == 503
    assert get(secret="").status_code == 503


@pytest.mark.parametrize("secret", ["", "wrong", SECRET.upper(), "é", "x" * 5000])
def test_without_the_secret_nothing_is_stored(keitaro: IntegrationConfig, secret: str) -> None:
    answer = get(secret=secret)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"]
    assert answer["Content-Type"] == "application/problem+json"
    assert not InboundEvent.objects.exists()


@pytest.mark.parametrize("secret", [SECRET, OLD])
def test_both_secrets_are_taken_while_they_are_changed(keitaro: IntegrationConfig, secret: str) -> None:
    assert get(secret=secret).status_code == 200
    assert CALLER.get(URL, {"subid": "c2"}, headers={"X-Webhook-Secret": secret}).status_code == 200
    assert CALLER.post(URL, {"subid": "c3", "secret": secret}).status_code == 200
    assert Conversion.objects.count() == 3


def test_only_strangers_are_slowed_down(keitaro: IntegrationConfig) -> None:
    answers = [get(secret="wrong").status_code for _ in range(65)]
    assert answers[0] == 401
    assert answers[-1] == 429
    assert int(get(secret="wrong")["Retry-After"]) >= 1
    assert get().status_code == 200


def test_a_stranger_is_not_told_what_is_wrong_with_the_body(keitaro: IntegrationConfig) -> None:
    assert CALLER.post(URL, "{", content_type="application/json").status_code == 401
    assert CALLER.get(URL).status_code == 401


@pytest.mark.parametrize("method", ["head", "put", "patch", "delete", "options"])
def test_other_methods_change_nothing(keitaro: IntegrationConfig, method: str) -> None:
    answer = getattr(CALLER, method)(f"{URL}?secret={SECRET}&subid=c1")
    assert answer.status_code == 405
    assert not InboundEvent.objects.exists()


# What it understands --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [URL, f"{URL}/"])
def test_a_slash_at_the_end_makes_no_difference(keitaro: IntegrationConfig, path: str) -> None:
    parameters = {"secret": SECRET, "subid": "c1", "status": "sale", "payout": "3"}
    for answer in (CALLER.get(path, parameters), CALLER.post(path, parameters)):
        assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"OK", "text/plain")
    assert Conversion.objects.get().revenue == 3


def test_it_never_redirects_even_when_pages_do(keitaro: IntegrationConfig, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert Client().get(URL, {"secret": SECRET, "subid": "c1"}).status_code == 200


def test_every_way_of_sending_gives_the_same_event(keitaro: IntegrationConfig) -> None:
    said = {"subid": "c1", "status": "sale", "payout": "12.50", "tid": "t"}
    secret = {"secret": SECRET}
    answers = [
        CALLER.get(URL, said | secret),
        CALLER.post(URL, said | secret),  # multipart
        CALLER.post(
            f"{URL}?secret={SECRET}", "subid=c1&status=sale&payout=12.50&tid=t", "application/x-www-form-urlencoded"
        ),
        CALLER.post(f"{URL}?secret={SECRET}&subid=c1&status=sale", {"payout": "12.50", "tid": "t"}),
        post_json(said),
        CALLER.post(f"{URL}?secret={SECRET}", json.dumps(said), "text/plain"),
    ]
    assert [answer.status_code for answer in answers] == [200] * 6
    assert InboundEvent.objects.get().payload == said


def test_the_body_wins_over_the_address(keitaro: IntegrationConfig) -> None:
    CALLER.post(f"{URL}?secret={SECRET}&subid=c1&payout=1", {"payout": "2", "status": "sale"})
    assert Conversion.objects.get().revenue == 2


def test_sent_without_a_cookie_or_a_token_from_any_page(keitaro: IntegrationConfig) -> None:
    answer = Client(enforce_csrf_checks=True).post(URL, {"secret": SECRET, "subid": "c1"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("parameters", "column", "value"),
    [
        ({"subid": "", "sub_id": "s"}, "sub_id", "s"),
        ({"clickid": "k"}, "click_id", "k"),
        ({"click_id": "k", "clickid": "other"}, "click_id", "k"),
        ({"external_id": "e"}, "click_id", "e"),
        ({"txid": "t"}, "tid", "t"),
        ({"transaction_id": "t"}, "tid", "t"),
        ({"status": "", "type": "deposit"}, "status", "deposit"),
        ({"payout": "1", "revenue": "2"}, "revenue", Decimal(1)),
        ({"revenue": "2", "profit": "3"}, "revenue", Decimal(2)),
        ({"profit": "3"}, "revenue", Decimal(3)),
        ({"conversion_revenue": "4"}, "revenue", Decimal(4)),
        ({"currency": "eur"}, "currency", "EUR"),
        ({"currency": "euros"}, "currency", "USD"),
        ({"tid": "{tid}"}, "tid", ""),
        ({"tid": "{tid}", "txid": "t"}, "tid", "t"),
        ({"status": "{status}"}, "status", "lead"),
        ({"payout": "{revenue}", "revenue": "6"}, "revenue", Decimal(6)),
        ({"tid": "a{tid}b"}, "tid", "a{tid}b"),
    ],
)
def test_names_and_macros(keitaro: IntegrationConfig, parameters: dict[str, str], column: str, value: Any) -> None:
    assert get(**parameters).status_code == 200
    assert getattr(Conversion.objects.get(), column) == value


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("12", "12"), ("12.50", "12.5"), ("12,50", "12.5"), (" 12.5 ", "12.5"), ("0", "0"), ("0.00001", "0"),
        ("1.23456", "1.2346"), ("9999999999.9999", "9999999999.9999"), ("00012", "12"),
        ("", "0"), ("-5", "0"), ("+5", "0"), ("nan", "0"), ("inf", "0"), ("1e9", "0"), ("ten", "0"), ("{revenue}", "0"),
        ("1,234.50", "0"), ("1,234,5", "0"), ("$5", "0"), (".5", "0"), ("5.", "0"), ("1 000", "0"), ("٣", "0"),
        ("10000000000", "0"), ("9" * 400, "0"), ("12\n", "12"), ("0x10", "0"),
    ],
)  # fmt: skip
def test_money(keitaro: IntegrationConfig, text: str, amount: str) -> None:
    get(payout=text)
    row = Conversion.objects.get()
    assert row.revenue == Decimal(amount)
    is_warned = bool(row.postback_data.get("warnings"))
    assert is_warned == (amount == "0" and text not in {"0", "0.00001"})
    assert bool(InboundEvent.objects.get().facts["warnings"]) == is_warned


@pytest.mark.parametrize(("number", "amount"), [("12.5", "12.5"), ("7", "7"), ("1e9", "0"), ("NaN", "0"), ("-3", "0")])
def test_money_as_a_json_number(keitaro: IntegrationConfig, number: str, amount: str) -> None:
    post_json(f'{{"subid": "c1", "status": "sale", "payout": {number}}}')
    assert Conversion.objects.get().revenue == Decimal(amount)


@pytest.mark.parametrize(
    "parameters",
    [
        {"subid": "", "click_id": ""},
        {"subid": "{subid}"},
        {"subid": "s" * 256},
        {"click_id": "s" * 256},
        {"tid": "s" * 256},
        {"external_id": "s" * 256},
    ],
)
def test_what_nobody_can_place_is_malformed(keitaro: IntegrationConfig, parameters: dict[str, str]) -> None:
    answer = get(**parameters)
    assert answer.status_code == 400
    assert answer.json()["detail"]
    assert not InboundEvent.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        "{", "[]", "3", '"text"', "null", "nul", '{"subid": }', "[" * 100_000, '{"a":' * 5000 + "1" + "}" * 5000,
        '{"subid": ["c1"]}', '{"subid": {"a": 1}}', '{"subid": null}', "{}", '"' + '\\"' * 100_000,
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_malformed(keitaro: IntegrationConfig, body: str) -> None:
    assert post_json(body).status_code == 400
    assert not InboundEvent.objects.exists()


def test_a_body_over_256_kib_is_too_large(keitaro: IntegrationConfig) -> None:
    assert post_json({"subid": "c1", "x": "y" * 256 * 1024}).status_code == 413
    assert post_json({"subid": "c1", "x": "y" * 255 * 1024}).status_code == 200


def test_what_a_database_cannot_hold_is_replaced(keitaro: IntegrationConfig) -> None:
    assert (
        post_json(r'{"subid": "a\u0000b", "tid": "\ud800", "status": "sale", "k\u0000": ["\udfff"]}').status_code == 200
    )
    row = Conversion.objects.get()
    assert (row.sub_id, row.tid) == ("a\ufffdb", "\ufffd")
    assert row.postback_data["k\ufffd"] == ["\ufffd"]


def test_text_that_was_sent_unquoted_is_read_as_utf_8(keitaro: IntegrationConfig) -> None:
    query = f"secret={SECRET}&subid=c1&campaign_name=Ķīmija".encode().decode("latin-1")
    CALLER.get(URL, QUERY_STRING=query)
    assert Conversion.objects.get().postback_data["campaign_name"] == "Ķīmija"


# Once, and no secrets -------------------------------------------------------------------------------------------


def test_the_same_postback_twice_changes_nothing(keitaro: IntegrationConfig) -> None:
    lead = make_lead()
    for _ in range(3):
        assert get(external_id=lead.pk, payout="5").status_code == 200
    assert InboundEvent.objects.count() == Conversion.objects.count() == 1
    assert len(Conversion.objects.get().postback_data["history"]) == 1


@pytest.mark.django_db(transaction=True)
def test_copies_at_once_give_one_conversion() -> None:
    make_integration("keitaro", webhookSecret=SECRET)
    lead = make_lead()
    answers, gate = [], threading.Barrier(6)

    def call(number: int) -> None:
        try:
            gate.wait()
            # Two are the very same; the others tell of the same conversion in other words
            parameters = {"payout": "5", "external_id": lead.pk, "note": str(number // 2)}
            answers.append(get(**parameters).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=call, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 6
    assert InboundEvent.objects.count() == 3
    assert set(InboundEvent.objects.values_list("status", flat=True)) == {"APPLIED"}
    row = Conversion.objects.get()
    assert (row.revenue, row.lead_id) == (5, lead.pk)


def test_the_secret_is_stored_and_logged_nowhere(keitaro: IntegrationConfig, caplog: Any, capfd: Any) -> None:
    with caplog.at_level(logging.DEBUG):
        get(payout="1", note=SECRET)
        get(subid="", click_id="")
        CALLER.post(f"{URL}?secret={SECRET}", {"Secret": OLD, "subid": "c9"})
        get(secret=SECRET + "x")
    stored = [*InboundEvent.objects.values_list("payload", "facts"), *Conversion.objects.values_list("postback_data")]
    written = "".join(capfd.readouterr())
    for secret in (SECRET, OLD):
        assert secret not in json.dumps(stored)
        assert secret not in written
        assert secret not in caplog.text


# Nothing makes it stumble ---------------------------------------------------------------------------------------

TEXT = st.text(max_size=40) | st.sampled_from(
    ["{subid}", "c1", "sale", "rejected", "1e999", "-0", "nan", "\x00", "9" * 300]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    [
        "subid",
        "sub_id",
        "click_id",
        "external_id",
        "tid",
        "status",
        "payout",
        "currency",
        "sub_id_1",
        "history",
        "warnings",
    ]
)
FUZZ = settings(
    max_examples=knobs.FUZZED,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZ
@given(body=st.dictionaries(NAMES | TEXT, VALUES, max_size=8))
@example(body={"subid": "c1", "warnings": 3, "history": "x", "payout": 10**400})
def test_any_json_object_gets_an_answer(keitaro: IntegrationConfig, body: dict[str, Any]) -> None:
    assert post_json(body).status_code in {200, 400}
    assert not InboundEvent.objects.filter(status="WAITING").exists()


@FUZZ
@given(
    body=st.binary(max_size=300),
    kind=st.sampled_from(
        [
            "application/json",
            "text/plain",
            "",
            "multipart/form-data",
            "application/x-www-form-urlencoded; charset=utf-7",
            "multipart/form-data; boundary=x",
            "\x00",
        ]
    ),
)
def test_any_bytes_get_an_answer(keitaro: IntegrationConfig, body: bytes, kind: str) -> None:
    answer = CALLER.generic("POST", f"{URL}?secret={SECRET}", body, content_type=kind)
    assert answer.status_code in {200, 400}


@FUZZ
@given(parameters=st.dictionaries(NAMES, TEXT, max_size=8))
def test_any_query_gets_an_answer(keitaro: IntegrationConfig, parameters: dict[str, str]) -> None:
    parameters = {name: value.encode("utf-8", "replace").decode() for name, value in parameters.items()}
    assert CALLER.get(URL, {"secret": SECRET} | parameters).status_code in {200, 400}
    assert not InboundEvent.objects.filter(status="WAITING").exists()


@pytest.mark.parametrize("raw", ["%", "%ff%fe", "subid=%00", "&&&===", "a=1&" * 1500, "subid=c1;tid=2", "\xff\xfe"])
def test_any_raw_query_gets_an_answer(keitaro: IntegrationConfig, raw: str) -> None:
    answer = CALLER.get(URL, QUERY_STRING=raw, headers={"X-Webhook-Secret": SECRET})
    assert answer.status_code in {200, 400}
