"""The settings of who builds: what is wrong is refused, with what would be right."""

import pytest

from baselift.settings import SettingsError, load

NEEDED = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "BASELIFT_LOGIN_SERVER": "r.example",
    "BASELIFT_SECRET_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "BASELIFT_WEBHOOK_SECRET": "x",
}


@pytest.mark.parametrize("engine", ["auto", "buildah", "docker", "acr"])
def test_an_engine_is_one_of_four(engine: str) -> None:
    assert load(NEEDED | {"BASELIFT_ENGINE": engine}).engine == engine


@pytest.mark.parametrize("endpoint", ["https://management.azure.com", "http://127.0.0.1:7071", "http://localhost:1/"])
def test_an_endpoint_is_https_or_this_machine(endpoint: str) -> None:
    load(NEEDED | {"BASELIFT_ACR_ENDPOINT": endpoint})


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("BASELIFT_ENGINE", "podman", "it must be auto, buildah, docker or acr"),
        ("BASELIFT_ACR_SECONDS", "0", "it must be a number of seconds above 0"),
        *(
            ("BASELIFT_ACR_ENDPOINT", value, "it must be https://HOST, or http:// on this machine")
            for value in ("http://10.0.0.1", "http://127.0.0.1:80@evil.example", "http://localhost.example", "x")
        ),
    ],
)
def test_anything_else_is_refused(name: str, value: str, right: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(NEEDED | {name: value})
    assert f"{name} is '{value}'; {right}" in str(caught.value)
