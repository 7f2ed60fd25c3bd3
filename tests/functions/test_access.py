"""Who may call which route: every HTTP route of the real app, in all three modes, without and with bad tokens."""

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from access.support import AUDIENCE, FORM, TENANT, Issuer, handmade, hashed, issuing, pem, rsa_key, secret_key
from doors import Door, bearer
from live_app import FINAL, REGISTRY_ID, Live, live_app
from route_tables import (
    BODIES,
    BY_SECRET,
    CONTRIBUTOR,
    FORMS,
    NEVER,
    OPEN,
    OPEN_PAGES,
    PAGES,
    READER,
    RUN,
    SIGNED,
    TASK,
)

from baselift.access.caller import Role
from baselift.access.clients import Client
from baselift.access.settings import OWN_AUDIENCE
from baselift.access.tokens import Grant, Tokens
from function_app import app


def all_routes() -> set[str]:
    """`METHOD route` of every HTTP function that the app has; one without methods takes all."""
    every = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
    found = set()
    app.functions_bindings = None  # which names it has seen: it can be asked once, and other tests ask too
    functions = app.get_functions()
    app.functions_bindings = None
    for function in functions:
        for binding in map(json.loads, function.get_raw_bindings()):
            if binding["type"] == "httpTrigger":
                found |= {f"{method} {binding['route']}" for method in binding.get("methods") or every}
    return found


CLOSED = all_routes() - OPEN - set(SIGNED) - OPEN_PAGES - PAGES - FORMS


def outsiders() -> dict[str, dict[str, str]]:
    """Who comes without anything that could be a token."""
    basic = base64.b64encode(b"contributor:s3cret").decode()
    return {
        "no token": {},
        "an empty header": {"Authorization": ""},
        "garbage": bearer("garbage"),
        "three parts of garbage": bearer("a.b.c"),
        "another scheme": {"Authorization": f"Basic {basic}"},
    }


def own_strangers(client: Client) -> dict[str, dict[str, str]]:
    """Tokens of mode `clients` that are not good."""

    def issued(now: float = 0.0, key: int = 1, **changes: str) -> str:
        made = {"issuer": "urn:baselift:clients", "audience": OWN_AUDIENCE, "tenant": TENANT} | changes
        grant = Grant(client.id, client.role, client.credential)
        return Tokens([secret_key(key)], seconds=3600, **made).issue(grant, now or time.time())

    good = issued()
    claims = jwt.decode(good, options={"verify_signature": False})
    header = jwt.get_unverified_header(good)
    tokens = {
        "wrong key": issued(key=2),
        "expired": issued(time.time() - 7200),
        "wrong audience": issued(audience="https://management.azure.com/"),
        "wrong issuer": issued(issuer="urn:baselift:none"),
        "alg none": handmade(header | {"alg": "none"}, claims),
        "RS256": jwt.encode(claims, rsa_key("forger"), "RS256", {"kid": header["kid"]}),
        "no signature": good.rpartition(".")[0] + ".",
    }
    return {name: bearer(token) for name, token in tokens.items()}


def entra_strangers(issuer: Issuer) -> dict[str, dict[str, str]]:
    """Tokens of mode `entra` that are not good."""
    role = {"roles": ["Baselift.Contributor"]}
    claims = issuer.claims(**role)
    tokens = {
        "wrong key": issuer.token(key=rsa_key("forger"), **role),
        "unknown key": issuer.token(key=rsa_key("forger"), kid="forged", **role),
        "expired": issuer.token(exp=int(time.time()) - 3600, **role),
        "wrong audience": issuer.token(aud="https://management.azure.com/", **role),
        "wrong issuer": issuer.token(iss=f"https://login.microsoftonline.com/{TENANT}/v2.0", **role),
        "alg none": handmade({"alg": "none", "kid": "one"}, claims),
        "HS256 by the public key": handmade({"alg": "HS256", "kid": "one"}, claims, pem(rsa_key("one"))),
        "no role": issuer.token(roles=[]),
    }
    return {name: bearer(token) for name, token in tokens.items()}


@contextlib.contextmanager
def started(directory: Path, mode: str, **settings: str) -> Iterator[Live]:
    """The app, whose timers do nothing: what changes in its tables comes from requests."""
    fixed = {"BASELIFT_ACCESS": mode, "BASELIFT_SECRET_KEY": secret_key(1), "BASELIFT_TIMERS": NEVER}
    fixed["BASELIFT_BLOB_PROXY"] = "true"
    given = fixed | settings
    with live_app(directory / mode, notifications=False, reconcile=NEVER, settings=given) as live:
        yield live


