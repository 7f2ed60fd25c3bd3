"""The tables against the SDK's models, and against documents made at random from them."""

import copy
import json

import pytest
from arm_samples import CONTEXT, IDENTITY, LATER, NOW, SCOPE, guids
from azure.mgmt.containerregistrytasks import models as sdk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baselift.arm import models, requests, rules, secrets, shapes, tasks
from baselift.arm.errors import ApiError
from baselift.arm.shapes import Choice, Each, Flag, Model, Table, Text, Variants, Whole

PROPERTIES = models.TASK.fields["properties"].kind
PAIRS = [
    (models.TASK, sdk.Task),
    (PROPERTIES, sdk.TaskProperties),
    (models.PLATFORM, sdk.PlatformProperties),
    (models.AGENT, sdk.AgentProperties),
    (models.NAMED_VALUE, sdk.Argument),
    (models.NAMED_VALUE, sdk.SetValue),
    (models.SECRET, sdk.SecretObject),
    (models.CUSTOM_REGISTRY, sdk.CustomRegistryCredentials),
    (models.CREDENTIALS, sdk.Credentials),
    (models.CREDENTIALS.fields["sourceRegistry"].kind, sdk.SourceRegistryCredentials),
    (models.STEP.models["Docker"], sdk.DockerBuildStep),
    (models.STEP.models["FileTask"], sdk.FileTaskStep),
    (models.STEP.models["EncodedTask"], sdk.EncodedTaskStep),
    (models.AUTH, sdk.AuthInfo),
    (models.SOURCE, sdk.SourceProperties),
    (models.TIMER_TRIGGER, sdk.TimerTrigger),
    (models.SOURCE_TRIGGER, sdk.SourceTrigger),
    (models.BASE_TRIGGER, sdk.BaseImageTrigger),
    (models.TRIGGER, sdk.TriggerProperties),
    (models.IDENTITY, sdk.IdentityProperties),
    (models.RUN_REQUEST.models["DockerBuildRequest"], sdk.DockerBuildRequest),
    (models.RUN_REQUEST.models["FileTaskRunRequest"], sdk.FileTaskRunRequest),
    (models.RUN_REQUEST.models["EncodedTaskRunRequest"], sdk.EncodedTaskRunRequest),
    (models.RUN_REQUEST.models["TaskRunRequest"], sdk.TaskRunRequest),
    (models.OVERRIDE, sdk.OverrideTaskStepProperties),
    (models.RUN_UPDATE, sdk.RunUpdateParameters),
    (models.TASK_RUN.fields["properties"].kind, sdk.TaskRunProperties),
    (models.AGENT_POOL, sdk.AgentPool),
    (models.AGENT_POOL.fields["properties"].kind, sdk.AgentPoolProperties),
]
HEAD = {"id", "name", "type", "systemData"}


@pytest.mark.parametrize(("table", "model"), PAIRS, ids=[model.__name__ for _, model in PAIRS])
def test_a_table_has_exactly_the_fields_of_the_sdk_model(table, model):
    known = {field._rest_name for field in model()._attr_to_rest_field.values()}
    named = {"name", "type"} & set(table.fields)
    assert named <= known
    assert set(table.fields) == (known - HEAD) | named


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
GOOD = {
    None: ["name", "other", "s3cret"],
    rules.image_name: ["a:{{.Run.ID}}", "localhost:5000/app:v1"],
    rules.relative_path: ["Dockerfile", "a/b"],
    rules.context: [CONTEXT, "tasks-source/x.tar.gz"],
    rules.argument_name: ["A", "B", "C"],
    rules.encoded: ["dmVyc2lvbjogdjEuMS4wCg=="],
    rules.web_address: ["https://host/x"],
    rules.registry_host: ["other.azurecr.io", "OTHER.azurecr.io", "localhost:5000"],
    rules.resource_id: [IDENTITY, IDENTITY.replace("one", "two")],
    rules.repository: ["https://github.com/u/r.git#main", "https://dev.azure.com/o/p/_git/r"],
    rules.path_pattern: ["docs", "lib/*.py"],
    rules.schedule: ["* * * * *", "0 21 * * MON"],
}
ODD = ["", "/dev/null", "../x", "A=B", "a@b", "ssh://x", "%", "\0", "\ud800", "name"]


