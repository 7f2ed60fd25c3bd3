"""The `baselift` command in the process of the test: a process for each call takes a second."""

import os

from cli.conftest import Command, Done
from click.testing import CliRunner

from baselift.cli.main import main


class Inside(Command):
    """Runs `baselift` as `Command` does, without its directory."""

    def __call__(self, *words: str, typed: str = "") -> Done:
        own: dict[str, str | None] = {name: None for name in os.environ if name.startswith("BASELIFT_")}
        given = {"BASELIFT_URL": self.url} if self.url else {}
        done = CliRunner().invoke(main, list(words), input=typed, env={**own, **given, **self.settings})
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Done(done.exit_code, done.stdout, done.stderr)
