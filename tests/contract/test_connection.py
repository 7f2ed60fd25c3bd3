"""How a connection setting is found and read."""

import asyncio
import socket

import pytest
from azure.core.exceptions import ServiceResponseTimeoutError

from baselift.azure import connection, tables
from baselift.azure.connection import account
from baselift.azure.storage import Storage

KEY = "a2V5"
TEXT = f"DefaultEndpointsProtocol=https;AccountName=acc;AccountKey={KEY};EndpointSuffix=core.chinacloudapi.cn"


def test_a_connection_string_names_account_key_and_addresses():
    found = account({"AzureWebJobsStorage": TEXT})
    assert (found.name, found.key) == ("acc", KEY)
    assert found.urls == {each: f"https://acc.{each}.core.chinacloudapi.cn" for each in ("blob", "queue", "table")}


def test_a_connection_string_may_be_plain_http():
    found = account({"AzureWebJobsStorage": TEXT.replace("https", "http")})
    assert found.urls["blob"] == "http://acc.blob.core.chinacloudapi.cn"


def test_addresses_in_the_connection_string_count():
    found = account({"X": f"AccountName=acc;AccountKey={KEY};BlobEndpoint=http://127.0.0.1:1/acc/"}, "X")
    assert found.urls["blob"] == "http://127.0.0.1:1/acc"
    assert found.urls["table"] == "https://acc.table.core.windows.net"


def test_localhost_is_not_taken_for_cosmos_db():
    found = account({"X": f"AccountName=acc;AccountKey={KEY};TableEndpoint=http://localhost:1/acc"}, "X")
    assert found.urls["table"] == "http://127.0.0.1:1/acc"


def test_development_storage_is_the_emulator_on_its_usual_ports():
    found = account({"AzureWebJobsStorage": "UseDevelopmentStorage=true"})
    assert found.urls["queue"] == "http://127.0.0.1:10001/devstoreaccount1"


def test_the_host_s_order_of_settings_holds():
    other = TEXT.replace("=acc;", "=other;")
    assert account({"X": TEXT, "AzureWebJobsX": other}, "X").name == "other"
    assert account({"X": TEXT, "ConnectionStrings:X": other}, "X").name == "other"
    assert account({"ConnectionStrings__X": other, "AzureWebJobsX": TEXT}, "X").name == "acc"
    assert account({"AZUREWEBJOBSSTORAGE": TEXT}).name == "acc"


def test_an_identity_needs_the_account_s_name_or_every_address():
    found = account({"AzureWebJobsStorage__accountName": "acc"})
    assert (found.name, found.key) == ("acc", None)
    assert found.urls["table"] == "https://acc.table.core.windows.net"
    uris = {f"X__{each}ServiceUri": f"https://acc.{each}.core.windows.net/" for each in ("blob", "queue", "table")}
    assert account(uris, "X").name == "acc"
    del uris["X__queueServiceUri"]
    with pytest.raises(ValueError, match="X__queueServiceUri is missing"):
        account(uris, "X")


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ({"credential": "managedidentity", "clientId": "c"}, "ManagedIdentityCredential"),
        ({"credential": "managedidentity"}, "ManagedIdentityCredential"),
        ({"tenantId": "t", "clientId": "c", "clientSecret": "s"}, "ClientSecretCredential"),
        ({}, "DefaultAzureCredential"),
    ],
)
async def test_the_kind_of_identity_follows_the_settings(section, kind):
    settings = {"X__accountName": "acc", **{f"X__{name}": value for name, value in section.items()}}
    where = account(settings, "X")
    assert type(where.options()["credential"]).__name__ == kind
    await where.close()


async def test_an_unknown_kind_of_identity_is_named():
    where = account({"X__accountName": "acc", "X__credential": "workload"}, "X")
    with pytest.raises(ValueError, match="X__credential is 'workload'"):
        where.options()
    await where.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "setting AzureWebJobsStorage is missing"),
        ({"AzureWebJobsStorage": ""}, "setting AzureWebJobsStorage is missing"),
        ({"AzureWebJobsStorage": "nonsense"}, "AccountName and AccountKey"),
        ({"AzureWebJobsStorage": "AccountName=a"}, "AccountName and AccountKey"),
        ({"AzureWebJobsStorage": "AccountName=a;AccountKey=secret!"}, "AccountName and AccountKey"),
        ({"AzureWebJobsStorage": f"AccountName=a;AccountKey={KEY};BlobEndpoint=ftp://x"}, "blob endpoint 'ftp://x'"),
    ],
)
def test_a_bad_setting_is_named_without_its_secret(settings, message):
    with pytest.raises(ValueError, match=message) as caught:
        Storage.connect(settings)
    assert "secret!" not in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "asked"),
    [
        ({}, False),
        ({"https_proxy": "http://proxy:3128"}, True),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "elsewhere.net"}, True),
        ({"http_proxy": "http://proxy:3128"}, False),
        ({"https_proxy": "http://proxy:3128", "no_proxy": ".core.chinacloudapi.cn"}, False),
        ({"https_proxy": "http://proxy:3128", "no_proxy": "acc.table.core.chinacloudapi.cn"}, True),
    ],
)
async def test_the_environment_is_asked_for_a_proxy_where_it_names_one(monkeypatch, environment, asked):
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    where = account({"AzureWebJobsStorage": TEXT})
    assert where.options()["transport"].session.trust_env is asked
    await where.close()


async def test_a_storage_that_accepts_and_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(connection, "_READ", 0.05)
    monkeypatch.setattr(tables, "PAUSES", (0.0,))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/acc"
        places = ";".join(f"{kind}Endpoint={url}" for kind in ("Blob", "Queue", "Table"))
        store = Storage.connect({"AzureWebJobsStorage": f"AccountName=acc;AccountKey={KEY};{places}"})
        try:
            async with asyncio.timeout(20):
                with pytest.raises(ServiceResponseTimeoutError):
                    await store.tables.get("rows", "p", "k")
        finally:
            await store.close()


async def test_a_store_that_was_never_used_closes():
    await Storage.connect({"AzureWebJobsStorage": TEXT}).close()
