"""Commits that are named by the beginning of their ids."""

import hashlib
import random
from pathlib import Path

import pytest

from baselift.domain.builds import Failure
from baselift.source.limits import Limits
from tests.source.conftest import WHEN, GitServer, git
from tests.source.fetching import FILES, fetch


@pytest.mark.parametrize("partial", [True, False])
async def test_a_commit_is_found_by_the_beginning_of_its_id(server: GitServer, tmp_path: Path, partial: bool) -> None:
    work = server.repository("app.git", FILES)
    git("config", "uploadpack.allowFilter", str(partial).lower(), cwd=work)
    old = git("rev-parse", "HEAD", cwd=work)
    server.commit(work, {"Dockerfile": "FROM other\n"})
    for digits in (7, 12, 39):
        into = tmp_path / f"c{digits}"
        source = await fetch(server, f"{server.url('app.git')}#{old[:digits]}:app", into)
        assert (source.commit, source.epoch, source.root) == (old, WHEN, into / "app")
        assert (into / "Dockerfile").read_text() == "FROM scratch\n"
        assert sorted(each.name for each in into.iterdir()) == ["Dockerfile", "app"]


async def test_files_are_not_fetched_to_find_a_commit(server: GitServer, tmp_path: Path) -> None:
    work = server.repository("app.git", FILES)
    git("config", "uploadpack.allowFilter", "true", cwd=work)
    old = git("rev-parse", "HEAD", cwd=work)
    noise = random.Random(7).randbytes(2_000_000).hex()
    server.commit(work, {"large": noise})
    server.commit(work, {"large": "small"})
    limits = Limits(bytes=10_000)
    assert (await fetch(server, f"{server.url('app.git')}#{old[:8]}", tmp_path / "c", limits=limits)).commit == old
    git("config", "uploadpack.allowFilter", "false", cwd=work)
    with pytest.raises(Failure, match="is larger than this server allows"):
        await fetch(server, f"{server.url('app.git')}#{old[:8]}", tmp_path / "c", limits=limits)


async def test_the_beginning_of_two_ids_is_ambiguous_and_that_of_a_branch_is_the_branch(
    server: GitServer, tmp_path: Path
) -> None:
    work = server.repository("app.git", FILES)
    # Two commits of one tree whose ids begin alike: as many as it takes, from a fixed start.
    tree, first = git("rev-parse", "HEAD^{tree}", cwd=work), dict[str, str]()
    for number in range(100_000):
        text = f"tree {tree}\nauthor a <a> {number} +0000\ncommitter a <a> {number} +0000\n\nx\n"
        name = hashlib.sha1(f"commit {len(text)}\0{text}".encode(), usedforsecurity=False).hexdigest()
        if name[:7] in first:
            break
        first[name[:7]] = text
    for part, each in enumerate((first[name[:7]], text)):
        (tmp_path / "text").write_text(each)
        commit = git("hash-object", "-w", "-t", "commit", str(tmp_path / "text"), cwd=work)
        git("update-ref", f"refs/heads/part{part}", commit, cwd=work)
    url = f"{server.url('app.git')}#{name[:7]}"
    with pytest.raises(Failure, match=rf"has 2 commits that begin with '{name[:7]}' \(.*{name}.*\); write more digits"):
        await fetch(server, url, tmp_path / "c")
    assert (await fetch(server, url.replace(name[:7], name[:12]), tmp_path / "d")).commit == name
    git("update-ref", f"refs/heads/{name[:7]}", "HEAD", cwd=work)
    assert (await fetch(server, url, tmp_path / "e")).commit == git("rev-parse", "HEAD", cwd=work)
