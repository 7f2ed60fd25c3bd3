"""Function, host and system keys, through a host that asks for them."""

import asyncio
import base64
import json

import pytest
import pytest_asyncio
from azure.storage.blob.aio import BlobServiceClient

from baselift.host.errors import HostError
from baselift.host.keyring import FUNCTION_SECTIONS, HOST_SECTIONS, Keyring, new_value
from baselift.host.keystore import KeyStore, KeysUnavailableError
from baselift.host.options import Options
from baselift.host.settings import Settings
from baselift.host.storage import Storage

from .support import client_of

AUTH = Options(enable_auth=True)
CONTAINER = "azure-webjobs-secrets"
EVENT = "/runtime/webhooks/EventGrid?functionName=pushed"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(storage):
    async with client_of(storage, options=AUTH) as session, BlobServiceClient.from_connection_string(storage) as blobs:
        container = blobs.get_container_client(CONTAINER)

        async def stored(name):
            blob = container.get_blob_client(f"{session.settings['AzureFunctionsWebHost__hostid']}/{name}.json")
            return json.loads(await (await blob.download_blob()).readall())

        session.__dict__["stored"] = stored
        async with session.get("/items", headers={"x-functions-key": "makes the keys of items"}) as response:
            assert response.status == 401
        session.__dict__["master"] = (await stored("host"))["masterKey"]["value"]
        yield session


async def status(app, path, method="GET", key=None, **options):
    headers = {"x-functions-key": key} if key else {}
    async with app.request(method, path, headers=headers, **options) as response:
        return response.status


async def answer(app, path, method="GET", key=None, **options):
    headers = {"x-functions-key": key or app.master}
    async with app.request(method, path, headers=headers, **options) as response:
        return response.status, await response.json() if response.content_length else None


async def test_keys_are_stored_as_the_functions_host_stores_them(app):
    host, items = await app.stored("host"), await app.stored("items")
    assert host == {
        "masterKey": {"name": "master", "value": app.master, "encrypted": False},
        "functionKeys": [{"name": "default", "value": host["functionKeys"][0]["value"], "encrypted": False}],
        "systemKeys": [{"name": "eventgrid_extension", "value": host["systemKeys"][0]["value"], "encrypted": False}],
    }
    assert items == {"keys": [{"name": "default", "value": items["keys"][0]["value"], "encrypted": False}]}


def test_a_generated_key_has_the_signature_and_40_bytes():
    first, second = new_value(), new_value()
    assert first != second
    assert (first[44:48], len(first)) == ("AzFu", 56)
    assert len(base64.urlsafe_b64decode(first)) == 40


async def test_a_function_opens_by_its_own_key_a_host_key_or_the_master_key_and_by_no_other(app):
    host, items = await app.stored("host"), await app.stored("items")
    own = items["keys"][0]["value"]
    for key in (own, host["functionKeys"][0]["value"], app.master):
        assert await status(app, "/items", key=key) == 200
    for key in (None, "wrong", host["systemKeys"][0]["value"]):
        assert await status(app, "/items", key=key) == 401
    assert await status(app, "/zoo/lion", key=own) == 401


async def test_the_header_wins_over_the_query(app):
    assert await status(app, f"/items?code={app.master}") == 200
    assert await status(app, f"/items?CODE={app.master}", key="wrong") == 401
    assert await status(app, "/items?code=wrong", key=app.master) == 200


async def test_a_disabled_function_is_called_with_the_master_key_only(app):
    host_key = (await app.stored("host"))["functionKeys"][0]["value"]
    assert await status(app, "/disabled") == 401
    assert await status(app, "/disabled", key=host_key) == 404
    assert await status(app, "/disabled", key=app.master) == 200


async def test_admin_paths_tell_a_low_key_from_none(app):
    host = await app.stored("host")
    for path in ("/admin/host/status", "/admin/functions", "/admin/functions/items/keys", "/admin/no/such"):
        assert await status(app, path) == 401
        assert await status(app, path, key="wrong") == 401
        assert await status(app, path, key=host["functionKeys"][0]["value"]) == 403
        assert await status(app, path, key=host["systemKeys"][0]["value"]) == 403
        assert await status(app, path, key=app.master) in {200, 404}
    assert await status(app, "/admin/host/ping") == 200


async def test_the_event_grid_webhook_takes_its_system_key_or_the_master_key(app):
    host = await app.stored("host")
    await answer(app, "/admin/host/systemkeys/other", "POST")
    other = (await answer(app, "/admin/host/systemkeys/other"))[1]["value"]
    for key, expected in (
        (host["systemKeys"][0]["value"], 200),
        (app.master, 200),
        (host["functionKeys"][0]["value"], 403),
        (other, 401),
        ("wrong", 401),
        (None, 401),
    ):
        assert await status(app, EVENT, "OPTIONS", key=key) == expected


async def test_the_key_api_makes_sets_lists_and_deletes_keys(app):
    code, made = await answer(app, "/admin/functions/Items/keys/mine", "POST")
    assert (code, made["name"], made["value"][44:48]) == (201, "mine", "AzFu")
    assert made["links"] == [{"rel": "self", "href": f"{app.host.url}/admin/functions/Items/keys/mine"}]
    assert await status(app, "/items", key=made["value"]) == 200

    code, kept = await answer(app, "/admin/functions/items/keys/mine", "PUT", json={"name": "mine", "value": "chosen"})
    assert (code, kept["value"]) == (200, "chosen")
    assert await status(app, "/items", key="chosen") == 200
    assert await status(app, "/items", key=made["value"]) == 401

    _, listed = await answer(app, "/admin/functions/items/keys")
    assert [key["name"] for key in listed["keys"]] == ["default", "mine"]
    assert (await answer(app, "/admin/functions/items/keys/mine", "DELETE"))[0] == 204
    assert (await answer(app, "/admin/functions/items/keys/mine", "DELETE"))[0] == 404
    assert (await answer(app, "/admin/functions/items/keys/mine"))[0] == 404
    assert await status(app, "/items", key="chosen") == 401


