"""Sealed secrets."""

import base64
import secrets

import pytest

from baselift.azure.sealing import Sealer, sealed


def new_key():
    return base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.mark.parametrize("text", ["", "token", "ü😀\n", "x" * 100_000])
def test_a_secret_comes_back(text):
    sealer = Sealer("k1", new_key())
    box = sealer.seal(text)
    assert sealed(box)
    assert box.startswith("v1:k1:")
    assert sealer.unseal(box) == text


def test_the_same_secret_is_sealed_differently_each_time():
    sealer = Sealer("k1", new_key())
    assert sealer.seal("token") != sealer.seal("token")


def test_old_keys_unseal_and_the_new_one_seals():
    old, new = new_key(), new_key()
    box = Sealer("k1", old).seal("token")
    rotated = Sealer("k2", new, {"k1": old, "k0": new_key()})
    assert rotated.unseal(box) == "token"
    assert rotated.seal("token").startswith("v1:k2:")


def test_a_key_that_is_not_known_is_named():
    box = Sealer("k1", new_key()).seal("token")
    with pytest.raises(ValueError, match=r"'k1'.*'k2'"):
        Sealer("k2", new_key()).unseal(box)


def test_another_key_of_the_same_name_does_not_unseal():
    box = Sealer("k1", new_key()).seal("token")
    with pytest.raises(ValueError, match="garbled"):
        Sealer("k1", new_key()).unseal(box)


def test_a_garbled_text_is_refused_without_its_content():
    sealer = Sealer("k1", new_key(), {"k2": new_key()})
    name, box = sealer.seal("token").rsplit(":", 1)
    raw = base64.b64decode(box)
    for at in range(len(raw)):
        changed = base64.b64encode(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]).decode()
        with pytest.raises(ValueError, match="garbled") as caught:
            sealer.unseal(f"{name}:{changed}")
        assert changed not in str(caught.value)
    for short in ("AAAA", "AAA", "A"):
        with pytest.raises(ValueError, match="garbled"):
            sealer.unseal(f"{name}:{short}")


def test_a_sealed_text_cannot_be_moved_to_another_key_name():
    key = new_key()
    sealer = Sealer("k1", key, {"k2": key})
    with pytest.raises(ValueError, match="garbled"):
        sealer.unseal(sealer.seal("token").replace("v1:k1:", "v1:k2:"))


@pytest.mark.parametrize("text", ["", "token", "v1:", "v1:k1:", "v2:k1:AAAA", "v1:k 1:AAAA", "v1:k1:AA-A"])
def test_a_plain_text_is_not_sealed(text):
    assert not sealed(text)
    with pytest.raises(ValueError, match="not a sealed text"):
        Sealer("k1", new_key()).unseal(text)


@pytest.mark.parametrize(
    ("name", "key", "message"),
    [("k1", "AAAA", "3 bytes; 32"), ("k1", "!", "not base64"), ("k:1", "AAAA", "key name 'k:1'"), ("", "AAAA", "name")],
)
def test_a_bad_key_is_named(name, key, message):
    with pytest.raises(ValueError, match=message):
        Sealer(name, key)
