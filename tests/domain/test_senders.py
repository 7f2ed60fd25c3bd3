"""Who may send events of each dialect."""

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselift.domain.senders import verify

DIALECTS = ["acr-webhook", "cloudevents", "distribution", "dockerhub", "eventgrid", "ghcr", "harbor", "quay"]

SECRET = "It's a Secret to Everybody"  # pragma: allowlist secret
HELLO = b"Hello, World!"
SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"  # pragma: allowlist secret
BY_HEADER = ["acr-webhook", "cloudevents", "distribution", "eventgrid", "harbor"]
BY_URL = ["dockerhub", "quay"]


def shows(dialect: str, secret: str) -> dict[str, Any]:
    """The headers and the query by which a dialect shows a secret."""
    if dialect == "ghcr":
        signature = hmac.new(secret.encode(), HELLO, hashlib.sha256).hexdigest()
        return {"headers": {"X-Hub-Signature-256": f"sha256={signature}"}}
    return {"headers": {}, "query": {"secret": secret}} if dialect in BY_URL else {"headers": {"Authorization": secret}}


def test_a_signature_is_the_one_that_github_documents() -> None:
    assert verify("ghcr", {"X-Hub-Signature-256": SIGNATURE}, HELLO, SECRET)
    assert verify("ghcr", {"x-hub-signature-256": SIGNATURE}, HELLO, SECRET)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, HELLO),
        ({"X-Hub-Signature-256": ""}, HELLO),
        ({"X-Hub-Signature-256": "sha256="}, HELLO),
        ({"X-Hub-Signature-256": SIGNATURE}, b"Hello, World"),
        ({"X-Hub-Signature-256": SIGNATURE[:-1] + "8"}, HELLO),
        ({"X-Hub-Signature-256": SIGNATURE.removeprefix("sha256=")}, HELLO),
        ({"X-Hub-Signature-256": SIGNATURE.replace("sha256", "sha1")}, HELLO),
        ({"X-Hub-Signature": "sha1=" + hmac.new(SECRET.encode(), HELLO, hashlib.sha1).hexdigest()}, HELLO),
        ({"X-Hub-Signature-256": "sha1=" + hmac.new(SECRET.encode(), HELLO, hashlib.sha1).hexdigest()}, HELLO),
        ({"Authorization": SECRET}, HELLO),
    ],
)
def test_a_body_without_its_sha256_signature_is_refused(headers: dict[str, str], body: bytes) -> None:
    assert not verify("ghcr", headers, body, SECRET, {"secret": SECRET})


@pytest.mark.parametrize("dialect", BY_HEADER)
@pytest.mark.parametrize("value", [SECRET, f"Bearer {SECRET}", f"bearer  {SECRET} "])
def test_a_header_holds_the_secret_alone_or_as_a_bearer(dialect: str, value: str) -> None:
    assert verify(dialect, {"authorization": value}, b"", SECRET)


@pytest.mark.parametrize("dialect", BY_HEADER)
@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", f"Basic {SECRET}", SECRET[:-1], SECRET + "x", f"Bearer{SECRET}"]
)
def test_another_header_is_refused(dialect: str, value: str) -> None:
    assert not verify(dialect, {"Authorization": value}, b"", SECRET, {"secret": SECRET})


@pytest.mark.parametrize("dialect", BY_URL)
def test_who_can_only_call_a_url_shows_the_secret_there(dialect: str) -> None:
    assert verify(dialect, {}, b"", SECRET, {"secret": SECRET})
    assert not verify(dialect, {"Authorization": SECRET}, b"", SECRET)
    assert not verify(dialect, {}, b"", SECRET, {"secret": SECRET + "x"})
    assert not verify(dialect, {}, b"", SECRET, {"Secret": SECRET})


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_empty_secret_never_verifies(dialect: str) -> None:
    assert verify(dialect, body=HELLO, secret="s", **shows(dialect, "s"))
    assert not verify(dialect, body=HELLO, secret="", **shows(dialect, ""))
    assert not verify(dialect, {"Authorization": "Bearer "}, HELLO, "", {"secret": ""})


def test_an_unknown_dialect_never_verifies() -> None:
    assert not verify("nexus", {"Authorization": SECRET}, b"", SECRET, {"secret": SECRET})


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(DIALECTS), st.text(st.characters(), max_size=20), st.text(st.characters(), max_size=20), st.binary()
)
def test_no_header_of_any_letters_raises_or_verifies(dialect: str, shown: str, secret: str, body: bytes) -> None:
    headers = {"Authorization": shown, "X-Hub-Signature-256": shown, shown: shown}
    verified = verify(dialect, headers, body, secret, {"secret": shown})
    assert not verified or secret in {shown, shown.strip(), shown.partition(" ")[2].strip()}
