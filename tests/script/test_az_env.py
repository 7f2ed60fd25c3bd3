"""`source script/az-env` against a running `script/serve`, with a stand-in for az that records what it is asked."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
AZ = f"""#!{sys.executable}
import json, os, sys
with open(os.environ["AZ_CALLS"], "a") as calls:
    calls.write(json.dumps([sys.argv[1:], os.environ["AZURE_CONFIG_DIR"], os.environ["REQUESTS_CA_BUNDLE"]]) + "\\n")
if os.environ.get("AZ_FAILS") in sys.argv:
    sys.stderr.write("ERROR: it is\\nbroken\\n")
    sys.exit(1)
"""


@pytest.fixture
def az(tmp_path):
    programs = tmp_path / "az-programs"
    programs.mkdir()
    (programs / "az").write_text(AZ)
    (programs / "az").chmod(0o755)
    return programs


class Sourced:
    def __init__(self, tmp_path, programs):
        self.calls_file = tmp_path / "calls"
        self.environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
        self.environment["AZ_CALLS"] = str(self.calls_file)
        for name in ("AZURE_CONFIG_DIR", "REQUESTS_CA_BUNDLE"):
            self.environment.pop(name, None)

    def run(self, script, state, **more):
        text = f"source {REPOSITORY / 'script/az-env'} {state} || exit\n{script}"
        return subprocess.run(
            ["bash", "-uc", text], env=self.environment | more, capture_output=True, text=True, check=False, timeout=120
        )

    @property
    def calls(self):
        if not self.calls_file.exists():
            return []
        return [json.loads(line) for line in self.calls_file.read_text().splitlines()]


@pytest.fixture
def sourced(tmp_path, az):
    return Sourced(tmp_path, az)


EMBEDDED = {"BASELIFT_HOST": "embedded"}


def test_it_registers_and_logs_in_once_and_gives_the_shell_back(serve, tmp_path, sourced):
    state = tmp_path / "state"
    serve(state, "--https", "--access", "clients", **EMBEDDED)
    endpoint = json.loads((state / "endpoint.json").read_text())
    show = 'echo "$AZURE_CONFIG_DIR|$REQUESTS_CA_BUNDLE"; '
    leave = 'baselift_leave; echo "${AZURE_CONFIG_DIR-unset}|${REQUESTS_CA_BUNDLE-unset}"'

    done = sourced.run(show + leave, state)

    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "az in this shell now talks to Baselift; leave with: baselift_leave"
    assert lines[1] == f"{state / 'az'}|{state / 'ca-bundle.pem'}"
    assert lines[-1] == "unset|unset"
    register, chosen, login = (call[0] for call in sourced.calls)
    assert register[:6] == ["cloud", "register", "--name", "Baselift", "--endpoint-resource-manager", endpoint["url"]]
    assert chosen[:4] == ["cloud", "set", "--name", "Baselift"]
    assert login[:6] == [
        "login", "--service-principal", "--username", "local", "--password", f"@{state / 'client.secret'}",
    ]  # fmt: skip
    assert {tuple(call[1:]) for call in sourced.calls} == {(str(state / "az"), str(state / "ca-bundle.pem"))}

    again = sourced.run("source script/az-env " + str(state) + "; " + leave, state, AZURE_CONFIG_DIR="/mine")
    assert again.stdout.splitlines()[-1] == "/mine|unset"
    assert len(sourced.calls) == 3

    bundle = (state / "ca-bundle.pem").read_text()
    assert Path(endpoint["ca"]).read_text() in bundle
    assert bundle.count("BEGIN CERTIFICATE") > 20


def test_another_secret_is_another_login_and_a_failed_one_is_tried_again(serve, tmp_path, sourced):
    state = tmp_path / "state"
    serve(state, "--https", **EMBEDDED)
    failed = sourced.run("", state, AZ_FAILS="login")
    assert (failed.returncode, failed.stderr) == (
        1,
        "script/az-env: az login --service-principal failed: ERROR: it is broken\n",
    )
    assert sourced.run("", state).returncode == 0
    assert [call[0][0] for call in sourced.calls] == ["cloud", "cloud", "login"] * 2
    assert sourced.calls[-1][0][3] == "anyone"


def test_without_a_running_https_server_it_says_what_to_start(serve, tmp_path, sourced):
    nothing = sourced.run("", tmp_path / "none")
    assert (nothing.returncode, nothing.stderr) == (
        1,
        f"script/az-env: nothing has been served from {tmp_path / 'none'}; start it with: script/serve --https\n",
    )
    state = tmp_path / "state"
    served = serve(state)
    assert "does not speak https, which az needs; start it with: script/serve --https" in sourced.run("", state).stderr
    served.process.terminate()
    served.process.communicate(timeout=90)
    (state / "endpoint.json").write_text(json.dumps({"url": "https://localhost:9", "ca": "/none", "access": "none"}))
    assert "https://localhost:9 does not answer" in sourced.run("", state).stderr
    (state / "endpoint.json").write_text("{")
    assert "endpoint.json is damaged" in sourced.run("", state).stderr
    assert sourced.calls == []


def test_the_lack_of_az_is_said(serve, tmp_path, sourced, az):
    state = tmp_path / "state"
    serve(state, "--https", **EMBEDDED)
    (az / "az").unlink()
    done = sourced.run("", state, PATH="/usr/bin:/bin")
    assert done.stderr == "script/az-env: az is not on PATH; install the Azure CLI first\n"


def test_run_instead_of_sourced_it_says_so(tmp_path):
    done = subprocess.run(
        ["bash", str(REPOSITORY / "script/az-env")], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "source it" in done.stderr
