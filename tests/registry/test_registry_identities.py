"""An identity as the login of an Azure container registry."""

from contextlib import asynccontextmanager

import pytest
from registry_parts import serving
from test_registry_acr import Acr, Identity

from baselift.domain.builds import Failure
from baselift.registry.errors import RegistryError
from baselift.registry.identities import USER, Identities


class Machine:
    """The identities of a machine, and which were wanted."""

    def __init__(self, token: str) -> None:
        self.token, self.asked = token, []

    @asynccontextmanager
    async def __call__(self, client_id):
        self.asked.append(client_id)
        yield Identity(self.token)


@pytest.mark.parametrize("client_id", [None, "5d8c0e1a-6d3b-4b7e-9d8e-0a4f6a0c6b11"])
async def test_an_identity_is_a_user_of_no_name_with_a_refresh_token(client_id):
    acr, machine = Acr(), Machine("entra")
    async with serving(acr) as host:
        found = await Identities([host], [host], machine).login(host, client_id)
    assert (found.username, found.password) == (USER, acr.refresh)
    assert machine.asked == [client_id]
    assert acr.calls == [("POST", "/oauth2/exchange")]


async def test_an_identity_without_rights_is_refused_with_a_reason():
    async with serving(Acr()) as host:
        with pytest.raises(RegistryError, match="a login by identity"):
            await Identities([host], [host], Machine("another")).login(host, None)


@pytest.mark.parametrize(
    "host",
    ["quay.io", "azurecr.io", "acme.azurecr.io.evil.example", "evil.example/a.azurecr.io", "a@b.azurecr.io", ""],
)
async def test_no_token_is_asked_for_a_registry_that_is_not_azures(host):
    machine = Machine("entra")
    with pytest.raises(Failure, match="takes no identity"):
        await Identities(identity=machine).login(host, None)
    assert machine.asked == []
