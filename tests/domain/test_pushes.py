"""Events of every dialect in, pushed tags out; and who may send them."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from push_samples import (
    ASSETS,
    DEBIAN,
    DIALECTS,
    DISTRIBUTION,
    NODE,
    PACKAGE,
    PYTHON,
    QUAY,
    SAMPLE,
    SAMPLES,
    TOOLS,
    Sample,
    changed,
    digest,
)

from baselift.domain import images
from baselift.domain.pushes import InvalidPush, Push, parse, read, validation_code


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.dialect}:{sample.file}")
def test_each_dialect_tells_the_same_of_a_push(sample: Sample) -> None:
    assert parse(sample.dialect, sample.headers, sample.body) == sample.pushes
    assert read(sample.dialect, sample.headers, sample.body).refused == []


def test_every_sample_is_used() -> None:
    assert {sample.file for sample in SAMPLES} == {path.stem for path in ASSETS.iterdir()}
    assert {sample.dialect for sample in SAMPLES if sample.pushes} == set(DIALECTS)


def test_a_push_is_the_reference_that_a_dockerfile_would_name() -> None:
    assert NODE.image == images.parse("Contoso.azurecr.io/baseimages/node:9-alpine")


@pytest.mark.parametrize("name", ["node", "library/node"])
def test_an_official_image_of_docker_hub_has_one_name(name: str) -> None:
    sample = SAMPLE["dockerhub"]
    pushes = sample.parse(changed(sample, ["repository", "repo_name"], name))
    assert pushes == [Push("docker.io", "library/node", "3.20")]


def test_a_registry_host_is_told_in_lower_case() -> None:
    sample = SAMPLE["acr-webhook"]
    assert sample.parse(changed(sample, ["request", "host"], "Contoso.AzureCR.io")) == [NODE]


@pytest.mark.parametrize("url", ["https://harbor.example:8443/library/debian:12", "harbor.example:8443/library/debian"])
def test_a_harbor_with_a_port_keeps_it(url: str) -> None:
    sample = SAMPLE["harbor"]
    pushes = sample.parse(changed(sample, ["event_data", "resources", 0, "resource_url"], url))
    assert [push.registry for push in pushes] == ["harbor.example:8443", "harbor.example"]


@pytest.mark.parametrize("empty", [None, "", ...])
@pytest.mark.parametrize(
    ("file", "path"),
    [
        ("acr-webhook", ["target", "tag"]),
        ("cloudevents", ["data", "target", "tag"]),
        ("eventgrid-preview", ["data", "target", "tag"]),
        ("dockerhub", ["push_data", "tag"]),
        ("ghcr", ["package", "package_version", "container_metadata", "tag", "name"]),
    ],
)
def test_a_push_without_a_tag_is_none(file: str, path: list[Any], empty: Any) -> None:
    sample = SAMPLE[file]
    assert sample.parse(changed(sample, path, empty)) == []


@pytest.mark.parametrize(
    "path",
    [["package_version"], ["package_version", "container_metadata"], ["package_version", "container_metadata", "tag"]],
)
@pytest.mark.parametrize("empty", [None, ...])
def test_a_package_without_a_container_version_is_no_push(path: list[Any], empty: Any) -> None:
    sample = SAMPLE["ghcr"]
    assert sample.parse(changed(sample, ["package", *path], empty)) == []


def test_a_deleted_package_is_no_push() -> None:
    sample = SAMPLE["ghcr"]
    assert sample.parse(changed(sample, ["action"], "deleted")) == []


@pytest.mark.parametrize(("version", "name", "told"), [("1.4", digest("ef"), digest("ef")), ("1.4", None, None)])
def test_a_digest_that_the_tag_lacks_is_the_versions(version: str, name: str | None, told: str | None) -> None:
    sample = SAMPLE["ghcr-registry-package"]
    document = changed(sample, ["registry_package", "package_version", "version"], version)
    document["registry_package"]["package_version"]["name"] = name
    assert [push.digest for push in sample.parse(document)] == [told]


def test_what_is_no_manifest_is_no_push_even_with_a_tag() -> None:
    sample = SAMPLE["distribution"]
    document = changed(sample, ["events", 4, "target", "mediaType"], "application/octet-stream")
    assert [push.tag for push in sample.parse(document)] == ["1.2"]


def test_a_digest_is_optional() -> None:
    sample = SAMPLE["acr-webhook"]
    assert [push.digest for push in sample.parse(changed(sample, ["target", "digest"], ...))] == [None]


@pytest.mark.parametrize("tags", [["a", "b", "a"], {"a": "1", "b": "2"}])
def test_a_tag_told_twice_is_one_push_in_the_first_place(tags: Any) -> None:
    sample = SAMPLE["quay"]
    assert [push.tag for push in sample.parse(changed(sample, ["updated_tags"], tags))] == ["a", "b"]


@pytest.mark.parametrize("tags", [[], {}, None])
def test_a_notification_without_tags_is_no_push(tags: Any) -> None:
    sample = SAMPLE["quay"]
    assert sample.parse(changed(sample, ["updated_tags"], tags)) == []


REFUSED = [
    ("acr-webhook", ["action"], ..., "field 'action' is missing: it must be text"),
    ("acr-webhook", ["action"], 5, "field 'action' is a number: it must be text"),
    ("acr-webhook", ["target"], [], "field 'target' is an array: it must be an object"),
    ("acr-webhook", ["target", "tag"], {}, "field 'target.tag' is an object: it must be text"),
    ("acr-webhook", ["target", "tag"], "-x", "tag '-x' must be 1 to 128"),
    ("acr-webhook", ["target", "tag"], f"9@{digest('1a')}", "digest"),
    ("acr-webhook", ["target", "digest"], "abc", "digest 'abc' is not sha256:<64 hex digits>"),
    ("acr-webhook", ["target", "repository"], "", "field 'target.repository' is empty"),
    ("acr-webhook", ["target", "repository"], "Node", "repository 'Node' must be lower-case"),
    ("acr-webhook", ["request", "host"], ..., "field 'request.host' is missing: it must be text"),
    ("acr-webhook", ["request", "host"], "registry", "registry 'registry' is no host of images"),
    ("acr-webhook", ["request", "host"], "library", "registry 'library' is no host of images"),
    ("acr-webhook", ["request", "host"], "a.example/b", "registry 'a.example/b' is no host"),
    ("acr-webhook", ["request", "host"], "a b", "registry 'a b' is no host of images"),
    ("eventgrid-preview", ["eventType"], ..., "field 'eventType' is missing"),
    ("eventgrid-preview", ["data", "target", "digest"], True, "field 'data.target.digest' is true or false"),
    ("cloudevents", ["data"], "e30=", "field 'data' is 'e30=': it must be an object"),
    ("distribution", ["events"], {}, "field 'events' is an object: it must be an array"),
    ("dockerhub", ["repository", "repo_name"], ..., "field 'repository.repo_name' is missing"),
    ("dockerhub", ["push_data", "tag"], f"9@{digest('1a')}", "must be 1 to 128 of"),
    ("ghcr", ["package"], ..., "field 'package' is missing: it must be an object"),
    ("ghcr", ["package", "owner", "login"], "\u212aontoso", "repository '\\u212aontoso/tools/base' must be"),
    ("harbor", ["event_data", "resources"], ..., "field 'event_data.resources' is missing: it must be an array"),
    ("harbor-cloudevents", ["data", "resources", 0, "resource_url"], "x", "registry 'x' is no host"),
    ("quay", ["docker_url"], ..., "field 'docker_url' is missing"),
    ("quay", ["updated_tags"], [1.5], "field 'updated_tags[0]' is a number: it must be text"),
]


@pytest.mark.parametrize(("file", "path", "value", "says"), REFUSED)
def test_a_wrong_field_is_named(file: str, path: list[Any], value: Any, says: str) -> None:
    sample = SAMPLE[file]
    with pytest.raises(InvalidPush) as refused:
        sample.parse(changed(sample, path, value))
    assert says in str(refused.value).replace("\\'", "'")


@pytest.mark.parametrize(
    ("file", "path", "value", "good", "says"),
    [
        ("eventgrid", [0, "eventType"], ..., [PYTHON], "field '[0].eventType' is missing: it must be text"),
        ("eventgrid", [0], 7, [PYTHON], "field '[0]' is a number: it must be an object"),
        ("eventgrid", [0, "data", "target", "tag"], "-x", [PYTHON], '[0]: the event names no image: "image '),
        ("eventgrid", [4, "data", "target", "digest"], True, [NODE], "field '[4].data.target.digest' is true or"),
        ("cloudevents-batch", [1], [], [NODE], "field '[1]' is an array: it must be an object"),
        ("cloudevents-batch", [1, "data"], "e30=", [NODE], "field '[1].data' is 'e30=': it must be an object"),
        ("distribution", ["events", 4, "request"], ..., DISTRIBUTION[:1], "field 'events[4].request' is missing"),
        *(
            (
                "distribution",
                ["events", 4, "request", "host"],
                host,
                DISTRIBUTION[:1],
                f"events[4]: registry {name} ",
            )
            for host, name in (("registry", "'registry'"), ("a b", "'a b'"), ("\ud800", "'\\ud800'"))
        ),
        ("harbor", ["event_data", "resources", 1, "tag"], {}, [DEBIAN], "field 'event_data.resources[1].tag' is an"),
        ("quay", ["updated_tags", 0], 1.5, QUAY[1:], "field 'updated_tags[0]' is a number: it must be text"),
    ],
)
def test_one_bad_event_of_a_list_is_said_and_takes_no_other_down(
    file: str, path: list[Any], value: Any, good: list[Push], says: str
) -> None:
    sample = SAMPLE[file]
    document = changed(sample, path, value)
    assert sample.parse(document) == good
    told = read(sample.dialect, sample.headers, json.dumps(document).encode())
    assert told.pushes == good
    assert [str(reason)[: len(says)] for reason in told.refused] == [says]


def test_a_batch_with_a_bad_event_is_no_handshake() -> None:
    body = json.dumps([7, {"eventType": 7}, *SAMPLE["eventgrid"].document]).encode()
    assert validation_code("eventgrid", {}, body) is None


@pytest.mark.parametrize("dialect", ["eventgrid", "distribution"])
def test_a_list_of_bad_events_alone_is_refused(dialect: str) -> None:
    body = b'{"events": [7, 8]}' if dialect == "distribution" else b"[7, 8]"
    with pytest.raises(InvalidPush, match=r"\[0\]' is a number: it must be an object$"):
        parse(dialect, {}, body)
    assert len(read(dialect, {}, body).refused) == 2


def test_an_unknown_dialect_is_told_the_known_ones() -> None:
    with pytest.raises(InvalidPush, match=r"dialect 'nexus' is not one of acr-webhook, .*, quay$"):
        parse("nexus", {}, b"{}")


FORM = {"Content-Type": "Application/x-www-form-urlencoded; charset=utf-8"}


def test_github_may_send_a_form() -> None:
    sample = SAMPLE["ghcr"]
    document = changed(sample, ["package", "description"], "a + b & c = 100 % \u00fc")
    body = urlencode({"payload": json.dumps(document, ensure_ascii=False)}).encode()
    assert parse("ghcr", {**PACKAGE, **FORM}, body) == [TOOLS]
    assert parse("ghcr", {**PACKAGE, **FORM}, sample.body) == [TOOLS]
    with pytest.raises(InvalidPush, match="is not JSON"):
        parse("ghcr", PACKAGE, body)


@pytest.mark.parametrize("body", [b"payload=", b"payload", b"payload=%7B", b"payload=%FF%zz", b"other=%7B%7D"])
def test_a_form_without_an_event_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidPush, match="the body is not JSON"):
        parse("ghcr", FORM, body)


def test_what_a_sender_wrote_cannot_break_a_log_line() -> None:
    sample = SAMPLE["dockerhub"]
    with pytest.raises(InvalidPush) as refused:
        sample.parse(changed(sample, ["push_data", "tag"], "x\nERROR forged \ud800" + "y" * 100_000))
    assert "\n" not in str(refused.value)
    assert str(refused.value).isascii()
    assert len(str(refused.value)) < 1000
