"""The first person of a new installation."""

import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction

from retention_center import audit
from retention_center.auth.signing_in import CHANGE_ASKED
from retention_center.models import Role, User

COMMAND = audit.Actor("first_admin", "command")


class Command(BaseCommand):
    help = "Makes an admin with a printed one-time password, if there is no admin yet."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", default="admin@localhost", help="The admin's e-mail address.")

    def handle(self, *, email: str, **options: Any) -> None:
        """Says how to sign in; the first sign-in asks for a new password."""
        try:
            validate_email(email)
        except ValidationError as error:
            raise CommandError(f"{email} is no e-mail address.") from error
        password = secrets.token_urlsafe(12)
        with transaction.atomic():
            if User.objects.filter(role=Role.ADMIN, is_active=True).exists():
                self._remind()
                return
            admin = User.objects.create_user(email, password, role=Role.ADMIN, preferences={CHANGE_ASKED: True})
            audit.record(COMMAND, "create", admin, after=audit.snapshot(admin, "email", "role"))
        self.stdout.write(f"Sign in as {admin.email} with the one-time password {password}\n")

    def _remind(self) -> None:
        waiting = User.objects.filter(**{f"preferences__{CHANGE_ASKED}": True}).first()
        if waiting is None:
            self.stdout.write("Sign in with your own account.\n")
        else:
            self.stdout.write(f"Sign in as {waiting.email} with the one-time password shown at the first start.\n")
