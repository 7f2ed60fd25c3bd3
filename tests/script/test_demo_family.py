from typing import Any

import pytest
from parts.errors import PartError
from parts.family import judged


def run(task: str, *, pushed: str, on: tuple[str, ...]) -> dict[str, Any]:
    moved = {"images": [{"digest": digest} for digest in on]}
    return {"task": task, "imageUpdateTrigger": moved, "outputImages": [{"digest": pushed}]}


def runs(on: tuple[str, ...] = ("b", "c")) -> list[dict[str, Any]]:
    parents = [run(task, pushed=digest, on=("a",)) for task, digest in (("runtime", "b"), ("tools", "c"))]
    return [*parents, run("webshop", pushed="d", on=on), {"task": "webshop", "outputImages": [{"digest": "old"}]}]


def test_a_family_that_followed_in_order_is_said_so():
    assert judged({"total": 3}, runs()).startswith("3 images, 3 builds")


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (runs(on=("b", "old")), r"webshop was built on \['b', 'old'\], its parents pushed \['b', 'c'\]"),
        ([*runs(), *runs()[:1]], "built otherwise than once: {'runtime': 2}"),
        (runs()[1:], "built otherwise than once: {'runtime': 0}"),
    ],
    ids=["leaf too early", "twice", "never"],
)
def test_one_that_did_not_is_told_apart(found, says):
    with pytest.raises(PartError, match=says):
        judged({"total": 3}, found)
