"""What a build takes besides its source: downloads of ADD, secrets; and what it writes besides OCI's fields."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from engine_parts import Bench, content, files, processes

from baselift.domain.builds import Argument, BuildSecret, Failure, Image
from baselift.domain.images import parse
from baselift.domain.variables import BaseConfig
from baselift.engines.buildah import Buildah
from baselift.engines.recipe import check_triggers
from baselift.registry.client import Registries
from baselift.source.http import download
from baselift.source.limits import Limits

BASE = BaseConfig()
FILE = b"\x1f\x8b not an archive"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A web server with the file x.tgz; its host and port."""
    (tmp_path / "x.tgz").write_bytes(FILE)
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture
def fetching(bench: Bench, store: Path, server: str) -> Bench:
    fetch = partial(download, plain_http_hosts=[server], limits=Limits(pause=0))
    bench.engine = Buildah(store, plain_http_hosts=[bench.base.host], fetch=fetch)
    return bench


async def test_add_brings_an_address_and_checks_its_sum(fetching: Bench, server: str) -> None:
    digest = sha256(FILE).hexdigest()
    order = fetching.order(
        f"FROM BASE\nARG NAME=x\nENV HOST=http://{server}\nADD --checksum=sha256:{digest} $HOST/${{NAME}}.tgz /d/\n"
        f"ADD --chown=7 --chmod=644 http://{server}/x.tgz a /e/\n",
        a="a",
    )
    image = await fetching.build(order)
    with image.layers[-1].tar.open("rb") as layer:
        assert layer.read().count(FILE) == 2
    found = files(image)
    assert [(found[name].uid, found[name].mode & 0o777) for name in ("d/x.tgz", "e/x.tgz")] == [(0, 0o600), (7, 0o644)]
    assert content(image, "e/a") == "a"


@pytest.mark.parametrize(
    ("add", "said"),
    [
        (
            "--checksum=sha256:" + "0" * 64 + " http://HOST/x.tgz",
            f"/x.tgz is sha256:{sha256(FILE).hexdigest()}, not sha",
        ),
        ("http://HOST/absent", "cannot be downloaded: the server answered 404"),
        ("https://127.0.0.1:1/x", "its address 127.0.0.1 is not public"),
        ("https://[fd00::1]/x", "its address fd00::1 is not public"),
        ("http://169.254.169.254/metadata", "cannot fetch from 'http://169.254.169.254:80'"),
        ("https://169.254.169.254/metadata", "its address 169.254.169.254 is not public"),
    ],
)
async def test_add_of_what_is_wrong_or_forbidden_is_refused_with_its_line(
    fetching: Bench, server: str, add: str, said: str
) -> None:
    with pytest.raises(Failure) as caught:
        await fetching.build(fetching.order(f"FROM BASE\nRUN true\nADD {add.replace('HOST', server)} /x\n"))
    assert str(caught.value).startswith("Dockerfile line 3: ADD: ")
    assert said in str(caught.value)
    assert fetching.log == b""


async def test_an_address_made_of_a_secret_is_not_shown(fetching: Bench, server: str) -> None:
    order = fetching.order(f"FROM BASE\nARG T\nADD http://{server}/$T/x /x\n", Argument("T", "hidden-77", secret=True))
    with pytest.raises(Failure, match=r"/\*\*\*/x cannot be downloaded") as caught:
        await fetching.build(order)
    assert "hidden-77" not in str(caught.value)
    order = fetching.order("FROM BASE\nARG T\nADD https://$T/x.git /x\n", Argument("T", "hidden-77", secret=True))
    with pytest.raises(Failure, match=r"'https://\*\*\*/x.git'") as caught:
        await fetching.build(order)
    assert "hidden-77" not in str(caught.value)


async def test_a_stage_after_the_target_fetches_nothing(fetching: Bench) -> None:
    order = fetching.order("FROM BASE AS a\nRUN echo 1 > /x\nFROM a\nADD https://127.0.0.1:1/x /x\n")
    assert content(await fetching.build(replace(order, target="a")), "x") == "1\n"


async def test_a_secret_is_a_file_for_one_step_and_leaves_no_trace(bench: Bench, store: Path) -> None:
    marker = "planted-8d1f"
    order = bench.order(
        "FROM BASE AS one\nRUN --mount=type=secret,id=token wc -c < /run/secrets/token > /size; "
        "stat -c '%a %u' /run/secrets/token >> /size; cat /run/secrets/token; sleep 0.3\n"
        "FROM one\nRUN --mount=type=secret,id=other,target=/o,required=true cat /o; "
        "ls /run/secrets >> /size 2>&1; true\n"
    )
    secrets = [BuildSecret("token", f"{marker}\nx".encode()), BuildSecret("other", f"\xff{marker}".encode())]
    building = asyncio.create_task(bench.build(replace(order, secrets=secrets)))
    while not building.done():
        assert processes(marker) == []
        await asyncio.sleep(0.02)
    image = await building
    assert content(image, "size").startswith(f"{len(marker) + 2}\n400 0\n")
    assert marker.encode() not in bytes(bench.log) + image.config
    assert b"***" in bench.log
    for directory in (bench.directory, store):
        assert [path for path in directory.rglob("*") if path.is_file() and marker.encode() in path.read_bytes()] == []


