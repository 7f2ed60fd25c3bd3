"""The disk on which builds happen is full."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from story.user import APP, User, app_file

SIZE = 64
"""MiB of the builder's disk."""
LAST_LINES = 6
"""Where a user looks: what a RUN says of the disk stands above the line that ends the log."""
TOO_MUCH = f"/bin/busybox dd if=/dev/zero of=/big bs=1M count={2 * SIZE}"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system, mounted where the builder works."""
    directory = tmp_path / "state" / "builder"
    directory.mkdir(parents=True, mode=0o700)
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    options = f"size={SIZE}m,mode=700,uid={os.geteuid()},gid={os.getegid()}"
    subprocess.run([*as_root, "mount", "-t", "tmpfs", "-o", options, "tmpfs", directory], check=True)
    yield directory
    subprocess.run([*as_root, "umount", directory], check=True)


def fails_for_space(user: User, identifier: str) -> None:
    run = user.ended(identifier)
    log = user.log(identifier)
    assert run["status"] == "Failed", log
    last = log.splitlines()[-LAST_LINES:]
    assert last[-1].startswith(f"Run ID: {identifier} failed after ")
    assert re.search("no space left|disk of the builder is full", " ".join(last), re.IGNORECASE)
    assert "Traceback" not in log
    assert user.healthy()


@pytest.mark.campaign
def test_a_run_that_finds_no_space_fails_for_it_and_with_space_the_next_one_succeeds(disk, staged, git_server):
    with staged() as (_, user):
        user.build_base("1")
        greedy, small, large = (
            git_server.create(name, {"Dockerfile": text, **more})
            for name, text, more in (
                ("greedy", app_file(TOO_MUCH), {}),
                ("small", app_file(), {}),
                ("large", app_file(), {"data": os.urandom(8 << 20)}),
            )
        )
        user.create_task(greedy, "greedy", "greedy")
        user.create_task(small, "small", APP)
        user.create_task(large, "large", "large")

        fails_for_space(user, user.ask("greedy"))
        assert user.ended(user.ask("small"))["status"] == "Succeeded", "a failed run gives its space back"

        filler = disk / "filler"
        filler.write_bytes(bytes(_free(disk) - (2 << 20)))
        fails_for_space(user, user.ask("large"))
        filler.unlink()
        assert user.ended(user.ask("large"))["status"] == "Succeeded"
        assert user.shown(f"{APP}:latest") == "1"


def _free(disk: Path) -> int:
    status = os.statvfs(disk)
    return status.f_bavail * status.f_frsize
