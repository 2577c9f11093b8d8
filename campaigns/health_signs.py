"""What the health page says of contacts and of what came in."""

from datetime import datetime, timedelta

from django.db.models import Max
from django.urls import reverse

from campaigns.models import ContactAttempt
from campaigns.reasons import Reason
from integrations.models import InboundEvent, ProviderBreaker
from retention_center.pages.health_page import Sign

UNKNOWN_FOR = timedelta(hours=1)
LOOKED_BACK = timedelta(days=7)
A_DAY = timedelta(days=1)


def of_sending(now: datetime) -> list[Sign]:
    """Contacts in flight, of unknown outcome, and providers that are left alone."""
    recent = ContactAttempt.objects.filter(started_at__gt=now - LOOKED_BACK)
    in_flight = recent.filter(status=ContactAttempt.Status.PENDING).count()
    unknown = recent.filter(status=ContactAttempt.Status.UNKNOWN, recorded_at__lt=now - UNKNOWN_FOR).count()
    set_up_wrongly = ContactAttempt.objects.filter(
        started_at__gt=now - A_DAY, status=ContactAttempt.Status.FAILED, reason=Reason.MISCONFIGURED
    ).count()
    shunned = ProviderBreaker.objects.filter(retry_at__isnull=False).count()
    attempts = reverse("attempts")
    return [
        Sign("In flight", in_flight, "good", f"{attempts}?status=PENDING"),
        Sign(
            "Unknown for more than an hour",
            unknown,
            "bad" if unknown else "good",
            f"{attempts}?status=UNKNOWN",
            "Look them up at the provider; they are never sent again by themselves.",
        ),
        Sign(
            "Failed within a day for how a provider is set up",
            set_up_wrongly,
            "bad" if set_up_wrongly else "good",
            f"{attempts}?reason={Reason.MISCONFIGURED}",
            "Each attempt has the provider's own words: an assistant, a number, a script's options, the account.",
        ),
        Sign(
            "Providers left alone for a while",
            shunned,
            "hold" if shunned else "good",
            reverse("integrations"),
            "They refused what anybody would be refused; one message tries again by itself.",
        ),
    ]


def of_inbox(_now: datetime) -> list[Sign]:
    """Events that wait, that nobody matched, and when each provider was last heard."""
    events = InboundEvent.objects
    waiting = events.waiting().count()
    heard = events.order_by("provider").values_list("provider").annotate(last=Max("received_at"))
    return [
        Sign(
            "Events that wait to be applied",
            waiting,
            "hold" if waiting else "good",
            meaning="Each round of the processor tries them again.",
        ),
        *(Sign(f"Last heard of {provider}", last) for provider, last in heard),
    ]
