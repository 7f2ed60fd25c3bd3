"""The `baselift` command as a process, against the whole app, running."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from live_app import Live, live_app

COMMAND = Path(sys.executable).with_name("baselift")


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """The cells of a tsv answer."""
        return [line.split("\t") for line in self.out.splitlines()]


@dataclass(frozen=True)
class Command:
    """Runs `baselift` in a directory."""

    url: str
    directory: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("BASELIFT_")}
        return own | ({"BASELIFT_URL": self.url} if self.url else {}) | dict(self.settings)

    def arguments(self, words: Sequence[str]) -> list[str]:
        return [str(COMMAND), *words]

    def __call__(self, *words: str, typed: str = "") -> Done:
        done = subprocess.run(
            self.arguments(words),
            cwd=self.directory,
            env=self.environment(),
            input=typed,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def started(self, *words: str) -> subprocess.Popen[str]:
        """The command under way, its output in a pipe."""
        return subprocess.Popen(
            self.arguments(words),
            cwd=self.directory,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_app(tmp_path_factory.mktemp("cli") / "state") as parts:
        yield parts


@pytest.fixture(scope="session")
def base(live: Live) -> str:
    """A base image with a shell, in the registry."""
    live.push_base("base/node:1", "1")
    return f"{live.host}/base/node:1"


@pytest.fixture(scope="session")
def source(live: Live, base: str) -> str:
    """URL of a git repository whose build prints its argument WHO."""
    text = f"FROM {base} AS first\nARG WHO=nobody\nRUN echo hello $WHO\nFROM first\nRUN echo last stage\n"
    return live.git.create("source", {"Dockerfile": text, "failing": f"FROM {base}\nRUN exit 3\n"})


@pytest.fixture
def baselift(live: Live, tmp_path: Path) -> Command:
    return Command(live.url, tmp_path)


@pytest.fixture
def context(base: str, tmp_path: Path) -> Path:
    """A directory whose build prints the names of the files it sees."""
    directory = tmp_path / "context"
    (directory / "kept").mkdir(parents=True)
    (directory / ".git").mkdir()
    listing = "RUN echo hello $WHO; cd /seen; /bin/busybox find . -type f"
    files = {
        "Dockerfile": f"FROM {base}\nARG WHO=nobody\nCOPY . /seen\n{listing}\n",
        ".dockerignore": "\ufeff*.log\n# comment\n**/secret\n!important.log\n",
        "noise.log": "",
        "important.log": "",
        "kept/file": "",
        "kept/secret": "",
        ".git/config": "",
    }
    for name, text in files.items():
        (directory / name).write_text(text)
    return directory
