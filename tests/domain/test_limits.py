import pytest

from baselift.domain.builds import Failure
from baselift.domain.limits import Limits, of_agent, parse


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", Limits()),
        ("cpus=1.5, memory=4G,pids=1000,disk=20G", Limits(1.5, 4 << 30, 1000, 20 << 30)),
        ("disk=1048576", Limits(disk=1 << 20)),
        ("memory=512M,", Limits(memory=512 << 20)),
    ],
)
def test_limits_are_read_as_people_write_them(text: str, found: Limits) -> None:
    assert parse(text) == found


@pytest.mark.parametrize(
    "text",
    ["memory", "memory=", "memory=4GB", "memory=1.5G", "cpus=2K", "pids=1M", "swap=1", "cpus=0", "disk=1", "pids=-1"],
)
def test_what_is_no_limit_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(Failure, match=text.partition("=")[0]):
        parse(text)


def test_a_run_has_the_processors_that_its_task_asks_for() -> None:
    assert of_agent({"agentConfiguration": {"cpu": 4}}) == Limits(cpus=4)
    assert of_agent({"agentConfiguration": None}) == of_agent({}) == Limits()
