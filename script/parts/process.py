"""One supervised child process: it dies with its parent, and stopping it leaves none of its group."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from parts.errors import PartError
from parts.ports import POLL_SECONDS
from parts.private import OWNER_ONLY_FILE

LAST_LINES = 5


@dataclass(frozen=True)
class Child:
    """A running program, leader of a process group of its own; both its outputs go to the log file."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str],
        directory: Path | None = None,
    ) -> "Child":
        """Starts the program.

        Call it from a thread that lives as long as the child shall: the kernel takes the starting thread, not its
        process, for the parent whose death ends the child (prctl(2), PR_SET_PDEATHSIG).

        Raises:
            PartError: the program is not on this machine.
        """
        if shutil.which(str(command[0])) is None:
            raise PartError(f"{name}: {command[0]} is not on this machine; run script/setup")
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, OWNER_ONLY_FILE)
        try:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                cwd=directory,
                env=dict(environment),
                start_new_session=True,
                close_fds=False,  # the lock of the state directory is held until the last child has ended
                umask=0o077,
            )
        finally:
            os.close(descriptor)
        return cls(name, process, log)

    def check(self) -> None:
        """Does nothing while the program runs.

        Raises:
            PartError: it has ended; the message holds the last lines of its log.
        """
        if self.process.poll() is not None:
            raise PartError(f"{self.name} ended with code {self.process.returncode}: {self.last_words()}")

    def last_words(self) -> str:
        """The last lines of the log, on one line."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return " | ".join(line.strip() for line in lines[-LAST_LINES:] if line.strip()) or "(nothing in its log)"

    def stop(self, grace: float = 20.0) -> None:
        """Asks the program to end, waits that many seconds for it, then kills what is left of its group."""
        if self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        self._await_end(grace)
        # The leader is not reaped before this line, so the group's number cannot have gone to a stranger.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _await_end(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        how = os.WEXITED | os.WNOWAIT | os.WNOHANG
        while os.waitid(os.P_PID, self.process.pid, how) is None and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
