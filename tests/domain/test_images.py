"""One image, one canonical form."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselift.domain.images import InvalidReference, Reference, parse

DIGEST = "sha256:" + "0f" * 32
LONG_DIGEST = "sha512:" + "0f" * 64

CANONICAL = [
    ("node", "docker.io/library/node"),
    ("node:9-alpine", "docker.io/library/node:9-alpine"),
    ("library/node", "docker.io/library/node"),
    ("docker.io/node", "docker.io/library/node"),
    ("docker.io/library/node", "docker.io/library/node"),
    ("index.docker.io/node:1", "docker.io/library/node:1"),
    ("index.docker.io/library/node:1", "docker.io/library/node:1"),
    ("registry-1.docker.io/library/node", "docker.io/library/node"),
    ("registry.hub.docker.com/library/node", "docker.io/library/node"),
    ("Docker.IO/node", "docker.io/library/node"),
    ("my_reg/app", "docker.io/my_reg/app"),
    ("a/b/c", "docker.io/a/b/c"),
    ("localhost/app", "localhost/app"),
    ("localhost:5000/app", "localhost:5000/app"),
    ("localhost:5000/a/b", "localhost:5000/a/b"),
    ("localhost:5000", "docker.io/library/localhost:5000"),
    ("reg:5000/app:1", "reg:5000/app:1"),
    ("REG/app", "REG/app"),
    ("LOCALHOST/app", "localhost/app"),
    ("MyRegistry.azurecr.io/app/x", "myregistry.azurecr.io/app/x"),
    ("[::1]:5000/app", "[::1]:5000/app"),
    ("[FE80::1]/app:2", "[fe80::1]/app:2"),
    ("127.0.0.1:5000/app", "127.0.0.1:5000/app"),
    (f"node@{DIGEST}", f"docker.io/library/node@{DIGEST}"),
    (f"node:9@{DIGEST}", f"docker.io/library/node:9@{DIGEST}"),
    (f"localhost:5000/a@{LONG_DIGEST}", f"localhost:5000/a@{LONG_DIGEST}"),
    ("r.io/a.b__c-d--e/f", "r.io/a.b__c-d--e/f"),
    ("r.io/a:" + "t" * 128, "r.io/a:" + "t" * 128),
    ("r.io/a:_T.ag-1", "r.io/a:_T.ag-1"),
    ("docker.io/" + "0f" * 32, "docker.io/library/" + "0f" * 32),
    ("0f" * 32 + ":1", "docker.io/library/" + "0f" * 32 + ":1"),
    ("r.io/" + "a" * 255, "r.io/" + "a" * 255),
]


@pytest.mark.parametrize(("text", "expected"), CANONICAL, ids=[text[:40] for text, _ in CANONICAL])
def test_every_spelling_has_its_canonical_form(text: str, expected: str) -> None:
    assert str(parse(text)) == expected
    assert parse(expected) == parse(text)


INVALID = {
    "nothing": ("", "repository"),
    "upper case repository": ("Node", "lower-case"),
    "upper case below a registry": ("r.io/App", "lower-case"),
    "empty tag": ("node:", "tag ''"),
    "two tags": ("node:1:2", "lower-case"),
    "tag too long": ("node:" + "t" * 129, "1 to 128"),
    "tag with a slash": ("r.io/node:a/b", "tag 'a/b'"),
    "tag that starts with a dot": ("node:.a", "tag '.a'"),
    "empty digest": ("node@", "digest ''"),
    "short digest": ("node@sha256:ab", "digest 'sha256:ab'"),
    "upper case digest": ("node@sha256:" + "AB" * 32, "digest"),
    "unknown algorithm": ("node@md5:" + "0" * 32, "digest"),
    "two digests": (f"node@{DIGEST}@{DIGEST}", "digest"),
    "digest without name": (f"@{DIGEST}", "lower-case"),
    "no repository": ("r.io/", "lower-case"),
    "no registry": ("/node", "lower-case"),
    "double slash": ("r.io//a", "lower-case"),
    "two dots": ("r.io/a..b", "lower-case"),
    "host with two dots": ("r..io/a", "registry host"),
    "host with a hyphen at its edge": ("-r.io/a", "registry host"),
    "host with an underscore": ("my_reg.io/a", "registry host"),
    "empty port": ("r.io:/a", "registry host"),
    "port of letters": ("r.io:x/a", "registry host"),
    "host beyond ASCII": ("\u212aeg.io/a", "registry host"),
    "open bracket": ("[::1/a", "registry host"),
    "space": ("node 1", "lower-case"),
    "newline": ("node\n", "lower-case"),
    "newline after the tag": ("node:1\n", "tag"),
    "scheme": ("https://r.io/a", "registry host"),
    "name too long": ("r.io/" + "a" * 256, "lower-case"),
    "image id": ("0f" * 32, "image id"),
}


@pytest.mark.parametrize(("text", "message"), INVALID.values(), ids=INVALID.keys())
def test_what_is_no_reference_is_refused_with_the_part_that_is_wrong(text: str, message: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        parse(text)
    assert message in str(caught.value)


def test_latest_is_added_only_where_neither_tag_nor_digest_is() -> None:
    assert parse("localhost:5000/a").tagged().tag == "latest"
    assert parse("a:1").tagged().tag == "1"
    assert parse(f"a@{DIGEST}").tagged().tag is None


def test_a_reference_with_a_digest_is_pinned_and_at_drops_the_tag() -> None:
    assert not parse("a:1").pinned
    assert parse(f"a:1@{DIGEST}").pinned
    assert parse("r.io/a:1").at(DIGEST) == Reference("r.io", "a", None, DIGEST)


WORD = st.sampled_from(["a", "0", "library", "a-b", "a_b", "a.b", "localhost"])
HOST = st.sampled_from(
    ["", "docker.io/", "index.docker.io/", "localhost/", "localhost:5000/", "R.Io/", "[::1]:80/", "A/"]
)
REFERENCES = st.builds(
    lambda host, path, tag, digest: host + "/".join(path) + tag + digest,
    HOST,
    st.lists(WORD, min_size=1, max_size=4),
    st.sampled_from(["", ":1", ":Latest_.-", ":5000"]),
    st.sampled_from(["", f"@{DIGEST}"]),
)


@settings(deadline=None, database=None)
@given(REFERENCES)
def test_printing_and_parsing_again_changes_nothing(text: str) -> None:
    reference = parse(text)
    assert parse(str(reference)) == reference
    assert parse(str(reference.tagged())) == reference.tagged()


@settings(deadline=None, database=None)
@given(st.text(max_size=30) | st.text("aA.:/@[]-_0\u212a", max_size=12))
def test_any_text_is_a_stable_reference_or_refused(text: str) -> None:
    try:
        reference = parse(text)
    except InvalidReference:
        return
    assert parse(str(reference)) == reference
