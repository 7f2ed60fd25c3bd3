import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from parts.errors import PartError
from parts.process import Child

SCRIPT = Path(__file__).parents[2] / "script"
STUBBORN = "trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo started; while :; do sleep 1; done"


def start(tmp_path: Path, *command: str) -> Child:
    return Child.start("part", command, log=tmp_path / "part.log", environment=os.environ, directory=tmp_path)


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_stopping_a_part_that_ignores_the_request_leaves_none_of_its_processes(tmp_path, processes_naming):
    child = start(tmp_path, "bash", "-c", STUBBORN)
    until(lambda: "started" in child.log.read_text())
    assert len(processes_naming(tmp_path)) >= 2

    child.stop(grace=0.3)

    assert child.process.returncode == -signal.SIGKILL
    until(lambda: processes_naming(tmp_path) == [])


def test_a_part_that_ends_when_asked_is_not_killed(tmp_path):
    child = start(tmp_path, "bash", "-c", "trap 'exit 7' TERM; echo started; while :; do sleep 0.05; done")
    until(lambda: "started" in child.log.read_text())

    child.stop()

    assert child.process.returncode == 7


def test_a_part_that_ended_is_reported_with_its_code_and_last_lines(tmp_path):
    child = start(tmp_path, "bash", "-c", "echo the disk is full; exit 3")
    child.process.wait()

    with pytest.raises(PartError, match=r"part ended with code 3: the disk is full"):
        child.check()


def test_a_program_that_is_missing_is_named(tmp_path):
    with pytest.raises(PartError, match="no-such-program is not on this machine"):
        start(tmp_path, "no-such-program")


def test_a_killed_parent_leaves_no_part(tmp_path, processes_naming):
    parent = f"""
import os, pathlib, time
from parts.process import Child
Child.start("part", ["sleep", "600"], log=pathlib.Path({str(tmp_path)!r}, "part.log"), environment=os.environ)
print("started", flush=True)
time.sleep(600)
"""
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT)}
    process = subprocess.Popen([sys.executable, "-c", parent], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    until(lambda: any(process.line == "sleep 600" for process in processes_naming(tmp_path)))

    process.kill()
    process.communicate()

    until(lambda: processes_naming(tmp_path) == [])


def test_a_parts_log_is_readable_by_its_owner_only(tmp_path):
    child = start(tmp_path, "true")
    child.process.wait()

    assert child.log.stat().st_mode & 0o777 == 0o600