async def furnished(live: Live, session: aiohttp.ClientSession, contributor: dict[str, str]) -> str:
    """Make what routes name: a task, a pool, a task run and its run, which is over; return the run's id."""

    async def call(method: str, path: str, body: Any = None) -> Any:
        url = f"{live.url}{REGISTRY_ID}/{path}"
        async with session.request(method, url, json=body, headers=contributor) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    await call("PUT", "tasks/standing", TASK)
    await call("PUT", "agentPools/standing", {"location": "local", "properties": {"count": 1}})
    document = {"location": "local", "properties": {"runRequest": RUN, "forceUpdateTag": "1"}}
    run = (await call("PUT", "taskRuns/standing", document))["properties"]["runResult"]["name"]
    for _ in range(300):
        if (await call("GET", f"runs/{run}"))["properties"]["status"] in FINAL:
            break
        await asyncio.sleep(0.05)
    return str(run)


async def settled(door: Door) -> dict[str, Any]:
    """What is stored, when the app has done what it was asked for."""
    before = await door.stored()
    while True:
        await asyncio.sleep(0.5)
        after = await door.stored()
        if after == before:
            return after
        before = after


@pytest.fixture(scope="module")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as opened:
        yield opened


@pytest.fixture(scope="module")
async def unguarded(tmp_path_factory: pytest.TempPathFactory, session: aiohttp.ClientSession) -> AsyncIterator[Door]:
    """Mode `none`: strangers are told by where they come from."""
    with started(tmp_path_factory.mktemp("access"), "none") as live:
        port = live.stack.app.port
        strangers = {
            "a foreign Host": {"Host": f"rebound.example:{port}"},
            "a Host that begins as a local one": {"Host": f"localhost.example:{port}"},
            "a foreign Origin": {"Origin": "https://page.example"},
            "a sandboxed page": {"Origin": "null"},
            "a page of a rebound name": {"Host": f"rebound.example:{port}", "Origin": f"http://rebound.example:{port}"},
            "a proxy": {"X-Forwarded-Host": "public.example"},
        }
        yield Door(live, session, await furnished(live, session, {}), {}, {}, strangers)


@pytest.fixture(scope="module")
async def clients(tmp_path_factory: pytest.TempPathFactory, session: aiohttp.ClientSession) -> AsyncIterator[Door]:
    """Mode `clients`, its good tokens from its own token endpoint."""
    entries = " ".join(f"{name}:{name}:{hashed(f's3cret-{name}')}" for name in ("reader", "contributor"))
    with started(tmp_path_factory.mktemp("access"), "clients", BASELIFT_CLIENTS=entries) as live:

        async def logged_in(name: str) -> dict[str, str]:
            form = f"grant_type=client_credentials&client_id={name}&client_secret=s3cret-{name}"
            headers = {"Content-Type": FORM}
            async with session.post(f"{live.url}/adfs/oauth2/token", data=form, headers=headers) as answer:
                return bearer((await answer.json())["access_token"])

        reader, contributor = await logged_in("reader"), await logged_in("contributor")
        client = Client("contributor", Role.CONTRIBUTOR, hashed("s3cret-contributor"))
        strangers = outsiders() | own_strangers(client)
        yield Door(live, session, await furnished(live, session, contributor), reader, contributor, strangers)


@pytest.fixture(scope="module")
async def entra(tmp_path_factory: pytest.TempPathFactory, session: aiohttp.ClientSession) -> AsyncIterator[Door]:
    """Mode `entra`, with an issuer of this test."""
    async with issuing() as issuer:
        settings = {"BASELIFT_TENANT": TENANT, "BASELIFT_AUDIENCE": AUDIENCE, "BASELIFT_AUTHORITY": issuer.url}
        with started(tmp_path_factory.mktemp("access"), "entra", **settings) as live:
            reader = bearer(issuer.token(roles=["Baselift.Reader"]))
            contributor = bearer(issuer.token(roles=["Baselift.Contributor"]))
            strangers = outsiders() | entra_strangers(issuer)
            yield Door(live, session, await furnished(live, session, contributor), reader, contributor, strangers)


