"""Send again: a webhook from its log, under the id its receiver knows it by."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from campaigns import by_hand
from campaigns.models import ContactAttempt
from campaigns.reasons import sentence_of
from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.models import Role

LONGEST = 100


@require_POST
@needs(Role.OPERATOR)
def attempt_again(request: HttpRequest, pk: str) -> HttpResponse:
    """Hand it over once more, by the same rules as any contact; pressed twice it is sent once."""
    attempt = get_object_or_404(ContactAttempt.objects.select_related("lead", "script__campaign"), pk=pk)
    token, actor = request.POST.get("token", "")[:LONGEST], audit.actor_of(request)
    try:
        again = by_hand.send_again(attempt, token=token, now=clock.now(), actor=actor)
    except by_hand.MayNot as refusal:
        messages.error(request, f"Nothing was sent. {sentence_of(str(refusal.decision.reason))}.")
        return redirect(attempt)
    if again.status in {ContactAttempt.Status.FAILED, ContactAttempt.Status.UNKNOWN}:
        why = str(again.result.get("error") or sentence_of(again.reason)).rstrip(".")
        messages.error(request, f"{again.get_status_display()}. {why}.")
    else:
        messages.success(request, "It was taken. A receiver that had it already leaves it out.")
    return redirect(again)
