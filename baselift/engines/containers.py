"""Containers for the `cmd` steps of a run, made by buildah and run by crun.

``buildah run`` hides how a process ended, ends a container that should stop by killing it, and says on its command line
what the environment is. So buildah makes the container and says, through a runtime that only takes notes, how it would
run it; crun runs that, with a process namespace, a root and a seccomp filter of the container's own.
"""

import asyncio
import json
import secrets as random
import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Final

from baselift.domain.builds import Credential, Failure, Image
from baselift.domain.containers import ContainerOrder
from baselift.engines import kept, process, runtime, sandbox, workspace
from baselift.engines.buildah import Buildah, discard, new_directory, program, run_in
from baselift.engines.limits import enforced
from baselift.engines.network import RunNetwork
from baselift.engines.output import Output
from baselift.engines.process import Sink, to_the_end
from baselift.engines.reasons import reason
from baselift.engines.redaction import Redactor
from baselift.engines.sandbox import Sandbox

# In the shell's variables: name and image of the container, and --user with its value or nothing; "$@" is buildah.
_CREATE: Final = """
set -e
name=$1 image=$2 user=$3; shift 3
"$@" from --network host --name "$name" "$image" > /dev/null
"$@" inspect "$name" > image.json
"$@" run --isolation oci --network host --runtime "$PWD/note" ${user:+--user "$user"} "$name" -- - > said 2>&1 || :
[ -e config.json ] || { cat said; exit 125; }
"""
_NOTE: Final = """#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in
    --bundle) bundle=$2 ;;
    --bundle=*) bundle=${1#--bundle=} ;;
    esac
    shift
done
[ -z "$bundle" ] || cp "$bundle/config.json" "$HOME"
exit 1
"""
_RUN: Final = """
set -e
name=$1; shift
place=$("$@" mount "$name")
mkdir rootfs
mount --rbind "$place" rootfs
exec crun --root "$TMPDIR/crun" --cgroup-manager=disabled --log=crun.log run --pid-file pid --bundle . "$name"
"""
_RUNTIME: Final = "crun"
_BEGUN: Final = "pid"
_POLL: Final = 0.02
_LENGTH: Final = 1500
_RESOLVER: Final = Path("/etc/resolv.conf")
_NOT_NEEDED: Final = ("auth.json", "note", "said", "image.json")


class Running:
    """A container that runs on its own until it ends or `stop` ends it."""

    def __init__(self, name: str, begun: Path, task: "asyncio.Task[int]", ending: asyncio.Event) -> None:
        self.name = name
        self._begun = begun
        self._task = task
        self._ending = ending

    async def wait(self) -> int:
        """The exit code, once the container has ended; 128 and the signal's number when a signal ended it.

        Raises:
            Failure: it could not be started.
        """
        return await asyncio.shield(self._task)

    async def stop(self, grace: float = process.GRACE) -> int | None:
        """Ask the container to end with SIGTERM, kill it after `grace` seconds; its exit code unless it was killed.

        Nothing of it is left after that. A first process that has no handler for SIGTERM does not see it, as in Docker.
        May be called again.
        """
        self._ending.set()
        try:
            if self._begun.exists():
                await asyncio.wait([self._task], timeout=grace)
        finally:
            self._task.cancel()
            await asyncio.wait([self._task])
        return None if self._task.cancelled() or self._task.exception() else self._task.result()