@pytest.fixture(params=["clients", "entra"])
def door(request: pytest.FixtureRequest) -> Door:
    """Each mode that has tokens."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["unguarded", "clients", "entra"])
def any_door(request: pytest.FixtureRequest) -> Door:
    return request.getfixturevalue(request.param)


def test_every_route_is_in_one_of_the_tables():
    tables = (OPEN, set(SIGNED), READER, CONTRIBUTOR, OPEN_PAGES, PAGES, FORMS)
    assert sorted(all_routes()) == sorted(route for table in tables for route in table)
    assert set(BODIES) <= CONTRIBUTOR


async def test_strangers_get_through_no_closed_route_and_change_nothing(any_door: Door):
    before = await settled(any_door)
    for what, headers in any_door.strangers.items():
        allowed = {403} if any_door.reader == {} or what == "no role" else {401}
        for route, reply in await any_door.ask_all(CLOSED, headers):
            assert reply.status in allowed, (what, route, reply)
            reply.check_error(route.partition(" ")[0])
    assert await settled(any_door) == before


async def test_strangers_see_no_page_and_send_no_form(any_door: Door):
    before = await settled(any_door)
    for what, headers in any_door.strangers.items():
        allowed = {403} if any_door.reader == {} or what == "no role" else {401}
        for route, reply in await any_door.ask_all(PAGES | FORMS, headers):
            assert reply.status in allowed, (what, route, reply)
            reply.check_page()
    assert await settled(any_door) == before


async def test_without_a_form_of_the_dashboard_contributors_change_nothing_there(any_door: Door):
    before = await settled(any_door)
    for route, reply in await any_door.ask_all(FORMS, any_door.contributor | {"Content-Type": FORM}):
        assert reply.status == 403, (route, reply)
        reply.check_page()
    assert await settled(any_door) == before


async def test_readers_see_every_page(any_door: Door):
    for route, reply in await any_door.ask_all(PAGES, any_door.reader):
        assert reply.status in {200, 303, 404}, (route, reply)
        assert reply.status != 404 or "/waves/" in route


async def test_a_task_tells_who_made_it(any_door: Door):
    asked = json.loads((await any_door.ask(f"GET {REGISTRY_ID[1:]}/diagnostics", any_door.contributor)).content)
    made = json.loads((await any_door.ask(f"GET {REGISTRY_ID[1:]}/tasks/standing", any_door.contributor)).content)
    assert asked["access"]["caller"] != ""
    assert made["systemData"]["createdBy"] == made["systemData"]["lastModifiedBy"] == asked["access"]["caller"]


async def test_readers_get_through_no_route_of_contributors_and_change_nothing(door: Door):
    before = await settled(door)
    for route, reply in await door.ask_all(CONTRIBUTOR, door.reader):
        assert reply.status == 403, (route, reply)
        reply.check_error(route.partition(" ")[0])
    assert await settled(door) == before


@pytest.mark.parametrize("what", ["no token", "expired"])
async def test_strangers_do_not_learn_what_is_there(door: Door, what: str):
    names = ("subscription", "resourceGroup", "registry", "task", "taskRun", "agentPool", "run")
    there = await door.ask_all(CLOSED, door.strangers[what])
    elsewhere = await door.ask_all(CLOSED, door.strangers[what], **dict.fromkeys(names, "absent"))
    assert [(route, reply.status, reply.content) for route, reply in elsewhere] == [
        (route, reply.status, reply.content) for route, reply in there
    ]


async def test_open_routes_ask_for_no_token(door: Door):
    for what in ("no token", "garbage", "expired"):
        for route, reply in await door.ask_all(OPEN - BY_SECRET, door.strangers[what]):
            assert reply.status not in {401, 403}, (what, route, reply)


async def test_in_mode_none_open_routes_are_closed_to_strangers_too(unguarded: Door):
    before = await settled(unguarded)
    for what, headers in unguarded.strangers.items():
        for route, reply in await unguarded.ask_all(OPEN, headers):
            assert reply.status == 403, (what, route, reply)
            reply.check_error("POST")
    assert await settled(unguarded) == before


async def test_a_webhook_opens_to_its_secret_and_to_no_token(any_door: Door):
    route, secret = "POST webhooks/{dialect}", bearer(any_door.live.webhook_secret)
    assert (await any_door.ask(route, secret)).status not in {401, 403}
    for headers in ({}, any_door.reader, any_door.contributor, bearer("garbage")):
        refused = await any_door.ask(route, headers)
        assert refused.status == 401
        refused.check_error("POST")
    if any_door.reader:
        for closed, reply in await any_door.ask_all(CLOSED, secret):
            assert reply.status == 401, closed


async def test_a_link_opens_by_its_signature_and_by_no_token(any_door: Door):
    callers = [{}, any_door.reader, any_door.contributor, bearer("garbage"), *any_door.strangers.values()]
    for headers in callers:
        for route, container in SIGNED.items():
            refused = await any_door.ask(route, headers, container=container)
            assert refused.status == 403, (route, refused)
            refused.check_error(route.partition(" ")[0])


async def test_roles_open_their_routes(any_door: Door):
    for route, reply in await any_door.ask_all(READER, any_door.reader):
        assert reply.status not in {401, 403, 500}, (route, reply)
    # Deletions come last in this order: what the others name is still there.
    for route in sorted(CONTRIBUTOR | READER, reverse=True):
        reply = await any_door.ask(route, any_door.contributor)
        assert reply.status not in {401, 403, 500}, (route, reply)
