"""A key for another system, shown once."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive

from retention_center import audit
from retention_center.auth import keys
from retention_center.models import ApiKey, Role

LONGEST_NAME = ApiKey._meta.get_field("name").max_length or 0
COMMAND = audit.Actor("create_api_key", "command")


class Command(BaseCommand):
    help = "Makes an API key and prints it, once. It can be revoked by DELETE /api/api-keys/{id}."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="Whose key it is, as the audit will show it.")
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument("--expires", metavar="ISO", help="A time with offset after which it is refused.")

    def handle(self, *, name: str, role: str, expires: str | None, **options: Any) -> None:
        if not 0 < len(name) <= LONGEST_NAME:
            raise CommandError("A name has 1 to 100 characters.")
        expires_at = _parsed(expires) if expires else None
        _key, text = keys.create(name, role, actor=COMMAND, expires_at=expires_at)
        self.stdout.write(json.dumps({"key": text, "name": name, "role": role}))


def _parsed(text: str) -> Any:
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None or is_naive(moment):
        raise CommandError(f"{text} is no time with offset, such as 2027-01-31T00:00:00Z.")
    try:
        keys.require_future(moment)
    except ValidationError as error:
        raise CommandError(error.message) from error
    return moment
