"""The builder's container file, manifests and unit, and the workflows."""

import configparser
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from click import Command, Group
from click.testing import CliRunner

from baselift.cli.main import main

ROOT = Path(__file__).parents[2]
BUILDER = ROOT / "infra" / "builder"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SETTINGS = set(re.findall(r"^\| `(\w+)`", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))
BIN = Path(sys.executable).parent


def documents() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((BUILDER / "deployment.yaml").read_text()))


def baselift_settings(names: list[str]) -> set[str]:
    return {name for name in names if name.startswith("BASELIFT_")}


def test_the_container_file_is_read_by_our_own_parser() -> None:
    done = subprocess.run(
        [BIN / "baselift", "scan", "--output", "json", BUILDER / "Containerfile"],
        capture_output=True,
        text=True,
        check=True,
    )
    (base,) = json.loads(done.stdout)["edges"]
    assert "python:3.12-slim" in json.dumps(base)


def test_what_the_container_file_copies_exists() -> None:
    text = (BUILDER / "Containerfile").read_text()
    copied = [word for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE) for word in line.split()[:-1]]
    assert copied
    assert [word for word in copied if not (ROOT / word).exists()] == []
    assert baselift_settings(re.findall(r"(\w+)=", text)) <= SETTINGS


def test_the_manifests_run_a_builder_where_buildah_can() -> None:
    deployment, authentication, scaled = documents()
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    given = {each["name"]: each["value"] for each in container["env"]}
    assert given["BASELIFT_ROLE"] == "builder"
    assert baselift_settings(list(given)) <= SETTINGS
    secured = container["securityContext"]
    assert "privileged" not in secured
    assert (secured["capabilities"]["add"], secured["seccompProfile"]) == (
        ["SYS_ADMIN", "NET_ADMIN"],
        {"type": "Unconfined"},
    )
    assert scaled["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    (trigger,) = scaled["spec"]["triggers"]
    assert trigger["metadata"]["queueName"] == "builds"
    assert trigger["authenticationRef"]["name"] == authentication["metadata"]["name"]


def test_the_unit_starts_the_host_that_there_is() -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(BUILDER / "baselift-builder.service")
    words = shlex.split(unit["Service"]["ExecStart"])
    assert words[1:3] == ["-m", "baselift.host"]
    helped = subprocess.run([sys.executable, *words[1:], "--help"], cwd=ROOT, capture_output=True, check=False)
    assert helped.returncode == 0
    text = (BUILDER / "baselift-builder.service").read_text()
    assert "BASELIFT_ROLE=builder" in text
    assert baselift_settings(re.findall(r"(\w+)=", text)) <= SETTINGS


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_pins_its_actions_and_has_no_right_by_default(path: Path) -> None:
    text = path.read_text()
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    assert all("permissions" in job and "timeout-minutes" in job for job in workflow["jobs"].values())
    used = re.findall(r"uses: (.+)", text)
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []
    assert "secrets." not in text
    for script in re.findall(r"\b(script/\w+)", text):
        assert (ROOT / script).stat().st_mode & 0o111


def test_zizmor_finds_nothing() -> None:
    subprocess.run([BIN / "zizmor", "--offline", ROOT / ".github"], check=True, capture_output=True)


COMMANDS = re.findall(r"^ *(?:\| [^|]*\| `)?(baselift [^\n`]*)", (ROOT / "docs/azure.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_ours_in_the_guide_exists(command: str) -> None:
    words = shlex.split(command)
    shown = CliRunner().invoke(main, [*_verbs(words[1:]), "--help"])
    assert shown.exit_code == 0, shown.output
    assert {word for word in words if word.startswith("--")} <= set(re.findall(r"--[a-z-]+", shown.output))


def _verbs(words: Sequence[str]) -> Sequence[str]:
    """Those of the words that name the command."""
    found = list[str]()
    at: Command = main
    while isinstance(at, Group) and len(found) < len(words) and words[len(found)] in at.commands:
        found.append(words[len(found)])
        at = at.commands[found[-1]]
    return found


def test_the_guide_has_commands_of_ours() -> None:
    assert len(COMMANDS) > 12
