"""HTTP: webhooks of git hosts, one for each task, and how a task's is set up."""

import base64
import logging
from collections.abc import Callable
from dataclasses import replace

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Role
from baselift.app import source_rows, task_rows
from baselift.app.change_task import get_task
from baselift.app.on_source import on_source
from baselift.app.source_rows import Hook
from baselift.app.task_rows import StoredTask
from baselift.arm import errors, names, source_hooks
from baselift.arm.errors import ApiError
from baselift.domain import hooks, source_triggers
from baselift.domain.hooks.senders import secret_of
from functions.edge import answering, body, now, reply, root, scope
from functions.tasks import TASK

LARGEST = 25 * 1024 * 1024
"""Bytes; GitHub sends no larger ones."""

bp = func.Blueprint()
log = logging.getLogger(__name__)


@bp.function_name("source_webhook")
@bp.route(route="sources/{registry}/{task}", methods=["POST"])
@answering(None)
async def source_webhook(req: func.HttpRequest) -> func.HttpResponse:
    """A git host's webhook. Size and sender come first; then the body is read."""
    registry, name, content = req.route_params["registry"], req.route_params["task"], req.get_body()
    if len(content) > LARGEST:
        raise errors.too_large(f"The event has {len(content)} bytes: the limit is {LARGEST}.")
    hook, dialect = await _hook(registry, name), hooks.dialect_of(req.headers)
    if hook is None or not hooks.verify(dialect, req.headers, content, _secrets(registry, name, hook)):
        raise errors.unauthorized(f"The sender of this '{dialect}' event did not show the task's secret.")
    world = wiring.world()
    try:
        events = hooks.parse(dialect, req.headers, content)
    except hooks.InvalidHook as error:
        reason = str(error)
        await source_rows.change_hook(world, registry, name, lambda kept: replace(kept, heard=now(), told=reason))
        raise errors.invalid(reason) from error
    task = await task_rows.get(world, registry, name)
    with world.telemetry.within(req.headers.get("traceparent", "")):
        runs = await on_source(world, task, hook, events) if task else []
    return reply({"runs": [run.id for run in runs]})


@bp.function_name("task_source")
@bp.route(route=f"{TASK}/source", methods=["GET"])
@answering(Role.READER)
async def task_source(req: func.HttpRequest) -> func.HttpResponse:
    """The state of a task's source triggers and of its webhook, without the secret."""
    task = await _task(req)
    return await _shown(req, task, await source_rows.hook(wiring.world(), task.registry, task.name), secret=False)


@bp.function_name("task_source_details")
@bp.route(route=f"{TASK}/listSource", methods=["POST"])
@answering(Role.CONTRIBUTOR)
async def task_source_details(req: func.HttpRequest) -> func.HttpResponse:
    """The same with the secret; a webhook that was never asked for is made."""
    return await _changed(req, lambda hook: hook)


@bp.function_name("task_source_patch")
@bp.route(route=f"{TASK}/source", methods=["PATCH"])
@answering(Role.CONTRIBUTOR)
async def task_source_patch(req: func.HttpRequest) -> func.HttpResponse:
    """Say which changed files count, or make a new secret: the one before opens nothing from then on."""
    given, salt = body(req), wiring.world().token()
    return await _changed(req, lambda hook: source_hooks.change(given, hook, salt))


async def _changed(req: func.HttpRequest, change: Callable[[Hook], Hook]) -> func.HttpResponse:
    task = await _task(req)
    hook = await source_rows.change_hook(wiring.world(), task.registry, task.name, change)
    return await _shown(req, task, hook, secret=True)


async def _shown(req: func.HttpRequest, task: StoredTask, hook: Hook | None, *, secret: bool) -> func.HttpResponse:
    world = wiring.world()
    shown = source_hooks.show(
        task.name,
        f"{root(req)}/sources/{task.registry}/{task.name}",
        _secrets(task.registry, task.name, hook)[0] if secret and hook else None,
        hook,
        source_triggers.of_task(task.document),
        await source_rows.watches(world, task.registry, task.name),
        world.source_poll,
    )
    return reply(shown, headers={"Cache-Control": "no-store"})


async def _task(req: func.HttpRequest) -> StoredTask:
    return await get_task(wiring.world(), (await scope(req)).registry, req.route_params["task"])


async def _hook(registry: str, task: str) -> Hook | None:
    """The webhook of a task; None where there is none, or where there cannot be one of such a name."""
    try:
        names.check_registry(registry)
        names.check_task(task)
    except ApiError:
        return None
    return await source_rows.hook(wiring.world(), registry, task)


def _secrets(registry: str, task: str, hook: Hook) -> list[str]:
    """The secrets of a task's webhook by the app's keys: the current one, then those before it."""
    settings = wiring.settings()
    keys = [base64.b64decode(key) for key in (settings.secret_key, *settings.old_secret_keys)]
    return [secret_of(key, registry, task, hook.salt) for key in keys]
