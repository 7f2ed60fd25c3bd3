import os
import subprocess
from pathlib import Path

import pytest
from parts.gitserver import GitServer
from parts.repositories import Repository

TOKEN = "let-me-in"
ENVIRONMENT = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}


def clone(url: str, target: Path, *options: str) -> int:
    command = ["git", "-c", "protocol.version=2", "clone", "--quiet", *options, url, target]
    return subprocess.run(command, env=ENVIRONMENT, stderr=subprocess.DEVNULL, check=False).returncode


def test_a_clone_has_the_files_of_the_last_commit(git_server, tmp_path):
    url = git_server.create("cloned", {"Dockerfile": "FROM scratch\n", "src/run.sh": "#!/bin/sh\n", "old": "x"})
    commit = git_server.commit("cloned", {"Dockerfile": "FROM base\n", "old": None, "data": b"\x00\xff"})

    assert clone(url, tmp_path / "clone", "--depth=1") == 0

    work = tmp_path / "clone"
    assert (work / "Dockerfile").read_text() == "FROM base\n"
    assert (work / "data").read_bytes() == b"\x00\xff"
    assert os.access(work / "src" / "run.sh", os.X_OK)
    assert not (work / "old").exists()
    assert (work / ".git" / "refs" / "heads" / "master").read_text().strip() == commit


def test_a_commit_on_a_new_branch_leaves_master_where_it_was(git_server, tmp_path):
    url = git_server.create("branched", {"file": "master"})
    git_server.commit("branched", {"file": "other"}, branch="other")

    assert clone(url, tmp_path / "master") == 0
    assert clone(url, tmp_path / "other", "--branch=other") == 0
    assert [(tmp_path / name / "file").read_text() for name in ("master", "other")] == ["master", "other"]


def test_a_repository_of_a_directory_is_one_commit_with_its_files_and_modes(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "tool").write_text("#!/bin/sh\n")
    (source / "tool").chmod(0o755)

    repository = Repository.of_directory(tmp_path / "repository.git", source)

    def git(*arguments: str) -> str:
        return subprocess.check_output(["git", "-C", repository.path, *arguments], env=ENVIRONMENT, text=True)

    assert git("rev-list", "--count", "master") == "1\n"
    assert git("ls-tree", "master").startswith("100755 blob")


def test_with_a_token_only_who_shows_it_is_let_in(tmp_path):
    server = GitServer.start(tmp_path / "git", token=TOKEN)
    try:
        url = server.create("private", {"file": "text"})
        with_token = url.replace("http://", f"http://x-access-token:{TOKEN}@")
        with_other = url.replace("http://", "http://x-access-token:other@")
        codes = [clone(each, tmp_path / str(number)) for number, each in enumerate([url, with_other, with_token])]
    finally:
        server.stop()

    assert codes == [128, 128, 0]


@pytest.mark.parametrize("path", ["../outside", "nothing"])
def test_what_is_no_repository_under_the_root_is_not_served(git_server, tmp_path, path):
    Repository.create(git_server.root.parent / "outside.git", {"file": "text"}) if path != "nothing" else None

    assert clone(git_server.address(path), tmp_path / "clone") == 128


def test_nobody_can_push(git_server, tmp_path):
    url = git_server.create("read-only", {"file": "text"})
    assert clone(url, tmp_path / "clone") == 0

    push = ["git", "-C", tmp_path / "clone", "push", "origin", "master:refs/heads/new"]
    done = subprocess.run(push, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True, check=False)

    assert done.returncode != 0
    assert "403" in done.stderr
