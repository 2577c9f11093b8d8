"""Copies of the whole database: made while it works, put back while nothing works, never sending by themselves.

SQLite is copied by SQLite itself, PostgreSQL by its own pg_dump and pg_restore.
"""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

from retention_center.lib.encryption import encrypt
from retention_center.models import Secret
from retention_center.restoring import MARK


class CannotCopy(Exception):
    """The backup cannot be made or put back; the text says why, and nothing was changed."""


def make(path: Path, now: datetime) -> None:
    """Write a backup to a new file that only its owner may read. Safe while everything runs."""
    if path.exists():
        raise CannotCopy(f"{path} exists already; name another file.")
    draft = path.with_name(path.name + ".part")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    try:
        if connection.vendor == "postgresql":
            _run("pg_dump", ["--format=custom", f"--file={draft}"])
        else:
            _copy_sqlite(draft, now)
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)


def put_back(path: Path) -> None:
    """Replace all this database holds by the backup. Nothing else may be using the database meanwhile."""
    if not path.is_file():
        raise CannotCopy(f"There is no file {path}.")
    if connection.vendor == "postgresql":
        _run("pg_restore", ["--clean", "--if-exists", "--no-owner", "--single-transaction", str(path)])
        connection.close()
    else:
        _replace_sqlite(path)


def _copy_sqlite(draft: Path, now: datetime) -> None:
    """A consistent, compact copy that bears the mark of a backup: whoever puts it to work, it holds everything."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(draft)])
    with closing(sqlite3.connect(draft)) as copy, copy:
        copy.execute(
            f"INSERT OR REPLACE INTO {Secret._meta.db_table} (name, value, created_at) VALUES (?, ?, ?)",
            [MARK, encrypt({"backupOf": now.isoformat()}), now.strftime("%Y-%m-%d %H:%M:%S.%f")],
        )


def _replace_sqlite(path: Path) -> None:
    with closing(sqlite3.connect(f"file:{path.resolve()}?mode=ro", uri=True)) as copy:
        try:
            is_ours = copy.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [Secret._meta.db_table]).fetchone()
            is_whole = copy.execute("PRAGMA quick_check").fetchone() == ("ok",)
        except sqlite3.DatabaseError as error:
            raise CannotCopy(f"{path} is no SQLite database: {error}.") from error
        if not is_ours or not is_whole:
            raise CannotCopy(f"{path} is {'damaged' if is_ours else 'no backup of Retention Center'}.")
        connection.ensure_connection()
        try:
            copy.backup(connection.connection)
        except sqlite3.OperationalError as error:
            raise CannotCopy(f"The database is in use ({error}); stop everything that uses it first.") from error


def _run(program: str, arguments: list[str]) -> None:
    """Run one of PostgreSQL's own programs on our database; the password travels in its environment only."""
    found = shutil.which(program)
    if found is None:
        raise CannotCopy(f"{program} is not on PATH; install PostgreSQL's client programs.")
    database = connection.settings_dict
    named = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD"}
    environment = {name: str(database[key]) for name, key in named.items() if database.get(key)}
    target = [f"--dbname={database['NAME']}"]
    done = subprocess.run(
        [found, *target, *arguments],
        env=os.environ | environment,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotCopy(f"{program} failed: {' '.join(done.stderr.split()) or 'it did not say why'}")
