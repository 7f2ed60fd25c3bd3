"""Every Bicep file parses and keeps the rules, and each rule notices what it is there for."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from infra.bicep import INFRA, RULES, File, files

from baselift import settings
from baselift.access.caller import Role
from baselift.access.entra import ROLES

ROOT = INFRA.parent
KNOWN = {file.path.relative_to(INFRA).as_posix(): file for file in files()}
VIOLATIONS = [
    ("modules_are_pinned", "modules/app.bicep", "web/site:0.24.0", "web/site:latest"),
    (
        "modules_are_pinned",
        "modules/app.bicep",
        "br/public:avm/res/web/site:0.24.0",
        "br:private/site:1.0.0",
    ),
    ("own_modules_exist", "main.bicep", "modules/vault.bicep", "modules/safe.bicep"),
    ("own_modules_get_what_they_ask_for", "main.bicep", "    ownerId: identity", "    owner: identity"),
    (
        "no_keys_are_listed",
        "modules/app.bicep",
        "storage.properties.primaryEndpoints.blob",
        "storage.listKeys().keys[0].value",
    ),
    ("no_shared_keys", "modules/storage.bicep", "allowSharedKeyAccess: false", "allowSharedKeyAccess: true"),
    ("no_shared_keys", "modules/storage.bicep", "    allowSharedKeyAccess: false\n", ""),
    ("no_shared_keys", "modules/registry.bicep", "acrAdminUserEnabled: false", "acrAdminUserEnabled: true"),
    ("no_shared_keys", "modules/monitoring.bicep", "disableLocalAuth: true", "disableLocalAuth: false"),
    ("roles_are_named_and_least", "modules/registry-access.bicep", "AcrPush:", "Push:"),
    ("roles_are_named_and_least", "modules/vault.bicep", "'Key Vault Secrets User'", "'Key Vault Administrator'"),
    ("https_only", "modules/app.bicep", "httpsOnly: true", "httpsOnly: false"),
    ("outputs_hold_no_secret", "modules/storage.bicep", "output name ", "output accountKey "),
    ("dead_letters_are_kept", "modules/event-subscription.bicep", "deadLetterDestination", "deadLetters"),
]


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_a_file_parses_and_keeps_every_rule(name: str) -> None:
    file = KNOWN[name]
    assert file.tree
    assert [problem for rule in RULES for problem in rule(file)] == []


@pytest.mark.parametrize(("rule", "name", "old", "new"), VIOLATIONS)
def test_a_rule_notices_what_breaks_it(rule: str, name: str, old: str, new: str) -> None:
    file = KNOWN[name]
    assert old in file.text
    broken = replace(file, text=file.text.replace(old, new, 1))
    (found,) = [each for each in RULES if each.__name__ == rule]
    assert list(found(broken))


def test_each_rule_has_a_violation() -> None:
    assert {rule.__name__ for rule in RULES} == {rule for rule, *_ in VIOLATIONS}


def test_what_is_no_bicep_does_not_parse() -> None:
    with pytest.raises(Exception, match="Unexpected"):
        _ = File(Path("x.bicep"), "module x 'y.bicep' = {\n").tree


def test_azure_yaml_names_what_exists() -> None:
    described = yaml.safe_load((ROOT / "azure.yaml").read_text())
    (service,) = described["services"]
    assert f"'azd-service-name': '{service}'" in KNOWN["modules/app.bicep"].text
    assert (ROOT / described["infra"]["path"] / f"{described['infra']['module']}.bicep").is_file()
    for hook in described["hooks"].values():
        assert (ROOT / hook["posix"]["run"]).stat().st_mode & 0o111


def test_the_parameters_are_those_of_the_template() -> None:
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    assert set(given) == KNOWN["main.bicep"].params


def test_the_hooks_use_only_what_the_template_puts_out() -> None:
    outputs = set(re.findall(r"^output (\w+)", KNOWN["main.bicep"].text, re.MULTILINE))
    for hook in (INFRA / "hooks").iterdir():
        used = set(re.findall(r"\$\{?((?:AZURE|BASELIFT)_\w+)", hook.read_text()))
        assert used
        assert used <= outputs
        subprocess.run(["sh", "-n", hook], check=True)


def test_events_go_to_the_function_that_takes_them() -> None:
    (named,) = re.findall(r"/functions/(\w+)'", KNOWN["events.bicep"].text)
    text = (ROOT / "functions/images.py").read_text()
    assert re.search(rf'function_name\("{named}"\)\n@bp\.event_grid_trigger', text)


def test_the_app_starts_with_the_settings_of_the_template() -> None:
    text = KNOWN["modules/app.bicep"].text + KNOWN["main.bicep"].text
    given = set(re.findall(r"[\s{]((?:BASELIFT|AzureWebJobs)\w+): ", text, re.MULTILINE))
    documented = set(re.findall(r"^\| `(\w+)`", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))
    assert {name for name in given if name.startswith("BASELIFT_")} <= documented
    platform = {"WEBSITE_HOSTNAME": "func.azurewebsites.net", "WEBSITE_SITE_NAME": "func"}
    values = dict.fromkeys(given, "x") | {
        "BASELIFT_SECRET_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "BASELIFT_ACCESS": "entra",
        "BASELIFT_TENANT": "00000000-0000-0000-0000-000000000001",
        "BASELIFT_AUDIENCE": "api://00000000-0000-0000-0000-000000000002",
        "BASELIFT_SIGN_IN_IDENTITY": "00000000-0000-0000-0000-000000000003",
        "BASELIFT_BLOB_PROXY": "true",
        "BASELIFT_ENGINE": "acr",
        "BASELIFT_TRUST_PROXY": "true",
    }
    access = settings.load(values | platform).access
    assert (access.mode, access.sign_in is not None) == ("entra", True)


def test_the_app_roles_are_those_that_the_app_knows() -> None:
    roles = json.loads((INFRA / "app-roles.json").read_text())
    assert {ROLES[role["value"].lower()] for role in roles} == set(Role)
    assert len({role["id"] for role in roles}) == len(roles)
