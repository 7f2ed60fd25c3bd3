"""Documents made at random from the SDK's models: each is answered with the document or with what is wrong in it."""

import datetime as dt
import inspect
import typing
from collections import Counter
from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest
from azure.mgmt.containerregistrytasks import models
from azure.mgmt.containerregistrytasks._utils.model_base import Model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_app import FINAL, REGISTRY_ID, WHERE, Live

WORDS = """a name5 app:1 app:{{.Run.ID}} {{ Dockerfile /dev/null Docker [system] dmVyc2lvbjogdjEuMS4wCg== ü😀
    https://unreachable.invalid/r.git#main:dir tasks-source/x.tar.gz"""
TEXTS = st.sampled_from([*WORDS.split(), "", "0 3 * * *", "\0"]) | st.text(max_size=20)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    bool: st.booleans(),
    int: st.sampled_from([-1, 0, 1, 300, 3600, 10**20]) | st.integers(),
    dt.datetime: st.just("2026-11-24T02:36:02Z"),
}
PLAUSIBLE: dict[str, Any] = {
    "location": "local",
    "contextPath": "https://unreachable.invalid/r.git#main:dir",
    "sourceLocation": "https://unreachable.invalid/r.git",
    "taskId": f"{REGISTRY_ID}/tasks/fuzzed",
    "dockerFilePath": "Dockerfile",
    "taskFilePath": "acb.yaml",
    "encodedTaskContent": "dmVyc2lvbjogdjEuMS4wCg==",
    "encodedValuesContent": "",
    "valuesFilePath": "values.yaml",
    "file": "Dockerfile",
    "imageNames": ["app:{{.Run.ID}}"],
    "schedule": "0 3 1 1 *",
    "timeout": 600,
    "cpu": 2,
    "os": "Linux",
    "architecture": "amd64",
    "name": "name5",
    "value": "1",
    "customRegistries": {},
    "userAssignedIdentities": {},
    "updateTriggerEndpoint": "https://unreachable.invalid/",
    "identity": {"type": "None"},
    "expiresIn": 60,
}
KINDS = {
    word: model for base in (models.TaskStepProperties, models.RunRequest) for word, model in base.__mapping__.items()
}
ALWAYS = {"properties", "step", "contextPath", "sourceLocation", "imageNames"}
NAMES = {**vars(typing), "_models": models, "datetime": dt}


def values(name: str, kind: Any) -> st.SearchStrategy[Any]:
    """JSON for a field of the SDK's models, once in a while of another type."""
    usual = st.just(PLAUSIBLE[name]) if name in PLAUSIBLE else right(kind)
    return st.integers(0, 59).flatmap(lambda chance: JUNK if chance == 0 else right(kind) if chance == 1 else usual)


def right(kind: Any) -> st.SearchStrategy[Any]:
    """JSON of a type."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Union:
        return st.one_of(*(right(each) for each in inner if each is not type(None)))
    if origin is list:
        return st.lists(st.deferred(lambda: right(inner[0])), max_size=2)
    if origin is dict:
        return st.dictionaries(TEXTS, st.deferred(lambda: right(inner[1])), max_size=2)
    if inspect.isclass(kind) and issubclass(kind, Enum):
        return st.sampled_from([member.value for member in kind])
    if inspect.isclass(kind) and issubclass(kind, Model):
        return documents(kind)
    return SCALARS.get(kind, JUNK)


def documents(model: Any) -> st.SearchStrategy[Any]:
    """JSON of a model; of one with subtypes, of one of these."""
    kinds = [each for each in KINDS.values() if model in each.__bases__]
    if kinds:
        return st.sampled_from(kinds).flatmap(documents)
    hints = typing.get_type_hints(model, NAMES)
    fields = {field._rest_name: hints[name] for name, field in type(model())._attr_to_rest_field.items()}
    word = next((word for word, each in KINDS.items() if each is model), None)
    strategies = {name: st.deferred(lambda n=name, k=kind: values(n, k)) for name, kind in fields.items()}
    if word is not None:
        strategies["type"] = st.just(word)
    needed = [name for name, kind in fields.items() if type(None) not in typing.get_args(kind) or name in ALWAYS]
    return st.fixed_dictionaries(
        {name: strategies[name] for name in needed},
        optional={name: strategy for name, strategy in strategies.items() if name not in needed},
    )


@pytest.fixture(scope="module", autouse=True)
def _every_run_ends(live: Live) -> Iterator[None]:
    yield
    for run in live.client.runs.list(*WHERE):
        if run.properties.status not in FINAL:
            live.ended(run, 60)


COMMON = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def check(live: Live, method: str, path: str, body: Any) -> int:
    answer = live.ask(method, path, body)
    if answer.status == 200:
        assert answer.json["properties"]
    else:
        assert answer.status in {400, 404, 409, 413}, answer.content
        assert answer.code
    return answer.status


def test_any_task_is_stored_or_refused(live):
    answers: Counter[int] = Counter()

    @COMMON
    @given(body=documents(models.Task))
    def put(body: Any) -> None:
        answers[check(live, "PUT", "tasks/fuzzed", body)] += 1

    put()
    assert answers[200] > 2
    assert answers[400] > 2
    assert live.client.tasks.get_details(*WHERE, "fuzzed").name == "fuzzed"


def test_any_run_request_is_queued_or_refused(live):
    answers: Counter[int] = Counter()

    @COMMON
    @given(body=documents(models.RunRequest))
    def schedule(body: Any) -> None:
        answers[check(live, "POST", "scheduleRun", body)] += 1

    schedule()
    assert answers[200] > 2
    assert answers[400] > 2
