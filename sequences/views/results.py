"""What came of a sequence: who is where, why people left, why steps were not sent."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from campaigns.reasons import sentence_of
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.models import Role
from retention_center.pages import words
from sequences import ledger, stats
from sequences.models import SequenceEnrollment
from sequences.views import record
from sequences.views.rows import cells


@require_safe
@needs(Role.VIEWER)
def sequence_results(request: HttpRequest, pk: str) -> HttpResponse:
    """Figures over the sequence's whole life, each number a door to its rows."""
    sequence = record.find(pk)
    now = clock.now()
    figures = stats.of_sequence(sequence, now)
    people, steps = (reverse(name, args=[pk]) for name in ("sequence-enrollments", "sequence-executions"))
    ended = [
        (
            status,
            sentence_of(reason) if reason else "Got every step",
            count,
            f"{people}?{_query(status=status, reason=reason)}",
        )
        for status, reason, count in stats.why_ended(sequence)
    ]
    lines = ledger.of_sequence(sequence, now, steps)
    context = record.context(request, sequence, "results", "Results") | {
        "figures": figures,
        "as_of": now,
        "statuses": _statuses(figures, people),
        "ended": ended,
        "ledger": lines,
        "all_steps": sum(line.count for line in lines),
        "all_href": steps,
        "steps": [
            (one.step, cells(sequence, one.step.key, one.funnel))
            for one in stats.by_step(sequence.live_steps().select_related("script"), figures.funnels)
        ],
    }
    return render(request, "sequences/results.html", context)


def _statuses(figures: stats.SequenceFigures, people: str) -> list[tuple[str, str, str, str]]:
    """(label, number, address, share of everybody) for each enrollment status."""
    told = [("Entered", f"{figures.entered:,}", people, "ever, each lead once")]
    for status in SequenceEnrollment.Status:
        count = figures.by_status.get(status, 0)
        note = words.rate(count, figures.entered) if figures.entered else "nobody yet"
        told.append((status.label, f"{count:,}", f"{people}?{_query(status=status)}", note))
    return told


def _query(**values: str) -> str:
    return urlencode({name: value for name, value in values.items() if value})
