"""Webhooks of every git host in, commits and pull requests out; and who may send them."""

import base64
import copy
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselift.domain.hooks import COMMIT, PULL_REQUEST, InvalidHook, SourceEvent, dialect_of, parse, verify
from baselift.domain.hooks.repository import canonical
from baselift.domain.hooks.senders import secret_of
from baselift.domain.source_triggers import Paths, SourceTrigger, judge

ASSETS = Path(__file__).parent.parent / "assets" / "hooks"
DIALECTS = ["azure-devops", "gitea", "github", "gitlab", "signed"]
PUSHED, HEAD = "2e" * 20, "3d" * 20
PATHS = frozenset({"docs/new.md", "src/app.py"})
SECRET = "It's a Secret to Everybody"  # pragma: allowlist secret


def github(event: str) -> dict[str, str]:
    return {"X-GitHub-Event": event, "X-GitHub-Delivery": "d-1"}


def gitea(event: str) -> dict[str, str]:
    return {"X-Gitea-Event": event, "X-GitHub-Event": event, "X-Gitea-Delivery": "d-1"}


def gitlab(event: str) -> dict[str, str]:
    return {"X-Gitlab-Event": event, "Idempotency-Key": "d-1"}


def event(repository: str, provider: str, **fields: Any) -> SourceEvent:
    given = {"kind": COMMIT, "branch": "main", "commit": PUSHED, "default_branch": "main", "delivery": "d-1"}
    return SourceEvent(**({"repositories": (repository,), "provider": provider} | given | fields))


def pull(repository: str, provider: str, number: str, **fields: Any) -> SourceEvent:
    return event(repository, provider, **({"kind": PULL_REQUEST, "commit": HEAD, "pull_request": number} | fields))


HUB, TEA, LAB = "github.com/contoso/app", "gitea.example:3000/contoso/app", "gitlab.example/contoso/group/app"
DEVOPS, OTHER = "dev.azure.com/contoso/web shop/_git/app", "git.example/contoso/app"
AZURE_PUSH = {"delivery": "03c164c2-8912-4d5e-8009-3707d5f83734"}
AZURE_PULL = {"delivery": "2ab4e3d3-b7a6-425e-92b1-5a9982c1269e"}
VSTS = "VisualStudioTeamService"


class Sample(NamedTuple):
    file: str
    headers: dict[str, str]
    events: list[SourceEvent]

    @property
    def dialect(self) -> str:
        return next(each for each in DIALECTS if self.file.startswith(each))

    @property
    def body(self) -> bytes:
        return (ASSETS / f"{self.file}.json").read_bytes()


