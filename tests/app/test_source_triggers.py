"""Source triggers: a commit is built once, whether a webhook tells of it, a look finds it, or both."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from app.site import REGISTRY, SCOPE, Site
from app.sourced import DOCKERFILE, MINUTE, SOMETHING_ELSE, TASK, commit, delete_rows, git, hook, look, triggered, watch
from parts.gitserver import GitServer
from parts.registry import Registry

from baselift.app import base_rows, source_rows
from baselift.app.explain import explain_task
from baselift.app.reconcile import reconcile
from baselift.app.watch_sources import watch_sources
from baselift.arm import runs as arm_runs
from baselift.cli import output
from baselift.domain.builds import Image
from baselift.domain.hooks import COMMIT, PULL_REQUEST
from baselift.domain.hooks.repository import canonical
from baselift.domain.runs import Status
from baselift.registry.client import Registries


@pytest.fixture
def site(
    engine_directory: Path, registry: Registry, git_server: GitServer, registries: Registries, bases: dict[str, Image]
) -> Site:
    """A site whose app has no base: these tests are about its commits."""
    made = Site(engine_directory, registry, git_server, registries, bases)
    made.write_app(DOCKERFILE, f="1")
    return made


@pytest.fixture
def private_git(tmp_path: Path) -> Iterator[GitServer]:
    """A git server that asks for a token."""
    server = GitServer.start(tmp_path / "private", token="s3cret-t0ken")
    yield server
    server.stop()


async def test_a_pushed_commit_is_built_by_its_webhook(site: Site):
    await triggered(site)
    pushed = commit(site)
    commit(site, "later")
    (asked,) = await hook(site, commit=pushed, delivery="1")
    await site.drain()
    (run,) = await site.runs()
    assert (run.id, run.status, run.commit, run.run_type) == (asked.id, Status.SUCCEEDED, pushed, "AutoBuild")
    assert f"Fetched commit {pushed}" in await site.log(run)
    shown = arm_runs.show(run, SCOPE)
    trigger = shown["properties"]["sourceTrigger"]
    assert trigger.pop("id")
    assert trigger == {
        "eventType": "Git Commit",
        "commitId": pushed,
        "pullRequestId": None,
        "repositoryUrl": site.context,
        "branchName": "master",
        "providerType": "Gitea",
    }
    assert output.run_columns(output.flat(shown))["TRIGGER"] == "Git Commit"


async def test_without_a_webhook_the_reconciler_builds_the_commit(site: Site):
    await triggered(site)
    await delete_rows(site)
    await site.drain()
    await reconcile(site.world)
    assert await site.runs() == []
    pushed = commit(site)
    site.clock.turn(MINUTE + 1)
    await reconcile(site.world)
    await site.drain()
    (run,) = await site.runs()
    assert (run.status, run.commit, run.cause.kind) == (Status.SUCCEEDED, pushed, "source")
    assert run.cause.details["eventType"] == "Git Commit"
    await look(site)
    assert len(await site.runs()) == 1


async def test_deliveries_and_looks_make_one_run_of_a_commit(site: Site):
    await triggered(site)
    await look(site)
    pushed = commit(site)
    site.clock.turn(MINUTE + 1)
    hooks = [hook(site, commit=pushed, delivery=str(n)) for n in range(20)]
    looks = [watch_sources(site.world) for _ in range(5)]
    await asyncio.gather(*hooks, *looks)
    await hook(site, commit=pushed, delivery="again")
    await look(site, 11 * MINUTE)
    assert len(await site.runs()) == 1


async def test_late_and_shuffled_deliveries_make_one_run_of_each_commit(site: Site):
    await triggered(site)
    await look(site)
    first, second = commit(site, "first"), commit(site, "second")
    for each in (second, first, second, first):
        await hook(site, commit=each)
        await look(site, 11 * MINUTE)
    assert sorted(run.cause.details["commitId"] for run in await site.runs()) == sorted([first, second])


async def test_a_branch_that_is_put_back_is_built_again(site: Site):
    await triggered(site)
    await look(site)
    first = commit(site, "first")
    await look(site)
    second = commit(site, "second")
    await look(site)
    git(site, f"{site.name}.git", "update-ref", "refs/heads/master", first)
    await look(site)
    await look(site)
    built = [run.cause.details["commitId"] for run in await site.runs()]
    assert built == [first, second, first]


async def test_a_pull_request_is_built_at_its_head(site: Site):
    await triggered(site, events=(COMMIT, PULL_REQUEST))
    head = commit(site, "proposed", branch="topic")
    asked = [await hook(site, kind=PULL_REQUEST, commit=head, pull_request="7") for _ in range(2)]
    await site.drain()
    (run,) = await site.runs()
    assert [[each.id for each in runs] for runs in asked] == [[run.id]] * 2
    assert (run.status, run.commit) == (Status.SUCCEEDED, head)
    shown = arm_runs.show(run, SCOPE)
    trigger = shown["properties"]["sourceTrigger"]
    assert (trigger["eventType"], trigger["pullRequestId"], trigger["commitId"]) == ("Pull Request", "7", head)
    assert output.run_columns(output.flat(shown))["TRIGGER"] == "Pull Request"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"repositories": ("github.com/contoso/other",)}, "is for another repository than github.com/contoso/other"),
        ({"branch": "dev"}, "push to branch 'dev': trigger 'defaultSourceTriggerName' follows 'master'"),
        ({"kind": PULL_REQUEST, "pull_request": "7"}, "is not for events of kind pullrequest"),
    ],
)
async def test_an_event_that_does_not_concern_the_trigger_makes_no_run_and_says_why(site: Site, fields, why):
    await triggered(site, branch="master", url=f"{site.context}#master")
    assert await hook(site, **{"commit": SOMETHING_ELSE} | fields) == []
    assert await site.runs() == []
    kept = await source_rows.hook(site.world, REGISTRY, TASK)
    assert kept is not None
    assert why in kept.told
    assert await hook(site, **{"commit": "0" * 40} | fields) == []
    (step,) = (await explain_task(site.world, REGISTRY, TASK)).steps
    assert (step.rule, step.fire, step.count, step.source) == ("source-ignored", False, 2, "webhook Gitea")
    assert why in step.text
    assert step.base.endswith(f"#{fields.get('branch', 'master')}")


async def test_a_disabled_task_or_trigger_builds_no_commit_and_catches_nothing_up(site: Site):
    for off in ({"status": "Disabled"}, {"trigger_status": "Disabled"}):
        await triggered(site, **off)
        await look(site)
        pushed = commit(site, str(off.get("status", 2)))
        assert await hook(site, commit=pushed) == []
        (step,) = (await explain_task(site.world, REGISTRY, TASK)).steps
        assert (step.rule, step.fire) == ("source-ignored", False)
        await look(site)
        await triggered(site)
        await look(site)
        await look(site)
    assert await site.runs() == []


async def test_a_branch_that_az_filled_in_is_the_remotes_default_where_it_is_not_there(site: Site):
    name = f"{site.name}-main"
    url = site.git.create(name, {"Dockerfile": DOCKERFILE, "f": "1"})
    git(site, name, "branch", "-m", "master", "main")
    await triggered(site, url=url, contextPath=url)
    assert await hook(site, commit=SOMETHING_ELSE, branch="dev", repositories=(canonical(url),)) == []
    await look(site)
    assert (await watch(site)).follows == "main"
    pushed = site.git.commit(name, {"new": "file"}, branch="main")
    await look(site, 10 * MINUTE)
    await site.drain()
    (run,) = await site.runs()
    assert (run.commit, run.cause.details["branchName"]) == (pushed, "main")
    assert await hook(site, commit=pushed, branch="main", repositories=(canonical(url),))
    assert len(await site.runs()) == 1


@pytest.mark.parametrize(
    ("paths", "changed", "builds"),
    [
        ({}, {"docs/a.md"}, True),
        ({"context": True}, {"docs/a.md"}, False),
        ({"context": True}, {"docs/a.md", "sub/deep/x"}, True),
        ({"context": True}, {"subway/x"}, False),
        ({"context": True}, None, True),
        ({"patterns": ("docs/*.md", "lib")}, {"docs/a/b.md"}, True),
        ({"patterns": ("docs/*.md", "lib")}, {"library/x", "docs/a.txt"}, False),
    ],
)
async def test_only_changes_under_the_tasks_paths_build(site: Site, paths, changed, builds):
    await triggered(site, contextPath=f"{site.context}#master:sub")
    await source_rows.change_hook(site.world, REGISTRY, TASK, lambda hook: replace(hook, **paths))
    found = None if changed is None else frozenset(changed)
    runs = await hook(site, commit=SOMETHING_ELSE, paths=found)
    assert bool(runs) == builds
    assert [run.request["sourceLocation"] for run in runs] == [f"{site.context}#{SOMETHING_ELSE}:sub"][: len(runs)]


async def test_a_commit_has_the_tasks_bases_read_again(site: Site):
    await triggered(site, events=(PULL_REQUEST,))
    moved = replace(site.base, tag="other")
    await site.push_base("1", moved)
    pushed = site.git.commit(f"{site.name}.git", {"Dockerfile": f"FROM {moved}\n"})
    assert await hook(site, commit=pushed) == []
    await site.drain()
    assert await base_rows.get(site.world, moved) is not None


async def test_the_triggers_token_reads_a_private_repository(site: Site, private_git):
    url = private_git.create(site.name, {"Dockerfile": DOCKERFILE, "f": "1"})
    await triggered(site, contextPath=url, url=url, token=private_git.token)
    await look(site)
    assert (await watch(site)).problem == ""
    pushed = private_git.commit(site.name, {"new": "file"})
    await look(site)
    await site.drain()
    (run,) = await site.runs()
    assert (run.status, run.commit) == (Status.SUCCEEDED, pushed)
    assert private_git.token not in str([row async for row in site.store.query(source_rows.WATCHES)])
