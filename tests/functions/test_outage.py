"""What the API answers while the storage gives no answer."""

import json
import logging

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseTimeoutError

from functions import edge


def refused(status: int) -> HttpResponseError:
    error = HttpResponseError(f"answered {status}")
    error.status_code = status
    return error


@pytest.mark.parametrize(
    "error",
    [
        ServiceRequestError("cannot connect"),
        ServiceResponseTimeoutError("timeout on reading"),
        refused(503),
        refused(500),
    ],
    ids=["no connection", "no answer", "busy", "broken"],
)
def test_a_client_may_try_again_and_the_log_has_one_line(caplog, error):
    with caplog.at_level(logging.ERROR):
        answer = edge._refusal("tasks_list", error)
    assert (answer.status_code, json.loads(answer.get_body())["error"]["code"]) == (503, "ServiceUnavailable")
    assert [(each.getMessage(), each.exc_info) for each in caplog.records] == [
        (f"tasks_list failed: the storage does not answer: {error}", None)
    ]


def test_what_the_storage_refuses_is_no_outage(caplog):
    assert edge._refusal("tasks_list", refused(403)).status_code == 500
    assert caplog.records[0].exc_info is not None
