"""Whether a build may use and keep layers, and whose."""

from dataclasses import replace

from baselift.app.plan_build import Plan
from baselift.domain.runs import Run


def on_layers(plan: Plan, run: Run, *, wanted: bool, step: str = "") -> Plan:
    """The plan on layers of its own task and step, where they are wanted and this is a task's run.

    A pull request's builds find no layers of others, and others none of its: anyone may have written it.
    """
    if not wanted or run.task is None:
        return plan
    scope = (run.registry, run.task, step, run.cause.details.get("pullRequestId", ""))
    return replace(plan, order=replace(plan.order, layers="\n".join(scope)))
