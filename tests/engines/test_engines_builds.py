import asyncio
import json
import os
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from engine_parts import Base, Bench, content, files, images, processes, push_base
from parts.registry import Registry

from baselift.domain.builds import Argument, Failure
from baselift.engines.buildah import Buildah


async def test_an_image_has_its_layers_uncompressed_and_says_what_it_is_built_on(bench: Bench, base: Base) -> None:
    image = await bench.build(bench.order('FROM BASE\nRUN echo $MARK >/mark\nCMD ["sh"]\n'))
    config = json.loads(image.config)
    assert content(image, "mark") == "first\n"
    assert config["config"]["Cmd"] == ["sh"]
    assert config["rootfs"]["diff_ids"] == [layer.diff_id for layer in image.layers]
    assert [f"sha256:{sha256(layer.tar.read_bytes()).hexdigest()}" for layer in image.layers] == [
        layer.diff_id for layer in image.layers
    ]
    assert image.annotations == {
        "org.opencontainers.image.base.name": base.reference,
        "org.opencontainers.image.base.digest": base.digest,
    }
    assert b"STEP 2/3: RUN echo" in bench.log


async def test_an_image_from_scratch_names_no_base(bench: Bench) -> None:
    image = await bench.build(bench.from_scratch("FROM scratch\nCOPY Dockerfile /\n"))
    assert list(files(image)) == ["Dockerfile"]
    assert image.annotations == {}


async def test_only_what_the_author_gave_is_said_to_be_unused(bench: Bench) -> None:
    await bench.build(bench.from_scratch("FROM scratch\nCOPY Dockerfile /\n"))
    assert b"not consumed" not in bench.log
    await bench.build(replace(bench.order("FROM BASE\nCOPY Dockerfile /\n"), arguments=[Argument("MINE", "1")]))
    assert b"not consumed: [MINE" in bench.log


async def test_run_is_root_only_inside_and_sees_no_process_of_this_machine(bench: Bench) -> None:
    marks = "cat /proc/self/uid_map >/map; ls -d /proc/[0-9]* | wc -l >/count; cat /proc/1/environ >/env; true"
    image = await bench.build(bench.order(f"FROM BASE\nRUN {marks}\n"))
    inside, outside, _ = content(image, "map").split()
    assert (inside, outside) == ("0", "300000")
    assert int(content(image, "count")) < 12
    assert content(image, "env") == ""


async def test_nothing_of_our_environment_reaches_a_step(bench: Bench, monkeypatch) -> None:
    monkeypatch.setenv("BASELIFT_PLANTED", "planted-4711")
    monkeypatch.setenv("HTTP_PROXY", "http://planted-4711")
    image = await bench.build(bench.order("FROM BASE\nRUN env >/env\n"))
    assert "planted" not in content(image, "env")


async def test_files_belong_to_whom_the_dockerfile_says_in_every_stage(bench: Bench) -> None:
    image = await bench.build(
        bench.order(
            "FROM BASE AS first\nRUN mkdir -p /d/old && touch /d/old/1 && chown 1000:1001 /d/old/1\n"
            "FROM first\nRUN rm -r /d/old && mkdir /d/old && touch /d/old/2 && rm /bin/acpid\nCOPY --chown=7:8 a /a\n",
            a="a",
        )
    )
    first, last = files(image, 1), files(image)
    assert (first["d/old/1"].uid, first["d/old/1"].gid) == (1000, 1001)
    assert (last["a"].uid, last["a"].gid) == (7, 8)
    assert {each.uid for each in (*first.values(), *last.values())} == {0, 1000, 7}
    assert {"bin/.wh.acpid", "d/old/2"} <= set(last)
    assert {"d/old/.wh.1", "d/old/.wh..wh..opq", "d/.wh.old"} & set(last)


async def test_a_moved_tag_does_not_move_a_pinned_base(bench: Bench, tmp_path: Path, registry: Registry) -> None:
    old = push_base(tmp_path, registry.host, "engines/moving", "before")
    push_base(tmp_path, registry.host, "engines/moving", "after")
    order = bench.order(
        f"ARG HOST\nARG TAG=1\nFROM ${{HOST}}/engines/moving:${{TAG}} AS one\nRUN echo $MARK >/one\n"
        f"FROM BASE\nCOPY --from=one /one /one\nCOPY --from={old.reference} /bin/busybox /two\n",
        Argument("HOST", registry.host),
    )
    image = await bench.build(replace(order, bases={**order.bases, old.reference: old.pinned}))
    assert content(image, "one") == "before\n"


