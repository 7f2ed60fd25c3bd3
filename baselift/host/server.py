"""The host itself: starts an app's listeners and its HTTP server, and stops them cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import platform
import socket
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from baselift.host import hostjson, identity, indexing, web
from baselift.host.access import everyone_is_admin
from baselift.host.errors import HostError
from baselift.host.eventgrid import EventGridWebhook
from baselift.host.invocation import Invoker
from baselift.host.listeners import Builder
from baselift.host.outputs import QueueWriter, Wakeups
from baselift.host.settings import Settings, local_settings
from baselift.host.storage import Storage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

_log = logging.getLogger(__name__)
_BODY_LIMIT = 104_857_600
_CANCEL_SECONDS = 5.0
DEFAULT_PORT = 7071
DEFAULT_GRACE = 10.0


class _Server(uvicorn.Server):
    """Leaves the process's signals to the host."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Host:
    """A function app, indexed and ready to serve on a bound socket.

    `functions` are those that run, in the host's order; `errors` tells why each other one does not.

    Raises:
        HostError: the app as a whole cannot run.
    """

    def __init__(self, app_dir: Path, settings: Settings, bound: socket.socket) -> None:
        self._started_at = time.monotonic()
        self._socket = bound
        address, port = bound.getsockname()[:2]
        self.url = f"http://{f'[{address}]' if ':' in address else address}:{port}"
        self.id = identity.host_id(app_dir, settings)
        self._instance = uuid.uuid4().hex
        self._state = "Starting"
        config = hostjson.load(app_dir, settings)
        self._storage = Storage(settings)
        wakeups = Wakeups()
        writer = QueueWriter(self._storage, wakeups, base64_encoded=config.queues.base64)
        self._invoker = Invoker(writer, config.function_timeout, _positive(settings, "PYTHON_THREADPOOL_THREAD_COUNT"))
        found, self.errors = indexing.index(app_dir, config, settings)
        builder = Builder(config, settings, self._storage, self._invoker, writer, wakeups, self.id)
        listeners = builder.build(found, self.errors)
        self.functions = [function for function in found if function.name not in self.errors]
        self._loops = listeners.loops
        self._loop_tasks: set[asyncio.Task[None]] = set()
        self._server = _Server(
            uvicorn.Config(
                web.WebApp(
                    listeners.endpoints,
                    {
                        "admin/host/ping": web.ping,
                        "admin/host/status": web.status(everyone_is_admin, self._describe),
                        "runtime/webhooks/eventgrid": EventGridWebhook(
                            listeners.events, self._invoker, everyone_is_admin
                        ),
                    },
                    self._invoker,
                    everyone_is_admin,
                    body_limit=_positive(settings, "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT") or _BODY_LIMIT,
                    homepage=not settings.is_true("AzureWebJobsDisableHomepage"),
                ),
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                ws="none",
            )
        )
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve HTTP and start every listener; returns when the host answers."""
        # uvicorn's own switch depends on which handlers the process has; its lines would show query strings.
        logging.getLogger("uvicorn.access").disabled = True
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            if self._serving.done():
                await self._serving
                raise HostError("the HTTP server ended before it began to serve")
            await asyncio.sleep(0.005)
        for name, loop in self._loops.items():
            self._loop_tasks.add(asyncio.create_task(self._watched(name, loop.run()), name=name))
        await asyncio.sleep(0)
        self._state = "Running"

    async def stop(self, grace: float) -> bool:
        """Take nothing new, give what runs `grace` seconds, then cancel it.

        Messages of cancelled calls stay in their queue. Returns whether everything had ended by itself or by being
        cancelled; False means that a function still runs in a thread, which only the end of the process can stop.
        """
        self._state = "Stopping"
        for loop in self._loops.values():
            loop.stop()
        self._server.should_exit = True
        tasks = self._loop_tasks | ({self._serving} if self._serving else set())
        unfinished = await self._finish(tasks, grace) if tasks else set()
        self._invoker.close()
        await self._storage.close()
        self._state = "Stopped"
        return not unfinished and self._invoker.busy_threads == 0

    async def _finish(self, tasks: set[asyncio.Task[None]], grace: float) -> set[asyncio.Task[None]]:
        _, unfinished = await asyncio.wait(tasks, timeout=grace)
        if not unfinished:
            return set()
        _log.warning("Stopping with calls still running; they are cancelled and their messages stay in their queues")
        self._server.force_exit = True
        left = unfinished | self._server.server_state.tasks
        for task in left:
            task.cancel()
        _, unended = await asyncio.wait(left, timeout=_CANCEL_SECONDS)
        return unended

    async def _watched(self, name: str, loop: Any) -> None:
        """Await a listener; one that breaks takes no other with it."""
        try:
            await loop
        except Exception:  # noqa: BLE001 - whatever it is, the host runs on
            _log.exception("The listener of function '%s' has ended", name)
            self.errors[name] = "its listener has ended by an error"

    def _describe(self) -> dict[str, Any]:
        errors = {"errors": [f"{name}: {text}" for name, text in self.errors.items()]} if self.errors else {}
        return {
            "id": self.id,
            "state": self._state,
            "version": "4.0.0",
            "versionDetails": "embedded",
            "instanceId": self._instance,
            "computerName": platform.node(),
            "processUptime": int((time.monotonic() - self._started_at) * 1000),
            **errors,
        }


def bind(address: str, port: int) -> socket.socket:
    """A socket bound to the address; port 0 takes a free one.

    Raises:
        HostError: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # Only with the protocol named does asyncio send answers without the 40 ms that Nagle and delayed ACK cost.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((address, port))
        bound.listen(1024)
    except OSError as error:
        bound.close()
        raise HostError(f"cannot listen on {address} port {port}: {error.strerror}") from None
    return bound


@contextlib.contextmanager
def environment(app_dir: Path, settings: Mapping[str, str], port: int) -> Iterator[Settings]:
    """The process's environment as the app shall see it, put back at the end."""
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        added, _ = local_settings(app_dir, os.environ)
        os.environ.update(added)
        os.environ["AZURE_FUNCTIONS_ENVIRONMENT"] = "Development"
        os.environ["WEBSITE_HOSTNAME"] = f"localhost:{port}"
        os.environ["AzureWebJobsScriptRoot"] = str(app_dir)  # noqa: SIM112 - the host's own spelling
        yield Settings(os.environ)
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.asynccontextmanager
async def running(
    app_dir: Path | str,
    settings: Mapping[str, str] | None = None,
    *,
    address: str = "127.0.0.1",
    port: int = 0,
    grace: float = DEFAULT_GRACE,
) -> AsyncIterator[Host]:
    """Run a function app on this event loop for as long as the context lasts.

    `settings` go over the environment for that time. An app's modules are imported into this process and stay
    imported; only its script is read anew each time.

    Raises:
        HostError: the app cannot run; the text says what is wrong.
    """
    directory = Path(app_dir).resolve()  # noqa: ASYNC240 - once, before anything is served
    bound = bind(address, port)
    with contextlib.closing(bound), environment(directory, settings or {}, bound.getsockname()[1]) as effective:
        host = Host(directory, effective, bound)
        try:
            await host.start()
            yield host
        finally:
            await host.stop(grace)


def _positive(settings: Settings, name: str) -> int | None:
    text = settings.get(name)
    if not text:
        return None
    if not text.isdigit() or int(text) < 1:
        raise HostError(f"setting {name} is {text!r}; it must be a whole number above 0")
    return int(text)
