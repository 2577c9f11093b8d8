"""POSTs with an Idempotency-Key: repeated safely, also at the same moment."""

import threading
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from retention_center.lib import clock
from retention_center.models import AuditEvent, IdempotencyRecord
from retention_center.tasks import keep_house
from tests.wire import Wire

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.ground.odd_urls")]
BODY = {"firstName": "Ada"}


def made() -> int:
    return AuditEvent.objects.filter(action="odd").count()


def test_a_repeat_gets_the_first_answer_and_does_nothing(api):
    caller = api("operator")
    first = caller.post("/api/odd", BODY, Idempotency_Key="one")
    second = caller.post("/api/odd", BODY, Idempotency_Key="one")
    assert (
        (first.status_code, first.json())
        == (second.status_code, second.json())
        == (201, {"made": 1, "firstName": "Ada"})
    )
    assert (first.get("Idempotency-Replayed"), second["Idempotency-Replayed"]) == (None, "true")
    assert made() == 1


def test_without_a_key_every_post_counts(api):
    caller = api("operator")
    assert [caller.post("/api/odd", BODY).json()["made"] for _ in range(2)] == [1, 2]


def test_the_same_key_with_another_body_or_query_is_refused(api):
    caller = api("operator")
    caller.post("/api/odd", BODY, Idempotency_Key="one")
    assert caller.post("/api/odd", {"firstName": "Bea"}, Idempotency_Key="one").status_code == 422
    assert caller.post("/api/odd?x=1", BODY, Idempotency_Key="one").status_code == 422
    assert made() == 1


def test_each_address_has_keys_of_its_own(api):
    caller = api("operator")
    assert caller.post("/api/odd", BODY, Idempotency_Key="one").status_code == 201
    assert caller.post("/api/leads", {"email": "ada@example.com"}, Idempotency_Key="one").status_code == 201


def test_a_kept_answer_lies_sealed(api):
    key = api("admin").post("/api/api-keys", {"name": "CRM", "role": "viewer"}, Idempotency_Key="one").json()["key"]
    assert key not in str(IdempotencyRecord.objects.values_list("body"))


def test_callers_do_not_share_keys(api):
    assert api("operator").post("/api/odd", BODY, Idempotency_Key="one").json()["made"] == 1
    assert api("operator").post("/api/odd", BODY, Idempotency_Key="one").json()["made"] == 2


def test_while_the_first_is_running_a_repeat_waits_elsewhere(api):
    caller = api("operator")
    caller.post("/api/odd", BODY, Idempotency_Key="one")
    IdempotencyRecord.objects.update(status=None, body=None)
    answer = caller.post("/api/odd", BODY, Idempotency_Key="one")
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("idempotency_running")


def test_a_request_that_was_cut_off_is_never_repeated_blindly(api):
    caller = api("operator")
    caller.post("/api/odd", BODY, Idempotency_Key="one")
    IdempotencyRecord.objects.update(status=None, created_at=clock.now() - timedelta(hours=1))
    answer = caller.post("/api/odd", BODY, Idempotency_Key="one")
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("idempotency_cut_off")
    assert made() == 1


def test_a_refusal_is_an_answer_too(api):
    caller = api("operator")
    first = caller.post("/api/odd", {"firstName": "Nobody"}, Idempotency_Key="one")
    second = caller.post("/api/odd", {"firstName": "Nobody"}, Idempotency_Key="one")
    assert first.status_code == second.status_code == 400
    assert first.json() == second.json()
    assert second["Content-Type"] == "application/problem+json"


def test_an_error_of_ours_frees_the_key(api):
    caller = api("operator")
    caller.client.raise_request_exception = False
    assert caller.post("/api/odd", {"firstName": "Crash"}, Idempotency_Key="one").status_code == 500
    assert caller.post("/api/odd", {"firstName": "Crash"}, Idempotency_Key="one").status_code == 500
    assert not IdempotencyRecord.objects.exists()


def test_a_key_is_forgotten_after_a_day(api):
    caller = api("operator")
    caller.post("/api/odd", BODY, Idempotency_Key="one")
    IdempotencyRecord.objects.update(created_at=clock.now() - timedelta(hours=24, minutes=1))
    assert caller.post("/api/odd", {"firstName": "Bea"}, Idempotency_Key="one").json()["made"] == 2
    IdempotencyRecord.objects.update(created_at=clock.now() - timedelta(hours=24, minutes=1))
    assert keep_house()["idempotency"] == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "ключ", "a b"])
def test_a_key_that_is_none_is_malformed(api, key):
    assert api("operator").post("/api/odd", BODY, Idempotency_Key=key).status_code == 400


def test_a_refused_caller_takes_no_key(api):
    assert api("viewer").post("/api/odd", BODY, Idempotency_Key="one").status_code == 403
    assert not IdempotencyRecord.objects.exists()


def test_an_uploaded_file_may_be_sent_again_in_another_envelope(api):
    caller = api("operator")

    def send(content: bytes):
        file = SimpleUploadedFile("leads.csv", content)
        return caller.client.post(
            "/api/upload", {"file": file, "note": "n"}, headers=caller.headers | {"Idempotency-Key": "one"}
        )

    assert send(b"email\n").json() == send(b"email\n").json() == {"size": 6, "note": "n"}
    assert made() == 1
    assert send(b"phone\n").status_code == 422


@pytest.mark.django_db(transaction=True)
def test_of_two_requests_at_once_one_acts(api):
    caller = api("operator")
    gate, answers = threading.Barrier(2), []

    def post() -> None:
        mine = Wire()
        mine.headers = caller.headers
        gate.wait()
        answers.append(mine.post("/api/odd", BODY, Idempotency_Key="one"))
        connection.close()

    for _ in range(5):
        IdempotencyRecord.objects.all().delete()
        AuditEvent.objects.all().delete()
        answers.clear()
        threads = [threading.Thread(target=post) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert made() == 1
        assert sorted({answer.status_code for answer in answers}) in ([201], [201, 409])