async def test_arguments_reach_steps_whatever_they_are_called(bench: Bench) -> None:
    given = {"PLAIN": "a 'b' \"c\" $HOME\nd", "HTTP_PROXY": "http://proxy:1", "GOFLAGS": "-mod=mod"}
    order = bench.order(
        'FROM BASE\nARG PLAIN=x\nARG GOFLAGS\nRUN echo "$PLAIN" >/plain; echo $GOFLAGS >/flags\n',
        *(Argument(name, value) for name, value in given.items()),
    )
    image = await bench.build(order)
    assert content(image, "plain") == given["PLAIN"] + "\n"
    assert content(image, "flags") == "-mod=mod\n"


async def test_a_secret_argument_is_usable_and_leaves_no_trace(bench: Bench, store: Path) -> None:
    secret = "s3cr3t-7f2a"
    order = bench.order(
        "FROM BASE AS one\nARG TOKEN\nRUN echo is $TOKEN\n"
        "FROM one\nARG TOKEN\nRUN echo $TOKEN | wc -c >/size; sleep 0.5\n",
        Argument("TOKEN", secret, secret=True),
    )
    building = asyncio.create_task(bench.build(order))
    while not building.done():
        assert processes(secret) == []
        await asyncio.sleep(0.02)
    image = await building
    assert content(image, "size") == f"{len(secret) + 1}\n"
    assert b"is ***" in bench.log
    assert secret.encode() not in bench.log + image.config
    assert not any(secret in repr(name) for name in image.annotations.values())
    for directory in (bench.directory, store):
        assert [path for path in directory.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()] == []


async def test_another_secret_value_gives_the_same_image(bench: Bench) -> None:
    text = "FROM BASE AS one\nARG TOKEN\nRUN true $TOKEN\nFROM one\nRUN echo x >/x\n"
    built = [
        await bench.build(bench.order(text, Argument("TOKEN", value, secret=True)))
        for value in ("first-4711", "other-4711")
    ]
    assert built[0].config == built[1].config


async def test_env_keeps_a_secret_that_the_author_puts_there(bench: Bench) -> None:
    order = bench.order("FROM BASE\nARG TOKEN\nENV KEPT=$TOKEN\n", Argument("TOKEN", "kept-5150", secret=True))
    config = json.loads((await bench.build(order)).config)
    assert "KEPT=kept-5150" in config["config"]["Env"]
    assert "kept-5150" not in json.dumps(config["history"])


async def test_a_target_ends_the_build(bench: Bench) -> None:
    order = bench.order("FROM BASE AS wanted\nRUN echo 1 >/one\nFROM wanted\nRUN exit 1\n")
    image = await bench.build(replace(order, target="wanted"))
    assert content(image, "one") == "1\n"


@pytest.mark.parametrize("target", ["wanted", "WANTED", "0"])
async def test_a_target_is_a_stage_in_whatever_case_or_its_number(bench: Bench, target: str) -> None:
    order = bench.order("FROM BASE AS Wanted\nENV MADE=here\nFROM BASE\nRUN exit 1\n")
    image = await bench.build(replace(order, target=target))
    assert "MADE=here" in json.loads(image.config)["config"]["Env"]


async def test_a_stage_is_used_in_whatever_case(bench: Bench) -> None:
    text = (
        "ARG FROM=Second\nFROM BASE AS First\nRUN echo 1 > /one\n"
        "FROM \\\n  first as Second\nCOPY --chmod=644 --from=FIRST /one /two\n"
        "FROM $FROM\nRUN --mount=type=bind,from=fIRST,target=/m cat /m/one /two > /from=FIRST\n"
    )
    assert content(await bench.build(bench.order(text)), "from=FIRST") == "1\n1\n"


