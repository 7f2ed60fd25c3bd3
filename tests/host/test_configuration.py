"""host.json, local.settings.json, settings and connections."""

import json
from datetime import timedelta

import pytest

from baselift.host import hostjson
from baselift.host.errors import FunctionError, HostError
from baselift.host.routes import compile_route, decode_path
from baselift.host.settings import Settings, local_settings
from baselift.host.storage import Storage

from .support import running


def loaded(tmp_path, content, **settings):
    text = content if isinstance(content, str) else json.dumps({"version": "2.0", **content})
    (tmp_path / "host.json").write_text(text)
    return hostjson.load(tmp_path, Settings(settings))


def test_the_defaults_are_the_hosts_own(tmp_path):
    config = loaded(tmp_path, {})
    assert (config.route_prefix, config.function_timeout) == ("api", timedelta(minutes=30))
    assert (config.queues.batch_size, config.queues.max_dequeue_count, config.queues.base64) == (16, 5, True)
    assert config.queues.max_polling_interval == timedelta(minutes=1)
    assert loaded(tmp_path, {}, AZURE_FUNCTIONS_ENVIRONMENT="Development").queues.max_polling_interval.seconds == 2


def test_a_setting_overrides_the_file_in_any_case(tmp_path):
    queues = {"extensions": {"Queues": {"batchsize": 3}}}
    assert loaded(tmp_path, queues).queues.batch_size == 3
    assert (
        loaded(tmp_path, queues, **{"AZUREFUNCTIONSJOBHOST__Extensions:queues__BatchSize": "7"}).queues.batch_size == 7
    )
    assert loaded(tmp_path, {"functionTimeout": "-1"}).function_timeout is None


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be a JSON object"),
        ('{"version": "1.0"}', "version is '1.0'; it must be \"2.0\""),
        ({"extensions": {"queues": {"batchSize": 33}}}, "batchSize is 33; .* from 1 to 32"),
        ({"extensions": {"queues": {"messageEncoding": "x"}}}, "messageEncoding is 'x'"),
        ({"extensions": {"queues": {"visibilityTimeout": "5s"}}}, "visibilityTimeout is '5s'; it must be hh:mm:ss"),
        ({"functionTimeout": "00:00:00"}, "functionTimeout"),
        ({"functions": "x"}, "functions is 'x'"),
    ],
)
def test_a_wrong_host_json_is_named(tmp_path, content, names):
    with pytest.raises(HostError, match=names):
        loaded(tmp_path, content)


def test_local_settings_fill_what_the_environment_lacks(tmp_path):
    values = {"A": "file", "B": "file", "C": None, "D": ""}
    content = {"Values": values, "ConnectionStrings": {"X": "cs"}, "Host": {"LocalHttpPort": 1234}}
    (tmp_path / "local.settings.json").write_text(json.dumps(content))
    added, port = local_settings(tmp_path, {"a": "environment"})
    assert (added, port) == ({"B": "file", "D": "", "ConnectionStrings:X": "cs"}, 1234)
    (tmp_path / "local.settings.json").write_text('{"IsEncrypted": true}')
    with pytest.raises(HostError, match="IsEncrypted"):
        local_settings(tmp_path, {})


def test_percent_names_are_resolved_and_mistakes_named():
    settings = Settings({"Queue": "q1"})
    assert settings.resolve("a-%QUEUE%-%queue%") == "a-q1-q1"
    with pytest.raises(FunctionError, match="no setting 'None'"):
        settings.resolve("%None%")
    with pytest.raises(FunctionError, match="without a closing"):
        settings.resolve("50%")


async def test_a_connection_is_looked_up_in_the_hosts_order():
    account = "DefaultEndpointsProtocol=https;AccountName={};AccountKey=QQ==;EndpointSuffix=x.example"
    storage = Storage(
        Settings(
            {
                "S": account.format("plain"),
                "AzureWebJobsS": account.format("prefixed"),
                "T": account.format("plain"),
                "ConnectionStrings:T": account.format("section"),
                "U__accountName": "acct",
                "V__queueServiceUri": "https://v.example",
                "V__credential": "managedidentity",
                "W": "nonsense",
            }
        )
    )
    assert storage.queue("S", "Some-Queue").url.startswith("https://prefixed.queue.x.example/some-queue")
    assert storage.queue("T", "abc").account_name == "section"
    assert storage.queue("U", "abc").url.startswith("https://acct.queue.core.windows.net/abc")
    assert storage.queue("V", "abc").url.startswith("https://v.example/abc")
    with pytest.raises(FunctionError, match="'W' is not a valid"):
        storage.queue("W", "abc")
    with pytest.raises(FunctionError, match="set AzureWebJobsStorage__blobServiceUri"):
        storage.blobs()
    await storage.close()


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("a/{x}-{y}", "/a/1-2-3", {"x": "1-2", "y": "3"}),
        ("a/{x=9}", "/a", {"x": "9"}),
        ("a/{x=9}", "/a/", {"x": "9"}),
        ("a/{x:range(1,5)}", "/a/6", None),
        ("a/{x:range(1,5)}", "/a/5", {"x": "5"}),
        (r"a/{x:regex(^\d{{3}}$):length(3)}", "/a/123", {"x": "123"}),
        (r"a/{x:regex(^\d{{3}}$)}", "/a/1234", None),
        ("a/{x:guid}", "/a/0f8fad5b-d9cb-469f-a165-70867728950e", {"x": "0f8fad5b-d9cb-469f-a165-70867728950e"}),
        ("a/{x:bool}/b", "/A/TRUE/B", {"x": "TRUE"}),
        ("a/{x:int}", "/a/2147483648", None),
        ("a/{x:long}", "/a/2147483648", {"x": "2147483648"}),
        ("a/{x:double}", "/a/1.5e3", {"x": "1.5e3"}),
        ("a/{x:datetime}", "/a/2026-02-30", None),
        ("a/{x:maxlength(2)}", "/a/abc", None),
        ("a/{x}", "/a//", None),
        ("a/{**x:minlength(1)}", "/a", None),
        ("a/{**x:minlength(1)}", "/a/b//c", {"x": "b//c"}),
        ("{{a}}/b", "/{a}/b", {}),
    ],
)
def test_a_template_matches_as_in_the_host(template, path, expected):
    assert compile_route(template).match(decode_path(path.encode())) == expected


@pytest.mark.parametrize(
    "template", ["a/{x", "a/x}", "a//b", "{x?}/b", "{*x}/b", "{x:nosuch}", "{x}/{X}", "{x:min(a)}", "{}"]
)
def test_a_template_that_is_not_understood_is_refused(template):
    with pytest.raises(FunctionError, match="route"):
        compile_route(template)


@pytest.mark.parametrize(
    ("script", "names"),
    [
        (None, "has no function_app.py"),
        ("x = 1", "has 0 top-level function app objects"),
        ("import azure.functions as f\na = f.FunctionApp()\nb = f.FunctionApp()", "has 2 top-level"),
        ("raise KeyError('oh')", "cannot be imported: KeyError"),
    ],
)
async def test_an_app_that_cannot_be_indexed_is_named(tmp_path, script, names):
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    if script:
        (tmp_path / "odd_app.py").write_text(script)
    name = "odd_app.py" if script else "function_app.py"
    with pytest.raises(HostError, match=names):
        async with running(tmp_path, {"PYTHON_SCRIPT_FILE_NAME": name}):
            pytest.fail("it started")
