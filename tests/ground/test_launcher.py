"""The launcher keeps its parts alive and ends each by its own pid, in order."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import wait_until

LAUNCH = """
import sys
from retention_center.launcher import Launcher, Part
def part(name, code):
    return Part(name, [sys.executable, "-c", code, sys.argv[1], name], patience=5)
sys.exit(Launcher([part("worker", {worker!r}), part("web", {web!r})]).run())
"""
# Notes its pid when it starts, its name when it is asked to end
OBEDIENT = """
import os, pathlib, signal, sys
folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
def end(*_):
    with (folder / "ended").open("a") as ended: ended.write(name + " ")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
with (folder / name).open("a") as pids: pids.write(f"{os.getpid()} ")
while True: signal.pause()
"""
BROKEN = "import sys; sys.exit(3)"


@pytest.fixture
def launch(tmp_path):
    started = []

    def start(worker: str = OBEDIENT, web: str = OBEDIENT) -> subprocess.Popen:
        command = [sys.executable, "-c", LAUNCH.format(worker=worker, web=web), str(tmp_path)]
        started.append(subprocess.Popen(command))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def pids(folder: Path, name: str) -> list[int]:
    path = folder / name
    return [int(pid) for pid in path.read_text().split()] if path.exists() else []


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_worker_then_the_web_server(launch, tmp_path, number):
    launcher = launch()
    wait_until(lambda: pids(tmp_path, "worker") and pids(tmp_path, "web"))
    launcher.send_signal(number)
    assert launcher.wait(timeout=10) == 0
    assert (tmp_path / "ended").read_text() == "worker web "


def test_a_part_that_is_killed_is_started_again_however_often(launch, tmp_path):
    launcher = launch()
    for times in range(1, 8):
        wait_until(lambda times=times: len(pids(tmp_path, "worker")) == times)
        os.kill(pids(tmp_path, "worker")[-1], signal.SIGKILL)
    wait_until(lambda: len(pids(tmp_path, "worker")) == 8)
    assert launcher.poll() is None


def test_a_part_that_keeps_dying_ends_everything(launch, tmp_path):
    launcher = launch(worker=BROKEN)
    assert launcher.wait(timeout=15) == 1
    assert (tmp_path / "ended").read_text() == "web "


def test_a_killed_launcher_leaves_nobody_behind(launch, tmp_path):
    launcher = launch()
    wait_until(lambda: pids(tmp_path, "worker") and pids(tmp_path, "web"))
    launcher.kill()
    everyone = pids(tmp_path, "worker") + pids(tmp_path, "web")
    wait_until(lambda: not any(is_alive(pid) for pid in everyone))