SIGNED = {"X-Hub-Signature-256": "sha256=0"}
SAMPLES = [
    Sample("github-push", github("push"), [event(HUB, "Github", paths=PATHS | {"old.txt"})]),
    Sample("github-push-forced", github("push"), [event(HUB, "Github")]),
    Sample("github-push-new-branch", github("push"), [event(HUB, "Github", branch="topic/one")]),
    Sample("github-push-tag", github("push"), []),
    Sample("github-push-deleted", github("push"), []),
    Sample("github-push", github("create"), []),
    Sample("github-ping", github("ping"), []),
    *(
        Sample(f"github-pull-request-{action}", github("pull_request"), [pull(HUB, "Github", "7")])
        for action in ("opened", "synchronize", "reopened")
    ),
    *(Sample(f"github-pull-request-{action}", github("pull_request"), []) for action in ("closed", "labeled")),
    Sample("gitea-push", gitea("push"), [event(TEA, "Gitea", paths=PATHS)]),
    Sample("gitea-push-many", gitea("push"), [event(TEA, "Gitea")]),
    Sample("gitea-push", {"X-Forgejo-Event": "push"}, [event(TEA, "Gitea", paths=PATHS, delivery="")]),
    Sample("gitea-pull-request", gitea("pull_request"), [pull(TEA, "Gitea", "4")]),
    Sample("gitea-pull-request", gitea("pull_request_sync"), [pull(TEA, "Gitea", "4")]),
    Sample("gitea-pull-request-closed", gitea("pull_request"), []),
    Sample("gitlab-push", gitlab("Push Hook"), [event(LAB, "GitLab", paths=PATHS)]),
    Sample("gitlab-push-many", gitlab("Push Hook"), [event(LAB, "GitLab")]),
    Sample("gitlab-push-deleted", gitlab("Push Hook"), []),
    Sample("gitlab-tag", gitlab("Tag Push Hook"), []),
    Sample("gitlab-merge-request-open", gitlab("Merge Request Hook"), [pull(LAB, "GitLab", "12")]),
    Sample("gitlab-merge-request-pushed", gitlab("Merge Request Hook"), [pull(LAB, "GitLab", "12")]),
    Sample("gitlab-merge-request-titled", gitlab("Merge Request Hook"), []),
    Sample("gitlab-merge-request-merged", gitlab("Merge Request Hook"), []),
    Sample(
        "azure-devops-push",
        {},
        [event(DEVOPS, VSTS, **AZURE_PUSH), event(DEVOPS, VSTS, **AZURE_PUSH, branch="next", commit=HEAD)],
    ),
    Sample("azure-devops-pull-request", {}, [pull(DEVOPS, VSTS, "21", **AZURE_PULL)]),
    Sample("azure-devops-pull-request-updated", {}, [pull(DEVOPS, VSTS, "21", **AZURE_PULL)]),
    Sample("azure-devops-pull-request-completed", {}, []),
    Sample("azure-devops-work-item", {}, []),
    Sample("signed-push", SIGNED, [event(OTHER, "Webhook", paths=PATHS, default_branch=None, delivery="17")]),
    Sample(
        "signed-pull-request",
        SIGNED,
        [pull(OTHER, "Webhook", "7", delivery="", repositories=(OTHER, "mirror.example/app"))],
    ),
    Sample("signed-deleted", SIGNED, []),
]
TELLING = [sample for sample in SAMPLES if sample.events]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.file)
def test_an_event_tells_of_what_has_a_new_commit(sample: Sample) -> None:
    assert parse(sample.dialect, sample.headers, sample.body) == sample.events
    assert dialect_of(sample.headers) == sample.dialect


def test_a_form_holds_the_event_in_its_field_payload() -> None:
    sample = SAMPLES[0]
    headers = sample.headers | {"Content-Type": "application/x-www-form-urlencoded"}
    assert parse("github", headers, urlencode({"payload": sample.body}).encode()) == sample.events


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "the body is an array: it must be an object"),
        (b"{}", "field 'ref' is missing"),
    ],
)
def test_a_body_that_is_no_event_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(InvalidHook, match=message):
        parse("github", github("push"), body)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("commit", "HEAD", "'commit' is 'head': it must be a commit's full id"),
        ("commit", PUSHED[:-1], "it must be a commit's full id"),
        ("branch", "a..b", "'branch' is 'a..b': it must be the name of a branch"),
        ("branch", "--upload-pack=x", "it must be the name of a branch"),
        ("branch", None, "field 'branch' is missing"),
        ("repository", "git@git.example:app", "'repository' must be the http"),
        ("repository", "file:///etc", "'repository' must be the http"),
        ("repository", [], "must be"),
        ("pullRequest", "../7", "'pullRequest' must be the number of a pull request"),
        ("pullRequest", True, "'pullRequest' must be the number of a pull request"),
    ],
)
def test_names_that_git_cannot_have_are_refused(field: str, value: Any, message: str) -> None:
    document = json.loads((ASSETS / "signed-push.json").read_text()) | {field: value}
    with pytest.raises(InvalidHook, match=message):
        parse("signed", {}, json.dumps(document).encode())


