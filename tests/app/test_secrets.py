"""Secrets that are not in the request itself: Key Vault, identities, and keys that were rotated."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from app.site import REGISTRY, Site
from app.test_run_file import run, succeeded
from fake_vault import URL, vault

from baselift import wiring
from baselift.app import credentials, task_rows
from baselift.app.change_task import change_task
from baselift.app.clear import clear
from baselift.app.world import World
from baselift.domain import tasks
from baselift.domain.builds import Credential
from baselift.domain.runs import Status

IDENTITY = "5d8c0e1a-6d3b-4b7e-9d8e-0a4f6a0c6b11"
OLD, NEW = (base64.b64encode(bytes([fill]) * 32).decode() for fill in (1, 2))


@pytest.fixture
async def secret_site(site: Site, tmp_path: Path) -> AsyncIterator[Any]:
    """A site with a vault; and the vault."""
    async with vault(tmp_path, token="marker-hunter2", user="robot", word="marker-pass", locked=403, empty="") as (
        fake,
        client,
    ):
        site.world = replace(site.world, vault=client)
        yield site, fake


def login(user: str, password: str, **more: str) -> dict[str, Any]:
    secrets = {"userName": in_vault(user), "password": in_vault(password)}
    return {"credentials": {"customRegistries": {"quay.io": secrets | more}}}


def in_vault(name: str) -> dict[str, str]:
    return {"type": "Vaultsecret", "value": f"{URL}/{name}"}


async def test_a_task_file_sees_the_secrets_it_declares_and_no_log_shows_them(secret_site):
    site, fake = secret_site
    _, log = await succeeded(
        site,
        f"""
version: v1.1.0
secrets:
  - id: token
    keyvault: {URL}/token
  - id: user
    keyvault: {URL}/user/0123456789abcdef0123456789abcdef
    clientID: {IDENTITY}
steps:
  - cmd: {site.base} echo it is {{{{.Secrets.token}}}}
  - cmd: {site.base} sh -c "echo size=$(echo -n {{{{.Secrets.token}}}} | busybox wc -c)"
