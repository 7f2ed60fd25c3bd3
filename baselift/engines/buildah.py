"""The buildah engine: one ``buildah bud`` in a sandbox, written straight to an OCI layout.

Writing to a layout leaves no image in the shared store, only the pulled bases, and layers are not compressed.
"""

import asyncio
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from baselift.domain.builds import BuildOrder, Failure, Image, Limits
from baselift.domain.lowering import Lowered
from baselift.domain.variables import BaseConfig
from baselift.engines import inputs, kept, layered, layout, process, sandbox, workspace
from baselift.engines import recipe as recipes
from baselift.engines.ignoring import ignore_text
from baselift.engines.inputs import Fetch
from baselift.engines.layer_cache import LayerCache, Place
from baselift.engines.layered import Kept, Layered
from baselift.engines.limits import enforced
from baselift.engines.network import RunNetwork
from baselift.engines.output import Output
from baselift.engines.process import Sink
from baselift.engines.reasons import reason
from baselift.engines.recipe import Recipe, examine
from baselift.engines.redaction import Redactor
from baselift.engines.refusals import Version
from baselift.engines.rights import is_root
from baselift.engines.sandbox import Sandbox
from baselift.engines.store import Store, config, in_use, named
from baselift.engines.watch import Watch

_RESULT: Final = "image"
_IGNORE: Final = "dockerignore"
_VERSION: Final = re.compile(r"buildah version (\d+(?:\.\d+)*)")
_DRIVERS: Final = ("overlay", "vfs")
_TINY: Final = b"FROM scratch\nCOPY Dockerfile /\n"
# That a driver mounts is only known when it did: overlay falls back to a FUSE program that may not work either.
_TRIAL: Final = ("bud", "--isolation", "chroot", "--layers=false", "-f", "Dockerfile", "-t", "oci:tried:once", ".")
_PREFIX: Final = "buildah-"
_KILLED: Final = 129
"""The lowest exit code that tells of a signal."""


