"""A token in the URL of a context is a secret like any other."""

import pytest
from arm_samples import SCOPE

from baselift.arm import requests, tasks
from baselift.arm.errors import ApiError

TOKEN = "marker-token"


def task(**step: object) -> dict[str, object]:
    whole = {"type": "Docker", "dockerFilePath": "Dockerfile", "imageNames": ["a:1"]} | step
    return {"location": "here", "properties": {"platform": {"os": "linux"}, "step": whole}}


def created(**step: object) -> dict[str, object]:
    return tasks.create(task(**step), None, scope=SCOPE, name="taskname", now="now", ids=lambda: "id")


def test_a_token_in_a_tasks_context_becomes_its_access_token():
    made = created(contextPath=f"https://{TOKEN}@github.com/u/r.git#main:dir")
    step = made["properties"]["step"]
    assert (step["contextPath"], step["contextAccessToken"]) == ("https://github.com/u/r.git#main:dir", TOKEN)
    assert TOKEN not in str(tasks.show(made, secrets=False))


def test_an_access_token_of_its_own_goes_first():
    step = created(contextPath=f"https://{TOKEN}@github.com/u/r.git", contextAccessToken="own")["properties"]["step"]
    assert step["contextAccessToken"] == "own"


def test_a_token_in_a_run_requests_source_is_moved_too():
    body = {"type": "DockerBuildRequest", "dockerFilePath": "Dockerfile", "platform": {"os": "linux"}}
    sent = {**body, "isPushEnabled": False, "sourceLocation": f"https://user:{TOKEN}@github.com/u/r.git"}
    request = requests.parse(sent, SCOPE)
    assert (request["sourceLocation"], request["contextAccessToken"]) == ("https://github.com/u/r.git", TOKEN)


def test_a_token_in_an_overriding_context_is_moved_too():
    made = created(contextPath="https://github.com/u/r.git", contextAccessToken="old")
    request = requests.override(made, {"contextPath": f"https://{TOKEN}@gitlab.com/u/r.git"})
    assert (request["sourceLocation"], request["contextAccessToken"]) == ("https://gitlab.com/u/r.git", TOKEN)


def test_an_archive_has_no_place_for_a_token():
    with pytest.raises(ApiError, match="only the URL of a git repository"):
        created(contextPath=f"https://{TOKEN}@example.com/source.tar.gz")
