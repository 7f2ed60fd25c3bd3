import base64

import pytest
from parts.settings import Places, app_environment, app_settings

PLACES = Places(app_port=7071, registry_port=5000, storage="UseDevelopmentStorage=true")


def test_every_setting_of_the_app_is_there_with_its_default(tmp_path):
    settings = app_settings(tmp_path, PLACES, {"BASELIFT_BUILDS": "3"})
    made = {name: settings.pop(name) for name in ("BASELIFT_SECRET_KEY", "BASELIFT_WEBHOOK_SECRET")}

    assert settings == {
        "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:00.200",
        "AzureFunctionsJobHost__extensions__queues__newBatchThreshold": "2",
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "BASELIFT_ACCESS": "none",
        "BASELIFT_BUILDS": "3",
        "BASELIFT_LEASE_SECONDS": "60",
        "BASELIFT_LOGIN_SERVER": "localhost:5000",
        "BASELIFT_PLAIN_HTTP_HOSTS": "localhost,127.0.0.1",
        "BASELIFT_POLL_SECONDS": "600,localhost=0,127.0.0.1=0",
        "BASELIFT_RECONCILE": "*/10 * * * * *",
        "BASELIFT_REGISTRY_NAME": "baselift",
        "BASELIFT_RESOURCE_GROUP": "local",
        "BASELIFT_STATE": str(tmp_path / "builder"),
        "BASELIFT_SUBSCRIPTION": "00000000-0000-0000-0000-000000000000",
        "BASELIFT_TIMERS": "*/15 * * * * *",
        "FUNCTIONS_WORKER_RUNTIME": "python",
    }
    assert len(base64.b64decode(made["BASELIFT_SECRET_KEY"], validate=True)) == 32
    assert len(made["BASELIFT_WEBHOOK_SECRET"]) >= 32


def test_in_mode_clients_the_setting_has_the_hash_of_a_secret_that_is_kept(tmp_path):
    settings = app_settings(tmp_path, PLACES, {"BASELIFT_ACCESS": "none"}, "clients")

    assert settings["BASELIFT_ACCESS"] == "clients"
    assert settings["BASELIFT_CLIENTS"].startswith("local:contributor:scrypt$")
    assert (tmp_path / "client.secret").read_text() not in settings["BASELIFT_CLIENTS"]
    assert app_settings(tmp_path, PLACES, {"BASELIFT_ACCESS": "clients"}) == app_settings(
        tmp_path, PLACES, {}, "clients"
    )


def test_the_secrets_stay_over_restarts_and_are_readable_by_their_owner_only(tmp_path):
    assert app_settings(tmp_path, PLACES, {}) == app_settings(tmp_path, PLACES, {})
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("secret.key", "webhook.secret")] == [0o600, 0o600]


def test_the_callers_settings_win(tmp_path):
    given = {"BASELIFT_RECONCILE": "* * * * * *", "BASELIFT_REGISTRY_NAME": "mine"}

    settings = app_settings(tmp_path, PLACES, given)

    assert given.items() <= settings.items()


@pytest.mark.parametrize("builds", ["0", "-1", "two", "1.5"])
def test_a_wrong_number_of_builds_is_refused_by_name(tmp_path, builds):
    with pytest.raises(ValueError, match=rf"BASELIFT_BUILDS is '{builds}'; it must be"):
        app_settings(tmp_path, PLACES, {"BASELIFT_BUILDS": builds})


def test_the_apps_home_and_temporary_files_are_under_the_state(tmp_path):
    environment = app_environment(tmp_path, {"A": "1"}, {"HOME": "/root", "TMPDIR": "/tmp", "LANG": "C"})

    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
        assert environment[name].startswith(str(tmp_path / "app"))
    assert (environment["A"], environment["LANG"]) == ("1", "C")
