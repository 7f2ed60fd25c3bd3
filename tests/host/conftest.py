"""The storage that the host's tests run on."""

import pytest


@pytest.fixture(scope="session")
def storage(azurite):
    """The connection string of a real account."""
    return azurite.connection_string