class Containers:
    """The containers of one run, on the store of `engine` and all in `network`.

    `secrets` are values that no log may show. `host_network` allows containers that ask for this machine's network:
    they reach all that listens on it, on the loopback too.
    """

    def __init__(
        self,
        engine: Buildah,
        network: RunNetwork | None,
        *,
        credentials: Mapping[str, Credential] | None = None,
        secrets: Collection[str] = (),
        host_network: bool = False,
    ) -> None:
        self._engine = engine
        self._network = network
        self._credentials = credentials or {}
        self._secrets = tuple(secrets)
        self._host_network = host_network
        # An image that is removed while another container of it is made would take its layers along.
        self._importing = asyncio.Lock()

    async def run(self, order: ContainerOrder, scratch: Path, log: Sink) -> int:
        """Run a container to its end; its exit code, 128 and the signal's number when a signal ended it.

        When cancelled, the container is asked to end and then ended: no process, mount, file or record is left.

        Raises:
            Failure: it could not be started.
        """
        running = await self.start(order, scratch, log)
        try:
            return await running.wait()
        finally:
            await to_the_end(_stopped(running))

    async def start(self, order: ContainerOrder, scratch: Path, log: Sink) -> Running:
        """Start a container; back once it is made and its first process is about to run.

        Raises:
            Failure: it could not be started.
        """
        self._check(order)
        directory, ending = new_directory(scratch), asyncio.Event()
        task = asyncio.create_task(self._live(order, directory, log, ending))
        begun = directory / _BEGUN
        running = Running(order.name, begun, task, ending)
        try:
            while not (task.done() or begun.exists()):
                await asyncio.wait([task], timeout=_POLL)
            if task.done() and not task.cancelled() and task.exception():
                await task
        except asyncio.CancelledError:
            await to_the_end(_stopped(running))
            raise
        finally:
            if task.done():
                await asyncio.to_thread(discard, directory)
        return running

    async def keep_image(self, image: Image, name: str, scratch: Path) -> str:
        """Make an image that was built in this run usable as `ContainerOrder.image`, by the reference returned.

        Its files are in `scratch`, in a directory named after `name`, until that goes.
        """
        directory = Path(scratch, f"kept-{name}-{random.token_hex(4)}")
        reference = await asyncio.to_thread(kept.keep, image, directory)
        await asyncio.to_thread(sandbox.give_tree, directory)
        return reference

    def _check(self, order: ContainerOrder) -> None:
        runtime.check(order)
        if shutil.which(_RUNTIME) is None:
            raise Failure(f"step '{order.name}': {_RUNTIME} is not installed; install the package {_RUNTIME}")
        if order.network == "host" and not self._host_network:
            raise Failure(f"step '{order.name}': network 'host' is not allowed here; leave it out, or write 'none'")
        if order.network == "run" and self._network is None:
            raise Failure(f"step '{order.name}': this run has no network; write network 'none'")

    async def _live(self, order: ContainerOrder, directory: Path, log: Sink, ending: asyncio.Event) -> int:
        name = f"step-{random.token_hex(8)}"
        try:
            async with self._engine.store.use():
                try:
                    await self._create(order, directory, name)
                    return await self._execute(order, directory, name, log, ending)
                finally:
                    await to_the_end(self._remove(order, directory, name))
        finally:
            await asyncio.to_thread(discard, directory)

    async def _create(self, order: ContainerOrder, directory: Path, name: str) -> None:
        workspace.prepare(directory, b"", credentials=self._credentials, plain_http_hosts=self._engine.plain_http_hosts)
        _put(directory / "note", _NOTE, mode=0o700)
        box, image = self._place(order, directory, name)
        said = Output(self._secrets, None)
        async with self._importing if box.others else nullcontext():
            code = await self._shell(box, _CREATE, (name, image, order.user or ""), said)
        if code:
            raise Failure(f"step '{order.name}': {reason(said.end, code)}")

    def _place(self, order: ContainerOrder, directory: Path, name: str) -> tuple[Sandbox, str]:
        """Where the container is made, and what its image is called there."""
        box = Sandbox(self._engine.store.data, directory, directory)
        if not order.image.startswith(kept.PREFIX):
            return box, order.image
        box = replace(box, others={name: Path(order.image.removeprefix(kept.PREFIX))})
        return box, f"{kept.PREFIX}{box.root}/{name}"

    async def _execute(
        self, order: ContainerOrder, directory: Path, name: str, log: Sink, ending: asyncio.Event
    ) -> int:
        box = self._box(order, directory)
        await asyncio.to_thread(_fill, order, directory, box)
        output = Output(self._secrets, log)
        async with enforced(await self._engine.allowed(order.limits)) as limits:
            code = await self._shell(replace(box, limits=limits), _RUN, (name,), output, ending)
        self._explain(order, directory, output, code)
        return code

    def _box(self, order: ContainerOrder, directory: Path) -> Sandbox:
        others = {"workspace": order.workspace, "home": order.home}
        others |= {f"volume{number}": path for number, (_, path) in enumerate(order.volumes)}
        network = None if order.network == "host" else self._network
        return Sandbox(self._engine.store.data, directory, directory, network, others=others)

    async def _shell(
        self, box: Sandbox, script: str, values: Sequence[str], output: Output, ending: asyncio.Event | None = None
    ) -> int:
        tool = program(box.root, await self._engine.driver())
        return await run_in(box, ["sh", "-c", script, "sh", *values, *tool], output, ending)

    def _explain(self, order: ContainerOrder, directory: Path, output: Output, code: int) -> None:
        """Tell a container that did not start from one that failed.

        Raises:
            Failure: it did not start.
        """
        if not (directory / _BEGUN).exists():
            log = directory / "crun.log"
            why = log.read_text(errors="replace").strip() if log.exists() else ""
            why = Redactor(self._secrets).text(why[-_LENGTH:].encode()).decode() or reason(output.end, code)
            raise Failure(f"step '{order.name}': the container did not start: {why}")

    async def _remove(self, order: ContainerOrder, directory: Path, name: str) -> None:
        driver = await self._engine.driver()
        code, _ = await self._engine.maintain(driver, "rm", name)
        box, _ = self._place(order, directory, name)
        for inside, layout in box.others.items():
            async with self._importing:
                for image in kept.names(layout, f"{box.root}/{inside}"):
                    await self._engine.maintain(driver, "rmi", image)
        if code:
            self._engine.store.left_over()


async def _stopped(running: Running) -> None:
    await running.stop()


def _fill(order: ContainerOrder, directory: Path, box: Sandbox) -> None:
    """Write what crun reads, and let root inside have what is the container's."""
    image = json.loads((directory / "image.json").read_bytes())["OCIv1"].get("config") or {}
    recorded = json.loads((directory / "config.json").read_bytes())
    volumes = [f"{box.root}/volume{number}" for number in range(len(order.volumes))]
    config = runtime.compose(recorded, order, runtime.words(order, image), f"{box.root}/scratch", volumes)
    _put(directory / "config.json", json.dumps(config))
    _put(directory / "hosts", runtime.hosts(order), mode=0o644)
    _put(directory / "resolv.conf", _resolver(order, box), mode=0o644)
    for name in _NOT_NEEDED:
        (directory / name).unlink(missing_ok=True)
    for path in (order.workspace, order.home, *(path for _, path in order.volumes)):
        sandbox.give_tree(path)


def _resolver(order: ContainerOrder, box: Sandbox) -> str:
    if order.network == "host":
        return _RESOLVER.read_text() if _RESOLVER.exists() else ""
    return f"{box.network.resolver}\n" if box.network and order.network == "run" else ""


def _put(path: Path, text: str, mode: int = 0o600) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_text(text)
    sandbox.give(path)
