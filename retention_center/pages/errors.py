"""Pages for what went wrong: what happened, what to do next, and the id under which the logs know the request."""

from dataclasses import dataclass, replace
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from retention_center.api import problems
from retention_center.pages.theme import COOKIE, THEMES


@dataclass(frozen=True)
class Problem:
    """``happened`` and ``next_move`` are whole sentences."""

    headline: str
    happened: str
    next_move: str
    action: str = "Go to today’s page"
    href: str = "/"


PROBLEMS = {
    "400": Problem(
        "This request could not be read",
        "Something in the address or the form was not in the shape we expect.",
        "Go back and try once more. What you typed is still in the form there.",
    ),
    "403": Problem(
        "Your role does not allow this",
        "You are signed in, but this page or act needs a role with more rights.",
        "Ask an admin to do it, or to change your role.",
    ),
    "403_csrf": Problem(
        "This form is too old",
        "The page was open for so long, or in so many tabs, that its safety code no longer holds. Nothing was saved.",
        "Go back, load the page again and send the form once more. Cookies must be allowed.",
    ),
    "404": Problem(
        "There is nothing at this address",
        "It may have been deleted, or the link was cut short.",
        "Look for it by name with the search at the top.",
    ),
    "405": Problem(
        "This address shows nothing",
        "It only does something when a form sends to it; opening it changed nothing.",
        "Go back to the page with the button, and use it there.",
    ),
    "409": Problem(
        "Somebody else was faster",
        "This was changed while you had it open, so nothing was saved.",
        "Load the page again to see how it stands now.",
    ),
    "429": Problem(
        "Too many requests",
        "This came too often in a short time, so we stopped answering for a moment.",
        "Wait a minute and try again. Nothing was lost.",
    ),
    "500": Problem(
        "This did not work, and it is our fault",
        "An error we did not foresee stopped this page. What you sent may not have been saved.",
        "Try again in a minute. If it stays, send the request's id to whoever runs this system.",
    ),
}


def problem_page(request: HttpRequest, name: str, happened: str = "", **changes: Any) -> HttpResponse:
    """The page for ``name`` ("404", "403_csrf"); ``happened`` and ``changes`` replace what the table says."""
    problem = replace(PROBLEMS[name], **({"happened": happened} if happened else {}), **changes)
    if request.path.startswith("/api/"):  # failed before REST framework had it: still no page
        return problems.response(int(name[:3]), problem.happened)
    context = {**vars(problem), "request_id": request_id()}
    return render(request, f"errors/{name}.html", context, status=int(name[:3]))


def request_id() -> str:
    """The id under which the logs know the request being answered."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return problem_page(request, "400")


def denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return problem_page(request, "403", str(exception or ""))


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    return problem_page(request, "403_csrf")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return problem_page(request, "404")


def server_error(request: HttpRequest) -> HttpResponse:
    """Touches neither the database nor the session: they may be what failed."""
    if request.path.startswith("/api/"):
        return problems.response(500, problems.OURS, code="internal")
    theme = request.COOKIES.get(COOKIE, "")
    context = {**vars(PROBLEMS["500"]), "request_id": request_id(), "theme": theme if theme in THEMES else "system"}
    return HttpResponse(render_to_string("errors/500.html", context), status=500)
