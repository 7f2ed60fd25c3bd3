"""Secrets as they are kept, and logging in with them."""

import asyncio
import json
import logging
import threading

import pytest
from access.support import hashed
from hypothesis import given
from hypothesis import strategies as st

from baselift.access.attempts import ATTEMPTS, SECONDS, Attempts
from baselift.access.caller import Role
from baselift.access.clients import Client, Clients, LoginFailed, TooManyAttempts, parse
from baselift.access.hashes import check_hash, hash_secret, verify_secret


@pytest.fixture
def clock():
    class Clock:
        now = 1000.0

        def __call__(self):
            return self.now

    return Clock()


@pytest.fixture
def clients(clock):
    return Clients(
        [Client("ci", Role.CONTRIBUTOR, hashed("right")), Client("eye", Role.READER, hashed("view"))], Attempts(clock)
    )


def test_a_secret_is_known_again_by_its_hash_alone():
    first, second = hash_secret("right"), hash_secret("right")
    assert first != second
    assert "right" not in first
    assert verify_secret("right", first)
    assert verify_secret("right", second)
    assert not verify_secret("Right", first)
    assert not verify_secret("", first)
    assert not verify_secret("\ud800", first)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "right",
        "scrypt$32768$8$1$short$short",
        "bcrypt$32768$8$1" + "$" + "a" * 22 + "$" + "a" * 43,
        "scrypt$32768$8$1$" + "a" * 25 + "$" + "a" * 43,
        "scrypt$1024$8$1$" + "a" * 22 + "$" + "a" * 43,
        "scrypt$32769$8$1$" + "a" * 22 + "$" + "a" * 43,
        "scrypt$32768$0$1$" + "a" * 22 + "$" + "a" * 43,
        "scrypt$32768$8$9$" + "a" * 22 + "$" + "a" * 43,
        "scrypt$4194304$64$1$" + "a" * 22 + "$" + "a" * 43,
    ],
)
def test_a_hash_that_is_none_or_weak_or_too_costly_is_refused_without_being_shown(wrong):
    with pytest.raises(ValueError, match="scrypt") as caught:
        check_hash(wrong)
    assert "a" * 22 not in str(caught.value)


@given(st.text())
def test_no_text_breaks_the_reading_of_hashes_and_clients(text):
    for read in (check_hash, parse):
        try:
            read(text)
        except ValueError:
            continue


def test_clients_are_read_from_words_and_from_json():
    one, two = hashed("right"), hashed("view")
    expected = (Client("ci", Role.CONTRIBUTOR, one), Client("eye", Role.READER, two))
    assert parse(f" ci:contributor:{one},\neye:reader:{two} ") == expected
    entries = [{"id": "ci", "role": "contributor", "hash": one}, {"id": "eye", "role": "reader", "hash": two}]
    assert parse(json.dumps(entries)) == expected
    assert parse("") == parse(" [] ") == ()


def test_every_wrong_client_is_named_and_no_hash_is():
    good = hashed("right")
    text = f"ci:contributor:{good} ci:reader:{good} a:owner:{good} b:reader:{good[:-1]}! c:reader €:reader:{good}"
    with pytest.raises(ValueError, match="ci") as caught:
        parse(text)
    message = str(caught.value)
    assert "client 'ci' is there twice" in message
    assert "client 'a': the role must be one of reader, contributor" in message
    assert "client 'b': the hash must read scrypt$n$r$p$salt$hash" in message
    assert "entry 5 must be id:role:hash" in message
    assert "entry 6: the id must be" in message
    assert good.rsplit("$", 1)[1] not in message


@pytest.mark.parametrize(
    "text", ["[", "[1]", '[{"id": 1, "role": "reader", "hash": ""}]', "[[]]", "[null]", "[" * 100000]
)
def test_json_of_another_shape_is_refused(text):
    with pytest.raises(ValueError, match="JSON"):
        parse(text)


async def test_only_the_right_secret_logs_in(clients):
    assert (await clients.log_in("ci", "right")).role is Role.CONTRIBUTOR
    assert (await clients.log_in("eye", "view")).role is Role.READER
    for identifier, secret in [("ci", "view"), ("eye", "right"), ("nobody", "right"), ("", ""), ("nobody", "")]:
        with pytest.raises(LoginFailed):
            await clients.log_in(identifier, secret)


async def test_guessing_is_slowed_down_for_one_client_and_not_for_another(clients, clock):
    for _ in range(ATTEMPTS):
        with pytest.raises(LoginFailed):
            await clients.log_in("ci", "wrong")
    with pytest.raises(TooManyAttempts) as caught:
        await clients.log_in("ci", "right")
    assert caught.value.seconds == SECONDS
    assert await clients.log_in("eye", "view")
    clock.now += SECONDS
    assert await clients.log_in("ci", "right")
    assert await clients.log_in("ci", "right")


async def test_guesses_at_the_same_time_are_counted_before_they_are_checked(clients):
    results = await asyncio.gather(*(clients.log_in("ci", "wrong") for _ in range(12)), return_exceptions=True)
    assert sum(isinstance(result, LoginFailed) for result in results) == ATTEMPTS
    assert sum(isinstance(result, TooManyAttempts) for result in results) == 12 - ATTEMPTS


async def test_ids_that_are_not_known_share_their_attempts(clients):
    results = await asyncio.gather(*(clients.log_in(f"x{n}", "wrong") for n in range(9)), return_exceptions=True)
    assert sum(isinstance(result, LoginFailed) for result in results) == ATTEMPTS
    assert await clients.log_in("ci", "right")


async def test_logins_that_succeed_use_up_no_attempts(clients):
    for _ in range(ATTEMPTS + 2):
        assert await clients.log_in("ci", "right")


async def test_too_many_logins_at_once_are_sent_away_instead_of_filling_the_memory(monkeypatch):
    monkeypatch.setattr("baselift.access.clients._WAITING", 4)
    many = Clients([Client(f"c{n}", Role.READER, hashed("view")) for n in range(9)])
    results = await asyncio.gather(*(many.log_in(f"c{n}", "view") for n in range(9)), return_exceptions=True)
    assert sum(isinstance(result, Client) for result in results) == 4
    assert sum(isinstance(result, TooManyAttempts) for result in results) == 5
    assert await many.log_in("c8", "view")


async def test_secrets_are_checked_beside_the_event_loop(clients, monkeypatch):
    threads = []

    def noted(secret, kept):
        threads.append(threading.get_ident())
        return verify_secret(secret, kept)

    monkeypatch.setattr("baselift.access.clients.verify_secret", noted)
    await clients.log_in("ci", "right")
    with pytest.raises(LoginFailed):
        await clients.log_in("nobody", "right")
    assert len(threads) == 2
    assert threading.get_ident() not in threads


async def test_failed_logins_are_logged_without_what_was_sent(clients, caplog):
    with caplog.at_level(logging.WARNING):
        for identifier in ("ci", "forged\nline"):
            with pytest.raises(LoginFailed):
                await clients.log_in(identifier, "s3cret-guess")
    assert "client ci" in caplog.text
    assert "an unknown client" in caplog.text
    assert "forged" not in caplog.text
    assert "s3cret-guess" not in caplog.text


def test_a_client_is_printed_without_its_hash():
    assert "scrypt" not in repr(Client("ci", Role.READER, hashed("right")))
