import os
import subprocess
import sys
from pathlib import Path

from baselift.engines.probe import probe

PROBE = """
import asyncio, sys
from pathlib import Path
from baselift.engines.probe import probe
print(asyncio.run(probe(Path(sys.argv[1]))))
"""


async def test_a_probe_builds_and_says_how(tmp_path: Path) -> None:
    found = await probe(tmp_path)
    assert (found.ok, found.engine, found.reason, found.ran) == (True, "buildah", "", True)
    assert found.storage_driver in ("overlay", "vfs")
    assert found.version


def test_without_user_namespaces_a_probe_says_what_to_use_instead(tmp_path: Path) -> None:
    alone = 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"'
    command = ("unshare", "-Ur", "sh", "-c", alone, "sh", sys.executable, "-c", PROBE, str(tmp_path))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert "ok=False" in done.stdout
    assert "use the engine 'acr' or 'docker'" in done.stdout


def test_a_store_on_an_overlay_file_system_is_used_without_overlay(tmp_path: Path) -> None:
    for name in ("lower", "upper", "work", "merged"):
        (tmp_path / name).mkdir()
    mount = 'cd "$1"; shift; mount -t overlay o -o lowerdir=lower,upperdir=upper,workdir=work merged && exec "$@"'
    command = (
        "unshare",
        "-m",
        "sh",
        "-c",
        mount,
        "sh",
        tmp_path,
        sys.executable,
        "-c",
        PROBE,
        tmp_path / "merged/store",
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert "ok=True" in done.stdout, done.stdout
    assert "storage_driver='vfs'" in done.stdout


def test_a_lock_of_the_machines_own_buildah_does_not_hold_ours_back(tmp_path: Path) -> None:
    locked = 'mount -t tmpfs -o mode=1777 t /run/lock; touch /run/lock/netavark.lock; exec "$@"'
    command = ("unshare", "-m", "sh", "-c", locked, "sh", sys.executable, "-c", PROBE, tmp_path)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert "ok=True" in done.stdout, done.stdout


async def test_a_missing_program_is_named_with_its_package(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (await probe(tmp_path)).reason == (
        "buildah, unshare, nsenter, setpriv not found; install buildah util-linux"
    )
