import pytest
from azure.core.exceptions import HttpResponseError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from parts.azurite import Account, Azurite
from parts.errors import PartError


def test_a_restart_on_the_same_directory_has_the_same_account_and_every_row(tmp_path):
    first = Azurite.start(tmp_path)
    with TableServiceClient.from_connection_string(first.connection_string) as service:
        service.create_table("kept").create_entity({"PartitionKey": "p", "RowKey": "r", "value": 7})
    first.stop()

    second = Azurite.start(tmp_path)
    try:
        with TableServiceClient.from_connection_string(second.connection_string) as service:
            row = service.get_table_client("kept").get_entity("p", "r")
    finally:
        second.stop()

    assert row["value"] == 7
    assert second.account == first.account


def test_each_directory_has_a_key_of_its_own_and_another_key_is_refused(azurite, tmp_path):
    other = Account.of(tmp_path)
    assert other.key != azurite.account.key
    wrong = azurite.connection_string.replace(azurite.account.key, other.key)

    with BlobServiceClient.from_connection_string(wrong) as service, pytest.raises(HttpResponseError) as refused:
        list(service.list_containers())

    assert refused.value.status_code == 403


def test_the_account_is_readable_by_its_owner_only(azurite, parts_directory):
    file = parts_directory / "azurite" / "account"

    assert file.read_text() == f"{azurite.account.name}:{azurite.account.key}"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_port_in_use_is_named(azurite, tmp_path):
    with pytest.raises(PartError, match=f"azurite blob port {azurite.ports[0]} is in use"):
        Azurite.start(tmp_path, azurite.ports)


def test_stopping_leaves_no_process(tmp_path, processes_naming):
    part = Azurite.start(tmp_path)
    assert processes_naming(tmp_path)

    part.stop()

    assert processes_naming(tmp_path) == []


def test_the_key_is_not_shown_where_the_part_is_printed(azurite):
    assert azurite.account.name in repr(azurite)
    assert azurite.account.key not in repr(azurite)
