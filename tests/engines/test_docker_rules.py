"""What of Docker's engine needs no Docker: what it is told, what is refused, what it says when it fails."""

import io
import json
import os
import tarfile
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web
from parts import docker as docker_part
from parts.errors import PartError

from baselift.domain.builds import Argument, BuildOrder, BuildSecret, Credential, Failure, Image, Layer, Limits, Source
from baselift.domain.containers import ContainerOrder
from baselift.engines import docker_layout, docker_order, docker_recipe
from baselift.engines.docker_api import Docker, Refused, find_host, output, progress
from baselift.engines.docker_facts import buildx_of, check
from baselift.engines.docker_owner import Owner, sweep
from baselift.engines.docker_probe import probe_docker
from baselift.engines.docker_reasons import reason

BASE = "r.example/base:1"
PINNED = "r.example/base@sha256:" + "1" * 64
SOUND = {"ServerVersion": "26.1.5+dfsg1", "OSType": "linux", "DriverStatus": [["d", "io.containerd.snapshotter.v1"]]}


def order_of(tmp_path: Path, text: str, *arguments: Argument, **fields) -> BuildOrder:
    (tmp_path / "Dockerfile").write_text(text.replace("BASE", BASE))
    return BuildOrder(
        Source(tmp_path, None, 7), "Dockerfile", {BASE: PINNED}, BASE, None, arguments=arguments, **fields
    )


def refused(order: BuildOrder, limits: Limits | None = None) -> str:
    with pytest.raises(Failure) as caught:
        docker_recipe.examine(order, limits or Limits())
    return str(caught.value)


@pytest.fixture
def whole(tmp_path: Path) -> BuildOrder:
    """An order with a bit of everything."""
    return order_of(
        tmp_path,
        "FROM BASE AS x\n",
        Argument("A", "1 2"),
        Argument("T", "hidden-1", secret=True),
        target="x",
        no_cache=True,
        labels={"l": "m"},
        secrets=[BuildSecret("s", b"hidden-2")],
        credentials={"docker.io": Credential("u", "hidden-3"), "r.example": Credential("v", "hidden-4")},
    )


def test_buildx_is_told_everything_but_a_secret(whole: BuildOrder) -> None:
    words = docker_recipe.command(whole, "/buildx", Path("/d"), "default")
    assert "hidden" not in " ".join(words)
    output = "type=oci,dest=/d/image,tar=false,compression=uncompressed,force-compression=true,rewrite-timestamp=true"
    assert {
        ("--output", output),
        ("--build-context", f"{BASE}=docker-image://{PINNED}"),
        ("--build-arg", "A=1 2"),
        ("--build-arg", "T"),
        ("--label", "l=m"),
        ("--network", "default"),
        ("--target", "x"),
        ("--secret", "id=s,src=/d/secrets/0"),
    } <= set(pairwise(words))
    assert {"--no-cache", "--provenance=false", "--sbom=false"} <= set(words)


def test_a_secret_argument_is_in_the_environment_alone(whole: BuildOrder) -> None:
    environment = docker_recipe.environment(whole, "unix:///s", Path("/d"))
    assert (environment["T"], environment["SOURCE_DATE_EPOCH"]) == ("hidden-1", "7")
    assert (environment["DOCKER_HOST"], environment["DOCKER_CONFIG"]) == ("unix:///s", "/d/config")
    assert "A" not in environment


def test_a_build_has_logins_of_its_own_in_files_that_only_we_read(whole: BuildOrder, tmp_path: Path) -> None:
    directory = tmp_path / "files"
    directory.mkdir()
    docker_recipe.lay_out(whole, docker_recipe.examine(whole, Limits()), directory)
    logins = json.loads((directory / "config" / "config.json").read_text())["auths"]
    assert set(logins) == {"https://index.docker.io/v1/", "r.example"}
    assert {path.stat().st_mode & 0o777 for path in directory.rglob("*") if path.is_file()} == {0o600}


def test_steps_are_done_anew_but_where_layers_may_be_used(tmp_path: Path) -> None:
    order = order_of(tmp_path, "FROM BASE\n")
    found = (order, replace(order, layers="task"), replace(order, layers="task", no_cache=True))
    told = ["--no-cache" in docker_recipe.command(each, "/buildx", tmp_path, "default") for each in found]
    assert told == [True, False, True]


def test_without_reproducible_no_time_is_told(tmp_path: Path) -> None:
    order = order_of(tmp_path, "FROM BASE\n", reproducible=False)
    assert "rewrite-timestamp" not in " ".join(docker_recipe.command(order, "/buildx", tmp_path, "host"))
    assert "SOURCE_DATE_EPOCH" not in docker_recipe.environment(order, "unix:///s", tmp_path)