def strategy(kind, *, odd):
    """Values of a kind: right ones only (but for the rules over several fields), or with anything here and there."""
    right = _right(kind, odd=odd)
    return st.integers(0, 24).flatmap(lambda dice: right if dice else JSON) if odd else right


def _right(kind, *, odd):
    match kind:
        case Text(check=check):
            return st.sampled_from(GOOD[check] * 9 + ODD if odd else GOOD[check])
        case Whole(low=low, high=high):
            return st.integers(low - odd, high + odd)
        case Flag():
            return st.booleans()
        case Choice(values=values):
            return st.sampled_from([*values, *(value.upper() for value in values)])
        case Each(item=item, by=by):
            key = None if by is None else lambda item: repr(item.get(by)) if isinstance(item, dict) else None
            return st.lists(strategy(item, odd=odd), max_size=2, unique_by=key)
        case Table(item=item, key=key):
            return st.dictionaries(_right(key, odd=odd), st.none() | strategy(item, odd=odd), max_size=2)
        case Model(fields=fields):
            return _object(fields, odd=odd)
        case Variants(models=table):
            return st.one_of(*(_object(model.fields, odd=odd, type=st.just(name)) for name, model in table.items()))
    raise AssertionError(kind)


def _object(fields, *, odd, **more):
    needed = {name for name, field in fields.items() if field.required or field.key or name == "step"}
    values = {name: strategy(field.kind, odd=odd) for name, field in fields.items()}
    free = {name: st.none() | value for name, value in values.items() if name not in needed}
    return st.fixed_dictionaries({**{name: values[name] for name in needed}, **more}, optional=free)


def bodies(kind):
    """Right bodies, and odd ones."""
    return strategy(kind, odd=False) | strategy(kind, odd=True)


CAMPAIGN = settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))


def outcome(call):
    """The call's document, or None where it refused the input as it should."""
    try:
        document = call()
    except ApiError as error:
        return _refused(error)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    return document


def _refused(error):
    assert error.status in (400, 409, 413)
    assert json.dumps(error.body()).encode()


def put(body, existing=None):
    return tasks.create(body, existing, scope=SCOPE, name="task1", now=NOW, ids=guids())


@CAMPAIGN
@given(bodies(models.TASK), bodies(models.TASK))
def test_a_random_task_is_stored_whole_or_refused(body, patch):
    before = copy.deepcopy(body)
    task = outcome(lambda: put(body))
    assert repr(body) == repr(before)
    if task is None:
        return
    assert put(tasks.show(task, secrets=True), task) == task
    sdk.Task._deserialize(tasks.show(task, secrets=False), []).properties.as_dict()
    assert secrets.map_secrets(secrets.map_secrets(task, lambda text: text + "!"), lambda text: text[:-1]) == task
    outcome(lambda: requests.override(task, patch))
    stored = copy.deepcopy(task)
    changed = outcome(lambda: tasks.merge(task, patch, now=LATER, ids=guids()))
    assert task == stored
    if changed is not None:
        assert put(changed, changed)["properties"] == changed["properties"]


@CAMPAIGN
@given(bodies(models.RUN_REQUEST))
def test_a_random_run_request_is_read_once_and_for_all_or_refused(body):
    request = outcome(lambda: requests.parse(body, SCOPE))
    if request is not None:
        assert requests.parse(request, SCOPE) == request


@CAMPAIGN
@given(bodies(models.RUN_REQUEST))
def test_reading_twice_is_reading_once(body):
    request = outcome(lambda: shapes.document(models.RUN_REQUEST, body))
    if request is not None:
        assert shapes.document(models.RUN_REQUEST, request) == request


@CAMPAIGN
@given(JSON)
def test_any_json_is_a_body_or_a_clear_error(body):
    for kind in (models.TASK, models.TASK_RUN, models.AGENT_POOL, models.RUN_UPDATE, models.RUN_REQUEST):
        for partial in (False, True):
            outcome(lambda kind=kind, partial=partial: shapes.document(kind, body, partial=partial))
