"""Everything about the code that can be said without running the suite, side by side. `make check` runs it."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.environment import ENVIRONMENT

TOOLS = Path(sys.executable).parent
MANAGE = [sys.executable, "manage.py"]
FIXED = ENVIRONMENT | {"DATABASE_URL": "sqlite://:memory:", "DJANGO_SETTINGS_MODULE": "retention_center.settings"}
DEPLOYED = {
    "PUBLIC_URL": "https://retention.example.com",
    "DATABASE_URL": "postgres://retention:secret@db.example.com/retention",
    "POSTAL_ADDRESS": "1 Example Street, Exampletown",
}


@dataclass(frozen=True)
class Check:
    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)


CHECKS = [  # the slowest first
    Check("types", [str(TOOLS / "mypy")]),
    Check("templates lint", [str(TOOLS / "djlint"), "templates", "--lint", "--quiet"]),
    Check("templates", [sys.executable, "-m", "tests.templates"]),
    Check("migrations", [*MANAGE, "makemigrations", "--check", "--dry-run"]),
    Check("deployment", [*MANAGE, "check", "--deploy", "--fail-level", "WARNING"], DEPLOYED),
    Check("imports", [str(TOOLS / "lint-imports")]),
    Check("lint", [str(TOOLS / "ruff"), "check", "--quiet", "."]),
    Check("format", [str(TOOLS / "ruff"), "format", "--check", "--quiet", "."]),
]


def run(check: Check) -> bool:
    began = time.monotonic()
    environment = os.environ | FIXED | check.environment
    done = subprocess.run(check.command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"── {check.name}\n{done.stdout}{done.stderr}", flush=True)
    word = "failed" if done.returncode else "passed"
    print(f"{word}  {check.name}  {time.monotonic() - began:.1f} s", flush=True)
    return not done.returncode


def main() -> int:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return int(not all(list(pool.map(run, CHECKS))))


if __name__ == "__main__":
    sys.exit(main())
