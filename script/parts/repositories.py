"""Bare git repositories made from files, for the sample's source and for tests."""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Files = Mapping[str, str | bytes | None]
BRANCH = "master"
ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "baselift",
    "GIT_AUTHOR_EMAIL": "baselift@localhost",
    "GIT_COMMITTER_NAME": "baselift",
    "GIT_COMMITTER_EMAIL": "baselift@localhost",
}


@dataclass(frozen=True)
class Repository:
    """One bare repository with the branch ``master``."""

    path: Path

    @classmethod
    def create(cls, path: Path, files: Files) -> "Repository":
        """Makes the repository with one commit of these files (path in the repository to content)."""
        repository = cls._empty(path)
        repository.commit(files)
        return repository

    @classmethod
    def of_directory(cls, path: Path, directory: Path) -> "Repository":
        """Makes the repository with one commit of the directory's files, their modes included."""
        repository = cls._empty(path)
        repository.commit_tree(directory)
        return repository

    @classmethod
    def _empty(cls, path: Path) -> "Repository":
        subprocess.run(["git", "init", "--quiet", "--bare", "-b", BRANCH, path], check=True, env=_environment())
        return cls(path)

    def commit(self, files: Files, *, branch: str = BRANCH) -> str:
        """Commits these files on top of the branch (None removes a file), or of master where the branch is new.

        Returns:
            The id of the commit.
        """
        with tempfile.TemporaryDirectory() as work:
            for name, content in files.items():
                _write(Path(work, name), content)
            return self.commit_tree(Path(work), [name for name, text in files.items() if text is None], branch)

    def commit_tree(self, tree: Path, removed: Sequence[str] = (), branch: str = BRANCH) -> str:
        """Commits what is in a directory on top of the branch, less the removed paths, and returns the commit's id."""
        parent = self.head(branch) or self.head(BRANCH)
        with tempfile.TemporaryDirectory() as scratch:
            index = {"GIT_INDEX_FILE": f"{scratch}/index", "GIT_WORK_TREE": str(tree)}
            if parent:
                self._git("read-tree", parent, **index)
            self._git("add", "--force", "--ignore-removal", "--", ".", **index)
            if removed:
                self._git("rm", "--quiet", "--cached", "--", *removed, **index)
            written = self._git("write-tree", **index)
        parents = ["-p", parent] if parent else []
        commit = self._git("commit-tree", written, *parents, "-m", "Files changed")
        self._git("update-ref", f"refs/heads/{branch}", commit)
        return commit

    def head(self, branch: str = BRANCH) -> str:
        """The branch's commit, or "" where there is no such branch."""
        return self._git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")

    def _git(self, *arguments: str, **environment: str) -> str:
        tree = environment.get("GIT_WORK_TREE", str(self.path))
        done = subprocess.run(
            ["git", "--git-dir", self.path.absolute(), *arguments],
            check=True,
            stdout=subprocess.PIPE,
            cwd=tree,
            env=_environment() | environment,
        )
        return done.stdout.decode().strip()


def _environment() -> dict[str, str]:
    # Inside a hook or `git rebase --exec` git's own variables would point these commands at another repository.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return inherited | ENVIRONMENT


def _write(path: Path, content: str | bytes | None) -> None:
    if content is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(data)
    if data.startswith(b"#!"):
        path.chmod(0o755)
