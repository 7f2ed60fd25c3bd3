"""A branch is at a new commit, or a pull request has a new head: build it, where a source trigger says so.

The run key is the commit: a webhook that comes again, one that comes late, and a look at the branch make one run.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

from baselift.app import keys, reasons, source_rows, task_rows
from baselift.app.request_run import Ask, request_run
from baselift.app.scan_task import ask_for_scan
from baselift.app.source_rows import Hook, Watch
from baselift.app.task_rows import StoredTask
from baselift.app.world import World
from baselift.domain import requests, source_triggers, tasks
from baselift.domain.hooks import COMMIT, SourceEvent
from baselift.domain.runs import Cause, Run
from baselift.domain.source_triggers import EVENT_TYPES, SourceTrigger

NOTHING = "it told of no branch and no pull request with a new commit"
OFF = "the task is disabled"
NO_STEP = "the task has no step"
NO_TRIGGER = "the task has no enabled source trigger"

log = logging.getLogger(__name__)


async def on_source(world: World, task: StoredTask, hook: Hook, events: Sequence[SourceEvent]) -> list[Run]:
    """Act on what a webhook of the task told, and keep what followed. Done again, it asks for no run twice."""
    with world.telemetry.span("source", **{"baselift.registry": task.registry, "baselift.task": task.name}):
        return await _act(world, task, hook, events)


async def _act(world: World, task: StoredTask, hook: Hook, events: Sequence[SourceEvent]) -> list[Run]:
    runs: dict[str, Run] = {}
    told: list[str] = []
    watches = await source_rows.watches(world, task.registry, task.name)
    triggers = source_triggers.of_task(task.document)
    for event in events if not triggers else ():
        await _ignored(world, task, event, NO_TRIGGER)
    for trigger in triggers:
        watch = watches.get(trigger.name) or source_rows.new_watch(task, trigger)
        for event in events:
            reason = _refusal(task, hook, trigger, event, watch)
            if reason is None:
                run = await build_commit(world, task, trigger, event, key(trigger, event))
                runs[run.id] = run
                reason = f"run {run.id} builds commit {event.commit} of branch '{event.branch}'"
            else:
                await _ignored(world, task, event, reason)
            told.append(reason)
        await _note(world, watch, trigger, events)
    await scan_again(world, task, events)
    await _keep(world, task, events, told or ([NO_TRIGGER] if events else [NOTHING]))
    return list(runs.values())


async def build_commit(world: World, task: StoredTask, trigger: SourceTrigger, event: SourceEvent, key: str) -> Run:
    """Ask for the run that builds the event's commit. `key` tells its cause from others; the same makes one run."""
    details = {
        "eventType": EVENT_TYPES[event.kind],
        "commitId": event.commit,
        "repositoryUrl": trigger.url,
        "branchName": event.branch,
        "providerType": event.provider or trigger.provider,
    }
    if event.pull_request:
        details["pullRequestId"] = event.pull_request
    cause = Cause("source", key, world.now().isoformat(), details=details)
    document = world.unseal(task.document)
    token = source_triggers.token(document, trigger.name)
    request = source_triggers.at_commit(requests.of_task(document), trigger, event.commit, token)
    kind = requests.run_type(request, of_task=True)
    return await request_run(world, Ask(task.registry, cause, request, kind, task.name))


def key(trigger: SourceTrigger, event: SourceEvent) -> str:
    """What makes one run of the task: repository and commit, for a pull request also its number."""
    number = f"pull {event.pull_request} " if event.pull_request else ""
    return f"{number}{keys.short(trigger.repository, 16)}@{event.commit}"


async def scan_again(world: World, task: StoredTask, events: Sequence[SourceEvent]) -> None:
    """Have the task's source read again where an event says that it is another now: its bases may be, too."""
    if any(source_triggers.concerns_context(task.document, event) for event in events):
        await task_rows.expect_scan(world, task.registry, task.name)
        await ask_for_scan(world, task.registry, task.name)


def _refusal(task: StoredTask, hook: Hook, trigger: SourceTrigger, event: SourceEvent, watch: Watch) -> str | None:
    """Why the event makes no run of the task; None when it makes one."""
    if not tasks.enabled(task.document):
        return OFF
    if not tasks.step(task.document):
        return NO_STEP
    directory = source_triggers.directory(task.document)
    return source_triggers.judge(trigger, event, hook.paths, directory, watch.follows or None)


async def _ignored(world: World, task: StoredTask, event: SourceEvent, reason: str) -> None:
    source, text = f"{event.repositories[0]}#{event.branch}", f"{reason} (commit {event.commit})"
    with reasons.told_by(f"webhook {event.provider}".rstrip()):
        await reasons.source_ignored(world, task.registry, task.name, source, text)


async def _note(world: World, watch: Watch, trigger: SourceTrigger, events: Sequence[SourceEvent]) -> None:
    """Keep on the trigger that webhooks reach it, and the commit that this one told of its branch."""
    own = [event for event in events if trigger.repository in event.repositories]
    if not own:
        return
    known, now = watch.follows or None, world.now().isoformat()
    pushed = [each for each in own if each.kind == COMMIT and trigger.follows(each.branch, each.default_branch, known)]

    def heard(stored: Watch) -> Watch:
        return replace(stored, heard=now, told=pushed[-1].commit if pushed else stored.told, missed="")

    await source_rows.note(world, watch, heard)


async def _keep(world: World, task: StoredTask, events: Sequence[SourceEvent], told: Sequence[str]) -> None:
    """Keep on the task's webhook what followed from its last delivery."""
    delivery, said = events[0].delivery if events else "", "; ".join(dict.fromkeys(told))[:1000]

    def heard(stored: Hook) -> Hook:
        return replace(stored, heard=world.now().isoformat(), delivery=delivery, told=said)

    await source_rows.change_hook(world, task.registry, task.name, heard)
    log.info("task %s, webhook %s: %s", task.name, delivery, said)
