"""Decide whether a dependent is rebuilt because its base moved. No I/O: the verdict is a value, with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from baselift.domain import tasks
from baselift.domain.edges import policies
from baselift.domain.images import Reference
from baselift.domain.platforms import choose


@dataclass(frozen=True, slots=True)
class Base:
    """A watched tag: where it is, and how often it moved."""

    image: Reference
    digest: str
    generation: int
    """Counts movements. A tag may go A, B, A: the digest alone would hide two of them."""
    manifests: Mapping[str, str] = field(default_factory=dict)
    """Of an index: platform -> digest of its manifest, nested indexes opened, attestations left out. Of a plain image:
    its digest under no name. Empty while nobody read it."""

    def manifest(self, platform: str) -> str | None:
        """Digest of the manifest that a build for `platform` takes; None when there is none, or it is not known."""
        named = [each for each in self.manifests if each]
        chosen = choose(named, platform) if named else ""
        return None if chosen is None else self.manifests.get(chosen)


@dataclass(frozen=True, slots=True)
class Dependent:
    """An edge from a task to a base."""

    registry: str
    task: str
    kind: str
    """`Runtime` or `Buildtime`."""
    digest: str
    """The base's digest when the task was scanned, last built, or last asked to build."""
    generation: int
    """The base's generation at that time."""
    pinned: bool = False
    """True when the Dockerfile names `digest` beside the tag: the tag may move past it."""
    built: str = ""
    """The base's digest when the task was last built, or first scanned; a run that was asked for and failed is not
    counted. Empty in edges stored by older versions."""
    manifests: Mapping[str, str] = field(default_factory=dict)
    """Platform that the task builds -> digest of the base's manifest for it, at the time of `digest`. Empty in edges
    stored by older versions: then any other digest counts as a movement."""

    def asked(self, base: Base) -> "Dependent":
        """The edge after the task was asked to build on the base as it is now."""
        manifests = {each: found for each in self.manifests if (found := base.manifest(each))}
        return replace(self, digest=base.digest, generation=base.generation, manifests=manifests)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Rebuild or not, and why: `rule` is a closed set, `text` is for people."""

    fire: bool
    rule: str
    text: str


def verdict(
    task: Mapping[str, Any], edge: Dependent, base: Base, outputs: Sequence[Reference], policy: str = policies.DEFAULT
) -> Verdict:
    """Whether `base` being where it is now rebuilds the task behind `edge`; `policy` is that of the edge."""
    if base.generation <= edge.generation or base.digest == edge.digest:
        return _no("current", f"already built or asked to build on {base.digest}")
    if not tasks.enabled(task):
        return _no("task-disabled", "the task is disabled")
    if edge.pinned:
        return _no("pinned", f"the Dockerfile names {edge.digest}; the tag is at {base.digest} now")
    if policy == policies.IGNORE:
        return _no("ignored-edge", f"the edge to {base.image} is set to be ignored")
    return _by_trigger(tasks.base_trigger(task), edge, base, outputs, policy)


def _by_trigger(
    trigger: tasks.BaseTrigger, edge: Dependent, base: Base, outputs: Sequence[Reference], policy: str
) -> Verdict:
    if not trigger.on:
        return _no("trigger-disabled", "the task has no enabled base image trigger")
    if not trigger.covers(edge.kind) and policy != policies.REBUILD:
        return _no("untracked", f"a {edge.kind} base is rebuilt only by a trigger of type All")
    if edge.manifests and base.manifests and (found := _by_platform(edge, base)):
        return found
    if base.image in outputs:
        return _no("own-output", f"{base.image} is what the task itself pushes: it would rebuild for ever")
    return Verdict(fire=True, rule="moved", text=f"{base.image} moved from {edge.digest} to {base.digest}")


def _by_platform(edge: Dependent, base: Base) -> Verdict | None:
    """Why the movement does not concern what the task builds; None when it does."""
    now = {platform: base.manifest(platform) for platform in edge.manifests}
    if now == edge.manifests:
        return _no("platform-unchanged", f"{base.image} moved, its image for {', '.join(now)} did not")
    if absent := [platform for platform, digest in now.items() if digest is None]:
        return _no("platform-absent", f"{base.image} has no image for {', '.join(absent)} at {base.digest}")
    return None


def _no(rule: str, text: str) -> Verdict:
    return Verdict(fire=False, rule=rule, text=text)
