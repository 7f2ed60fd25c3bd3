"""`baselift subscribe`: the commands that it prints, and that it gives to az."""

import os
import subprocess
from pathlib import Path

import pytest
from cli.conftest import COMMAND, Command

NAMES = ("subscribe", "--function-app", "func-one", "--acr", "acrone")
PRINTED = """\
registry=$(az acr show --name acrone --query id --output tsv)
app=$(az functionapp list --query "[?name=='func-one'].id" --output tsv)
az eventgrid event-subscription create --name baselift-image-pushed --source-resource-id "$registry" \
--endpoint-type azurefunction --endpoint "$app/functions/image_pushed" \
--included-event-types Microsoft.ContainerRegistry.ImagePushed --event-delivery-schema eventgridschema \
--max-delivery-attempts 30 --event-ttl 1440
"""
AZ = """#!/bin/sh
printf '%s\\n' "$*" >>"$AZ_LOG"
case "$1 $2" in
    "acr show") echo /subscriptions/s/registries/acrone ;;
    "functionapp list") echo /subscriptions/s/sites/func-one ;;
    "storage account") echo /subscriptions/s/storageAccounts/letters ;;
    *) exit "${AZ_CODE:-0}" ;;
esac
"""


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command("", tmp_path)


@pytest.fixture
def az(tmp_path: Path) -> Path:
    """What az is asked for, one line a command."""
    program = tmp_path / "bin" / "az"
    program.parent.mkdir()
    program.write_text(AZ)
    program.chmod(0o755)
    return tmp_path / "asked"


def settings(az: Path, **more: str) -> dict[str, str]:
    return {"PATH": f"{az.parent / 'bin'}:{os.environ['PATH']}", "AZ_LOG": str(az), **more}


def test_the_commands_are_printed_and_nothing_is_done(command: Command) -> None:
    done = command(*NAMES)
    assert (done.code, done.out) == (0, PRINTED)


def test_what_is_printed_is_clean_shell_and_asks_what_yes_asks(tmp_path: Path, az: Path) -> None:
    options = (*NAMES, "--dead-letters", "letters")
    script = tmp_path / "printed.sh"
    script.write_text("#!/bin/sh\n" + Command("", tmp_path)(*options).out)
    subprocess.run(
        ["shellcheck", script], check=True, env={**os.environ, "PATH": f"{COMMAND.parent}:{os.environ['PATH']}"}
    )
    subprocess.run(["sh", "-eu", script], check=True, env={**os.environ, **settings(az)})
    by_hand = az.read_text()
    az.unlink()
    done = Command("", tmp_path, settings(az))(*options, "--yes")
    assert (done.code, done.out) == (0, "subscribed: pushes to acrone reach func-one\n")
    assert az.read_text() == by_hand
    assert "--deadletter-endpoint /subscriptions/s/storageAccounts/letters/blobServices/default/containers/" in by_hand


def test_yes_without_az_is_one_line(tmp_path: Path) -> None:
    done = Command("", tmp_path, {"PATH": str(tmp_path)})(*NAMES, "--yes")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "ERROR: --yes needs az, the Azure CLI, which is not on PATH; without --yes the commands are printed\n"
    )


def test_what_az_refuses_is_one_line(tmp_path: Path, az: Path) -> None:
    done = Command("", tmp_path, settings(az, AZ_CODE="3"))(*NAMES, "--yes")
    assert (done.code, done.err) == (1, "ERROR: 'az eventgrid event-subscription create' failed: exit code 3\n")


@pytest.mark.parametrize(
    ("option", "value"), [("--function-app", "a'b"), ("--acr", "$(id)"), ("--dead-letters", "A_b")]
)
def test_a_name_that_is_none_is_one_line(command: Command, option: str, value: str) -> None:
    done = command(*NAMES, option, value)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"ERROR: {option} is '{value}': it must be ")
