"""The real azure-cli, each version in a venv of its own under `.tools`."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from parts.app import REPOSITORY
from parts.errors import PartError

TOOLS = REPOSITORY / ".tools"
PACKAGE = "azure-cli"
INSTALL_SECONDS = 1800
_DONE = "az-check.installed"


def newest() -> str:
    """The newest version that pip finds, or the newest that is installed here where it finds none."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "index", "versions", PACKAGE]
    asked = subprocess.run(pip, capture_output=True, text=True, check=False)
    if found := re.search(rf"^{PACKAGE} \(([0-9.]+)\)", asked.stdout, re.MULTILINE):
        return found[1]
    here = [path.parent.name.removeprefix("az-") for path in TOOLS.glob(f"az-*/{_DONE}")]
    if not here:
        raise PartError(f"pip finds no {PACKAGE}, and none is installed in {TOOLS}; name one with --version")
    return max(here, key=_order)


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def is_at_least(version: str, other: str) -> bool:
    """Whether a version is the other one or newer."""
    return _order(version) >= _order(other)


def installed(version: str) -> Path:
    """The directory of this version's `az`; installs it on first use (some 730 MB).

    Raises:
        PartError: it is no version, or pip could not install it.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise PartError(f"--version {version!r} must be one like 2.84.0")
    venv = TOOLS / f"az-{version}"
    if not (venv / _DONE).exists():
        print(f"az-check: installing {PACKAGE} {version} into {venv} (some 730 MB)", flush=True)
        shutil.rmtree(venv, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(venv)], version)
        python = str(venv / "bin" / "python")
        _run([python, "-m", "pip", "--disable-pip-version-check", "install", "-q", f"{PACKAGE}=={version}"], version)
        (venv / _DONE).touch()
    return venv / "bin"


def _run(command: list[str], version: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise PartError(f"{PACKAGE} {version} was not installed within {INSTALL_SECONDS} s") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise PartError(f"{PACKAGE} {version} could not be installed: {' '.join(said)}")
