"""Several registries, and the names under which each is written."""

from dataclasses import replace

import pytest
from app.site import REGISTRY, SCOPE, Site

from baselift.app import task_rows
from baselift.app.on_push import on_push
from baselift.app.registrations import Registration
from baselift.app.remove_registry import remove_registry
from baselift.app.world import NotFound, Refused
from baselift.arm import registrations
from baselift.arm.errors import ApiError
from baselift.arm.names import Scope
from baselift.domain import images
from baselift.domain.runs import Status

OTHER = Scope(SCOPE.subscription, "elsewhere", "second")


def body(site: Site, **properties: object) -> dict[str, object]:
    return {"location": "here", "properties": {"loginServer": site.registry.host, **properties}}


def registered(site: Site, **properties: object) -> Registration:
    return registrations.create(body(site, **properties), None, scope=OTHER, now="2026-01-01", seal=site.world.seal)


async def test_a_registry_answers_to_its_alias_in_from_tags_and_events(site: Site):
    alias = f"{REGISTRY}.azurecr.io/{site.name}"
    site.write_app(f"ARG REGISTRY_NAME\nFROM ${{REGISTRY_NAME}}/{site.name}/node:9-alpine\nRUN echo x > /x\n")
    arguments = [{"name": "REGISTRY_NAME", "value": f"{REGISTRY}.azurecr.io", "isSecret": False}]
    await site.put_task(arguments=arguments, imageNames=[f"{alias}/app:1"])
    await site.drain()
    await site.push_base("2")
    assert len(await on_push(site.world, images.parse(f"{alias}/node:9-alpine"))) == 1
    await site.drain()
    (run,) = await site.runs()
    assert run.status is Status.SUCCEEDED
    assert (run.outputs[0].registry, run.bases[0].image.registry) == (site.registry.host,) * 2
    assert await site.tag("app:1") == run.outputs[0].digest


async def test_every_registry_has_its_own_tasks_and_runs(site: Site):
    await site.world.registrations.put(registered(site))
    await site.put_task()
    await site.ask()
    assert [task.name async for task in task_rows.every(site.world, "second")] == []
    assert [each.name for each in await site.world.registrations.all()] == [REGISTRY, "second"]


async def test_a_registration_is_seen_by_another_process_within_seconds(site: Site):
    other = site.new_world()
    assert await other.registrations.get("second") is None
    await site.world.registrations.put(registered(site))
    site.clock.turn(6)
    assert await other.registrations.get("SECOND") is not None


async def test_a_password_is_sealed_and_never_shown(site: Site):
    made = registered(site, credentials={"username": "ci", "password": "hunter2-marker"})
    await site.world.registrations.put(made)
    found = await site.world.registrations.credentials()
    assert found[site.registry.host].password == "hunter2-marker"
    assert "hunter2-marker" not in str(registrations.show(made, OTHER))
    rows = [str(row.values) async for row in site.store.query("registries")]
    assert rows
    assert "hunter2-marker" not in "".join(rows)


async def test_a_removed_registry_takes_its_tasks_along_and_no_image(site: Site):
    await site.world.registrations.put(registered(site))
    digest = await site.tag("node:9-alpine")
    await remove_registry(site.world, "second")
    assert await site.world.registrations.get("second") is None
    assert await site.tag("node:9-alpine") == digest
    with pytest.raises(NotFound, match="second"):
        await remove_registry(site.world, "second")
    with pytest.raises(Refused, match="BASELIFT_REGISTRY_NAME"):
        await remove_registry(site.world, REGISTRY)


def test_what_the_azure_cli_creates_needs_an_address(site: Site):
    sent = {"location": "here", "sku": {"name": "Standard"}, "properties": {"adminUserEnabled": False}}
    with pytest.raises(ApiError, match="loginServer is required"):
        registrations.create(sent, None, scope=OTHER, now="", seal=site.world.seal)
    again = registrations.create(sent, registered(site), scope=OTHER, now="", seal=site.world.seal)
    assert again == replace(registered(site), created="2026-01-01")


def test_a_patch_changes_what_it_names(site: Site):
    changed = registrations.merge(registered(site, aliases=["a.example"]), {"tags": {"a": "b"}}, seal=site.world.seal)
    assert (changed.aliases, changed.tags) == (("a.example",), {"a": "b"})
    with pytest.raises(ApiError, match="kind"):
        registrations.merge(changed, {"properties": {"kind": "hub"}}, seal=site.world.seal)


def test_an_admin_user_is_there_when_its_login_is(site: Site):
    enabled = {"properties": {"adminUserEnabled": True}}
    with pytest.raises(ApiError, match=r"adminUserEnabled is true: it follows from properties\.credentials"):
        registrations.merge(registered(site), enabled, seal=site.world.seal)
    login = {"credentials": {"username": "me", "password": "word"}}
    known = registrations.merge(registered(site), {"properties": login}, seal=site.world.seal)
    assert registrations.merge(known, enabled, seal=site.world.seal) == known
    assert registrations.show(known, OTHER)["properties"]["adminUserEnabled"] is True


def test_a_login_does_not_move_to_another_address(site: Site):
    login = {"credentials": {"username": "me", "password": "word"}}
    known = registrations.merge(registered(site), {"properties": login}, seal=site.world.seal)
    moved = registrations.merge(known, {"properties": {"loginServer": "elsewhere.example"}}, seal=site.world.seal)
    assert (moved.address, moved.secrets) == ("elsewhere.example", {})
    assert registrations.show(moved, OTHER)["properties"]["adminUserEnabled"] is False
