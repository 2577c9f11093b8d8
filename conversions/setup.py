"""What a fresh installation still lacks before the first message can leave, in the order in which staff need it."""

from dataclasses import dataclass

from campaigns.models import ContactAttempt, Script
from integrations.providers.registry import ActiveProviders
from leads.models import Lead
from retention_center.models import Role
from retention_center.pages.navigation import address
from sequences.models import RetentionSequence


@dataclass(frozen=True)
class Need:
    """One thing to have: its name, what it is for, whether it is there, and where who may makes it."""

    name: str
    why: str
    is_there: bool
    verb: str
    href: str
    role: Role = Role.OPERATOR


def needs() -> list[Need]:
    """Five small queries; asked only while nothing was ever sent."""
    sequences = RetentionSequence.objects.all()
    return [
        Need(
            "A provider",
            "An active one sends: SMTP for e-mail, or the sandbox, which only pretends to.",
            bool(ActiveProviders.load().configs),
            "Set up a provider",
            address("integrations"),
            Role.ADMIN,
        ),
        Need(
            "Leads",
            "People with an e-mail address or a phone number, from a file or one by one.",
            Lead.objects.present().exists(),
            "Import leads",
            address("lead-import"),
        ),
        Need(
            "A script",
            "The message, with placeholders such as the first name.",
            Script.objects.filter(archived_at=None).exists(),
            "Write a script",
            address("script-new"),
        ),
        Need(
            "An active sequence",
            "Steps with waits between them; it stops by itself when a lead converts, replies or opts out.",
            sequences.running().exists(),
            "Build a sequence",
            address("sequence-new") if not sequences.exists() else address("sequences"),
        ),
    ]


def is_fresh() -> bool:
    """Whether nothing was ever sent from here."""
    return not ContactAttempt.objects.exists()
