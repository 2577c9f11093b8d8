"""POSTs that may be repeated: with an ``Idempotency-Key`` the second request gets the first one's answer."""

import hashlib
import json
import re
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.db import IntegrityError, transaction
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from retention_center.api.problems import CONTENT_TYPE, Conflict, Invalid, Problem
from retention_center.lib import clock
from retention_center.lib.encryption import decrypt, encrypt
from retention_center.models import IdempotencyRecord

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
LONGEST_REQUEST = timedelta(minutes=5)


class Answered(Exception):
    """Carries the first answer."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__()
        self.status, self.body = status, body

    def response(self) -> Response:
        content_type = CONTENT_TYPE if self.status >= HTTPStatus.BAD_REQUEST else None
        return Response(
            self.body, status=self.status, headers={"Idempotency-Replayed": "true"}, content_type=content_type
        )


def begin(request: Request) -> IdempotencyRecord | None:
    """Take the request's key for this caller; None when it has none.

    Raises Answered for a repeat, and problems: 422 for another body, 409 while the first is still running.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not re.fullmatch(r"[!-~]{1,255}", key):
        raise Invalid(HEADER, f"{HEADER} must be 1 to 255 printable ASCII characters without blanks.")
    # A key belongs to one caller and one address
    caller, key = str(request.user.pk), hashlib.sha256(f"{request.path} {key}".encode()).hexdigest()
    fingerprint, now = _fingerprint(request), clock.now()
    IdempotencyRecord.objects.filter(caller=caller, key=key, created_at__lt=now - KEPT).delete()
    try:
        with transaction.atomic():
            return IdempotencyRecord.objects.create(caller=caller, key=key, fingerprint=fingerprint, created_at=now)
    except IntegrityError:
        first = IdempotencyRecord.objects.get(caller=caller, key=key)
    if first.fingerprint != fingerprint:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"This {HEADER} was used with another request; use a new one.",
            code="idempotency_key_reused",
        )
    if first.status is None:
        was_cut_off = first.created_at < now - LONGEST_REQUEST
        raise Conflict(
            "The first request with this key was cut off; look whether it had its effect, then use a new key."
            if was_cut_off
            else "The first request with this key is still running.",
            code="idempotency_cut_off" if was_cut_off else "idempotency_running",
        )
    raise Answered(first.status, decrypt(str(first.body)))


def finish(record: IdempotencyRecord, response: Any) -> None:
    """Keep the answer for repeats; after a failure of ours, free the key, so that a repeat tries again."""
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        record.delete()
        return
    if isinstance(response, Response):
        body = json.loads(JSONRenderer().render(response.data)) if response.data is not None else None
    else:
        body = json.loads(response.content) if response.content else None
    # Encrypted: an answer may hold people's data, or a new key, which must not lie open for a day
    IdempotencyRecord.objects.filter(pk=record.pk).update(status=response.status_code, body=encrypt(body))


def _fingerprint(request: Request) -> str:
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if not (request.content_type or "").startswith("multipart/"):
        digest.update(request.body)
        return digest.hexdigest()
    # A repeated form has another boundary: its fields and files are what must be the same
    for name, values in sorted(request.POST.lists()):
        digest.update(json.dumps([name, values]).encode())
    for name, file in sorted(request.FILES.items()):
        digest.update(json.dumps([name, file.name, file.size]).encode())
        for chunk in file.chunks():
            digest.update(chunk)
        file.seek(0)
    return digest.hexdigest()
