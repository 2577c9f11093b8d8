"""A database that was restored from a backup holds everything until staff release it (P7).

A backup does not know what was sent after it was made. What became due since then may have gone out already, so it
waits for staff, and sending is stopped until they resume it. Backups made by `manage.py backup` of SQLite carry a mark:
wherever such a file is put to work, the processor first does all this by itself.
"""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from retention_center import audit
from retention_center.audit import Actor
from retention_center.models import Secret

MARK = "restored"  # the name of the row that stands in a backup, never in a database that works
NOTE = "Restored from a backup. Look at what waits at Catch-up before you resume: it may have gone out already."


@transaction.atomic
def hold_everything(now: datetime, actor: Actor) -> int:
    """Stop sending, and hold for staff what is due and may have gone out: how many contacts that held.

    ``now`` is the real time: what is due later was not sent by the system that was lost. Safe to repeat.
    """
    held = sum(import_string(path)(now, actor) for path in settings.RESTORED)
    Secret.objects.filter(name=MARK).delete()
    audit.record(actor, "restore from backup", Secret(name=MARK), after={"held": held})
    return held


def hold_if_restored(now: datetime) -> bool:
    """Whether this database is a backup that was put to work; if so everything is held now. One query else."""
    if not Secret.objects.filter(name=MARK).exists():
        return False
    hold_everything(now, audit.SYSTEM)
    return True