""",
    )
    assert "it is ***" in log
    assert "size=14" in log
    assert "marker" not in log
    assert sorted(fake.calls) == ["/secrets/token/", "/secrets/user/0123456789abcdef0123456789abcdef"]
    assert fake.identities.count(None) == fake.identities.count(IDENTITY) == 1


async def test_a_secret_is_no_plain_build_argument_of_an_image(secret_site):
    site, _ = secret_site
    app = f"{site.registry.host}/{site.name}/app:1"
    site.write_app(f"FROM {site.base}\nARG TOKEN\nRUN echo got $TOKEN\n")
    _, log = await succeeded(
        site,
        f"secrets:\n  - id: token\n    keyvault: {URL}/token\n"
        f"steps:\n  - build: -t {app} --build-arg TOKEN={{{{.Secrets.token}}}} .\n",
        sourceLocation=site.context,
    )
    assert "got ***" in log
    assert "marker" not in log


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (f"{URL}/locked", "the identity may not read it, or it is disabled"),
        (f"{URL}/absent", "there is no such secret"),
        ("https://acme.evil.example/secrets/token", "must be https://VAULT.vault.azure.net"),
    ],
)
async def test_a_secret_that_cannot_be_read_fails_the_run_by_its_id(secret_site, address, message):
    site, _ = secret_site
    text = f"secrets:\n  - id: token\n    keyvault: {URL}/token\n  - id: other\n    keyvault: {address}\n"
    ended, log = await run(site, f"{text}steps:\n  - cmd: {site.base} echo\n")
    assert ended.status is Status.FAILED
    assert ended.error.startswith("secret 'other': Key Vault ")
    assert message in ended.error
    assert "marker" not in ended.error + log


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("nonsense: '{{.Secrets.token}}'", "task file: "),
        ("cmd: '{{.Secrets.token}}'\n    timeout: {{.Secrets.token}}", "(secret)"),
        (
            'cmd: busybox\n    timeout: {{if eq .Secrets.token "marker-hunter2"}}x{{else}}1{{end}}',
            "only with its secrets",
        ),
    ],
)
async def test_what_is_wrong_with_a_task_file_is_told_without_its_secrets(secret_site, step, message):
    site, _ = secret_site
    ended, log = await run(site, f"secrets:\n  - id: token\n    keyvault: {URL}/token\nsteps:\n  - {step}\n")
    assert ended.status is Status.FAILED
    assert message in ended.error
    assert "hunter2" not in ended.error + log


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("cmd: busybox\n    timeout: '{{.Values.word}}'", "timeout is the text '(secret)'"),
        ("cmd: busybox\n    cpus: '{{.Values.word}}'", "cpus is '(secret)'"),
        ('cmd: busybox\n    timeout: {{if eq .Values.word "(secret)"}}1{{else}}x{{end}}', "only with its secrets"),
        ("cmd: localhost:1/{{.Values.word}}", "the pull of ***:latest"),
        (
            "cmd: busybox\n    isolation: '{{.Values.word}}'\n    entryPoint: '\"{{.Values.word}}'",
            "No closing quotation",
        ),
    ],
)
async def test_a_secret_value_is_shown_by_no_message_and_no_note(site: Site, step, message):
    values = [{"name": "word", "value": "marker-hunter2", "isSecret": True}]
    ended, log = await run(site, f"steps:\n  - {step.replace('busybox', str(site.base))}\n", values=values)
    assert ended.status is Status.FAILED
    assert message in ended.error
    assert "hunter2" not in ended.error + log


async def test_user_and_password_of_a_registry_are_read_from_key_vault_by_its_identity(secret_site):
    site, fake = secret_site
    found = await credentials.for_request(site.world, await clear(site.world, login("user", "word", identity=IDENTITY)))
    assert found["quay.io"] == Credential("robot", "marker-pass")
    assert fake.identities == [IDENTITY, IDENTITY]


async def test_the_systems_identity_is_the_apps_own(secret_site):
    site, fake = secret_site
    await clear(site.world, login("user", "word", identity="[system]"))
    assert fake.identities == [None, None]


async def test_a_password_that_cannot_be_read_fails_the_run_by_its_registry(secret_site):
    site, _ = secret_site
    ended, _ = await run(site, f"steps:\n  - cmd: {site.base} echo\n", **login("user", "locked"))
    assert ended.status is Status.FAILED
    assert ended.error.startswith("password of registry 'quay.io': Key Vault secret ")


async def test_an_address_in_key_vault_is_never_a_password(site):
    assert "quay.io" not in await credentials.for_request(site.world, login("user", "word"))


async def test_a_base_is_watched_with_a_password_from_key_vault_and_no_other_is_read(secret_site):
    site, fake = secret_site
    await site.put_task()
    await site.drain()
    logins = {
        site.registry.host: {"userName": in_vault("user"), "password": in_vault("word")},
        "quay.io": {"userName": in_vault("locked"), "password": in_vault("locked")},
    }
    await change_task(site.world, REGISTRY, "taskhello", lambda old: with_logins(site, old, logins))
    assert await credentials.for_watching(site.world, site.base) == Credential("robot", "marker-pass")
    assert sorted(fake.calls) == ["/secrets/user/", "/secrets/word/"]


def with_logins(site: Site, old: dict[str, Any] | None, logins: dict[str, Any]) -> dict[str, Any]:
    document = site.document("taskhello", old)
    return document | {"properties": document["properties"] | {"credentials": {"customRegistries": logins}}}


async def test_a_registry_is_opened_by_an_identity(site: Site):
    world = replace(site.world, identities=Granting())
    found = await clear(world, {"credentials": {"customRegistries": {"ACME.azurecr.io": {"identity": IDENTITY}}}})
    known = await credentials.for_request(world, found)
    assert known["acme.azurecr.io"] == Credential(f"acme.azurecr.io {IDENTITY}", "refresh")


class Granting:
    """Tells in its answer what it was asked."""

    async def login(self, host: str, client_id: str | None) -> Credential:
        return Credential(f"{host} {client_id}", "refresh")


async def test_an_identity_opens_no_registry_that_is_not_azures(site: Site):
    ended, _ = await run(
        site,
        f"steps:\n  - cmd: {site.base} echo\n",
        credentials={"customRegistries": {"quay.io": {"identity": "[system]"}}},
    )
    assert ended.status is Status.FAILED
    assert "registry 'quay.io' takes no identity" in ended.error


def keyed(site: Site, current: str, *old: str) -> World:
    """A process on the site's store with these secret keys."""
    settings = wiring.load(
        {
            "AzureWebJobsStorage": "UseDevelopmentStorage=true",
            "BASELIFT_LOGIN_SERVER": site.registry.host,
            "BASELIFT_SECRET_KEY": current,
            "BASELIFT_OLD_SECRET_KEYS": ",".join(old),
            "BASELIFT_WEBHOOK_SECRET": "secret",
        }
    )
    made = wiring.build(settings)
    return replace(site.world, seal=made.seal, unseal=made.unseal)


async def test_after_a_rotation_old_tasks_keep_their_secrets_and_new_ones_get_the_new_key(site: Site):
    before, after = keyed(site, OLD), keyed(site, NEW, OLD)
    secret = {"arguments": [{"name": "TOKEN", "value": "marker-old", "isSecret": True}]}
    await site.put_task("older", before, **secret)
    task = await task_rows.get(after, REGISTRY, "older")
    assert task is not None
    assert "marker-old" not in str(task.document)
    (sealed,) = tasks.step(task.document)["arguments"]
    (opened,) = tasks.step(after.unseal(task.document))["arguments"]
    assert opened["value"] == "marker-old"
    again = after.seal(secret)["arguments"][0]["value"]
    assert again.split(":")[1] != sealed["value"].split(":")[1]


async def test_a_build_runs_with_a_secret_that_was_sealed_before_the_rotation(site: Site):
    before, after = keyed(site, OLD), keyed(site, NEW, OLD)
    site.write_app(f"FROM {site.base}\nARG TOKEN\nRUN echo size=$(echo got-$TOKEN | busybox wc -c)\n")
    secret = {"arguments": [{"name": "TOKEN", "value": "marker-old", "isSecret": True}]}
    await site.put_task("older", before, **secret)
    ended = await site.ask("older", world=after)
    await site.drain(after)
    assert (await site.runs())[0].status is Status.SUCCEEDED, await site.log(ended)
    assert "size=15" in await site.log(ended)


async def test_without_the_old_key_a_rotated_secret_is_named_by_its_key_and_not_shown(site: Site):
    before, after = keyed(site, OLD), keyed(site, NEW)
    with pytest.raises(ValueError, match="sealed with the key") as caught:
        after.unseal(before.seal({"contextAccessToken": "marker-old"}))
    assert "marker" not in str(caught.value)
