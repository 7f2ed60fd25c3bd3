"""Where the `baselift` command looks for its server, and its help."""

import dataclasses
from importlib.metadata import version

import pytest
from click.testing import CliRunner

from baselift.cli.main import main

COMMANDS = [
    ("build",),
    ("client",),
    ("client", "new"),
    ("doctor",),
    ("login",),
    ("logout",),
    ("registry",),
    *(("registry", name) for name in ("add", "list", "show", "remove")),
    ("scan",),
    ("task",),
    *(
        ("task", name)
        for name in ("create", "update", "show", "list", "delete", "run", "list-runs", "show-run", "logs", "cancel-run")
    ),
]


def refused(command, **changes):
    done = dataclasses.replace(command, **changes)("task", "list")
    assert (done.code, done.out) == (1, "")
    assert len(done.err.splitlines()) == 1
    return done.err


def test_no_answer_is_one_line_that_says_what_to_start(baselift):
    error = refused(baselift, url="http://127.0.0.1:1")
    assert error.startswith("ERROR: Baselift does not answer: ")
    assert error.endswith("Is `script/serve` running?\n")


@pytest.mark.parametrize("url", ["localhost:7071", "nonsense", "ftp://host"])
def test_an_address_that_is_none_is_refused_with_what_would_be_right(baselift, url):
    message = f"ERROR: BASELIFT_URL is '{url}': it must be http://host[:port] or https://host[:port]\n"
    assert refused(baselift, url=url) == message


def test_another_server_is_told_from_baselift(live, baselift):
    assert "is no answer of Baselift's" in refused(baselift, url=live.stack.registry.url)
    assert refused(baselift, url=f"{live.url}/health?").endswith("is not Baselift\n")


def test_https_to_a_plain_server_is_one_line(live, baselift):
    assert refused(baselift, url=live.url.replace("http:", "https:")).startswith("ERROR: Baselift does not answer: ")


def test_a_ca_that_is_not_there_is_refused(baselift):
    message = "ERROR: BASELIFT_CA is '/no/such/file': there is no such file\n"
    assert refused(baselift, settings={"BASELIFT_CA": "/no/such/file"}) == message


def test_another_subscription_is_not_found(baselift):
    settings = {"BASELIFT_SUBSCRIPTION": "11111111-1111-1111-1111-111111111111"}
    done = dataclasses.replace(baselift, settings=settings)("task", "list")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("ERROR: (ResourceNotFound) ")


def test_the_registry_is_found_by_its_name_in_any_case(baselift):
    assert baselift("task", "list", "--registry", "BaseLift").code == 0


@pytest.mark.parametrize("words", [(), *COMMANDS])
def test_help_has_a_sentence_for_every_command_and_option(words):
    done = CliRunner().invoke(main, [*words, "--help"], prog_name="baselift")
    assert done.exit_code == 0
    usage, described, *options = done.output.split("\n\n")
    assert usage.startswith(f"Usage: {' '.join(['baselift', *words])}")
    assert described.strip().endswith(".")
    assert "..." not in "".join(options)
    assert CliRunner().invoke(main, [*words, "-h"], prog_name="baselift").output == done.output


def test_the_process_prints_its_help_and_version(baselift):
    done = baselift("--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Usage: baselift [OPTIONS] COMMAND [ARGS]...\n")
    assert baselift("--version").out == f"baselift, version {version('baselift')}\n"
