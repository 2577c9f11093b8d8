"""The whole suite: on SQLite, on PostgreSQL, then the pages in a browser. `make test` runs it.

Arguments go on to pytest, as in `python -m tests.suite -k unsubscribe`.
"""

import os
import subprocess
import sys
import time

from tests import services

PYTEST = [sys.executable, "-m", "pytest"]
PARALLEL = ["-n", "2", "--dist", "worksteal"]
RUNS = {
    "SQLite": [*PYTEST, *PARALLEL, "-m", "not browser"],
    "PostgreSQL": [sys.executable, "-m", "tests.postgres", *PYTEST, *PARALLEL, "-m", "not browser"],
    "browser": [*PYTEST, "-m", "browser"],
}


def main(arguments: list[str]) -> int:
    try:
        services.browser()
        services.redis_server()
    except services.Missing as missing:
        print(missing, file=sys.stderr)
        return 1
    results = {}
    for name, command in RUNS.items():
        print(f"── {name}", flush=True)
        began = time.monotonic()
        code = subprocess.call([*command, *arguments], env=_environment(name))
        results[name] = (code, time.monotonic() - began)
    for name, (code, seconds) in results.items():
        print(f"{'failed' if code else 'passed'}  {name}  {seconds:.0f} s")
    return int(any(code for code, _seconds in results.values()))


def _environment(name: str) -> dict[str, str]:
    """TEST_DATABASE_URL names a PostgreSQL; the other runs must not see it."""
    hidden = set() if name == "PostgreSQL" else {"TEST_DATABASE_URL"}
    return {key: value for key, value in os.environ.items() if key not in hidden}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
