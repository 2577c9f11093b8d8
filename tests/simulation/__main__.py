"""Run many histories, or replay one: `python -m tests.simulation --seeds 1000`, `--seed 42`."""

import argparse
import gc
import os
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import batched

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
    # Here, since it needs no Django: what once found something comes first
    from tests.simulation.corpus import FOUND  # noqa: PLC0415

    seeds = [*FOUND, *(seed for seed in range(asked.start, asked.start + asked.seeds) if seed not in FOUND)]
    return play_all(seeds, asked.processes)


def play_all(seeds: list[int], processes: int) -> int:
    """Play them on all processes, tell what failed as soon as it is known, and how fast it went."""
    began, failed, played = time.monotonic(), 0, 0
    spent = 0.0
    with ProcessPoolExecutor(processes, initializer=prepare) as pool:
        for slice_, (found, seconds) in zip(batched(seeds, SLICE), pool.map(run, batched(seeds, SLICE)), strict=True):
            failed += len(found)
            played += len(slice_)
            spent += seconds
            for line in found:
                print(line, flush=True)
            if sys.stderr.isatty():
                print(f"\r{played} histories", end="", file=sys.stderr)
    seconds = time.monotonic() - began
    pace = f"{played / seconds * 60:.0f} a minute, {played / spent * 60:.0f} a minute of one core's time"
    print(f"{played} histories, {failed} failed, {seconds:.0f} s, {pace}")
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

    from tests.simulation.database import REMEMBERS  # noqa: PLC0415

    connection = settings.DATABASES["default"]
    connection["OPTIONS"] = connection.get("OPTIONS", {}) | REMEMBERS
    call_command("migrate", verbosity=0)
    gc.freeze()  # what is loaded stays; the collector need not look at it again and again


def run(seeds: Iterable[int]) -> tuple[list[str], float]:
    """The sentences of those that failed, and the processor's seconds they took."""
    from tests.simulation.history import History  # noqa: PLC0415

    began = time.process_time()
    failed = []
    for seed in seeds:
        try:
            History(seed).run()
        except Exception as found:
            failed.append(f"seed {seed}: {type(found).__name__}: {found}")
    return failed, time.process_time() - began


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
