import asyncio
import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselift.domain.builds import Failure, Source
from baselift.source.archive import unpack
from baselift.source.limits import Limits
from baselift.source.tree import parts_of

Member = tuple[str, bytes | None, dict[str, object]]
WHEN = 1_700_000_000


def member(name: str, content: bytes | None = None, **fields: object) -> Member:
    return name, content, fields


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> Member:
    return member(name, None, type=kind, linkname=target)


def folder(name: str, mode: int = 0o755) -> Member:
    return member(name, None, type=tarfile.DIRTYPE, mode=mode)


def make(path: Path, *members: Member, mode: str = "w", dialect: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, mode, format=dialect) as tar:
        for name, content, fields in members:
            info = tarfile.TarInfo(name)
            info.mtime, info.size = WHEN, len(content or b"")
            for key, value in fields.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(content or b""))
    return path


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("dialect", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
async def test_every_compression_and_dialect_is_unpacked(tmp_path: Path, mode: str, dialect: int) -> None:
    long = "/".join(["d" * 60] * 3)
    big = os.urandom(700_000)
    archive = make(
        tmp_path / "a",
        member("Dockerfile", b"FROM x\n", mtime=WHEN + 5),
        member(f"{long}/f", big, mode=0o775),
        mode=mode,
        dialect=dialect,
    )
    source = await unpack(archive, tmp_path / "c", Limits())
    assert source == Source(tmp_path / "c", None, WHEN + 5)
    assert (tmp_path / "c/Dockerfile").read_bytes() == b"FROM x\n"
    assert (tmp_path / "c" / long / "f").read_bytes() == big
    assert (tmp_path / "c" / long / "f").stat().st_mode & 0o7777 == 0o775


async def test_an_archive_as_az_makes_it_has_a_nameless_root_and_its_last_dockerfile_wins(tmp_path: Path) -> None:
    archive = make(
        tmp_path / "a",
        folder(""),
        member("Dockerfile", b"old", uid=1000, uname="someone"),
        folder("app"),
        member("app/x", b"x"),
        member("Dockerfile", b"new and longer"),
        mode="w:gz",
    )
    await unpack(archive, tmp_path / "c", Limits())
    assert (tmp_path / "c/Dockerfile").read_bytes() == b"new and longer"
    assert names(tmp_path / "c") == ["Dockerfile", "app"]


async def test_names_may_begin_with_a_dot_and_end_with_a_slash(tmp_path: Path) -> None:
    archive = make(tmp_path / "a", folder("./"), folder("./d/"), member("./d//f", b"f"))
    await unpack(archive, tmp_path / "c", Limits())
    assert (tmp_path / "c/d/f").read_bytes() == b"f"


async def test_modes_stay_but_nothing_becomes_privileged_or_unusable(tmp_path: Path) -> None:
    archive = make(
        tmp_path / "a",
        member("suid", b"", mode=0o6755),
        member("none", b"", mode=0),
        folder("closed", 0o000),
        member("closed/in", b"", mode=0o664),
        folder("shared", 0o1777),
    )
    await unpack(archive, tmp_path / "c", Limits())
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "c").rglob("*")}
    assert modes == {"suid": 0o755, "none": 0o400, "closed": 0o700, "in": 0o664, "shared": 0o777}


async def test_links_are_kept_as_they_are(tmp_path: Path) -> None:
    archive = make(
        tmp_path / "a",
        member("f", b"f"),
        link("venv/python", "/usr/bin/python3"),
        link("up", "../../outside"),
        link("venv/hard", "f", tarfile.LNKTYPE),
    )
    await unpack(archive, tmp_path / "c", Limits())
    root = tmp_path / "c"
    assert str((root / "venv/python").readlink()) == "/usr/bin/python3"
    assert str((root / "up").readlink()) == "../../outside"
    assert (root / "venv/hard").stat().st_ino == (root / "f").stat().st_ino


