"""What of `baselift` needs no server: `scan`, `client`, and what is said of a storage that fails."""

import json

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError
from click.testing import CliRunner

from baselift.access.clients import parse
from baselift.access.hashes import verify_secret
from baselift.cli.errors import CommandError, from_storage
from baselift.cli.main import main


def run(*words, typed=None):
    return CliRunner().invoke(main, list(words), input=typed)


def test_scan_tells_the_runtime_base_from_the_others():
    text = "ARG V=1\nFROM golang:$V AS made\nFROM alpine:3\nCOPY --from=made /x /x\n"
    done = run("scan", "--build-arg", "V=2", "-o", "json", "-", typed=text)
    assert done.exit_code == 0
    assert [(each["type"], each["reference"], each["line"]) for each in json.loads(done.stdout)["edges"]] == [
        ("runtime", "alpine:3", 3),
        ("buildtime", "golang:2", 2),
    ]
    table = run("scan", "--target", "made", "-", typed=text).stdout.splitlines()
    assert table[0].split() == ["TYPE", "REFERENCE", "IMAGE", "LINE"]
    assert table[2].split()[:2] == ["runtime", "golang:1"]
    assert len(table) == 3


@pytest.mark.parametrize(("text", "line"), [("FROM alpine\nFROM ${\n", 2), ("RUN x\n", 1)])
def test_scan_of_what_is_no_dockerfile_ends_with_1_and_the_line(text, line):
    done = run("scan", "-", typed=text)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"ERROR: Dockerfile line {line}: ")


def test_scan_of_a_file_that_is_not_there_is_one_line():
    done = run("scan", "/no/such/file")
    assert (done.exit_code, done.stderr) == (1, "ERROR: '/no/such/file' cannot be read: No such file or directory\n")


def test_a_new_clients_word_lets_its_secret_in():
    lines = run("client", "new", "--role", "reader", "--id", "ci").stdout.splitlines()
    (made,) = parse(lines[-1])
    assert (made.id, made.role.name) == ("ci", "READER")
    assert verify_secret(lines[1].split()[1], made.hash)


def test_a_client_id_that_is_none_is_refused_without_a_secret():
    done = run("client", "new", "--role", "reader", "--id", "a:b")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("ERROR: --id is 'a:b': ")


def test_what_the_storage_of_a_link_does_is_not_laid_at_the_servers_door():
    full = HttpResponseError("Operation failed")
    full.status_code, full.reason = 507, "Insufficient Storage"
    for error, message in [
        (full, "the storage at store:81 answered 507 Insufficient Storage"),
        (ServiceRequestError("no route"), "the storage at store:81 does not answer: no route; where clients"),
    ]:
        with pytest.raises(CommandError) as caught, from_storage("http://store:81/sources/x?sig=planted"):
            raise error
        assert caught.value.message.startswith(message)
        assert "planted" not in caught.value.message
