from dataclasses import replace
from pathlib import Path

import pytest
from engine_parts import Bench, containers, images

from baselift.domain.builds import Argument, Failure
from baselift.engines.reasons import reason
from baselift.engines.recipe import check_platform


async def failure(bench: Bench, order) -> str:
    scratch = bench.scratch()
    with pytest.raises(Failure) as caught:
        await bench.build(order, scratch)
    assert list(scratch.iterdir()) == []
    return str(caught.value)


async def test_a_step_that_fails_is_named_with_its_exit_code(bench: Bench, store: Path) -> None:
    order = bench.order("FROM BASE\nRUN echo before && exit 42\n")
    assert await failure(bench, order) == "'RUN echo before && exit 42' exited with 42"
    assert b"before\n" in bench.log
    assert containers(store) == []
    assert all(images(store))


async def test_a_base_that_is_not_there_is_named(bench: Bench) -> None:
    order = bench.order("FROM BASE\n")
    gone = f"{bench.base.host}/engines/none@sha256:{'0' * 64}"
    said = await failure(bench, replace(order, bases={bench.base.reference: gone}))
    assert said.startswith("base image cannot be pulled: not there.")
    assert gone in said


def test_a_registry_that_does_not_answer_is_said() -> None:
    said = (
        "Error: creating build container: initializing source docker://localhost:1/none@sha256:00: pinging container "
        'registry localhost:1: Get "https://localhost:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused\n'
    )
    assert reason(said, 125).startswith("base image cannot be pulled: its registry does not answer.")


async def test_a_base_without_a_digest_is_never_pulled(bench: Bench) -> None:
    said = await failure(bench, replace(bench.order("FROM BASE\n"), bases={}))
    assert f"base image '{bench.base.reference}' has no digest" in said


async def test_a_dockerfile_that_does_not_parse_is_refused_with_the_line(bench: Bench) -> None:
    assert "line 3: unknown instruction: FORM" in await failure(bench, bench.order("FROM BASE\n\nFORM x\n"))


async def test_a_file_that_is_not_in_the_source_is_named(bench: Bench) -> None:
    assert "nowhere" in await failure(bench, bench.order("FROM BASE\nCOPY nowhere /\n"))


@pytest.mark.parametrize(
    ("name", "said"),
    [("../Dockerfile", "outside the source"), ("link", "outside the source"), ("gone", "not in the source")],
)
async def test_a_dockerfile_must_be_in_the_source(bench: Bench, name: str, said: str) -> None:
    order = bench.order("FROM BASE\n")
    (order.source.root / "link").symlink_to("/etc/passwd")
    assert said in await failure(bench, replace(order, dockerfile=name))


@pytest.mark.parametrize(
    "instruction",
    [
        "COPY --parents a /a",
        "COPY --exclude=*.md . /a",
        "ADD --unpack http://x/y /a",
        "RUN --network=none true",
        "RUN --security=insecure true",
        "RUN --mount=type=secret,id=a,env=A true",
        "ENV A=${B#x}",
    ],
)
async def test_what_buildah_cannot_do_is_refused_with_its_line_before_it_starts(bench: Bench, instruction: str) -> None:
    bench.engine._version = (1, 28, 2)
    said = await failure(bench, bench.order(f"FROM BASE\nRUN true\n{instruction}\n"))
    assert said.startswith(f"Dockerfile line 3: {instruction.partition(' ')[0]} uses ")
    assert bench.log == b""


@pytest.mark.parametrize(
    ("instruction", "said"),
    [
        ("ADD https://example.com/a.git#main /a", "ADD of the git repository 'https://example.com/a.git#main'"),
        ("ADD git@example.com:a/b /a", "ADD of the git repository 'git@example.com:a/b'"),
        ("ARG A=https://x/y.git\nADD $A /a", "ADD of the git repository 'https://x/y.git'"),
        ("ADD --checksum=sha256:00 http://x/y /a", "--checksum=sha256:00 is not sha256: and 64"),
        ("ADD --checksum=sha256:00 a /a", "--checksum is for one address"),
        ("COPY <<A <<B /a\nA\nB", "several files need a directory as their target: '/a/'"),
        ("COPY a <<A\nA", "COPY has a here-document as its target"),
        ("COPY <<a* /a\na*", "a file cannot be called 'a*'"),
        ("COPY <<A /a\n${\nA", "here-document A:"),
        ("COPY --chown='a b' <<A /a\nA", "a flag with blanks"),
        ("HEALTHCHECK --interval=often CMD true", "HEALTHCHECK --interval=often"),
    ],
)
async def test_what_cannot_be_said_exactly_is_refused_with_its_line_before_the_build_starts(
    bench: Bench, instruction: str, said: str
) -> None:
    told = await failure(bench, bench.order(f"FROM BASE\n{instruction}\n"))
    assert f"Dockerfile line {3 if '$A' in instruction else 2}: {said}" in told
    assert bench.log == b""


async def test_a_shell_may_use_what_the_dockerfile_may_not(bench: Bench) -> None:
    await bench.build(bench.order("FROM BASE\nRUN a=xy; [ ${a#x} = y ]\n"))


async def test_windows_is_refused(bench: Bench) -> None:
    assert "only linux/" in await failure(bench, replace(bench.order("FROM BASE\n"), platform="windows/amd64"))


async def test_a_step_for_a_foreign_processor_is_refused_with_its_line(bench: Bench) -> None:
    order = replace(bench.order("FROM BASE\nRUN true\n"), platform="linux/s390x")
    assert "line 2: RUN needs a s390x processor" in await failure(bench, order)


def test_a_foreign_image_without_a_step_is_not_refused() -> None:
    check_platform("linux/s390x", [])


@pytest.mark.parametrize("name", ["LD_PRELOAD", "PATH", "a-b", ""])
async def test_a_secret_argument_that_tools_would_read_is_refused(bench: Bench, name: str) -> None:
    order = bench.order("FROM BASE\n", Argument(name, "hidden-1", secret=True))
    said = await failure(bench, order)
    assert f"build argument '{name}'" in said
    assert "hidden-1" not in said


async def test_a_failure_does_not_tell_a_secret(bench: Bench) -> None:
    order = bench.order("FROM BASE\nARG T\nCOPY $T /\n", Argument("T", "hidden-4242", secret=True))
    assert "hidden-4242" not in await failure(bench, order) + bench.log.decode()


def test_a_full_disk_is_said_plainly() -> None:
    said = 'Error: building at STEP "RUN x": write /mnt/store/x: no space left on device\n'
    assert reason(said, 125).startswith("no space left on the builder's disk")


@pytest.mark.parametrize("code", [-9, 137])
def test_a_build_that_was_killed_is_said_without_what_it_printed(code: int) -> None:
    assert reason("STEP 1/2: FROM scratch\n", code) == "buildah was ended by SIGKILL"


def test_output_without_an_error_is_shown_as_it_is() -> None:
    assert reason("unshare: unshare failed: Operation not permitted\n", 1).endswith("Operation not permitted")