@pytest.mark.parametrize(
    ("text", "kept", "left_out"),
    [
        ("FROM a\n", "FROM a\n", ""),
        ("# syntax=x/y:1\nFROM a\n", "#\nFROM a\n", "# syntax=x/y:1"),
        ("#escape=`\n#  SYNTAX = x\nFROM a `\n b\n", "#escape=`\n#\nFROM a `\n b\n", "#  SYNTAX = x"),
        ("# syntax=x\r\n# escape=`\r\nFROM a\r\n", "# escape=`\r\n#\nFROM a\r\n", "# syntax=x"),
        ("\ufeff# syntax=x\nFROM a", "#\nFROM a", "# syntax=x"),
        ("#!/usr/bin/env docker\n# syntax=x\nFROM a", "#!/usr/bin/env docker\n#\nFROM a", "# syntax=x"),
        ("# a comment\n# syntax=x\nFROM a\n", "# a comment\n# syntax=x\nFROM a\n", ""),
        ("FROM a\n# syntax=x\n", "FROM a\n# syntax=x\n", ""),
    ],
)
def test_no_image_of_somebodys_reads_a_dockerfile(text: str, kept: str, left_out: str) -> None:
    assert docker_recipe.without_frontend(text.encode()) == (kept.encode(), left_out)


@pytest.mark.parametrize(
    "instruction",
    ["RUN --network=host true", "RUN --security=insecure true", "RUN --device=x true", "RUN --mount=type=ssh true"],
)
def test_what_cannot_be_done_is_refused_with_its_line(tmp_path: Path, instruction: str) -> None:
    said = refused(order_of(tmp_path, f"FROM BASE\n\n{instruction}\n"))
    assert said.startswith("Dockerfile line 3: RUN uses ")
    assert "which Docker's engine cannot do; " in said


@pytest.mark.parametrize(
    "instruction", ["RUN --network=none true", "COPY --link a b", "RUN --mount=type=cache,target=/c true"]
)
def test_what_can_be_done_is_not_refused(tmp_path: Path, instruction: str) -> None:
    assert docker_recipe.examine(order_of(tmp_path, f"FROM BASE\n{instruction}\n"), Limits()).warnings == []


@pytest.mark.parametrize(
    ("name", "secret", "said"),
    [("", False, "build argument ''"), ("A=B", False, "without '='"), ("DOCKER_HOST", True, "means nothing to Docker")],
)
def test_an_argument_must_be_one(tmp_path: Path, name: str, secret: bool, said: str) -> None:
    assert said in refused(order_of(tmp_path, "FROM BASE\n", Argument(name, "hidden-1", secret=secret)))


@pytest.mark.parametrize("limits", [Limits(cpus=1), Limits(memory=2**30), Limits(disk=2**30), Limits(pids=100)])
def test_a_limit_that_somebody_asked_for_and_no_build_keeps_is_refused(tmp_path: Path, limits: Limits) -> None:
    assert "cannot be kept here: a Docker engine bounds no build" in refused(order_of(tmp_path, "FROM BASE\n"), limits)


def test_what_is_left_out_or_not_kept_is_warned_of(tmp_path: Path) -> None:
    given = (Argument("BUILDKIT_SYNTAX", "x/y"), Argument("T", "hidden-1", secret=True))
    order = order_of(tmp_path, "# syntax=x\nFROM BASE\n", *given, limits=Limits(cpus=2))
    warnings = docker_recipe.examine(order, Limits()).warnings
    assert [each.split(" ")[0:2] for each in warnings] == [
        ["'#", "syntax=x'"],
        ["build", "argument"],
        ["secret", "build"],
        ["the", "number"],
    ]
    assert "BUILDKIT_SYNTAX" not in " ".join(docker_recipe.command(order, "/buildx", tmp_path, "default"))


@pytest.mark.parametrize(
    ("info", "said"),
    [
        (SOUND | {"ServerVersion": "25.0.3"}, "version '25.0.3'; 26 or newer is needed"),
        (SOUND | {"ServerVersion": ""}, "version ''"),
        (SOUND | {"OSType": "windows"}, "switch it to Linux containers"),
        (SOUND | {"DriverStatus": [["Backing Filesystem", "extfs"]]}, "switch on the containerd image store"),
        (SOUND | {"DriverStatus": None}, "switch on the containerd image store"),
    ],
)
def test_an_engine_that_cannot_build_is_told_what_it_lacks(info, said: str) -> None:
    check(SOUND)
    with pytest.raises(Failure) as caught:
        check(info)
    assert said in str(caught.value)


