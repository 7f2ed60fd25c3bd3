"""Here-documents, built by the buildah of this machine: what is asserted was read inside, or is in the layers."""

import json
from dataclasses import replace

import pytest
from engine_parts import Bench, content, files

from baselift.domain.builds import Argument, Failure


async def test_run_runs_a_text_in_its_shell(bench: Bench) -> None:
    image = await bench.build(
        bench.order(
            "FROM BASE\nARG A=arg\nENV E=env\nWORKDIR /work\n"
            'RUN <<EOF\n\techo "$A ${E} $MARK" \'$A\' "a\\"b\\\\c" > plain\n'
            'x=5\necho "<<$x" `pwd`  >> plain\n# FROM nothing\nEOF\n'
            "RUN <<-'END' \n\techo tabs $E > dash\n\tEND\n"
        )
    )
    assert content(image, "work/plain") == 'arg env first $A a"b\\c\n<<5 /work\n'
    assert content(image, "work/dash") == "tabs env\n"
    assert "run/heredocs" not in {name for layer in range(len(image.layers)) for name in files(image, layer)}


async def test_a_command_reads_a_text_as_the_shell_hands_it_over(bench: Bench) -> None:
    image = await bench.build(
        bench.order(
            "FROM BASE\nENV E=env\n"
            'RUN cat <<EOF > /open && cat <<"EOF" \\\n  > /closed && cat <<-TABS 3<<MORE > /both\n'
            "a $E\n\n # b\nEOF\nc $E\\\nEOF\n\td\n\t TABS\n\tTABS\ne\nMORE\n"
        )
    )
    assert content(image, "open") == "a env\n\n # b\n"
    assert content(image, "closed") == "c $E\\\n"
    assert content(image, "both") == "d\n TABS\n"


async def test_a_text_with_an_interpreter_is_run_by_it(bench: Bench) -> None:
    image = await bench.build(
        bench.order(
            "FROM BASE\nRUN mkdir -m 777 /o\nUSER 1000\nENV E=env\n"
            'RUN --mount=type=tmpfs,target=/t <<EOF\n#!/bin/awk -f\nBEGIN { print "$E", ENVIRON["E"] > "/o/o" }\nEOF\n'
        )
    )
    assert content(image, "o/o") == "$E env\n"
    assert files(image)["o/o"].uid == 1000
    assert not any("heredocs" in name for name in files(image))


async def test_triggers_of_the_file_with_texts_and_stages_in_another_case(bench: Bench) -> None:
    image = await bench.build(
        bench.order(
            "FROM BASE AS Tools\nRUN echo tool > /tool\n"
            'FROM BASE AS Base\nONBUILD RUN <<EOF\necho $- > /shell\necho "$V" > /ran\nEOF\n'
            "ONBUILD COPY --from=TOOLS /tool /tool\nONBUILD RUN --mount=from=tools,target=/t <<EOF\n"
            '#!/bin/sh\ncat /t/tool > /mounted\nEOF\nENV V=1\nSHELL ["/bin/sh", "-uc"]\n'
            "FROM base\nONBUILD COPY <<EOF /x\n$V\nEOF\n"
        )
    )
    assert [content(image, name) for name in ("ran", "tool", "mounted")] == ["1\n", "tool\n", "tool\n"]
    assert "u" in content(image, "shell")
    assert json.loads(image.config)["config"]["OnBuild"] == ["COPY <<EOF /x\n$V\nEOF"]


async def test_the_shell_of_the_file_is_used(bench: Bench) -> None:
    image = await bench.build(
        bench.order(
            'FROM BASE AS one\nSHELL ["/bin/sh", "-uc"]\n'
            "FROM one\nRUN <<EOF\necho $- > /text\nEOF\nRUN echo $- > /word\nRUN <<A cat > /plain; echo $- > /read\nA\n"
        )
    )
    assert all("u" in content(image, name) for name in ("text", "word", "read"))


