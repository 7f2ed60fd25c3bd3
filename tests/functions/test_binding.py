"""The app under the embedded host, asked to listen for others than this machine."""

import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from baselift import wiring

REPOSITORY = Path(__file__).parents[2]


def started(address, **settings):
    """The host's exit code and standard error, when it has ended by itself."""
    command = [sys.executable, "-B", "-m", "baselift.host", "--app", str(REPOSITORY), "--host", address, "--port", "0"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BASELIFT_")}
    environment = clean | {"AzureWebJobsStorage": "UseDevelopmentStorage=true"} | settings
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("settings", [{}, {"BASELIFT_ACCESS": "none"}])
def test_in_mode_none_it_refuses_to_listen_for_others_in_one_line(settings):
    code, error = started("0.0.0.0", **settings)
    assert code == 1
    assert len(error.splitlines()) == 1
    assert error.startswith("error: function_app.py does not start: BASELIFT_ACCESS is 'none', so only this machine")
    assert "'0.0.0.0:" in error


@pytest.mark.parametrize(("mode", "refused"), [("none", True), ("clients", False), ("entra", False)])
def test_what_has_tokens_may_be_reached(monkeypatch, mode, refused):
    monkeypatch.setenv("BASELIFT_ACCESS", mode)
    monkeypatch.setenv("WEBSITE_HOSTNAME", "builds.example")
    with pytest.raises(SystemExit) if refused else nullcontext():
        wiring.check_place()
    monkeypatch.setenv("WEBSITE_HOSTNAME", "localhost:7071")
    wiring.check_place()