class Buildah:
    """Builds with the buildah on PATH. Any number of builds at once share `store`, a directory of our own.

    `plain_http_hosts` are registry hosts, with port, that are asked over http; `fetch` brings what an ADD names by its
    address, and without it such an ADD is refused. `limits` are for each build and container; `layer_bytes` is what
    all kept layers may take on disk, 0 for none.
    """

    name = "buildah"

    def __init__(
        self,
        store: Path,
        *,
        plain_http_hosts: Collection[str] = (),
        fetch: Fetch | None = None,
        limits: Limits | None = None,
        layer_bytes: int = 0,
    ) -> None:
        self._directory = store.absolute()
        self.store = Store(self._directory, self._clean)
        self._layers = LayerCache(self._directory / "layers", layer_bytes, self._erase)
        self.plain_http_hosts = tuple(plain_http_hosts)
        self.limits = limits or Limits()
        self._fetch = fetch
        self._starting = asyncio.Lock()
        self._version: Version = ()
        self._driver = ""

    async def build(
        self,
        order: BuildOrder,
        scratch: Path,
        log: Sink,
        *,
        network: RunNetwork | None = None,
    ) -> Image:
        """See `Engine`. The image's layers are files in `scratch`.

        Bases are pulled first, and addresses of ADD fetched; the rest happens in `network`, if there is one, and
        within the limits of the order and of this engine.

        Raises:
            Failure: the order cannot be built here; nothing but the shared store's pulled bases is left.
        """
        recipe = examine(order, await self.version())
        await asyncio.to_thread(sandbox.give_tree, order.source.root)
        secrets = {each.name: each.value for each in order.arguments if each.secret}
        directory = new_directory(scratch)
        hidden = (*secrets.values(), *(each.value.decode(errors="ignore") for each in order.secrets))
        output = Output(hidden, log, layered.UNSAID)
        done = False
        try:
            layout.leave_out(directory / _RESULT, order.base_layers)
            async with self.store.use():
                await self._pull(order, recipe, scratch)
                bases = self._bases(order)
                recipes.check_triggers(order, recipe.text, bases, await self.version())
                lowered = recipes.lowered(order, recipe.text, bases)
                fields = recipes.fields(order, recipe.text, bases)
                await self._prepare(order, lowered, directory, Redactor(hidden))
                await asyncio.to_thread(_put_ignore_file, order, recipe, directory)
                await output.feed("".join(f"Warning: {each}\n" for each in lowered.warnings).encode())
                box = Sandbox(self.store.data, directory, order.source.root, network)
                build = Layered(order, lowered, directory, bases, ".".join(map(str, await self.version())))
                below = self.store.data / await self.driver()
                keeping = layered.kept_layers(build, self._layers, below, output.feed)
                async with keeping as layers, self._limited(order, box) as limited:
                    await self._bud(order, recipe, lowered, limited, output, layers)
            image = await asyncio.to_thread(
                layout.read, directory / _RESULT, annotations(order), secrets, order.base_layers, fields, order.labels
            )
            done = True
            return image
        finally:
            await asyncio.to_thread(discard, directory, keep=_RESULT if done else "")

    @asynccontextmanager
    async def _limited(self, order: BuildOrder, box: Sandbox) -> AsyncIterator[Sandbox]:
        async with enforced(await self.allowed(order.limits)) as limits:
            yield replace(box, limits=limits)

    async def _prepare(self, order: BuildOrder, lowered: Lowered, directory: Path, redactor: Redactor) -> None:
        workspace.prepare(
            directory,
            lowered.text,
            arguments=order.arguments,
            credentials=order.credentials,
            plain_http_hosts=self.plain_http_hosts,
        )
        inputs.hide(order.secrets, directory)
        try:
            await inputs.lay_out(lowered, directory, self._fetch)
        except Failure as failure:
            # An address may be made of a secret argument.
            raise Failure(redactor.text(str(failure).encode()).decode(errors="replace")) from None

    def _bases(self, order: BuildOrder) -> Callable[[str], BaseConfig]:
        """The configurations of the order's bases, which are in the store."""

        def found(spelling: str) -> BaseConfig:
            try:
                return recipes.base_config(config(self.store.data, order.bases[spelling]))
            except KeyError:
                raise Failure(f"base image '{spelling}' has no configuration that can be read") from None

        return found

    async def version(self) -> Version:
        """The release of buildah on PATH.

        Raises:
            Failure: there is none.
        """
        async with self._starting:
            if not self._version:
                self._version = await asyncio.to_thread(_installed)
        return self._version

    async def driver(self) -> str:
        """The storage driver: overlay, or vfs where overlay is refused (a store on an overlay file system).

        Raises:
            Failure: buildah cannot use either; with what it says.
        """
        async with self._starting:
            self._driver = self._driver or await self._usable_driver()
        return self._driver

    async def allowed(self, limits: Limits) -> Limits:
        """These limits within those of this engine.

        Raises:
            Failure: one cannot be kept here.
        """
        both = limits.within(self.limits)
        if both.disk and await self.driver() != _DRIVERS[0]:
            raise Failure(f"the limit on disk cannot be kept here: the storage driver is not {_DRIVERS[0]}")
        return both

    async def _usable_driver(self) -> str:
        self.store.prepare()
        why = ""
        for name in _DRIVERS:
            code, said = await self.maintain(name, *_TRIAL)
            if code == 0:
                return name
            why = reason(said, code)
        raise Failure(f"buildah cannot run here: {why}")

    async def _pull(self, order: BuildOrder, recipe: Recipe, scratch: Path) -> None:
        wanted = sorted(set(recipe.pins.values()) - named(self.store.data, await self.driver()))
        if not wanted:
            return
        directory = new_directory(scratch)
        try:
            workspace.prepare(directory, b"", credentials=order.credentials, plain_http_hosts=self.plain_http_hosts)
            box = Sandbox(self.store.data, directory, directory)
            tool = [*program(box.root, await self.driver()), "pull", "--platform", order.platform]
            for pinned in wanted:
                await self._checked(box, [*tool, "--quiet", "--policy", "missing", pinned], Output((), None))
        finally:
            await asyncio.to_thread(discard, directory)

    async def _bud(
        self,
        order: BuildOrder,
        recipe: Recipe,
        lowered: Lowered,
        box: Sandbox,
        output: Output,
        layers: Kept | None,
    ) -> None:
        box = replace(box, layers=layers.place.data if layers else None)
        given = inputs.flags(lowered, order.secrets, f"{box.root}/scratch")
        tool = program(box.root, await self.driver())
        if layers:
            (box.scratch / "Dockerfile").write_bytes(layers.text)
            tool = _on_layers(box.root, tool)
        command = [*tool, "bud", *given, *_flags(order, recipe, box.root, layers)]
        await self._checked(box, command, output, layers.place if layers else None)

    async def _checked(self, box: Sandbox, command: Sequence[str], output: Output, layers: Place | None = None) -> None:
        code = _KILLED
        try:
            code = await run_in(box, command, output)
        finally:
            if code >= _KILLED:
                self.store.left_over()
                if layers:
                    layers.spoiled = True
        if code:
            reached = box.limits.reached()
            raise Failure(reason(output.end, code) + (f"; {reached}" if reached else ""))

    async def _clean(self) -> None:
        for stale in self._directory.glob(f"{_PREFIX}*"):
            await asyncio.to_thread(discard, stale)
        fresh = not any(self.store.data.iterdir())
        driver = await self.driver()
        for command in () if fresh else (("rm", "--all"), ("rmi", "--prune", "--force")):
            await self.maintain(driver, *command)
        for image in in_use(self.store.data):
            await self.maintain(driver, "rmi", "--force", image)
        _, said = ("", "") if fresh else await self.maintain(driver, "images", "--format", "{{.Name}}:{{.Tag}}")
        for name in said.split():
            if name.startswith(f"{kept.IMPORTED}/"):
                await self.maintain(driver, "rmi", name)

    async def _erase(self, layers: Path) -> None:
        """Remove a directory that buildah wrote; only root inside may, when we are not root."""
        if not is_root():
            directory = new_directory(self._directory)
            try:
                workspace.prepare(directory, b"")
                box = Sandbox(self.store.data, directory, directory, layers=layers)
                await run_in(box, ["find", f"{box.root}/layers", "-mindepth", "1", "-delete"], Output((), None))
            finally:
                await asyncio.to_thread(discard, directory)
        await asyncio.to_thread(shutil.rmtree, layers, ignore_errors=True)

    async def maintain(self, driver: str, *command: str) -> tuple[int, str]:
        """Run a command of buildah on the store: its exit code and what it said."""
        directory = new_directory(self._directory)
        said = Output((), None)
        try:
            workspace.prepare(directory, _TINY)
            box = Sandbox(self.store.data, directory, directory)
            return await run_in(box, [*program(box.root, driver), *command], said), said.end
        finally:
            await asyncio.to_thread(discard, directory)


