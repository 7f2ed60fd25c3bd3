"""The closed set of rules that decisions about moved bases name, and what each means to the people who ask."""

from collections.abc import Mapping

RULES: Mapping[str, str] = {
    "moved": "the base moved, and the task is built again for it",
    "current": "the task was already built, or asked to build, on what the base is now",
    "same-digest": "a push was told of, but the tag is where it was: the registry gives the same digest",
    "task-disabled": "the task is disabled: `baselift task update --status Enabled` has it follow its bases again",
    "trigger-disabled": (
        "the task's base image trigger is off or absent: "
        "`baselift task update --base-image-trigger-enabled true` turns it on"
    ),
    "pinned": "the Dockerfile names a digest, which cannot move: name the tag alone to follow it",
    "ignored-edge": "the edge is set to be ignored: `baselift task edge set --policy default` has it count again",
    "untracked": (
        "a buildtime base counts only for a trigger of type All: "
        "`baselift task update --base-image-trigger-type All` tracks every base, "
        "`baselift task edge set --policy rebuild` this one"
    ),
    "own-output": "the base is what the task itself pushes: following it would rebuild for ever",
    "new-tag": "a new tag was pushed; tasks follow the tags that their Dockerfiles name, and no task names this one",
    "tag-absent": "the registry has no such tag",
    "unreachable": "the registry could not be asked; the reconciler asks again",
    "platform-unchanged": "the index moved, and the image for the platform that the task builds is the same",
    "platform-absent": "the index has no image for the platform that the task builds",
    "joins-wave": "the task waits in a wave that has begun, and is built there on what the base is by then",
    "settling": "the push is joined with others of one multi-arch update until the settle window ends",
    "requested": "somebody asked for the run",
    "timer": "a timer of the task was due",
    "source": "the source was pushed to",
    "source-ignored": (
        "something happened in a repository that none of the task's source triggers is for: "
        "`baselift task source` shows what they follow, and which files count"
    ),
}
"""Rule and meaning. `moved`, `requested`, `timer` and `source` start runs, the others start none."""