async def test_copy_writes_texts_with_the_builders_variables(bench: Bench) -> None:
    order = bench.order(
        "ARG GLOBAL=g\nFROM BASE AS first\nARG GLOBAL\nARG GIVEN=default\nENV E=env E2=$GIVEN\n"
        "FROM first\nARG UNSET\nENV WHERE=/etc/app\n"
        "COPY <<ONE <<'TWO' <<-\"THREE\" other $WHERE/\n"
        "$GLOBAL ${GIVEN} $E2 $MARK ${UNSET:-fallback} $UNSET. '$E' \"$E\" \\$E\nONE\n"
        "$E \\$E\nTWO\n\t$E\n\tTHREE\n"
        "ADD --chown=7:8 --chmod=640 <<EOF /file\nowned\nEOF\n"
        "COPY <<EOF /empty\nEOF\n",
        Argument("GIVEN", "given"),
        other="from the source",
        **{".dockerignore": "*\n!other\n"},
    )
    image = await bench.build(order)
    assert content(image, "etc/app/ONE") == "g given given first fallback . 'env' \"env\" $E\n"
    assert content(image, "etc/app/TWO") == "$E \\$E\n"
    assert content(image, "etc/app/THREE") == "$E\n"
    assert content(image, "etc/app/other") == "from the source"
    assert content(image, "file") == "owned\n"
    assert content(image, "empty") == ""
    found = files(image)
    assert (found["file"].uid, found["file"].gid, found["file"].mode & 0o777) == (7, 8, 0o640)
    assert (found["etc/app/ONE"].uid, found["etc/app/ONE"].mode & 0o777) == (0, 0o644)


async def test_the_escape_directive_and_windows_line_ends_are_kept(bench: Bench) -> None:
    order = bench.order("")
    text = (
        f"# escape=`\r\nFROM {bench.base.reference} `\r\n  AS a\r\nCOPY <<EOF `\r\n /a\r\nx`y \\z\r\nEOF\r\n"
        "RUN cat <<EOF > /b\r\n1\r\nEOF\r\nRUN <<EOF\r\necho 2 > /c #\r\nEOF\r\n"
    )
    (order.source.root / "Dockerfile").write_bytes(text.encode())
    image = await bench.build(order)
    assert content(image, "a") == "x`y z\r\n"
    assert content(image, "b") == "1\r\n"
    assert content(image, "c") == "2\n"


async def test_bytes_that_are_no_text_are_copied(bench: Bench) -> None:
    order = bench.order("")
    text = f"FROM {bench.base.reference}\nCOPY <<'A' /a\n".encode() + b"\xff\xfe \xe2\x80\xa8\n" + b"A\n"
    (order.source.root / "Dockerfile").write_bytes(text)
    image = await bench.build(order)
    with image.layers[-1].tar.open("rb") as layer:
        assert b"\xff\xfe \xe2\x80\xa8\n" in layer.read()


async def test_a_long_text_is_run_whole(bench: Bench) -> None:
    numbers = " ".join(map(str, range(18000)))
    image = await bench.build(bench.order(f"FROM BASE\nRUN <<EOF\nfor n in {numbers}; do :; done; echo $n > /n\nEOF\n"))
    assert content(image, "n") == "17999\n"


async def test_a_text_that_no_command_line_takes_is_refused(bench: Bench) -> None:
    with pytest.raises(Failure, match="line 2: a here-document of a RUN must be shorter than 131072 bytes"):
        await bench.build(bench.order(f"FROM BASE\nRUN <<EOF\n: {'x' * 131072}\nEOF\n"))


async def test_stages_and_targets_may_have_texts(bench: Bench) -> None:
    order = bench.order(
        "FROM BASE AS one\nCOPY <<EOF /one\n1\nEOF\nFROM BASE AS two\nCOPY --from=one /one /two\n"
        "RUN --mount=type=bind,from=one,target=/from <<EOF\ncat /from/one >> /two\nEOF\n"
        "FROM BASE\nRUN <<EOF\nexit 1\nEOF\n"
    )
    image = await bench.build(replace(order, target="two"))
    assert content(image, "two") == "1\n1\n"


async def test_a_failing_text_ends_the_build(bench: Bench) -> None:
    with pytest.raises(Failure, match="exited with 3"):
        await bench.build(bench.order("FROM BASE\nRUN <<EOF\necho before\nexit 3\nEOF\n"))
    assert b"before\n" in bench.log


async def test_texts_give_the_same_image_again(bench: Bench) -> None:
    text = "FROM BASE AS x\nRUN <<EOF\n#!/bin/sh\necho 1 > /1\nEOF\nFROM x\nCOPY <<EOF <<B /d/\n$MARK\nEOF\nB\n"
    first, second = [await bench.build(bench.order(text)) for _ in range(2)]
    assert first.config == second.config


async def test_link_is_left_out_and_told(bench: Bench) -> None:
    image = await bench.build(
        bench.order("FROM BASE\nCOPY --link \\\n  --chown=3 a /d/\nADD --link=true a /e/\n", a="a")
    )
    assert content(image, "d/a") == content(image, "e/a") == "a"
    assert files(image)["d/a"].uid == 3
    assert bench.log.startswith(
        b"Warning: line 2: --link is left out of COPY: the files are the same\n"
        b"Warning: line 4: --link is left out of ADD: the files are the same\n"
    )
