"""What every page of one sequence shows: its head, tabs and moves."""

from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse

from retention_center.models import Role, User
from retention_center.pages.words import plural
from sequences import trigger_config
from sequences.models import RetentionSequence, SequenceEnrollment

STATUS = RetentionSequence.Status


def counted(sequences: QuerySet[RetentionSequence]) -> QuerySet[RetentionSequence]:
    """Each with ``entered_count`` (everybody who ever was in) and ``open_count`` (who is in now), in the same query."""
    return sequences.annotate(
        entered_count=count_of(SequenceEnrollment.objects.all()), open_count=count_of(SequenceEnrollment.objects.open())
    )


def count_of(enrollments: QuerySet[SequenceEnrollment]) -> Coalesce:
    inside = enrollments.filter(sequence=OuterRef("pk")).order_by().values("sequence")
    return Coalesce(Subquery(inside.annotate(n=Count("pk")).values("n")), 0)


def find(pk: str) -> RetentionSequence:
    """The sequence with its counts, or 404."""
    return get_object_or_404(counted(RetentionSequence.objects.all()), pk=pk)


def context(request: HttpRequest, sequence: RetentionSequence, current: str, *more: str) -> dict[str, Any]:
    """``sequence`` comes from ``find``; ``current`` is a tab's key; ``more`` are further crumbs."""
    user: User = request.user  # type: ignore[assignment]
    crumbs = [
        {"label": "Sequences", "href": reverse("sequences")},
        {"label": str(sequence), "href": sequence.get_absolute_url()},
    ]
    return {
        "sequence": sequence,
        "crumbs": crumbs + [{"label": label, "href": ""} for label in more],
        "tabs": tabs(sequence, current),
        "may_change": user.may(Role.OPERATOR),
        "trigger": trigger_config.in_words(sequence),
        "can_activate": STATUS.ACTIVE in sequence.allowed_moves(),
        "can_pause": STATUS.PAUSED in sequence.allowed_moves(),
        "can_archive": STATUS.ARCHIVED in sequence.allowed_moves(),
        "can_delete": not sequence.entered_count and sequence.status != STATUS.ACTIVE,  # type: ignore[attr-defined]
        **_dialogs(sequence),
    }


def tabs(sequence: RetentionSequence, current: str) -> list[dict[str, Any]]:
    """The parts of a sequence's page."""
    parts = [
        ("steps", "Steps", "sequence", None),
        ("enrollments", "Enrollments", "sequence-enrollments", sequence.entered_count),  # type: ignore[attr-defined]
        ("results", "Results", "sequence-results", None),
        ("forecast", "Forecast", "sequence-forecast", None),
        ("versions", "Versions", "sequence-versions", None),
        ("history", "History", "sequence-history", None),
        ("settings", "Settings", "sequence-settings", None),
    ]
    return [
        {"label": label, "href": reverse(route, args=[sequence.pk]), "is_current": key == current, "count": count}
        for key, label, route, count in parts
    ]


def _dialogs(sequence: RetentionSequence) -> dict[str, str | int]:
    inside = sequence.open_count  # type: ignore[attr-defined]
    people = plural(inside, "person is", "people are") if inside else "Nobody is"
    leave = f"{plural(inside, 'person leaves', 'people leave')} it at once" if inside else "Nobody is in it"
    return {
        "pause_text": f"{people} in it. Nothing is sent while it is paused; they go on where they stood when it is "
        "active again.",
        "archive_text": f"{leave} and it cannot be started again. What was sent stays on record.",
        "archive_number": inside if inside > 100 else 0,
    }
