"""Run many histories, or replay one: `python -m tests.simulation --seeds 1000`, `--seed 42`."""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
SLICE = 25


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many histories")
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="replay this one and tell all of it")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    if asked.seed is not None:
        return replay(asked.seed)
    began = time.monotonic()
    last = asked.start + asked.seeds
    slices = [range(first, min(first + SLICE, last)) for first in range(asked.start, last, SLICE)]
    failed: list[str] = []
    with ProcessPoolExecutor(asked.processes, initializer=prepare) as pool:
        for number, found in enumerate(pool.map(run, slices), 1):
            failed += found
            for line in found:
                print(line, flush=True)
            if sys.stderr.isatty():
                print(f"\r{slices[number - 1].stop - asked.start} histories", end="", file=sys.stderr)
    seconds = time.monotonic() - began
    print(f"{asked.seeds} histories, {len(failed)} failed, {seconds:.0f} s, {asked.seeds / seconds * 60:.0f} a minute")
    return int(bool(failed))


def prepare() -> None:
    """A database of this process's own."""
    # Django must be set up before anything of ours is imported, and each process needs that for itself
    import django  # noqa: PLC0415
    from django.conf import settings  # noqa: PLC0415

    os.environ.setdefault("TEST_DATABASE_URL", "")
    settings.DATABASES["default"]["NAME"] = ":memory:"
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0)


def run(seeds: range) -> list[str]:
    """The sentences of those that failed."""
    from tests.simulation.history import History  # noqa: PLC0415

    failed = []
    for seed in seeds:
        try:
            History(seed).run()
        except Exception as found:
            failed.append(f"seed {seed}: {type(found).__name__}: {found}")
    return failed


def replay(seed: int) -> int:
    """Tell everything that happens under a seed."""
    prepare()
    from tests.simulation.history import History  # noqa: PLC0415

    history = History(seed)
    try:
        history.run()
    finally:
        print("\n".join(history.log))
    return 0


if __name__ == "__main__":
    sys.exit(main())