async def test_a_later_member_replaces_a_link_and_not_what_it_points_to(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    archive = make(
        tmp_path / "a",
        link("x", str(victim)),
        member("x", b"theirs"),
        member("one", b"one"),
        link("two", "one", tarfile.LNKTYPE),
        member("two", b"two"),
        link("d", str(tmp_path)),
        folder("d", 0o700),
        member("d/victim", b"theirs"),
    )
    await unpack(archive, tmp_path / "c", Limits())
    assert victim.read_bytes() == b"mine"
    assert (tmp_path / "c/x").read_bytes() == b"theirs"
    assert (tmp_path / "c/one").read_bytes() == b"one"
    assert (tmp_path / "c/d/victim").read_bytes() == b"theirs"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([member("../victim", b"x")], "leads out of it"),
        ([member("a/../../victim", b"x")], "leads out of it"),
        ([member("/etc/x", b"x")], "absolute name"),
        ([folder("/etc")], "absolute name"),
        ([link("d", ".."), member("d/victim", b"x")], "below 'd', a link or file"),
        ([link("d", ".."), link("e", "d"), member("e/victim", b"x")], "below 'e', a link or file"),
        ([folder("d"), member("d/a", b""), link("d/l", "../.."), folder("d/l/x")], "below 'd/l', a link or file"),
        ([link("d", "."), link("d/l", "x")], "below 'd', a link or file"),
        ([link("d", ".."), link("h", "d/victim", tarfile.LNKTYPE)], "below 'd', a link or file"),
        ([link("h", "../victim", tarfile.LNKTYPE)], "leads out of it"),
        ([link("h", "/etc/passwd", tarfile.LNKTYPE)], "absolute name"),
        ([link("h", "absent", tarfile.LNKTYPE)], "hard link to 'absent', which is not in it"),
        ([link("h", "no/absent", tarfile.LNKTYPE)], "hard link to 'no/absent', which is not in it"),
        ([folder("d"), link("h", "d", tarfile.LNKTYPE)], "hard link 'h' to a directory"),
        ([link("h", ".", tarfile.LNKTYPE)], "hard link 'h' to a directory"),
        ([member("f", b""), member("f/x", b"")], "below 'f', a link or file"),
        ([member("d/x", b""), member("d", b"")], "as a directory and as something else"),
        ([member("null", None, type=tarfile.CHRTYPE, devmajor=1, devminor=3)], "a device, pipe"),
        ([member("disk", None, type=tarfile.BLKTYPE, devmajor=8)], "a device, pipe"),
        ([member("pipe", None, type=tarfile.FIFOTYPE)], "a device, pipe"),
        ([link("s", "")], "a device, pipe or unknown"),
        ([member("", b"x")], "without a name"),
        ([member("n" * 300, b"x")], "File name too long"),
    ],
)
async def test_a_member_that_no_context_has_is_refused_and_nothing_is_left(
    tmp_path: Path, members: list[Member], said: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    archive = make(tmp_path / "a", *members)
    with pytest.raises(Failure, match=said):
        await unpack(archive, tmp_path / "c", Limits())
    assert victim.read_bytes() == b"mine"
    assert names(tmp_path) == ["a", "victim"]


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("cut", [0.0, 0.4, 0.9])
async def test_a_truncated_archive_is_never_taken_for_a_whole_one(tmp_path: Path, compress: type, cut: float) -> None:
    plain = make(tmp_path / "p", *(member(f"f{i}", os.urandom(1500)) for i in range(9))).read_bytes()
    content = compress(plain.rstrip(b"\0") + bytes(1024))
    (tmp_path / "a").write_bytes(content[: int(len(content) * cut)])
    with pytest.raises(Failure, match=r"not a tar archive|is broken"):
        await unpack(tmp_path / "a", tmp_path / "c", Limits())
    assert not (tmp_path / "c").exists()


async def test_an_archive_cut_between_two_members_or_overwritten_there_is_broken(tmp_path: Path) -> None:
    content = make(tmp_path / "a", member("one", b"1"), member("two", b"2")).read_bytes()
    for bad in (content[:1024], content[:1024] + b"x" * 512 + content[1536:]):
        (tmp_path / "a").write_bytes(bad)
        with pytest.raises(Failure, match="where the next member should begin"):
            await unpack(tmp_path / "a", tmp_path / "c", Limits())


@pytest.mark.parametrize("content", [b"", b"<html>no such page</html>", b"FROM scratch\n" * 900, b"PK\x03\x04" * 200])
async def test_what_is_no_archive_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    for body in (content, gzip.compress(content)):
        (tmp_path / "a").write_bytes(body)
        with pytest.raises(Failure, match="is not a tar archive"):
            await unpack(tmp_path / "a", tmp_path / "c", Limits())


async def test_a_bomb_is_stopped_by_what_its_header_claims_before_it_is_written(tmp_path: Path) -> None:
    archive = make(tmp_path / "a", member("zero", bytes(30 << 20)), mode="w:gz")
    assert archive.stat().st_size < 100_000
    with pytest.raises(Failure, match="more than 1000000 bytes, the limit"):
        await unpack(archive, tmp_path / "c", Limits(bytes=1_000_000))


async def test_many_files_are_counted(tmp_path: Path) -> None:
    archive = make(tmp_path / "a", folder(""), *(member(f"f{i}", b"") for i in range(20)))
    await unpack(archive, tmp_path / "c", Limits(files=20))
    with pytest.raises(Failure, match="more than 19 members"):
        await unpack(archive, tmp_path / "d", Limits(files=19))


async def test_a_header_as_large_as_a_bomb_is_not_read_into_memory(tmp_path: Path) -> None:
    archive = make(tmp_path / "a", member("f", b"", pax_headers={"comment": "x" * (64 << 20)}), mode="w:gz")
    with pytest.raises(Failure, match="larger inside than"):
        await unpack(archive, tmp_path / "c", Limits())


async def test_an_endless_tail_of_links_is_stopped(tmp_path: Path) -> None:
    archive = make(tmp_path / "a", *(link(f"l{i}", "x" * 3000) for i in range(60)), mode="w:gz")
    with pytest.raises(Failure, match=r"larger inside than|members"):
        await unpack(archive, tmp_path / "c", Limits(bytes=1, files=10))


@pytest.mark.parametrize("time", ["nan", "inf", "-5", "1e30", "1700000000.9"])
async def test_a_strange_time_does_no_harm(tmp_path: Path, time: str) -> None:
    archive = make(tmp_path / "a", member("f", b"", pax_headers={"mtime": time}))
    source = await unpack(archive, tmp_path / "c", Limits())
    assert source.epoch == {"1700000000.9": WHEN, "inf": 1 << 32, "1e30": 1 << 32}.get(time, 0)


async def test_an_xz_stream_that_wants_gigabytes_of_memory_is_refused(tmp_path: Path) -> None:
    plain = make(tmp_path / "p", member("f", b"f")).read_bytes()
    small = bytearray(lzma.compress(plain, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]))
    block = small[12 : 12 + (small[12] + 1) * 4]
    at = block.index(0x21) + 2
    block[at] = 36  # 2^30 bytes in the encoding of the LZMA2 filter
    block[-4:] = zlib.crc32(bytes(block[:-4])).to_bytes(4, "little")
    small[12 : 12 + len(block)] = block
    (tmp_path / "a").write_bytes(small)
    with pytest.raises(Failure, match=r"[Mm]emory usage limit"):
        await unpack(tmp_path / "a", tmp_path / "c", Limits())


