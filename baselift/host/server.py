"""The host itself: starts an app's listeners and its HTTP server, and stops them cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import platform
import socket
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from baselift.host import eventgrid, hostjson, identity, indexing, web
from baselift.host.access import ByKey, everyone_is_admin
from baselift.host.admin import Admin, Known
from baselift.host.drain import Drain
from baselift.host.errors import FunctionError, HostError
from baselift.host.eventgrid import EventGridWebhook
from baselift.host.https import Https
from baselift.host.invocation import Invoker
from baselift.host.keyring import new_value
from baselift.host.keystore import HOST, KeyStore, KeysUnavailableError, check_kind
from baselift.host.listeners import Builder
from baselift.host.options import Options
from baselift.host.outputs import QueueWriter, Wakeups
from baselift.host.settings import Settings, local_settings
from baselift.host.storage import Storage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from baselift.host.access import Access
    from baselift.host.listeners import Listener

_log = logging.getLogger(__name__)
_BODY_LIMIT = 104_857_600
_CANCEL_SECONDS = 5.0
DEFAULT_PORT = 7071
DEFAULT_GRACE = 10.0
DEFAULTS = Options()


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

    def __init__(self, app_dir: Path, settings: Settings, bound: socket.socket, options: Options = DEFAULTS) -> None:
        self._started_at = time.monotonic()
        self._socket = bound
        self._https = Https(options.https_dir, options.https_names) if options.https_dir else None
        self.url = _url(bound, "https" if self._https else "http")
        self.id = identity.host_id(app_dir, settings)
        self._instance = uuid.uuid4().hex
        self._state = "Starting"
        config = hostjson.load(app_dir, settings)
        self._storage = Storage(settings)
        self._keys = KeyStore(self._storage, self.id)
        access = self._access(settings) if options.enable_auth else everyone_is_admin
        wakeups = Wakeups()
        writer = QueueWriter(self._storage, wakeups, base64_encoded=config.queues.base64)
        self._invoker = Invoker(writer, config.function_timeout, _positive(settings, "PYTHON_THREADPOOL_THREAD_COUNT"))
        found, self.errors = indexing.index(app_dir, config, settings)
        builder = Builder(config, settings, self._storage, self._invoker, writer, wakeups, self.id)
        self._listeners = builder.build(found, self.errors)
        self.functions = [function for function in found if function.name not in self.errors]
        self._needs_event_key = options.enable_auth and bool(self._listeners.events)
        self._loops: list[Listener] = []
        self._loop_tasks: set[asyncio.Task[None]] = set()
        self._admin = self._administration(access)
        self._server = self._http(settings, access)
        self._serving: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None

    @property
    def ca(self) -> Path | None:
        """The certificate that clients must trust; None without https."""
        return self._https.files.ca if self._https else None

    def _access(self, settings: Settings) -> ByKey:
        check_kind(settings)
        try:
            self._storage.blobs()
        except FunctionError as error:
            raise HostError(f"--enable-auth keeps its keys in storage: {error}") from None
        return ByKey(self._keys)

    def _administration(self, access: Access) -> Admin:
        functions = {function.name: function for function in self.functions}
        routes = {found.function.name: found.route.template for found in self._listeners.endpoints}
        drain = Drain(self._stop_loops, self._start_loops, lambda: self._invoker.running)
        known = Known(functions, routes, self.errors, self._describe)
        return Admin(access, known, self._invoker, drain, self._keys)

    def _http(self, settings: Settings, access: Access) -> _Server:
        app = web.WebApp(
            self._listeners.endpoints,
            {"runtime/webhooks/eventgrid": EventGridWebhook(self._listeners.events, self._invoker, access)},
            self._admin,
            self._invoker,
            access,
            body_limit=_positive(settings, "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT") or _BODY_LIMIT,
            homepage=not settings.is_true("AzureWebJobsDisableHomepage"),
        )
        files = self._https.files if self._https else None
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            ssl_certfile=files.server if files else None,
            ssl_keyfile=files.key if files else None,
        )
        config.load()
        if self._https:
            config.ssl = self._https.context
        return _Server(config)

    async def start(self) -> None:
        """Serve HTTP and start every listener; returns when the host answers.

        Raises:
            HostError: keys are asked for and their storage does not answer, or the server ends.
        """
        if self._needs_event_key:
            await self._make_event_key()
        # uvicorn's own switch depends on which handlers the process has; its lines would show query strings.
        logging.getLogger("uvicorn.access").disabled = True
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            if self._serving.done():
                await self._serving
                raise HostError("the HTTP server ended before it began to serve")
            await asyncio.sleep(0.005)
        if self._https:
            self._renewing = asyncio.create_task(self._https.keep_fresh())
        self._start_loops()
        await asyncio.sleep(0)
        self._state = "Running"

    async def _make_event_key(self) -> None:
        try:
            await self._keys.change(
                HOST, lambda ring: ring.sections["systemKeys"].setdefault(eventgrid.SYSTEM_KEY, new_value())
            )
        except KeysUnavailableError as error:
            raise HostError(str(error)) from None

    def _start_loops(self) -> None:
        for name, make in self._listeners.loops.items():
            loop = make()
            self._loops.append(loop)
            task = asyncio.create_task(self._watched(name, loop.run()), name=name)
            self._loop_tasks.add(task)
            task.add_done_callback(self._loop_tasks.discard)

    def _stop_loops(self) -> None:
        for loop in self._loops:
            loop.stop()
        self._loops.clear()

    async def stop(self, grace: float) -> bool:
        """Take nothing new, give what runs `grace` seconds, then cancel it.

        Messages of cancelled calls stay in their queue. Returns whether everything had ended by itself or by being
        cancelled; False means that a function still runs in a thread, which only the end of the process can stop.
        """
        self._state = "Stopping"
        self._stop_loops()
        self._server.should_exit = True
        if self._renewing:
            self._renewing.cancel()
        tasks = self._loop_tasks | self._admin.calls | ({self._serving} if self._serving else set())
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


def _url(bound: socket.socket, scheme: str) -> str:
    address, port = bound.getsockname()[:2]
    return f"{scheme}://{f'[{address}]' if ':' in address else address}:{port}"


def _hostname(bound: socket.socket) -> str:
    """The name by which the app knows itself: localhost as with Core Tools, unless others reach the socket."""
    address, port = bound.getsockname()[:2]
    if ipaddress.ip_address(address).is_loopback:
        return f"localhost:{port}"
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


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
def environment(app_dir: Path, settings: Mapping[str, str], bound: socket.socket) -> Iterator[Settings]:
    """The process's environment as the app shall see it, put back at the end."""
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        added, _ = local_settings(app_dir, os.environ)
        os.environ.update(added)
        os.environ["AZURE_FUNCTIONS_ENVIRONMENT"] = "Development"
        os.environ["WEBSITE_HOSTNAME"] = _hostname(bound)
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
    options: Options = DEFAULTS,
) -> AsyncIterator[Host]:
    """Run a function app on this event loop for as long as the context lasts.

    `settings` go over the environment for that time. An app's modules are imported into this process and stay
    imported; only its script is read anew each time.

    Raises:
        HostError: the app cannot run; the text says what is wrong.
    """
    directory = Path(app_dir).resolve()  # noqa: ASYNC240 - once, before anything is served
    bound = bind(address, port)
    with contextlib.closing(bound), environment(directory, settings or {}, bound) as effective:
        host = Host(directory, effective, bound, options)
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