@pytest.mark.parametrize("name", ["", "a,b", "a=b"])
async def test_a_secret_needs_a_usable_id(bench: Bench, name: str) -> None:
    order = replace(bench.order("FROM BASE\n"), secrets=[BuildSecret(name, b"hidden-1")])
    with pytest.raises(Failure, match="build secret") as caught:
        await bench.build(order)
    assert "hidden-1" not in str(caught.value)


async def test_labels_win_over_those_of_the_file(bench: Bench) -> None:
    order = replace(bench.order("FROM BASE\nLABEL a=1 b=2\n"), labels={"b": "x y=z", "c": ""})
    labels = json.loads((await bench.build(order)).config)["config"]["Labels"]
    assert (labels["a"], labels["b"], labels["c"]) == ("1", "x y=z", "")


async def test_what_docker_keeps_beside_oci_is_kept_and_inherited(bench: Bench) -> None:
    image = await bench.build(
        bench.order(
            "FROM BASE AS base\nHEALTHCHECK --interval=1m30s --retries=2 CMD wget -q localhost\n"
            'SHELL ["/bin/ash", "-uc"]\nONBUILD RUN echo $- > /trigger\nONBUILD ENV T=1\nCMD run\n'
            "FROM base\nONBUILD USER 7\n"
        )
    )
    config = json.loads(image.config)["config"]
    assert config["Healthcheck"] == {
        "Test": ["CMD-SHELL", "wget -q localhost"],
        "Interval": 90_000_000_000,
        "Retries": 2,
    }
    assert config["Shell"] == ["/bin/ash", "-uc"]
    assert config["Cmd"] == ["/bin/ash", "-uc", "run"]
    assert config["OnBuild"] == ["USER 7"]
    assert "T=1" in config["Env"]
    assert "u" in content(image, "trigger")


async def published(bench: Bench, image: Image) -> str:
    """The reference of an image in the registry."""
    registries = Registries(plain_http_hosts=[bench.base.host])
    repository = parse(f"{bench.base.host}/engines/published")
    reference = str(repository.at(await registries.publish(image, repository, None)))
    await registries.close()
    return reference


@pytest.mark.parametrize(
    ("trigger", "said"),
    [
        ("RUN <<E\necho a > /a\nE", "has ONBUILD RUN with a here-document: this buildah cannot"),
        ("COPY --from=Tools /t /t", "has ONBUILD COPY with --from=Tools, which is a stage: this buildah cannot"),
    ],
)
def test_a_trigger_of_a_base_that_buildah_cannot_run_is_refused(bench: Bench, trigger: str, said: str) -> None:
    bases = {"base": BaseConfig(triggers=("ENV A=1", trigger))}
    for more in (b"", b"COPY --from=tools /a /\n"):
        text = b"FROM other AS tools\nFROM base\n" + more
        with pytest.raises(Failure, match=f"^Dockerfile line 2: base image 'base' {said}"):
            check_triggers(bench.order(""), text, lambda name: bases.get(name, BASE), (1, 28))


def test_a_trigger_that_buildah_can_run_is_not_refused(bench: Bench) -> None:
    given = BaseConfig(
        triggers=("RUN <<E\nx\nE", "COPY --from=image:1 /a /", "COPY --from=tools /a /", "WHAT", 'RUN --mount="x x')
    )
    text = b"FROM scratch AS tools\nFROM base AS image\nCOPY --from=tools / /\n"
    check_triggers(bench.order(""), text, lambda _: given, (1, 35))


async def test_a_trigger_of_a_published_base_is_run(bench: Bench) -> None:
    base = await published(bench, await bench.build(bench.order("FROM BASE\nONBUILD RUN echo a > /a\nRUN true\n")))
    order = replace(bench.order(f"FROM {base}\n"), bases={base: base})
    assert content(await bench.build(order), "a") == "a\n"


async def test_a_health_check_of_a_published_base_is_inherited_until_it_is_switched_off(bench: Bench) -> None:
    first = await bench.build(
        bench.order('FROM BASE\nHEALTHCHECK CMD ["true"]\nSHELL ["/bin/sh", "-uc"]\nENV B=base\nRUN true\n')
    )
    base = await published(bench, first)
    order = replace(bench.order(f"FROM {base}\nRUN <<E\necho $- > /x\nE\nCOPY <<E /y\n$B\nE\n"), bases={base: base})
    image = await bench.build(order)
    assert json.loads(image.config)["config"]["Healthcheck"] == {"Test": ["CMD", "true"]}
    assert "u" in content(image, "x")
    assert content(image, "y") == "base\n"
    order = replace(bench.order(f"FROM {base}\nHEALTHCHECK NONE\n"), bases={base: base})
    assert json.loads((await bench.build(order)).config)["config"]["Healthcheck"] == {"Test": ["NONE"]}
