"""Secrets of Key Vault, by the official client, from a vault over https on this machine."""

import pytest
from fake_vault import HOST, URL, vault

from baselift.domain.builds import Failure


@pytest.fixture
async def parts(tmp_path):
    async with vault(tmp_path, token="marker-value", gone=404, locked=403, moved=302) as both:
        yield both


@pytest.mark.parametrize("tail", ["token", "token/", "token/0123abcd", "token/0123abcd/", "TOKEN".lower()])
async def test_a_secret_is_read_by_name_or_version(parts, tail):
    _, client = parts
    assert await client.read(f"{URL}/{tail}", None) == "marker-value"


async def test_case_does_not_count_in_scheme_host_and_collection(parts):
    _, client = parts
    assert await client.read(f"HTTPS://{HOST.upper()}/Secrets/token", None) == "marker-value"


async def test_the_token_is_one_for_vaults_and_of_the_identity_that_was_named(parts):
    fake, client = parts
    await client.read(f"{URL}/token", "an-id")
    assert fake.identities == ["an-id"]
    assert fake.scopes == ["https://vault.azure.net/.default"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone", "there is no such secret"),
        ("locked", "the identity may not read it, or it is disabled"),
        ("moved", "the vault answered 302"),
    ],
)
async def test_a_refusal_is_one_sentence_without_the_vaults_own_words(parts, name, reason):
    fake, client = parts
    with pytest.raises(Failure) as caught:
        await client.read(f"{URL}/{name}", None)
    assert str(caught.value) == f"Key Vault secret '{URL}/{name}' cannot be read: {reason}"
    assert caught.value.__cause__ is None
    assert fake.calls == [f"/secrets/{name}/"]


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}/secrets/token",
        f"https://{HOST}/keys/token",
        f"https://{HOST}/secrets",
        f"https://{HOST}/secrets/",
        f"https://{HOST}/secrets/token/1/2",
        f"https://{HOST}/secrets/../token",
        f"https://{HOST}/secrets/to%6ben",
        f"https://{HOST}/secrets/token?x=1",
        f"https://{HOST}/secrets/token#x",
        f"https://{HOST}/secrets/token\n",
        f"https://{HOST}:8443/secrets/token",
        f"https://{HOST}@evil.example/secrets/token",
        f"https://user@{HOST}/secrets/token",
        f"https://{HOST}.evil.example/secrets/token",
        f"https://{HOST}./secrets/token",
        "https://vault.azure.net/secrets/token",
        "https://a.b.vault.azure.net/secrets/token",
        "https://evilvault.azure.net/secrets/token",
        "https://acme.vault.azure.cn/secrets/token",
        "https://127.0.0.1/secrets/token",
        "token",
        "",
    ],
)
async def test_no_token_is_asked_for_or_sent_to_what_is_no_secret_of_a_known_vault(parts, url):
    fake, client = parts
    with pytest.raises(
        Failure, match=r"must be https://VAULT\.vault\.azure\.net or \.vault\.usgovcloudapi\.net/secrets"
    ):
        await client.read(url, None)
    assert (fake.identities, fake.calls) == ([], [])