async def run_in(box: Sandbox, command: Sequence[str], output: Output, ending: asyncio.Event | None = None) -> int:
    """Run a command in a sandbox to its end, which it is asked for once `ending` is set; its exit code.

    Raises:
        Failure: it was ended, since it passed a limit.
    """
    watch = Watch(box)
    async with sandbox.user_namespace() as namespace:
        code = await process.run(
            box.argv(command),
            env=workspace.environment(box.root),
            stdin=namespace,
            sink=output.feed,
            ending=ending,
            until=watch.until_over,
        )
    await output.close()
    if watch.why:
        raise Failure(f"ended: {watch.why}")
    return code


def annotations(order: BuildOrder) -> Mapping[str, str]:
    """The base annotations of the OCI image-spec (annotations.md); none for an image from scratch."""
    values = {"name": order.base_name, "digest": order.base_digest}
    return {f"org.opencontainers.image.base.{key}": value for key, value in values.items() if value}


def program(root: str, driver: str) -> list[str]:
    """The command buildah on the store of a sandbox."""
    store = f"{root}/store/{driver}"
    return ["buildah", "--root", f"{store}/root", "--runroot", f"{store}/run", "--storage-driver", driver]


def _on_layers(root: str, tool: Sequence[str]) -> list[str]:
    """Buildah on layers that are kept, with the shared store's images below them."""
    own, shared = f"{root}/layers", tool[tool.index("--root") + 1]
    places = ["--root", f"{own}/root", "--runroot", f"{own}/run"]
    return [tool[0], *places, "--storage-driver", _DRIVERS[0], "--storage-opt", f"overlay.imagestore={shared}"]


def _flags(order: BuildOrder, recipe: Recipe, root: str, layers: Kept | None) -> Sequence[str]:
    flags = ["--isolation", "chroot", "--cap-drop", "CAP_SYS_CHROOT", f"--layers={str(bool(layers)).lower()}"]
    flags += ["--force-rm"]
    # Docker's format honours SHELL, HEALTHCHECK and ONBUILD; what is written to the layout is OCI's.
    flags += ["--format", "docker"]
    flags += ["--pull=false", "--http-proxy=false", "--platform", order.platform]
    flags += ["--timestamp", str(order.source.epoch)] if order.reproducible else []
    flags += ["--target", recipe.target] if recipe.target else []
    flags += ["--ignorefile", f"{root}/scratch/{_IGNORE}"]
    # Without a change of its own to commit, a Dockerfile of one FROM makes buildah look for the result in its store.
    if not layers:
        flags += [word for each in annotations(order).items() for word in ("--annotation", "=".join(each))]
    for spelling, pinned in recipe.pins.items():
        flags += ["--build-context", f"{spelling}=docker-image://{pinned}"]
    flags += workspace.flags(order.arguments)
    return [*flags, "-f", f"{root}/scratch/Dockerfile", "-t", f"oci:{root}/scratch/{_RESULT}:built", f"{root}/source"]


def _installed() -> Version:
    try:
        said = subprocess.run(("buildah", "--version"), capture_output=True, text=True, check=False).stdout
    except OSError as error:
        raise Failure(f"buildah cannot be started: {error}; install the package buildah") from None
    if not (found := _VERSION.match(said)):
        raise Failure(f"buildah --version said '{said.strip()}'; 'buildah version X.Y.Z' was expected")
    return tuple(int(part) for part in found[1].split("."))


def _put_ignore_file(order: BuildOrder, recipe: Recipe, directory: Path) -> None:
    path = directory / _IGNORE
    path.write_text(ignore_text(order, recipe.ignore), "utf-8", "surrogateescape")
    sandbox.give(path)


def new_directory(parent: Path) -> Path:
    """A directory of our own, which `Buildah` removes from its store's directory if we cannot."""
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent.absolute()))


def discard(directory: Path, keep: str = "") -> None:
    """Remove a directory, or all in it but `keep`."""
    for path in list(directory.iterdir()) if keep else [directory]:
        if path.name == keep:
            continue
        with suppress(FileNotFoundError):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