@pytest.mark.parametrize("scope", ["keys", "functionKeys"])
async def test_a_host_key_opens_every_function(app, scope):
    _, made = await answer(app, f"/admin/host/{scope}/for%20all", "POST")
    assert await status(app, "/zoo/lion", key=made["value"]) == 200
    assert (await answer(app, f"/admin/host/{scope}/for%20all", "DELETE"))[0] == 204


async def test_the_master_key_is_renewed_but_not_deleted(app):
    assert (await answer(app, "/admin/host/systemkeys/_master"))[1]["value"] == app.master
    assert (await answer(app, "/admin/host/systemkeys/_master", "DELETE"))[0] == 400
    assert (await answer(app, "/admin/functions/items/keys/_master", "POST"))[0] == 400
    old = app.master
    code, renewed = await answer(app, "/admin/host/systemkeys/_master", "POST")
    app.__dict__["master"] = renewed["value"]
    assert code == 200
    assert await status(app, "/admin/host/status", key=old) == 401
    assert await status(app, "/admin/host/status", key=renewed["value"]) == 200


@pytest.mark.parametrize(
    ("path", "method", "body", "expected"),
    [
        ("/admin/functions/nobody/keys", "GET", None, 404),
        ("/admin/functions/items/keys/x", "PUT", {}, 400),
        ("/admin/functions/items/keys/x", "PUT", {"value": 5}, 400),
        ("/admin/functions/items/keys/%C3%BC", "POST", None, 400),
        ("/admin/functions/items/keys/x", "PATCH", None, 404),
        ("/admin/functions/items/keys", "POST", None, 404),
    ],
)
async def test_what_is_no_key_is_refused(app, path, method, body, expected):
    assert (await answer(app, path, method, json=body))[0] == expected


def store_of(storage, host_id, seconds=0.0):
    return KeyStore(Storage(Settings({"AzureWebJobsStorage": storage})), host_id, seconds)


async def test_a_key_that_another_host_made_is_found_after_a_miss_but_not_at_once(app, storage):
    other = store_of(storage, app.settings["AzureFunctionsWebHost__hostid"])
    slow = store_of(storage, app.settings["AzureFunctionsWebHost__hostid"], 60.0)
    await slow.read("items")
    await other.change("items", lambda ring: ring.sections["keys"].update(late="new one"))
    assert "late" not in (await slow.read_after_miss("items")).sections["keys"]
    await other.read("items")
    await slow.change("items", lambda ring: ring.sections["keys"].update(later="newer"))
    assert "later" not in (await other.read("items")).sections["keys"]
    assert (await other.read_after_miss("items")).sections["keys"]["later"] == "newer"
    assert "late" in (await slow.read("items")).sections["keys"]
    for store in (other, slow):
        await store._storage.close()


async def test_a_change_that_races_another_one_loses_neither(app, storage):
    one, two = (store_of(storage, app.settings["AzureFunctionsWebHost__hostid"]) for _ in range(2))
    await one.read("echo")
    changes = [store.change("echo", lambda ring, n=n: ring.sections["keys"].update({f"k{n}": "v"}))
               for n, store in enumerate([one, two] * 4)]  # fmt: skip
    await asyncio.gather(*changes)
    assert {f"k{n}" for n in range(8)} <= set((await one._load("echo")).sections["keys"])
    for store in (one, two):
        await store._storage.close()


async def test_a_damaged_document_is_a_503_and_opens_nothing(app, storage):
    path = f"{app.settings['AzureFunctionsWebHost__hostid']}/text.json"
    async with BlobServiceClient.from_connection_string(storage) as blobs:
        await blobs.get_blob_client(CONTAINER, path).upload_blob(b"[]", overwrite=True)
    assert await status(app, "/text?say=x", key="any") == 503


@pytest.mark.parametrize(
    "text", [b"{", b"[]", b'{"keys":[{"name":"x"}]}', b'{"keys":[{"name":"x","value":"y","encrypted":true}]}']
)
def test_what_is_no_keyring_is_refused(text):
    with pytest.raises(ValueError, match=r"Expecting|object|no name|encrypted"):
        Keyring.from_json(text, FUNCTION_SECTIONS)


def test_a_keyring_comes_back_as_it_was_stored():
    ring = Keyring.of_host()
    assert Keyring.from_json(ring.to_json(), HOST_SECTIONS) == ring


async def test_keys_need_storage(storage):
    with pytest.raises(HostError, match="--enable-auth keeps its keys in storage"):
        async with client_of("", options=AUTH):
            pass
    with pytest.raises(HostError, match="AzureWebJobsSecretStorageType is 'files'"):
        async with client_of(storage, options=AUTH, AzureWebJobsSecretStorageType="files"):
            pass


async def test_storage_that_does_not_answer_is_said_so():
    closed = "AccountName=a;AccountKey=YQ==;BlobEndpoint=http://127.0.0.1:9/a"
    storage = Storage(Settings({"AzureWebJobsStorage": closed}))
    with pytest.raises(KeysUnavailableError, match="cannot be read"):
        await KeyStore(storage, "host").read("items")
    await storage.close()
