"""Bodies that no registry sends: pushes of images that can exist, or one clear line."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from push_samples import DIALECTS, SAMPLES, Sample, at, changed, digest, replaced

from baselift.domain import images
from baselift.domain.pushes import InvalidPush, parse, read

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**400, 10**401)
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(
        ["push", "registry.example", "a/b", "1.0", digest("1a"), "container", "://", "@", ":", "/", "\ud800"]
    ),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=8,
)


def paths(document: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value below the document's root."""
    steps = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for step, value in steps:
        yield (*above, step)
        yield from paths(value, (*above, step))


def holds(dialect: str, headers: Mapping[str, str], body: bytes) -> None:
    """Whatever comes in: pushes of images that can exist, or one clear line."""
    try:
        told = read(dialect, headers, body)
        pushes, refusals = told.pushes, [str(error) for error in told.refused]
    except InvalidPush as refused:
        pushes, refusals = [], [str(refused)]
    for refusal in refusals:
        assert refusal.isascii()
        assert "\n" not in refusal
        assert len(refusal) < 1000
    assert len(set(pushes)) == len(pushes)
    for push in pushes:
        assert images.parse(str(push.image)) == push.image
        assert push.digest is None or images.parse(f"{push.image}@{push.digest}").digest == push.digest


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_a_mutated_event_is_pushes_or_a_clear_refusal(data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from(SAMPLES))
    document = sample.document
    for _ in range(data.draw(st.integers(1, 3))):
        places = list(paths(document))
        if places:
            path = data.draw(st.sampled_from(places))
            document = replaced(document, path, data.draw(JSON | st.just(...)))
    dialect = data.draw(st.sampled_from([sample.dialect, *DIALECTS]))
    holds(dialect, sample.headers, json.dumps(document).encode())


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SAMPLES), st.data(), JSON)
def test_fields_that_nobody_knows_change_nothing(sample: Sample, data: st.DataObject, extra: Any) -> None:
    document = sample.document
    objects = [path for path in [(), *paths(document)] if isinstance(at(document, path), dict)]
    # An old Quay's object of tags is the one place where every name means something.
    place = data.draw(st.sampled_from([path for path in objects if path[-1:] != ("updated_tags",)] or [None]))
    if place is not None:
        at(document, place)["x-added-later"] = extra
    assert sample.parse(document) == sample.pushes


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SAMPLES), st.data())
def test_damaged_bytes_are_pushes_or_a_clear_refusal(sample: Sample, data: st.DataObject) -> None:
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(sample.body))] * 2)))
    holds(sample.dialect, sample.headers, sample.body[:start] + data.draw(st.binary(max_size=20)) + sample.body[end:])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(DIALECTS), st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_pushes_or_a_clear_refusal(dialect: str, body: bytes) -> None:
    holds(dialect, {}, body)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"\xff\xfe",
        b"9" * 100_000,
        b"1e999999",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'"' + b"\\u0000" * 1000 + b'"',
    ],
    ids=range(9),
)
def test_a_hostile_body_is_refused(dialect: str, body: bytes) -> None:
    with pytest.raises(InvalidPush):
        parse(dialect, {}, body)


@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if sample.pushes], ids=lambda sample: sample.file)
def test_a_deep_value_in_a_known_field_is_refused_or_ignored(sample: Sample) -> None:
    for path in paths(sample.document):
        document = changed(sample, path, "DEEP")
        deep = json.dumps(document).replace('"DEEP"', "[" * 400 + "]" * 400)
        holds(sample.dialect, sample.headers, deep.encode())
