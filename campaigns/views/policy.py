"""The contact policy: everybody reads it, admins change it."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from campaigns import narrowers, policies, sending, wording
from campaigns.forms import PolicyForm, take_errors
from campaigns.models import ContactPolicy
from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.models import Role
from retention_center.pages.forms import answer_form


@needs(Role.VIEWER)
def policy_page(request: HttpRequest) -> HttpResponse:
    """The rules in words, who narrows them, and what is stopped now."""
    policy = ContactPolicy.load()
    context = {
        "policy": policy,
        "rules": wording.policy(policy),
        "channels": wording.by_channel(policy),
        "narrowers": [(one, narrowers.shut_channels(policy, one.rules, clock.now())) for one in narrowers.everybody()],
        "zone": settings.TIME_ZONE,
        "standing": sending.standing(),
    }
    return render(request, "campaigns/policy.html", context)


@needs(Role.ADMIN)
def policy_edit(request: HttpRequest) -> HttpResponse:
    policy = ContactPolicy.load()
    form = PolicyForm(request.POST or None, instance=policy)

    def save(valid: PolicyForm) -> HttpResponse:
        try:
            policies.change(valid.values, audit.actor_of(request))
        except ValidationError as error:
            take_errors(valid, _named_as_shown(error))
            return HttpResponse(status=422)
        messages.success(request, "The contact policy is saved. It holds from the next contact on.")
        return redirect("contact-policy")

    return answer_form(request, form, "campaigns/policy_form.html", save)


def _named_as_shown(error: ValidationError) -> ValidationError:
    shown = {"delay_between_channels": "gap_minutes", "holidays": "holiday_lines"}
    return ValidationError({shown.get(name, name): errors for name, errors in error.error_dict.items()})
