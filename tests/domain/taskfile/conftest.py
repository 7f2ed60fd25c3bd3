"""Task files of a few lines."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from baselift.domain import templates
from baselift.domain.taskfile import Step, TaskFile, TaskFileError, load

RUN = {
    "ID": "da6",
    "Registry": "reg.example",
    "RegistryName": "reg",
    "SharedVolume": "shared",
    "Date": "20240102-030405z",
    "OS": "linux",
    "Architecture": "amd64",
    "Commit": "",
    "Branch": "main",
}


@pytest.fixture(scope="session")
def data() -> Mapping[str, Any]:
    """What templates see."""
    return {"Run": RUN, "Values": {}, "Secrets": {}}


@pytest.fixture(scope="session")
def read(data: Mapping[str, Any]) -> Callable[..., TaskFile]:
    """Load a text, with more data or sources where given."""

    def read(text: str, **given: Any) -> TaskFile:
        keywords = {name: given.pop(name) for name in ("sources", "env") if name in given}
        return load(text, {**data, **given}, render=templates.render, **keywords)

    return read


@pytest.fixture(scope="session")
def step(read: Callable[..., TaskFile]) -> Callable[..., Step]:
    """The last step of a task whose steps are given as flow mappings."""

    def step(*flow: str, head: str = "") -> Step:
        return read(head + "steps:\n" + "".join(f"- {text}\n" for text in flow)).steps[-1]

    return step


@pytest.fixture(scope="session")
def refusal(read: Callable[..., TaskFile]) -> Callable[..., str]:
    """The message with which a text is refused."""

    def refusal(text: str, **given: Any) -> str:
        with pytest.raises(TaskFileError) as caught:
            read(text, **given)
        return str(caught.value)

    return refusal
