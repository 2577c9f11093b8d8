"""Stop sending and go on: the button in the top bar of every page, confirmed once, audited."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from campaigns import sending
from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.lib.returning import own_address
from retention_center.models import Role
from retention_center.pages.words import plural


@require_POST
@needs(Role.OPERATOR)
def sending_pause(request: HttpRequest) -> HttpResponse:
    """Stop everything, once confirmed."""
    if "confirmed" not in request.POST:
        return _ask(request, is_stop=True)
    if sending.pause_all(audit.actor_of(request)):
        messages.success(request, "Sending is stopped. What is due waits; nothing is lost.")
    else:
        messages.info(request, "Sending was stopped already.")
    return redirect(_back(request))


@require_POST
@needs(Role.OPERATOR)
def sending_resume(request: HttpRequest) -> HttpResponse:
    """Let everything go on, once confirmed."""
    if "confirmed" not in request.POST:
        return _ask(request, is_stop=False)
    lifted = sending.resume_all(audit.actor_of(request))
    messages.success(
        request, f"Sending goes on; {plural(lifted, 'stop')} lifted." if lifted else "Nothing was stopped."
    )
    return redirect(_back(request))


def _ask(request: HttpRequest, *, is_stop: bool) -> HttpResponse:
    context = {"is_stop": is_stop, "next": _back(request), "standing": sending.standing()}
    return render(request, "campaigns/sending.html", context)


def _back(request: HttpRequest) -> str:
    """Where the button was pressed, on our own host only."""
    return own_address(request, request.POST.get("next")) or "/"
