"""One call of a function: arguments in, outputs out, a log line before and after."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import azure.functions as func

from baselift.host import conversion

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from azure.functions.meta import Datum

    from baselift.host.model import Function
    from baselift.host.outputs import QueueWriter

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """What a trigger brings. `metadata` goes to the converter, `data` fills `{name}` in output bindings."""

    value: Datum
    reason: str
    metadata: Mapping[str, Datum] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    trace_parent: str = ""
    trace_state: str = ""


class FunctionTimeoutError(Exception):
    """The call took longer than functionTimeout."""


class Invoker:
    """Runs functions: async ones on this event loop, the others in threads."""

    def __init__(self, writer: QueueWriter, timeout: timedelta | None, threads: int | None) -> None:
        self._writer = writer
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="function")
        self._in_threads: set[Future[Any]] = set()
        self._running = 0

    @property
    def running(self) -> int:
        """How many calls have begun and not ended."""
        return self._running

    @property
    def busy_threads(self) -> int:
        """How many functions that cannot be cancelled are still running."""
        return len(self._in_threads)

    async def invoke(self, function: Function, call: Call) -> Datum | None:
        """Run the function once and write its outputs; returns what it returned, encoded.

        Raises:
            FunctionTimeoutError: it ran longer than functionTimeout.
            Exception: whatever the function, a conversion or an output binding raised; it is logged here.
        """
        invocation_id = str(uuid.uuid4())
        _log.info("Executing 'Functions.%s' (Reason='%s', Id=%s)", function.name, call.reason, invocation_id)
        start = time.perf_counter()
        outcome = "Failed"
        self._running += 1
        try:
            result = await self._run(function, call, invocation_id)
            outcome = "Succeeded"
        except asyncio.CancelledError:
            outcome = "Canceled"
            raise
        except Exception:
            _log.exception("Exception while executing 'Functions.%s' (Id=%s)", function.name, invocation_id)
            raise
        finally:
            self._running -= 1
            took = round((time.perf_counter() - start) * 1000)
            level = logging.INFO if outcome == "Succeeded" else logging.ERROR
            line = "Executed 'Functions.%s' (%s, Id=%s, Duration=%dms)"
            _log.log(level, line, function.name, outcome, invocation_id, took)
        return result

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, function: Function, call: Call, invocation_id: str) -> Datum | None:
        outs = {binding.name: conversion.Out() for binding in function.outputs}
        arguments: dict[str, Any] = dict(outs)
        arguments[function.trigger.name] = conversion.decode(function.trigger, call.value, call.metadata)
        local = threading.local()
        local.invocation_id = invocation_id
        if function.wants_context:
            arguments["context"] = Context(function, call, invocation_id, local)
        returned = await self._limited(function, arguments, local)
        result = _result(function, returned)
        for binding in function.outputs:
            value = outs[binding.name].get()
            if value is not None:
                await self._writer.write(binding, conversion.encode(binding, value), call.data)
        if function.returned is not None and function.returned.type == "queue" and result is not None:
            await self._writer.write(function.returned, result, call.data)
        return result

    async def _limited(self, function: Function, arguments: dict[str, Any], local: threading.local) -> Any:
        limit = self._timeout.total_seconds() if self._timeout else None
        scope = asyncio.timeout(limit)
        try:
            async with scope:
                return await self._started(function, arguments, local)
        except SystemExit as error:
            raise RuntimeError(f"the function called sys.exit({error.code!r})") from error
        except TimeoutError:
            if not scope.expired():
                raise
            text = f"Timeout value of {self._timeout} exceeded by function: Functions.{function.name}"
            raise FunctionTimeoutError(text) from None

    async def _started(self, function: Function, arguments: dict[str, Any], local: threading.local) -> Any:
        if function.is_async:
            return await function.call(**arguments)
        context, invocation_id = contextvars.copy_context(), local.invocation_id

        def in_thread() -> Any:
            local.invocation_id = invocation_id
            return context.run(function.call, **arguments)

        running = self._threads.submit(in_thread)
        self._in_threads.add(running)
        running.add_done_callback(self._in_threads.discard)
        return await asyncio.wrap_future(running)


def _result(function: Function, returned: Any) -> Datum | None:
    if function.returned is None:
        if returned is not None:
            raise RuntimeError(f"function {function.name!r} has no $return binding but returned a value")
        return None
    if returned is None and function.returned.type != "http":
        return None
    return conversion.encode(function.returned, returned)


class _TraceContext(func._abc.TraceContext):  # noqa: SLF001 - the public package does not export it
    def __init__(self, parent: str, state: str) -> None:
        self._parent, self._state = parent, state

    @property
    def trace_parent(self) -> str:
        return self._parent

    @property
    def trace_state(self) -> str:
        return self._state

    @property
    def attributes(self) -> dict[str, str]:
        return {}


class Context(func.Context):
    """The `context` argument of a function."""

    def __init__(self, function: Function, call: Call, invocation_id: str, local: threading.local) -> None:
        self._function, self._invocation_id, self._local = function, invocation_id, local
        self._trace = _TraceContext(call.trace_parent, call.trace_state)

    @property
    def invocation_id(self) -> str:
        return self._invocation_id

    @property
    def thread_local_storage(self) -> Any:
        return self._local

    @property
    def function_name(self) -> str:
        return self._function.name

    @property
    def function_directory(self) -> str:
        return self._function.directory

    @property
    def trace_context(self) -> _TraceContext:
        return self._trace

    @property
    def retry_context(self) -> Any:
        """None: this host applies no retry policy."""
        return None
