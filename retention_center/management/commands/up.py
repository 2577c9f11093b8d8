"""Start everything: database in step, first admin, static files, then web server and workers."""

import os
import socket
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from retention_center import static_files
from retention_center.launcher import Launcher, Part

WORKER_PATIENCE = float(settings.LEASE_SECONDS)  # what is under way is finished within a lease
WEB_PATIENCE = 35.0  # gunicorn gives its own requests 30 s


class Command(BaseCommand):
    help = "Runs the web server and the workers together, after bringing the database up to date. Ctrl-C stops them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bind", default="127.0.0.1", help="The address to listen on; PORT names the port.")

    def handle(self, *, bind: str, **options: Any) -> None:
        port = int(os.environ.get("PORT") or 8000)
        self._require_free(bind, port)
        call_command("migrate", verbosity=0)
        static_files.collect()
        self.stdout.write(f"Retention Center: {settings.PUBLIC_URL}/\n")
        self._say_how_to_sign_in()
        connections.close_all()
        sys.exit(Launcher(self._parts(bind, port)).run())

    def _require_free(self, bind: str, port: int) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((bind, port))
            except OSError as error:
                raise CommandError(f"Cannot listen on {bind}:{port}: {error.strerror}. Try PORT=8001.") from error

    def _say_how_to_sign_in(self) -> None:
        if settings.AUTH_CENTER_URL:
            self.stdout.write(f"Sign in by the Auth Center at {settings.AUTH_CENTER_URL}.\n")
        elif "first_admin" in get_commands():
            call_command("first_admin", stdout=self.stdout)
        self.stdout.write("Ctrl-C stops it.\n")
        self.stdout.flush()

    def _parts(self, bind: str, port: int) -> list[Part]:
        """In the order in which they end: first nobody takes new work, then nobody is served."""
        manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
        web = [sys.executable, "-m", "gunicorn", "retention_center.wsgi", "--bind", f"{bind}:{port}"]
        web += ["--worker-class", "gthread", "--workers", "2", "--threads", "8", "--no-control-socket"]
        web += ["--limit-request-line", "8190"]  # a filter of many ids, or a long postback, is a long address
        return [
            Part("processor", [*manage, "run_worker"], WORKER_PATIENCE),
            Part("queue", [*manage, "qcluster"], WORKER_PATIENCE),
            Part("web", [*web, "--log-level", "warning"], WEB_PATIENCE),
        ]
