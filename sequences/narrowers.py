"""The sequences that narrow the contact policy for their own steps (settings.NARROWERS)."""

from campaigns.narrowers import MOST, Narrower
from sequences.models import RetentionSequence


def sequences() -> list[Narrower]:
    """Active ones with rules of their own, by name."""
    active = RetentionSequence.objects.running().exclude(contact_rules={}).order_by("name", "pk")
    found = [Narrower("Sequence", one.name, one.get_absolute_url(), one.contact_rules) for one in active[:MOST]]
    return [one for one in found if one.told]
