"""Webhooks of git hosts and looks at branches, on the running app: a pushed commit is built, once."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from live_app import REGISTRY, WHERE, Answer, Live, live_app, until

ASSETS = Path(__file__).parent.parent / "assets" / "hooks"
COMMIT = "2e" * 20


@pytest.fixture(scope="module")
def looking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The app; branches are looked at each second where no webhook arrives."""
    settings = {"BASELIFT_SOURCE_SECONDS": "1"}
    with live_app(tmp_path_factory.mktemp("sources") / "state", notifications=False, settings=settings) as parts:
        yield parts


@dataclass(frozen=True)
class Task:
    """A task whose source trigger follows its repository's branch."""

    live: Live
    name: str

    @classmethod
    def create(cls, live: Live, name: str, url: str | None = None, events: tuple[str, ...] = ("commit",)) -> "Task":
        context = live.git.create(name, {"Dockerfile": "FROM scratch\nCOPY f /f\n", "f": "1"})
        source = {"repositoryUrl": url or context, "branch": "main" if url else "master"}
        trigger = {"name": "t", "sourceTriggerEvents": list(events), "sourceRepository": source}
        step = {"type": "Docker", "dockerFilePath": "Dockerfile", "contextPath": context, "isPushEnabled": False}
        properties = {"step": step, "trigger": {"sourceTriggers": [trigger]}}
        live.client.tasks.create(*WHERE, name, {"location": "local", "properties": properties})
        return cls(live, name)

    def commit(self, text: str) -> str:
        return self.live.git.commit(self.name, {"f": text})

    def source(self) -> Any:
        return self.live.ask("GET", f"tasks/{self.name}/source").json

    def details(self) -> Any:
        answer = self.live.ask("POST", f"tasks/{self.name}/listSource")
        assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
        return answer.json

    def change(self, **body: Any) -> Answer:
        return self.live.ask("PATCH", f"tasks/{self.name}/source", body)

    def send(self, content: bytes, headers: dict[str, str], path: str | None = None) -> Answer:
        return self.live.send("POST", path or f"/sources/{REGISTRY}/{self.name}", content, headers)

    def signed(self, secret: str, **event: Any) -> Answer:
        """Send an event in the generic form."""
        given = {"repository": self.live.git.address(self.name), "branch": "master", "commit": COMMIT} | event
        content = json.dumps(given).encode()
        return self.send(content, hub(secret, content))

    def runs(self) -> list[Any]:
        return list(self.live.client.runs.list(*WHERE, filter=f"TaskName eq '{self.name}'"))


def hub(secret: str, content: bytes) -> dict[str, str]:
    return {"X-Hub-Signature-256": f"sha256={hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()}"}


def asset(name: str) -> bytes:
    return (ASSETS / f"{name}.json").read_bytes()


def test_a_webhook_builds_the_commit_that_was_pushed(looking: Live):
    task = Task.create(looking, "hooked-task")
    pushed, later = task.commit("2"), task.commit("3")
    secret = task.details()["secret"]
    first = task.signed(secret, commit=pushed, delivery="1")
    assert first.status == 200
    again = [task.signed(secret, commit=pushed, delivery=str(n)) for n in range(3)]
    (name,) = first.json["runs"]
    assert [answer.json["runs"] for answer in again] == [[name]] * 3
    run = looking.ended(looking.client.runs.get(*WHERE, name))
    assert run.properties.status == "Succeeded", looking.log(name)
    assert f"Fetched commit {pushed}" in looking.log(name)
    trigger = run.properties.source_trigger.as_dict()
    assert trigger.pop("id")
    assert trigger == {
        "eventType": "Git Commit",
        "commitId": pushed,
        "pullRequestId": None,
        "repositoryUrl": looking.git.address(task.name),
        "branchName": "master",
        "providerType": "Webhook",
    }
    (last,) = task.signed(secret, commit=later).json["runs"]
    shown = task.source()
    assert "secret" not in shown
    assert shown["lastDelivery"]["result"] == f"run {last} builds commit {later} of branch 'master'"
    (state,) = shown["triggers"]
    assert (state["by"], state["problem"]) == ("webhook", None)


def test_without_a_webhook_a_pushed_commit_is_built_too(looking: Live):
    task = Task.create(looking, "looked-task")
    until(lambda: task.source()["triggers"][0]["commit"])
    assert task.runs() == []
    pushed = task.commit("2")
    run = looking.ended(until(lambda: next(iter(task.runs()), None)))
    assert run.properties.status == "Succeeded", looking.log(run.name)
    assert (run.properties.source_trigger.commit_id, run.properties.run_type) == (pushed, "AutoBuild")
    state = until(lambda: next((each for each in task.source()["triggers"] if each["commit"] == pushed), None))
    assert (state["by"], state["branch"], state["problem"]) == ("polling", "master", None)
    assert task.details()["lastDelivery"] is None
    assert len(task.runs()) == 1


