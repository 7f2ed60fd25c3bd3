"""The demo's commands: each is printed, then run, its output shown as it comes."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.errors import PartError

Run = dict[str, Any]


@dataclass(frozen=True)
class Shell:
    """Where the demo's commands run: their directory and environment."""

    directory: Path
    environment: Mapping[str, str]

    def show(self, *command: str) -> None:
        """Prints a command and runs it with its output on the terminal.

        Raises:
            PartError: it ended with another code than 0.
        """
        print(f"$ {shlex.join(command)}", flush=True)
        done = subprocess.run(command, cwd=self.directory, env=self._whole(), check=False)
        if done.returncode != 0:
            raise PartError(f"`{shlex.join(command)}` ended with code {done.returncode}")

    def read(self, *command: str) -> str:
        """Runs a command unseen, and returns what it printed.

        Raises:
            PartError: it ended with another code than 0; the message holds what it said.
        """
        done = subprocess.run(command, cwd=self.directory, env=self._whole(), check=False, capture_output=True)
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()
            raise PartError(f"`{shlex.join(command)}` ended with code {done.returncode}: {said}")
        return done.stdout.decode()

    def _whole(self) -> dict[str, str]:
        programs = Path(sys.executable).parent
        path = f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1", **self.environment}


def runs_of(shell: Shell) -> list[Run]:
    """All runs, newest first, as the REST API names their properties."""
    listed = json.loads(shell.read("baselift", "task", "list-runs", "--output", "json"))
    return [run | run.get("properties", {}) for run in listed]
