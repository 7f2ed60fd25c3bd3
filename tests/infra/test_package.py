"""The deployment package as it is built for Azure: what is in it, its size, and that it runs from a read-only place."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LARGEST = 80_000_000
TOP = {
    ".python_packages",
    "baselift",
    "function_app.py",
    "functions",
    "host.json",
    "pyproject.toml",
    "requirements.txt",
}
PYTHONS = [sys.executable] + [
    pytest.param(str(python), marks=pytest.mark.campaign, id=python.parent.parent.name)
    for version in ("3.11", "3.12", "3.13")
    if (python := ROOT / f".venv-{version}/bin/python").exists()
]
DOCTOR = Path(sys.executable).parent / "azure-functions-doctor"
INDEX = """
import json, sys
import function_app
print(json.dumps([function_app.__file__, sorted(f.get_function_name() for f in function_app.app.get_functions())]))
"""
READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && cd "$1" && exec "$2" -c "$3"'


def read_only(package: Path, python: str) -> tuple[str, list[str]]:
    """Index the package's functions where nothing can be written; where the app came from, and their names."""
    libraries = package / ".python_packages/lib/site-packages"
    environment = {
        "PYTHONPATH": f"{package}:{libraries}",
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/nonexistent",
    }
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", READ_ONLY, "sh", package, _bare(python), INDEX]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    where, names = json.loads(done.stdout.splitlines()[-1])
    return where, names


def _bare(python: str) -> str:
    """The interpreter that a venv was made from: it has none of the venv's libraries."""
    code = "import sys; print(getattr(sys, '_base_executable', sys.executable))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("python", PYTHONS)
def test_the_package_is_small_and_runs_from_a_read_only_directory(tmp_path: Path, python: str) -> None:
    package = tmp_path / "package"
    subprocess.run([ROOT / "script/package", "--python", python, package], check=True, capture_output=True)
    assert {entry.name for entry in package.iterdir()} == TOP
    size = sum(file.stat().st_size for file in package.rglob("*") if file.is_file())
    assert size < LARGEST, size
    assert not list(package.rglob("__pycache__"))
    where, names = read_only(package, python)
    assert where == str(package / "function_app.py")
    assert {"build", "image_pushed", "reconcile", "zz_not_found"} <= set(names)
    shutil.rmtree(package)


def doctor(app: Path) -> tuple[int, str]:
    """What azure-functions-doctor says of an app for Flex Consumption."""
    command = ["doctor", "--path", app, "--profile", "deploy", "--hosting-plan", "flex-consumption", "--verbose"]
    told = subprocess.run([DOCTOR, *command], capture_output=True, text=True, check=False)
    return told.returncode, told.stdout


@pytest.mark.campaign
def test_the_doctor_finds_no_fault_in_what_is_deployed(tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    for name in TOP - {".python_packages"}:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, app / name)
    code, told = doctor(app)
    assert code == 0, told
    (app / "host.json").write_text('{"version": "1.0"}')
    code, told = doctor(app)
    assert code != 0
    assert "host.json version" in told