def test_a_system_hook_about_something_else_is_no_event() -> None:
    told = {"event_name": "project_create", "project_id": 74, "path_with_namespace": "contoso/app"}
    assert parse("gitlab", gitlab("System Hook"), json.dumps(told).encode()) == []
    with pytest.raises(InvalidHook, match="field 'object_kind' is missing"):
        parse("gitlab", gitlab("System Hook"), b"{}")


def test_an_unknown_dialect_is_refused() -> None:
    with pytest.raises(InvalidHook, match="'svn' is not one of azure-devops, gitea"):
        parse("svn", {}, b"{}")


def test_a_hook_of_azure_devops_without_details_says_what_to_set() -> None:
    with pytest.raises(InvalidHook, match="'Resource details to send' to All"):
        parse("azure-devops", {}, (ASSETS / "azure-devops-minimal.json").read_bytes())


def test_an_event_about_endless_branches_is_refused_and_too_many_paths_are_not_looked_at() -> None:
    push = json.loads((ASSETS / "azure-devops-push.json").read_text())
    push["resource"]["refUpdates"] = push["resource"]["refUpdates"][:1] * 201
    with pytest.raises(InvalidHook, match="more than 200 branches"):
        parse("azure-devops", {}, json.dumps(push).encode())
    signed = json.loads((ASSETS / "signed-push.json").read_text())
    signed["paths"] = [str(number) for number in range(10_001)]
    assert parse("signed", {}, json.dumps(signed).encode())[0].paths is None


