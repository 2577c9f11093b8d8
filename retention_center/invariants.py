"""The ground's own promises: the database keeps its constraints, secrets are ciphertext, changes say by whom."""

from collections.abc import Sequence
from datetime import datetime

from django.apps import apps
from django.db import connection
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from retention_center.doctor import Check
from retention_center.lib.encryption import TOKENS_BEGIN
from retention_center.models import AuditEvent, Secret

_NAMES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index' UNION ALL SELECT sql FROM sqlite_master",
    "postgresql": "SELECT conname::text FROM pg_constraint UNION ALL SELECT indexname::text FROM pg_indexes",
}


def _lost_constraints(_now: datetime) -> Sequence[str]:
    """Constraints of our models that the database does not have: rows would be trusted that nothing guards."""
    with connection.cursor() as cursor:
        cursor.execute(_NAMES[connection.vendor])
        written = [row[0] for row in cursor.fetchall() if row[0]]
    known = set(written)
    tables = "\n".join(text for text in written if text.startswith("CREATE TABLE"))
    wanted = [one.name for model in apps.get_models() for one in model._meta.constraints if one.name]
    return [name for name in wanted if name not in known and f'"{name}"' not in tables]


def _in_the_clear(_now: datetime) -> QuerySet[Secret]:
    written = Secret.objects.alias(written=Cast("value", TextField()))
    return written.exclude(written__startswith=TOKENS_BEGIN).defer("value")


def _by_nobody(_now: datetime) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(Q(actor_name="") | Q(via="") | Q(action="") | Q(object_type=""))


CHECKS = [
    Check("INV-1", "The database has every constraint that the promises rest on.", _lost_constraints),
    Check("INV-22s", "The installation's own secrets are ciphertext.", _in_the_clear),
    Check("INV-23", "A recorded change says who did what, by which way, to what.", _by_nobody, is_scan=True),
]