async def test_the_event_loop_runs_on_and_cancelling_leaves_nothing(tmp_path: Path) -> None:
    archive = make(tmp_path / "a", *(member(f"f{i}", b"") for i in range(30_000)))
    running = asyncio.ensure_future(unpack(archive, tmp_path / "c", Limits()))
    while not (tmp_path / "c/f50").exists():
        await asyncio.sleep(0.001)
    assert not running.done()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not (tmp_path / "c").exists()


async def test_unpacking_over_the_time_limit_is_a_failure(tmp_path: Path) -> None:
    archive = make(tmp_path / "a", *(member(f"f{i}", b"x") for i in range(3000)))
    with pytest.raises(Failure, match="took longer than"):
        await unpack(archive, tmp_path / "c", Limits(seconds=0.01))
    assert not (tmp_path / "c").exists()


_STEP = st.sampled_from(["", ".", "..", "a", "b", "é", "a\n", " ", "\udcff", "-x", "~"])
_NAME = st.lists(_STEP, min_size=1, max_size=5).map("/".join)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["file", "dir", "sym", "hard"]), _NAME, _NAME), max_size=6))
async def test_no_archive_writes_outside_or_ends_in_anything_but_a_source_or_a_failure(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[str, str, str]]
) -> None:
    base = tmp_path_factory.mktemp("any")
    makers = {
        "file": lambda n, _: member(n, b"content"),
        "dir": lambda n, _: folder(n),
        "sym": link,
        "hard": lambda n, t: link(n, t, tarfile.LNKTYPE),
    }
    archive = make(base / "a", *(makers[kind](name, target) for kind, name, target in entries))
    before = names(base.parent)
    with suppress(Failure):
        await unpack(archive, base / "c", Limits())
    assert set(names(base)) <= {"a", "c"}
    assert names(base.parent) == before


@given(st.text(max_size=30))
def test_accepted_names_never_lead_up_or_start_at_the_root(name: str) -> None:
    try:
        parts = parts_of(name)
    except Failure:
        assert ".." in name or name.startswith("/") or "\0" in name
        return
    assert not {"", ".", ".."} & set(parts)
    assert all("/" not in part for part in parts)