def test_buildx_is_a_plugin_that_works() -> None:
    assert buildx_of('[{"Name": "compose", "Path": "/c"}, {"Name": "buildx", "Path": "/b"}]') == "/b"
    for plugins in ("", "null", "[]", '[{"Name": "buildx", "Path": "/b", "Err": "broken"}]'):
        with pytest.raises(Failure, match="docker has no buildx"):
            buildx_of(plugins)


async def test_a_probe_without_an_engine_says_where_it_was_looked_for(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    found = await probe_docker(tmp_path / "docker")
    assert (found.ok, found.engine) == (False, "docker")
    assert f"the Docker engine does not answer at unix://{tmp_path}/none.sock" in found.reason
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.1:2376")
    with pytest.raises(Failure, match=r"only one on this machine is used"):
        find_host()
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_host() == "unix:///var/run/docker.sock"


STEP = 'process "/bin/sh -c exit 3" did not complete successfully: exit code: 3'
COPY = 'failed to compute: "/nowhere": not found'


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            f" > [stage-0 2/3] RUN exit 3:\n------\nD:3\n---\nERROR: failed to solve: {STEP}\n",
            "'RUN exit 3' exited with 3",
        ),
        (
            "ERROR: failed to solve: dockerfile parse error on line 2: unknown flag: x\n",
            "Dockerfile line 2: unknown flag",
        ),
        (f"Dockerfile:2\n-----\n   1 | FROM x\nERROR: failed to solve: {COPY}\n", f"Dockerfile line 2: {COPY}"),
        ("ERROR: r/b: failed to resolve source metadata for r/b: r/b: not found\n", "cannot be pulled: not there. "),
        ("ERROR: failed to solve: r/b: server gave HTTP response to HTTPS client\n", "insecure-registries"),
        ("ERROR: failed to solve: r/b: 401 Unauthorized\n", "access denied. r/b"),
        ("ERROR: failed to solve: dial tcp: connect: connection refused\n", "does not answer the Docker engine"),
        ("ERROR: failed to solve: write /x: no space left on device\n", "no space left on the Docker engine's disk"),
        ("panic\n", "buildx ended with 1: panic"),
        ("", "buildx ended with 1: no output"),
    ],
)
def test_a_failure_is_told_in_words(said: str, told: str) -> None:
    assert told in reason(said, 1)


def container(**fields) -> ContainerOrder:
    given = {"image": "i", "name": "step", "command": (), "workspace": Path("/w"), "home": Path("/h"), **fields}
    return ContainerOrder(**given)


def body(order: ContainerOrder, limits: Limits | None = None):
    return docker_order.body(order, limits or Limits(), network="net", labels={"a": "b"}, cpus=2)


def test_a_container_is_told_what_its_order_says() -> None:
    volumes = [("/run/secrets", Path("/v"))]
    order = container(command=("a", "b"), env={"T": "x y"}, user="5:6", working_directory="/d", volumes=volumes)
    told = body(order, Limits(cpus=64, memory=2**30, pids=None))
    assert (told["Entrypoint"], told["Cmd"], told["User"], told["WorkingDir"]) == (None, ["a", "b"], "5:6", "/d")
    assert told["Env"] == ["HOME=/acb/home", "T=x y"]
    host = told["HostConfig"]
    assert [(each["Source"], each["Target"], each["ReadOnly"]) for each in host["Mounts"]] == [
        ("/w", "/workspace", False),
        ("/h", "/acb/home", False),
        ("/v", "/run/secrets", True),
    ]
    assert (host["NanoCpus"], host["Memory"], host["MemorySwap"]) == (2 * 10**9, 2**30, 2**30)
    assert "PidsLimit" not in host
    assert (host["NetworkMode"], told["NetworkingConfig"]) == (
        "net",
        {"EndpointsConfig": {"net": {"Aliases": ["step"]}}},
    )


def test_an_entrypoint_of_its_own_may_be_none_at_all() -> None:
    assert body(container(entrypoint=("x", "y")))["Entrypoint"] == ["x", "y"]
    assert body(container(entrypoint=()))["Entrypoint"] == [""]
    assert body(container())["Cmd"] is None


def test_without_a_network_a_container_knows_itself() -> None:
    told = body(container(network="none"))
    assert (told["HostConfig"]["NetworkMode"], told["NetworkingConfig"]) == ("none", {})
    assert told["HostConfig"]["ExtraHosts"] == ["step:127.0.0.1"]


