"""Credentials move to the newest key."""

import json
import sys
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import models, transaction

from retention_center.lib.encryption import EncryptedJSONField, Undecryptable


class Command(BaseCommand):
    help = "Re-encrypts every stored credential with the first of CREDENTIALS_KEYS; then older keys may be dropped."

    def handle(self, **options: Any) -> None:
        """All rows or none: a value that no key opens stops it with a sentence, and nothing is changed."""
        with transaction.atomic():
            rotated = sum(_rotate(model, columns) for model, columns in _encrypted())
        self.stdout.write(json.dumps({"rotated": rotated}))


def _encrypted() -> Iterator[tuple[type[models.Model], list[str]]]:
    """Every model with encrypted columns, whichever app it belongs to."""
    for model in apps.get_models():
        columns = [field.name for field in model._meta.concrete_fields if isinstance(field, EncryptedJSONField)]
        if columns:
            yield model, columns


def _rotate(model: type[models.Model], columns: list[str]) -> int:
    rows = model._base_manager.order_by("pk").select_for_update()
    count = 0
    try:
        for row in rows.only(*columns):
            row.save(update_fields=columns)
            count += 1
    except Undecryptable as error:
        raise CommandError(
            f"A value of {model._meta.verbose_name} cannot be decrypted: put its key back into CREDENTIALS_KEYS."
        ) from error
    sys.stderr.write(f"{model._meta.verbose_name}: {count}\n")
    return count
