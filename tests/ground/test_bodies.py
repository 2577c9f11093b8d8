"""Request bodies at the web server's door: in chunks, too large, refused unread."""

import io
import json
from typing import Any

import pytest
from django.test import RequestFactory

from leads.models import Lead
from retention_center.lib import bodies
from retention_center.wsgi import application
from tests.builders import make_api_key

pytestmark = pytest.mark.django_db(transaction=True)  # each request ends its connection


def post(body: bytes, *, key: str = "", in_chunks: bool = False) -> tuple[str, dict[str, Any], int]:
    """As gunicorn calls us: (status, JSON, bytes that nobody took off the wire)."""
    request = RequestFactory().post("/api/leads", body, "application/json", headers={"Authorization": f"Bearer {key}"})
    sent, said = io.BytesIO(body), []
    environ = request.environ | {"wsgi.input": sent, "wsgi.input_terminated": True}
    if in_chunks:
        del environ["CONTENT_LENGTH"]
        environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    answer = b"".join(application(environ, lambda status, headers, *_: said.append(status)))
    return said[0], json.loads(answer), len(body) - sent.tell()


def test_a_body_in_chunks_is_a_body():
    status, _, _ = post(b'{"email": "ada@example.com"}', key=make_api_key(), in_chunks=True)
    assert status.startswith("201")
    assert Lead.objects.get().email == "ada@example.com"


@pytest.mark.parametrize("in_chunks", [True, False])
def test_one_that_is_too_large_is_refused_and_taken_off_the_wire(settings, in_chunks):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    status, problem, left = post(b'{"notes": "' + b"x" * 300_000 + b'"}', key=make_api_key(), in_chunks=in_chunks)
    assert (status[:3], problem["status"], left) == ("413", 413, 0)


def test_a_body_that_nobody_wants_is_taken_off_the_wire():
    status, _, left = post(b'{"email": "ada@example.com"}' + b" " * 300_000)
    assert (status[:3], left) == ("401", 0)


def test_not_for_ever(monkeypatch):
    monkeypatch.setattr(bodies, "MOST_LEFT", 100_000)
    assert post(b" " * 900_000)[2] > 600_000


def test_a_server_whose_input_has_no_end_is_not_asked_for_more():
    sent = io.BytesIO(b"the next request")
    environ = RequestFactory().get("/healthz").environ | {"wsgi.input": sent}
    assert b"".join(application(environ, lambda *_: None))
    assert sent.tell() == 0