async def test_the_same_order_gives_the_same_image_from_two_fresh_stores(bench: Bench, tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        engine = Buildah(tmp_path / name, plain_http_hosts=[bench.base.host])
        order = bench.order("FROM BASE AS a\nRUN date >/dev/null; echo 1 >/f\nFROM BASE\nCOPY --from=a /f /g\n")
        found.append(await engine.build(order, bench.scratch(), bench.take))
        shutil.rmtree(tmp_path / name)
    assert found[0].config == found[1].config
    assert json.loads(found[0].config)["created"] == "2023-11-14T22:13:20Z"


async def test_the_same_files_with_other_times_give_the_same_image(bench: Bench) -> None:
    mounts = "--mount=type=bind,source=words,target=/words --mount=type=bind,from=BASE,target=/base"
    order = bench.order(f"FROM BASE\nRUN {mounts} cat /words > /mine\nCOPY words /\n")
    images = []
    for time in (1_000_000_000, 1_100_000_000):
        (order.source.root / "words").write_text("same\n")
        os.utime(order.source.root / "words", (time, time))
        images.append(await bench.build(order))
    assert images[0].config == images[1].config


async def test_files_that_a_run_mounts_belong_to_root_as_in_docker(bench: Bench) -> None:
    order = bench.order(
        "FROM BASE\n"
        "RUN --mount=type=bind,source=words,target=/words ls -ln /words > /one\n"
        "RUN --mount=target=/all ls -ln /all/words > /all-of-it\n"
    )
    (order.source.root / "words").write_text("mine\n")
    image = await bench.build(order)
    assert [content(image, name).split()[2:4] for name in ("one", "all-of-it")] == [["0", "0"]] * 2


async def test_without_reproducible_the_image_has_the_time_of_the_build(bench: Bench) -> None:
    image = await bench.build(replace(bench.order("FROM BASE\nRUN true\n"), reproducible=False))
    assert json.loads(image.config)["created"] > "2024"


async def test_ignored_files_stay_out_and_the_dockerfiles_own_ignore_file_wins(bench: Bench) -> None:
    order = bench.order("FROM BASE\nCOPY . /all/\n", a="a", b="b", **{".dockerignore": "a\n"})
    assert set(files(await bench.build(order))) >= {"all/b", "all/Dockerfile"}
    assert "all/a" not in files(await bench.build(order))
    (order.source.root / "Dockerfile.dockerignore").write_text("b\n")
    names = files(await bench.build(order))
    assert "all/a" in names
    assert "all/b" not in names


async def test_what_is_taken_in_again_is_what_docker_takes_in_again(bench: Bench) -> None:
    taken = ("src/a/m.py", "src/n.py", "keep.md", " x_y.md ")
    out = ("src/a/m.pyc", "other/x.py", "[a] b#", "top.md", " x y.md ")
    order = bench.order("FROM BASE\nCOPY . /all/\n")
    for name in (*taken, *out):
        (order.source.root / name).parent.mkdir(parents=True, exist_ok=True)
        (order.source.root / name).touch()
    (order.source.root / ".dockerignore").write_text("\ufeff*\n!src/**/*.py\n! keep.md\n!?x_y*\n", "utf-8")
    (order.source.root / ".containerignore").write_text("keep.md\n")
    found = files(await bench.build(order))
    assert sorted(name for name in found if name.startswith("all/") and "." in name) == sorted(
        f"all/{name}" for name in taken
    )
    assert "all/other" not in found
    (order.source.root / ".dockerignore").write_text("[\n")
    with pytest.raises(Failure, match=r"dockerignore: .*syntax error in pattern"):
        await bench.build(order)


async def test_a_dockerfile_in_a_directory_sees_the_whole_source(bench: Bench) -> None:
    order = bench.order("FROM BASE\n", a="a")
    (order.source.root / "deep").mkdir()
    (order.source.root / "deep" / "File").write_text(f"FROM {bench.base.reference}\nCOPY a /a\n")
    image = await bench.build(replace(order, dockerfile="deep/File"))
    assert content(image, "a") == "a"


async def test_a_file_that_only_we_may_read_is_copied(bench: Bench) -> None:
    order = bench.order("FROM BASE\nCOPY a /a\n", a="private")
    (order.source.root / "a").chmod(0o600)
    image = await bench.build(order)
    assert content(image, "a") == "private"
    assert files(image)["a"].mode & 0o777 == 0o600


async def test_builds_share_the_store_at_the_same_time(bench: Bench, store: Path) -> None:
    orders = [bench.order(f"FROM BASE\nRUN echo {number} >/n; sleep 0.3\n") for number in range(3)]
    built = await asyncio.gather(*map(bench.build, orders))
    assert [content(image, "n") for image in built] == ["0\n", "1\n", "2\n"]
    assert all(names for names in images(store))
