"""A task's source webhook: how it is shown with the state of the task's source triggers, and how it is changed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from baselift.app.source_rows import Hook, Watch
from baselift.app.watch_sources import next_look
from baselift.arm import rules, shapes
from baselift.arm.shapes import Each, Field, Flag, Model, Text
from baselift.domain.hooks import COMMIT, PULL_REQUEST
from baselift.domain.source_triggers import SourceTrigger

CHANGE = Model(
    {
        "paths": Field(Each(Text(most=512, check=rules.path_pattern), most=50)),
        "contextOnly": Field(Flag()),
        "newSecret": Field(Flag()),
    }
)
NO_PULL_REQUESTS = "no webhook told of this repository yet, and pull requests come by webhook only"


def change(body: Any, hook: Hook, salt: str) -> Hook:
    """The webhook after a PATCH: `paths` and `contextOnly` replace each other, `newSecret` takes the new `salt`.

    Raises:
        ApiError: 400; the message names the field.
    """
    given = shapes.document(CHANGE, body, partial=True)
    if given.get("newSecret"):
        hook = replace(hook, salt=salt)
    if "paths" in given:
        hook = replace(hook, patterns=tuple(given["paths"]), context=False)
    if "contextOnly" in given:
        patterns = () if given["contextOnly"] else hook.patterns
        hook = replace(hook, context=given["contextOnly"], patterns=patterns)
    return hook


def show(
    name: str,
    url: str,
    secret: str | None,
    hook: Hook | None,
    triggers: Sequence[SourceTrigger],
    watches: Mapping[str, Watch],
    every: timedelta,
) -> dict[str, Any]:
    """The webhook and its triggers as an answer; `secret` only for who may see secrets. `every`: between two looks."""
    known = hook or Hook("")
    last = {"time": known.heard, "id": known.delivery or None, "result": known.told}
    return {
        "name": name,
        "url": url,
        **({"secret": secret} if secret else {}),
        "paths": list(known.patterns),
        "contextOnly": known.context,
        "lastDelivery": last if known.heard else None,
        "triggers": [_trigger(each, watches.get(each.name), every) for each in triggers],
    }


def _trigger(trigger: SourceTrigger, watch: Watch | None, every: timedelta) -> dict[str, Any]:
    seen = watch or Watch("", "", trigger.name, trigger.url, trigger.branch or "")
    at = next_look(seen, every)
    looks = COMMIT in trigger.kinds
    return {
        "name": trigger.name,
        "repositoryUrl": trigger.url,
        "branch": seen.follows or trigger.branch,
        "events": sorted(trigger.kinds),
        "by": _way(seen, looks=looks),
        "commit": seen.heads[-1] if seen.heads else None,
        "lastEvent": seen.heard or None,
        "lastLook": seen.looked or None,
        "nextLook": at.isoformat() if at and looks else None,
        "problem": _problem(trigger, seen),
    }


def _way(watch: Watch, *, looks: bool) -> str | None:
    """What the trigger works by now: `webhook`, `polling`, or nothing."""
    if watch.heard and not watch.missed:
        return "webhook"
    return "polling" if looks and watch.looked and not watch.problem else None


def _problem(trigger: SourceTrigger, watch: Watch) -> str | None:
    if watch.problem:
        return watch.problem
    if watch.missed:
        return f"at {watch.missed} a commit was found that no webhook had told of"
    if PULL_REQUEST in trigger.kinds and not watch.heard:
        return NO_PULL_REQUESTS
    return None
