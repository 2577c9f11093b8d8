"""What global search finds here: sequences by name."""

from retention_center.pages.statuses import status_of
from retention_center.search import Hit
from sequences.models import RetentionSequence


def find(query: str, limit: int) -> list[Hit]:
    """Sequences whose name holds every word, running ones first."""
    found = RetentionSequence.objects.all()
    for word in query.split()[:8]:
        found = found.filter(name__icontains=word)
    newest = found.order_by("status", "-created_at", "-pk")[:limit]
    return [
        Hit("Sequences", one.name, status_of("RetentionSequence", one.status).word, one.get_absolute_url())
        for one in newest
    ]
