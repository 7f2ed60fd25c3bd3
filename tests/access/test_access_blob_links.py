"""Signed links to blobs behind the app."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from access.support import secret_key

from baselift.access.blob_links import BlobLinks
from baselift.access.caller import Denied

NOW = 1_790_000_000.0
BLOB = ("logs", "baselift/ab1/raw text.log")


def made(links: BlobLinks, *blob: str, permission: str = "r") -> dict[str, str]:
    return dict(parse_qsl(urlsplit(links.link("https://host/api", *(blob or BLOB), permission, NOW + 60)).query))


def refusal(links: BlobLinks, query: dict[str, str], *, blob=BLOB, permission="r", now=NOW) -> str:
    with pytest.raises(Denied) as caught:
        links.check(*blob, permission, query, now)
    assert caught.value.status == 403
    assert (query.get("sig") or "nothing") not in caught.value.message
    return caught.value.message


def test_a_link_opens_what_it_was_made_for_until_it_expires():
    links = BlobLinks([secret_key(1)])
    assert links.link("https://host/api", *BLOB, "r", NOW).startswith(
        "https://host/api/blobs/logs/baselift/ab1/raw%20text.log?se=1790000000&sp=r&sig="
    )
    query = made(links)
    links.check(*BLOB, "r", query, NOW + 59.9)
    assert "expired" in refusal(links, query, now=NOW + 60)


def test_a_link_of_an_old_key_is_good_and_of_a_strange_key_is_not():
    query = made(BlobLinks([secret_key(1)]))
    BlobLinks([secret_key(2), secret_key(1)]).check(*BLOB, "r", query, NOW)
    assert "not one of this app" in refusal(BlobLinks([secret_key(2)]), query)


@pytest.mark.parametrize(
    "change",
    [
        {"se": "9999999999"},
        {"se": ""},
        {"se": "x"},
        {"sp": "cw"},
        {"sp": ""},
        {"sig": ""},
        {"sig": "é"},
        {"sig": "A" * 43},
    ],
)
def test_a_link_that_was_changed_opens_nothing(change):
    links = BlobLinks([secret_key(1)])
    refusal(links, made(links) | change)


@pytest.mark.parametrize(
    "blob", [("sources", BLOB[1]), ("logs", "baselift/ab2/raw text.log"), ("log", "s" + BLOB[1]), ("", "")]
)
def test_a_link_opens_no_other_blob(blob):
    links = BlobLinks([secret_key(1)])
    refusal(links, made(links), blob=blob)


def test_a_link_to_read_does_not_write_and_the_other_way_round():
    links = BlobLinks([secret_key(1)])
    refusal(links, made(links), permission="cw")
    refusal(links, made(links, permission="cw"))
    refusal(links, made(links) | {"sp": "cw"}, permission="cw")


def test_a_request_without_a_signature_is_refused():
    refusal(BlobLinks([secret_key(1)]), {})
