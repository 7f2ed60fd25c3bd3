"""`baselift import`, from one registry of a running app into another one."""

from collections.abc import Iterator
from typing import Any

import pytest
from cli.conftest import Command
from live_app import GROUP, REGISTRY, SUBSCRIPTION, Live, until

from baselift.cli.import_tasks import converted

FROM = ("import", "--from-acr", REGISTRY, "--subscription", SUBSCRIPTION, "--resource-group", GROUP)


@pytest.fixture
def clean(baselift: Command) -> Iterator[None]:
    """The other tests of the command find one registry, and none of these tasks."""
    yield
    for name in ("importing", "sleeping"):
        baselift("registry", "remove", name, "--yes")
    for name in ("plain", "guarded", "sleeper"):
        baselift("task", "delete", "-n", name, "-r", REGISTRY, "--yes")


@pytest.fixture
def target(live: Live, baselift: Command) -> str:
    """A second registry, at an address of its own."""
    assert baselift("registry", "add", "importing", "--login-server", f"127.0.0.1:{live.stack.registry.port}").code == 0
    return "importing"


def watched(baselift: Command, registry: str) -> Any:
    """The task, once its source was read."""
    shown = baselift("task", "show", "-n", "plain", "-r", registry).json
    return shown if shown["edges"] and shown["edges"][0]["builtOn"] else None


@pytest.mark.usefixtures("clean")
def test_tasks_are_created_on_the_digests_of_now_and_nothing_is_built(
    live: Live, baselift: Command, base: str, source: str, target: str
) -> None:
    def create(name: str, *more: str) -> None:
        made = baselift("task", "create", "-n", name, "-r", REGISTRY, "-c", source, "--image", f"{name}:1", *more)
        assert made.code == 0, made.err

    create("plain", "--arg", "WHO=me")
    create("guarded", "--secret-arg", "KEY=hush-hush")
    command = (*FROM, "--url", live.url, "--registry", target)
    dry = baselift(*command, "--dry-run", "-o", "json")
    told = {each["name"]: each for each in dry.json}
    assert told["plain"]["result"] == "would be created, enabled"
    assert told["guarded"]["result"] == "would be created, disabled"
    assert told["guarded"]["needs"][0] == "secret argument KEY"
    assert baselift("task", "list", "-r", target).json == []

    done = baselift(*command, "-o", "tsv")
    assert {row[0]: row[1] for row in done.rows}["plain"] == "created, enabled", done
    assert "hush" not in done.out + done.err
    shown = until(lambda: watched(baselift, target))
    assert [each["name"] for each in shown["step"]["arguments"]] == ["WHO"]
    assert [(each["base"], each["builtOn"] == each["now"]) for each in shown["edges"]] == [(base, True)]
    assert baselift("task", "list-runs", "-r", target).json == []
    again = baselift(*command, "-o", "tsv")
    assert {row[1] for row in again.rows} == {"is here already"}


@pytest.mark.usefixtures("clean")
@pytest.mark.campaign
def test_disabled_creates_nothing_that_fires(live: Live, baselift: Command, source: str) -> None:
    assert baselift("registry", "add", "sleeping", "--login-server", "sleeping.invalid").code == 0
    assert baselift("task", "create", "-n", "sleeper", "-r", REGISTRY, "-c", source, "--image", "sleeper:1").code == 0
    assert baselift(*FROM, "--url", live.url, "--registry", "sleeping", "--disabled").code == 0
    assert {task["status"] for task in baselift("task", "list", "-r", "sleeping").json} == {"Disabled"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--url", "ftp://x"), "--url is 'ftp://x': it must be http://host[:port] or https://host[:port]"),
        (("--url", "http://192.0.2.1"), "no token and no secret is sent to http://192.0.2.1:80 without TLS: use https"),
    ],
)
def test_a_wrong_address_is_one_line(baselift: Command, options: tuple[str, ...], said: str) -> None:
    done = baselift(*FROM, "--registry", REGISTRY, *options)
    assert (done.code, done.err) == (1, f"ERROR: {said}\n")


def test_a_registry_that_is_not_there_is_one_line(live: Live, baselift: Command) -> None:
    done = baselift("import", "--from-acr", "nowhere", *FROM[3:], "--url", live.url, "--registry", REGISTRY)
    assert (done.code, done.err.count("\n"), "'nowhere'" in done.err) == (3, 1, True)


def test_what_cannot_come_along_is_named() -> None:
    task = {
        "name": "all",
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "agentPoolName": "pool",
            "step": {"type": "Docker", "contextPath": "https://git.example/a.git", "baseImageDependencies": [{}]},
            "trigger": {
                "sourceTriggers": [
                    {
                        "name": "s",
                        "sourceRepository": {
                            "repositoryUrl": "https://git.example/a.git",
                            "sourceControlAuthProperties": {"tokenType": "PAT", "token": None},
                        },
                    }
                ]
            },
            "credentials": {
                "customRegistries": {
                    "a.example": {"userName": {"type": "Opaque"}, "password": {"type": "Opaque"}},
                    "b.example": {"identity": "[system]"},
                    "c.example": {
                        "userName": {"type": "Vaultsecret", "value": "https://v.vault.azure.net/secrets/u"},
                        "password": {"type": "Vaultsecret", "value": "https://v.vault.azure.net/secrets/p"},
                    },
                }
            },
        },
    }
    document, needs, secret = converted(task, "here")
    assert secret
    assert needs == [
        "user and password of a.example",
        "a webhook of https://git.example/a.git (docs/triggers.md)",
        "a git access token, if its repository is private",
        "agent pool pool, which it no longer asks for",
        "what its own identity could reach, for the identity of this app",
    ]
    properties = document["properties"]
    assert "agentPoolName" not in properties
    assert "baseImageDependencies" not in properties["step"]
    assert set(properties["credentials"]["customRegistries"]) == {"b.example", "c.example"}
    assert "sourceControlAuthProperties" not in properties["trigger"]["sourceTriggers"][0]["sourceRepository"]
    assert "baseImageDependencies" in task["properties"]["step"], "what was read stays as it was"
