"""`baselift task credential` and `baselift task identity`."""

import pytest
from cli.inside import Inside
from live_app import WHERE

USER = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/Some"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one"
)


@pytest.fixture
def baselift(live, tmp_path) -> Inside:
    return Inside(live.url, tmp_path)


@pytest.fixture
def task(request, baselift, source):
    name = request.node.name.replace("_", "-").split("[")[0][-40:].strip("-")
    words = ("-t", "logins:1", "-c", source, "--base-image-trigger-enabled", "false")
    assert baselift("task", "create", "-n", name, *words).code == 0
    return name


def secrets(live, task: str) -> tuple[str, str, str]:
    login = live.client.tasks.get_details(*WHERE, task).properties.credentials.custom_registries["other.test"]
    return login.user_name.value, login.password.value, login.password.type


def test_logins_are_added_replaced_and_removed_and_never_shown(live, baselift, task, tmp_path):
    def credential(verb, *words, typed=""):
        return baselift("task", "credential", verb, "-n", task, *words, typed=typed)

    host = ("--login-server", "other.test")
    (tmp_path / "secret").write_text("of-a-file\n")
    added = credential("add", *host, "-u", "me", "--password-file", "-", typed="of-input\n")
    assert (added.code, list(added.json), "of-input" in added.out) == (0, ["other.test"], False)
    assert secrets(live, task) == ("me", "of-input", "Opaque")
    again = credential("add", *host, "-u", "me", "-p", "x")
    assert (again.code, "credential update" in again.err) == (1, True)
    for words, typed, password in (
        (("--password-file", str(tmp_path / "secret")), "", "of-a-file"),
        ((), "of-a-prompt\n", "of-a-prompt"),
        (("-p", "of-the-line"), "", "of-the-line"),
    ):
        assert credential("update", *host, "-u", "you", *words, typed=typed).code == 0
        assert secrets(live, task) == ("you", password, "Opaque")
    assert credential("list", "-o", "tsv").rows == [["other.test", "Opaque", ""]]
    assert credential("remove", *host).json == {}
    gone = credential("remove", *host)
    assert (gone.code, gone.err) == (3, f"ERROR: task '{task}' has no login for 'other.test'; there are: none\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "--username is needed with a password; without both, --use-identity"),
        (("-p", "x"), "--username is needed with a password"),
        (("-u", "me", "-p", "x", "--password-file", "f"), "--password and --password-file exclude each other"),
        (("-u", "me", "-p", ""), "the password is empty"),
    ],
)
def test_a_login_that_cannot_be_is_one_line(baselift, task, words, message):
    done = baselift("task", "credential", "add", "-n", task, "--login-server", "other.test", *words)
    assert (done.code, done.out, len(done.err.splitlines())) == (1, "", 1)
    assert done.err.startswith(f"ERROR: {message}")


def test_identities_are_assigned_and_removed_one_by_one(baselift, task):
    def identity(verb, *words):
        done = baselift("task", "identity", verb, "-n", task, *words, "-o", "tsv")
        assert done.code == 0, done.err
        return done.rows

    assert identity("show") == []
    assert identity("assign") == [["[system]"]]
    assert identity("assign", "--identities", USER) == [["[system]"], [USER]]
    assert identity("remove") == [[USER]]
    assert identity("assign", "--identities", "[system]") == [["[system]"], [USER]]
    assert identity("remove", "--identities", USER.upper()) == [["[system]"]]
    assert identity("remove") == identity("show") == []
    done = baselift("task", "identity", "remove", "-n", task)
    assert (done.code, done.err) == (3, f"ERROR: task '{task}' has no identity '[system]'; there are: none\n")
