"""The organisation's contact policy: checked and changed, with its audit."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from campaigns import meta
from campaigns.models import ContactPolicy
from retention_center import audit
from retention_center.lib import clock

CHECKS = {
    "contact_hours_start": meta.check_start,
    "contact_hours_end": meta.check_end,
    "contact_days": meta.check_days,
    "max_contacts_per_day": meta.check_cap,
    "delay_between_channels": meta.check_gap,
    "late_after_hours": meta.check_late,
    "holidays": meta.check_holidays,
    "per_channel": meta.check_per_channel,
}


_TIDY: dict[str, Callable[[Any], Any]] = {"holidays": lambda days: sorted(set(days)), "per_channel": meta.stated}


def _as_it_is(value: Any) -> Any:
    return value


def check(values: dict[str, Any]) -> None:
    """Raise ValidationError by column, each with one sentence."""
    wrong: dict[str, Any] = {}
    for column, value in values.items():
        try:
            CHECKS[column](value)
        except ValidationError as error:
            wrong[column] = error
    if wrong:
        raise ValidationError(wrong)


def change(values: dict[str, Any], actor: audit.Actor) -> ContactPolicy:
    """Give the policy's columns new values; the others stay. Raises ValidationError."""
    check(values)
    with transaction.atomic():
        policy = ContactPolicy.objects.select_for_update().filter(pk=1).first() or ContactPolicy()
        before = audit.snapshot(policy, *CHECKS)
        for column, value in values.items():
            setattr(policy, column, _TIDY.get(column, _as_it_is)(value))
        old, new = audit.changed_values(policy, before)
        if new:
            policy.updated_at = clock.now()
            policy.save()
            audit.record(actor, "change", policy, before=old, after=new)
    return policy
