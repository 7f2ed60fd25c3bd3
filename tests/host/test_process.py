"""`python -m baselift.host` as a process."""

import base64
import os
import queue as queues
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager, suppress

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueClient

from .support import CONFORMANCE, settings_for


class Process:
    def __init__(self, process):
        self.process, self.lines, self._queue = process, [], queues.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self._queue.put(line.rstrip())

    def end(self):
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()

    def await_line(self, part):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            self.lines.append(self._queue.get(timeout=60))
            if part in self.lines[-1]:
                return self.lines[-1]
        raise AssertionError(self.lines)


@contextmanager
def started(storage, *arguments, **more):
    settings = settings_for(storage, **more)
    command = [sys.executable, "-m", "baselift.host", "--app", str(CONFORMANCE), "--port", "0", *arguments]
    process = subprocess.Popen(
        command, env={**os.environ, **settings}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    host = Process(process)
    try:
        host.url = host.await_line("Host started: ").split()[-1]
        host.settings = settings
        yield host
    finally:
        host.end()


def send(storage, name, text):
    with QueueClient.from_connection_string(storage, name) as queue:
        with suppress(ResourceExistsError):
            queue.create_queue()
        queue.send_message(base64.b64encode(text.encode()).decode())


def test_it_lists_its_functions_serves_and_ends_on_sigterm(storage):
    with started(storage) as host:
        assert "  items: httpTrigger" in host.lines
        assert "  asleep: httpTrigger (disabled)" in host.lines
        assert any(line.startswith("  badargument: not started: ") for line in host.lines)
        with urllib.request.urlopen(host.url + "/items/5", timeout=30) as answer:
            assert answer.status == 200
        host.process.send_signal(signal.SIGTERM)
        assert host.process.wait(30) == 0


@pytest.mark.parametrize(("queue", "text"), [("JOBS", "long"), ("relay", "block")])
def test_a_call_that_outlasts_the_grace_does_not_keep_the_process(storage, queue, text):
    with started(storage, "--grace", "0.3") as host:
        name = host.settings.get(queue, queue)
        send(storage, name, text)
        host.await_line(f"New queue message detected on '{name}'")
        host.process.send_signal(signal.SIGINT)
        assert host.process.wait(30) == 0
    with QueueClient.from_connection_string(storage, name) as left:
        assert left.get_queue_properties().approximate_message_count == 1
        left.clear_messages()


def test_a_second_signal_ends_it_at_once(storage):
    with started(storage, "--grace", "600") as host:
        send(storage, host.settings["JOBS"], "long")
        host.await_line(f"New queue message detected on '{host.settings['JOBS']}'")
        host.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert host.process.poll() is None
        host.process.send_signal(signal.SIGTERM)
        assert host.process.wait(30) == 128 + signal.SIGTERM


def test_a_wrong_app_is_one_line_and_exit_code_1(tmp_path):
    command = [sys.executable, "-m", "baselift.host", "--app", str(tmp_path), "--port", "0"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"error: {tmp_path}/host.json cannot be read: No such file or directory\n"
