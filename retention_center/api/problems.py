"""Everything that can go wrong, told one way: problem details (RFC 9457), never a page, never a stack trace."""

import json
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.signals import got_request_exception
from django.http import Http404, HttpResponse
from django.http.request import RawPostDataException, UnreadablePostError
from rest_framework import exceptions

from retention_center.api.text import is_storable
from retention_center.lib.states import RefusedTransition
from retention_center.lib.wire import to_camel

CONTENT_TYPE = "application/problem+json"
OURS = "Something went wrong on our side; it has been logged."


class Problem(exceptions.APIException):
    """Raise it anywhere below a view: the answer has ``status`` and says ``detail``, one clear sentence.

    ``code`` is a word for programs ("phone_taken"), ``errors`` are ``{field, code, message}``, and further
    keywords become further members of the answer, in the wire's names.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str = "",
        errors: Sequence[Mapping[str, str]] = (),
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status_code = status
        self.code = code
        self.errors = [dict(error) for error in errors]
        self.members = {to_camel(name): value for name, value in members.items()}


class Conflict(Problem):
    """409: the request is well formed, but what stands in the database forbids it."""

    def __init__(self, detail: str, *, code: str = "conflict", **members: Any) -> None:
        super().__init__(HTTPStatus.CONFLICT, detail, code=code, **members)


class Invalid(Problem):
    """400 about one field."""

    def __init__(self, field: str, message: str, *, code: str = "invalid") -> None:
        error = {"field": field, "code": code, "message": message}
        super().__init__(HTTPStatus.BAD_REQUEST, message, code="invalid", errors=[error])


def as_problem(exception: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """REST framework's exception handler: any exception to its problem answer."""
    problem = _to_problem(exception)
    if problem is None:
        request = context.get("request")
        # The request's middleware logs it on this signal, with the stack that the caller never sees
        got_request_exception.send(sender=None, request=getattr(request, "_request", request))
        problem = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, OURS, code="internal")
    answer = response(
        problem.status_code,
        str(problem.detail),
        code=problem.code,
        errors=problem.errors,
        **problem.members,
    )
    if auth_header := getattr(exception, "auth_header", None):
        answer["WWW-Authenticate"] = auth_header
    if (wait := getattr(exception, "wait", None)) is not None:
        answer["Retry-After"] = str(max(int(wait), 1))
    return answer


def response(
    status: int,
    detail: str,
    *,
    code: str = "",
    errors: Sequence[Mapping[str, str]] = (),
    **members: Any,
) -> HttpResponse:
    """A problem as an answer, for code that stands outside REST framework (error pages, middleware)."""
    body = {
        "type": f"urn:retention-center:problem:{code}" if code else "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "errors": [dict(error) for error in errors],
    }
    return HttpResponse(json.dumps(body | members, default=str), status=status, content_type=CONTENT_TYPE)


def _to_problem(exception: Exception) -> Problem | None:
    match exception:
        case Problem():
            return exception
        case exceptions.ValidationError():
            return _invalid(list(flattened(exception.get_full_details())))
        case exceptions.APIException():
            return Problem(exception.status_code, str(exception.detail), code=str(exception.default_code))
        case RefusedTransition():
            return Conflict(str(exception), code="refused_transition", allowed=list(exception.allowed))
        case PermissionDenied():
            return Problem(HTTPStatus.FORBIDDEN, str(exception) or "Not allowed.", code="permission_denied")
        case DjangoValidationError():
            return _invalid(list(_of_django(exception)))
    for kinds, status, sentence, code in _SENTENCES:
        if isinstance(exception, kinds):
            return Problem(status, sentence, code=code)
    return None


_SENTENCES: tuple[tuple[tuple[type[Exception], ...], int, str, str], ...] = (
    ((Http404,), HTTPStatus.NOT_FOUND, "There is nothing at this address.", "not_found"),
    ((RequestDataTooBig,), HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is too large.", "too_large"),
    (
        (SuspiciousOperation, UnreadablePostError, RawPostDataException),
        HTTPStatus.BAD_REQUEST,
        "The request could not be read.",
        "parse_error",
    ),
)


def _invalid(errors: list[dict[str, str]]) -> Problem:
    """One sentence for people: the first error, and how many more there are."""
    first = errors[0] if errors else {"field": "", "message": "The request is not valid."}
    sentence = f"{first['field']}: {first['message']}" if first["field"] else first["message"]
    if len(errors) > 1:
        sentence += f" ({len(errors) - 1} more)"
    return Problem(HTTPStatus.BAD_REQUEST, sentence, code="invalid", errors=errors)


def flattened(details: Any, path: str = "") -> Iterator[dict[str, str]]:
    """REST framework's nested error details as ``{field, code, message}``, fields as paths ("steps.2.channel")."""
    if (
        isinstance(details, dict)
        and set(details) == {"message", "code"}
        and not isinstance(details["code"], dict | list)
    ):
        yield {"field": path, "code": str(details["code"]), "message": _showable(str(details["message"]))}
    elif isinstance(details, dict):
        for key, inner in details.items():
            own = "" if key in {"non_field_errors", "__all__"} else str(key)
            yield from flattened(inner, ".".join(filter(None, [path, own])))
    elif isinstance(details, list):
        nested = any(isinstance(inner, dict) and not {"message", "code"} <= set(inner) for inner in details)
        for index, inner in enumerate(details):
            yield from flattened(inner, f"{path}.{index}".strip(".") if nested else path)


def _of_django(exception: DjangoValidationError) -> Iterator[dict[str, str]]:
    if not hasattr(exception, "error_dict"):
        for error in exception.error_list:
            yield {"field": "", "code": error.code or "invalid", "message": " ".join(error.messages)}
        return
    for name, errors in exception.error_dict.items():
        for error in errors:
            field = "" if name == "__all__" else to_camel(name)
            yield {"field": field, "code": error.code or "invalid", "message": " ".join(error.messages)}


def _showable(message: str) -> str:
    return message if is_storable(message) else message.encode("utf-8", "replace").decode().replace("\x00", "?")