@pytest.mark.parametrize(
    ("file", "headers", "event_type", "path"),
    [
        ("github-push", {"X-GitHub-Event": "push"}, "Git Commit", "contoso/app.git"),
        ("github-pull-request-opened", {"X-GitHub-Event": "pull_request"}, "Pull Request", "Contoso/App"),
        ("gitlab-push", {"X-Gitlab-Event": "Push Hook"}, "Git Commit", "contoso/group/app.git"),
        ("gitea-push", {"X-Gitea-Event": "push"}, "Git Commit", "contoso/app"),
        ("azure-devops-push", {}, "Git Commit", "contoso/Web%20Shop/_git/App"),
    ],
)
def test_every_host_is_heard_by_its_own_headers(looking: Live, file, headers, event_type, path):
    task = Task.create(looking, f"host-{file}"[:50], f"{looking.git.url}/{path}", events=("commit", "pullrequest"))
    # The hosts' own addresses would be looked at: the sample's repository is moved to this machine.
    content = re.sub(rb'"https?://[a-z.]+(:3000)?/', f'"{looking.git.url}/'.encode(), asset(file))
    secret = task.details()["secret"]
    assert task.send(content, headers).status == 401
    shown = {
        "X-Gitlab-Event": {"X-Gitlab-Token": secret},
        "X-Gitea-Event": {"X-Gitea-Signature": hub(secret, content)["X-Hub-Signature-256"].removeprefix("sha256=")},
        "X-GitHub-Event": hub(secret, content),
        "": {"Authorization": "Basic " + base64.b64encode(f"baselift:{secret}".encode()).decode()},
    }[next(iter(headers), "")]
    answer = task.send(content, headers | shown)
    assert answer.status == 200
    (name,) = answer.json["runs"]
    assert looking.client.runs.get(*WHERE, name).properties.source_trigger.event_type == event_type


def test_who_does_not_know_the_secret_is_refused_and_learns_nothing(looking: Live):
    task, other = Task.create(looking, "closed-task"), Task.create(looking, "other-task")
    assert task.signed("").status == 401
    secret = task.details()["secret"]
    answers = [
        task.signed(""),
        task.signed(secret[:-1]),
        task.signed(other.details()["secret"]),
        task.send(b"garbage", {}),
        task.send(b"{}", {"Authorization": f"Bearer {looking.webhook_secret}"}),
        task.send(b"{}", {}, f"/sources/{REGISTRY}/no-such-task"),
        task.send(b"{}", {}, "/sources/nothing/no-such-task"),
        task.send(b"{}", {}, f"/sources/{REGISTRY}/x%00y"),
    ]
    assert [(answer.status, answer.code) for answer in answers] == [(401, "Unauthorized")] * len(answers)
    assert len({answer.message for answer in answers[3:]}) == 1
    assert task.source()["lastDelivery"] is None


def test_a_new_secret_ends_the_one_before(looking: Live):
    task = Task.create(looking, "rotated-task")
    before = task.details()["secret"]
    assert task.details()["secret"] == before
    after = task.change(newSecret=True).json["secret"]
    assert after != before
    assert task.signed(before, branch="dev").status == 401
    assert task.signed(after, branch="dev").json == {"runs": []}


def test_an_event_that_concerns_nobody_is_taken_and_explained(looking: Live):
    task = Task.create(looking, "quiet-task")
    secret = task.details()["secret"]
    for event, why in (
        ({"branch": "dev"}, "push to branch 'dev'"),
        ({"repository": "https://github.com/a/b"}, "another repository than github.com/a/b"),
        ({"pullRequest": 7}, "not for events of kind pullrequest"),
        ({"commit": "0" * 40}, "told of no branch and no pull request"),
    ):
        assert task.signed(secret, **event).json == {"runs": []}
        assert why in task.source()["lastDelivery"]["result"]


def test_a_body_that_is_no_event_is_a_bad_request_and_kept_as_such(looking: Live):
    task = Task.create(looking, "garbage-task")
    secret = task.details()["secret"]
    for content in (b"", b"garbage", b"[]", b'{"commit": 7}', b"[" * 100_000):
        answer = task.send(content, hub(secret, content))
        assert (answer.status, answer.code) == (400, "InvalidRequest")
        assert task.source()["lastDelivery"]["result"] == answer.message
    content = b" " * (25 * 1024 * 1024 + 1)
    assert task.send(content, hub(secret, content)).status == 413


def test_paths_are_kept_beside_the_task(looking: Live):
    task = Task.create(looking, "paths-task")
    secret = task.details()["secret"]
    assert task.change(paths=["src", "docs/*.md"]).json["paths"] == ["src", "docs/*.md"]
    Task.create(looking, task.name)
    assert task.source()["paths"] == ["src", "docs/*.md"]
    assert task.signed(secret, paths=["README.md"]).json == {"runs": []}
    assert "no changed file is under a path" in task.source()["lastDelivery"]["result"]
    assert len(task.signed(secret, paths=["src/a"]).json["runs"]) == 1
    assert task.change(contextOnly=True).json["paths"] == []
    assert task.change(paths=["../x"]).message.startswith("paths[0] is '../x': it must be the path of a file")
    assert task.change(contextOnly=7).code == "InvalidRequest"


def test_a_task_that_does_not_exist_has_no_webhook(looking: Live):
    assert looking.ask("POST", "tasks/absent-task/listSource").code == "ResourceNotFound"
    assert looking.ask("GET", "tasks/absent-task/source").code == "ResourceNotFound"