def places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a document, with each of its keys."""
    keys = document if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    for key in list(keys):
        yield document, key
        yield from places(document[key])


@settings(max_examples=300)
@given(st.sampled_from(TELLING), st.integers(0, 10_000), st.sampled_from([None, 7, True, "", "x", [], {}, "\ud800"]))
def test_a_hostile_body_is_an_event_or_refused(sample: Sample, place: int, value: Any) -> None:
    document = copy.deepcopy(json.loads(sample.body))
    found = list(places(document))
    container, key = found[place % len(found)]
    container[key] = value
    try:
        events = parse(sample.dialect, sample.headers, json.dumps(document).encode())
    except InvalidHook as error:
        assert len(str(error)) < 500  # noqa: PT017
        assert str(error).isascii()  # noqa: PT017
    else:
        assert all(isinstance(each, SourceEvent) for each in events)


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("https://github.com/Contoso/App.git#main:dir", "github.com/contoso/app"),
        ("github.com/contoso/app", "github.com/contoso/app"),
        ("http://user:pass@Host.example:8080/a/b.git/", "host.example:8080/a/b.git"[:-4]),  # pragma: allowlist secret
        ("https://host.example:443/a/b", "host.example/a/b"),
        ("https://contoso@dev.azure.com/contoso/Shop/_git/App", "dev.azure.com/contoso/shop/_git/app"),
        ("https://contoso.visualstudio.com/DefaultCollection/Shop/_git/App", "dev.azure.com/contoso/shop/_git/app"),
        ("https://contoso.visualstudio.com/_git/App", "dev.azure.com/contoso/app/_git/app"),
        ("https://dev.azure.com/contoso/_git/App", "dev.azure.com/contoso/app/_git/app"),
        ("https://tfs.example/tfs/Shop/_git/App", "tfs.example/tfs/shop/_git/app"),
        ("ssh://git@github.com/contoso/app", ""),
        ("git@github.com:contoso/app.git", ""),
        ("https://[", ""),
        ("https://host.example", ""),
        ("https://host.example/a\ud800", ""),
        ("https://host.example/a%00", ""),
        ("https://" + "a" * 3000, ""),
    ],
)
def test_addresses_of_one_repository_have_one_form(url: str, form: str) -> None:
    assert canonical(url) == form


def shows(dialect: str, secret: str, body: bytes) -> list[dict[str, str]]:
    """The headers by which a dialect shows a secret."""
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    hub = {"X-Hub-Signature-256": f"sha256={signature}"}
    basic = base64.b64encode(f"anyone:{secret}".encode()).decode()
    return {
        "azure-devops": [{"Authorization": f"Basic {basic}"}, {"Authorization": f"Bearer {secret}"}],
        "gitea": [{"X-Gitea-Signature": signature}, {"X-Forgejo-Signature": signature}, hub],
        "github": [hub],
        "gitlab": [{"X-Gitlab-Token": secret}],
        "signed": [hub],
    }[dialect]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_who_knows_a_secret_may_send(dialect: str) -> None:
    for headers in shows(dialect, SECRET, b"{}"):
        assert verify(dialect, headers, b"{}", [SECRET])
        assert verify(dialect, {name.lower(): value for name, value in headers.items()}, b"{}", ["new", SECRET])
        assert not verify(dialect, headers, b"{}", [])
        assert not verify(dialect, headers, b"{}", [""])
        assert not verify(dialect, headers, b"{}", [SECRET + "x"])
    for headers in shows(dialect, "", b"{}"):
        assert not verify(dialect, headers, b"{}", ["", SECRET])


@pytest.mark.parametrize("dialect", ["gitea", "github", "signed"])
def test_a_signature_is_of_the_body(dialect: str) -> None:
    for headers in shows(dialect, SECRET, b"{}"):
        assert not verify(dialect, headers, b"{} ", [SECRET])


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("text", ["", "sha256=", "Basic", "Basic %%%", "Basic YQ==", "Bearer ", "\ud800", SECRET])
def test_anything_else_in_the_header_is_refused(dialect: str, text: str) -> None:
    names = ("Authorization", "X-Hub-Signature-256", "X-Gitea-Signature", "X-Forgejo-Signature")
    headers = dict.fromkeys(names, text) | {"X-Gitlab-Token": text.replace(SECRET, SECRET[:-1])}
    assert not verify(dialect, headers, b"{}", [SECRET])


def test_a_signature_is_the_one_that_github_documents() -> None:
    signature = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"  # pragma: allowlist secret
    assert verify("github", {"X-Hub-Signature-256": f"sha256={signature}"}, b"Hello, World!", [SECRET])


def test_every_task_key_and_salt_has_a_secret_of_its_own() -> None:
    made = {
        secret_of(key, registry, task, salt)
        for key in (b"k" * 32, b"l" * 32)
        for registry, task in (("one", "task"), ("on", "etask"), ("two", "task"), ("one", "other"))
        for salt in ("a", "b")
    }
    assert len(made) == 16
    assert secret_of(b"k", "One", "Task", "a") == secret_of(b"k", "one", "TASK", "a")


def trigger(branch: str | None, *, filled_in: bool = False) -> SourceTrigger:
    return SourceTrigger("t", frozenset({COMMIT}), f"https://{HUB}.git", branch, filled_in, "Github")


@pytest.mark.parametrize(
    ("followed", "branch", "default", "known", "says"),
    [
        (trigger(None), "main", "main", None, None),
        (trigger(None), "main", "main", "master", None),
        (trigger(None), "master", "main", "master", "follows 'main'"),
        (trigger(None), "main", None, "main", None),
        (trigger(None), "main", None, None, "follows 'the default branch'"),
        (trigger("master"), "main", "main", None, "follows 'master'"),
        (trigger("master", filled_in=True), "main", "main", "master", "follows 'master'"),
        (trigger("master", filled_in=True), "main", "main", "main", None),
        (trigger("master", filled_in=True), "master", "main", "main", None),
    ],
)
def test_a_trigger_without_a_branch_follows_the_default_one_of_the_events_time(
    followed: SourceTrigger, branch: str, default: str | None, known: str | None, says: str | None
) -> None:
    told = judge(followed, event(HUB, "Github", branch=branch, default_branch=default), Paths(), None, known)
    assert told is None if says is None else says in str(told)