async def test_a_built_image_is_an_archive_that_any_tar_reads(tmp_path: Path) -> None:
    (tmp_path / "layer").write_bytes(b"l" * 1000)
    layer = Layer("sha256:" + "2" * 64, tmp_path / "layer")
    image = Image(b'{"config": {}}', [layer, layer], {})
    data = b"".join([chunk async for chunk in docker_layout.stream(image, "baselift.invalid/x:y")])
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        content = {each.name: tar.extractfile(each).read() for each in tar}
    index = json.loads(content["index.json"])["manifests"][0]
    assert index["annotations"] == {"io.containerd.image.name": "baselift.invalid/x:y"}
    manifest = json.loads(content["blobs/" + index["digest"].replace(":", "/")])
    assert content["blobs/" + manifest["config"]["digest"].replace(":", "/")] == image.config
    assert [each["size"] for each in manifest["layers"]] == [1000, 1000]
    assert content["blobs/sha256/" + "2" * 64] == b"l" * 1000
    with pytest.raises(Failure, match="has no file"):
        [chunk async for chunk in docker_layout.stream(replace(image, layers=[Layer("sha256:0", None)]), "x")]


@asynccontextmanager
async def answering(tmp_path: Path, *routes: web.RouteDef):
    """Something that answers on a socket as a Docker engine does."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "s")).start()
    try:
        async with Docker(f"unix://{tmp_path}/s") as docker:
            yield docker
    finally:
        await runner.cleanup()


async def test_what_a_container_prints_is_taken_out_of_its_frames(tmp_path: Path) -> None:
    frames = b"\1\0\0\0\0\0\0\3out" + b"\2\0\0\0\0\0\0\4errs" + b"\1\0\0\0\0\0\0\11broken"

    async def attach(_: web.Request) -> web.Response:
        return web.Response(body=frames)

    async with answering(tmp_path, web.post("/v1.44/containers/c/attach", attach)) as docker:
        response = await docker.attach("containers/c")
        assert b"".join([chunk async for chunk in output(response)]) == b"outerrsbroken"
        response.close()


async def test_what_an_engine_refuses_is_told_with_its_words(tmp_path: Path) -> None:
    async def no(_: web.Request) -> web.Response:
        return web.json_response({"message": "No such image: x"}, status=404)

    async def pulled(_: web.Request) -> web.Response:
        return web.Response(text='{"status": "Pulling"}\r\n{"error": "manifest unknown"}\r\n')

    routes = (web.get("/v1.44/images/x/json", no), web.delete("/v1.44/x", no), web.post("/v1.44/images/create", pulled))
    async with answering(tmp_path, *routes) as docker:
        with pytest.raises(Refused, match="No such image: x") as caught:
            await docker.ask("GET", "images/x/json")
        assert caught.value.status == 404
        await docker.remove("x")
        async with docker.open("POST", "images/create") as response:
            with pytest.raises(Failure, match="manifest unknown"):
                [each async for each in progress(response)]


async def test_only_what_dead_processes_of_this_installation_left_is_removed(tmp_path: Path) -> None:
    living, dead, own = Owner(tmp_path / "a"), Owner(tmp_path / "a"), Owner(tmp_path / "a")
    for owner in (living, dead, own):
        owner.live()
    assert living.installation == dead.installation
    dead_name = dead.name
    os.close(dead._lock)
    removed = list[str]()

    def labelled(owner: str) -> dict[str, object]:
        return {"Id": owner, "Labels": {"baselift.owner": owner}}

    async def listed(request: web.Request) -> web.Response:
        assert own.installation in request.query["filters"]
        if request.path.endswith("images/json"):
            tags = [f"{own.repository}:baselift-{name}-1" for name in (living.name, dead_name, own.name)]
            return web.json_response([{"RepoTags": tags}])
        return web.json_response([labelled(name) for name in (living.name, dead_name, own.name)])

    async def remove(request: web.Request) -> web.Response:
        removed.append(request.path.removeprefix("/v1.44/"))
        return web.json_response({"message": "in progress"}, status=409)

    routes = [web.get(f"/v1.44/{each}", listed) for each in ("containers/json", "networks", "images/json")]
    async with answering(tmp_path, *routes, web.delete("/v1.44/{path:.*}", remove)) as docker:
        await sweep(docker, own)
    assert removed == [
        f"containers/{dead_name}",
        f"networks/{dead_name}",
        f"images/{own.repository}:baselift-{dead_name}-1",
    ]
    assert {file.stem for file in (tmp_path / "a").glob("*.lock")} == {living.name, own.name}
    other = Owner(tmp_path / "b")
    other.live()
    assert other.installation != own.installation


def test_a_docker_engine_that_is_not_installed_is_told_with_how_to_have_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(docker_part, "INSTALLED", tmp_path)
    with pytest.raises(PartError, match="run script/setup --docker"):
        docker_part.Docker.start(tmp_path / "state")
