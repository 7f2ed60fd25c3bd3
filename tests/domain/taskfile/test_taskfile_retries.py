"""When a step is tried again (semantics 1.3 and 1.7)."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselift.domain.taskfile import Attempts, ErrorWatch, Step, attempts, backoff

PLANS = {
    "cmd: img": Attempts(1, 1, 5.0, 600.0),
    "{cmd: img, retries: 2, repeat: 3, retryDelay: 1, timeout: 9}": Attempts(4, 3, 1.0, 9.0),
    "{push: [img], retries: 2, repeat: 3}": Attempts(1, 1, 5.0, 600.0),
}


@pytest.mark.parametrize(("text", "plan"), PLANS.items())
def test_a_step_runs_once_and_once_for_each_repeat_with_a_try_and_one_for_each_retry(
    text: str, plan: Attempts, step: Callable[..., Step]
) -> None:
    assert attempts(step(text)) == plan


PLAN = Attempts(repetitions=1, tries=3, delay=2.0, timeout=10.0)


def test_tries_are_a_fixed_pause_apart_and_counted() -> None:
    assert [PLAN.pause(tried, 0.0) for tried in (1, 2, 3)] == [2.0, 2.0, None]


def test_no_try_begins_after_the_timeout() -> None:
    assert PLAN.pause(1, 7.9) == 2.0
    assert PLAN.pause(1, 8.0) is None
    assert PLAN.pause(1, 20.0) is None


def test_no_try_follows_an_error_that_is_not_asked_for() -> None:
    assert PLAN.pause(1, 0.0, retryable=False) is None


def test_pauses_double_up_to_five_seconds() -> None:
    assert [backoff(tried) for tried in (0, 1, 2, 3, 4, 5, 6, 7, 10_000)] == [0.25, 0.25, 0.5, 1, 2, 4, 5, 5, 5]


def test_without_a_list_every_error_is_tried_again() -> None:
    watch = ErrorWatch(())
    watch.feed(b"anything")
    assert watch.retryable


def test_with_a_list_only_its_texts_are_tried_again_and_case_counts() -> None:
    watch = ErrorWatch(("connection reset", "é"))
    watch.feed(b"Connection Reset\nconnection")
    assert not watch.retryable
    watch.feed(b" reset")
    assert watch.retryable


def test_an_error_is_found_across_many_small_pieces() -> None:
    watch = ErrorWatch(("reset",))
    for letter in "xreset":
        watch.feed(letter.encode())
    assert watch.retryable


@given(st.lists(st.binary(max_size=6), max_size=12), st.lists(st.text("abé", min_size=1, max_size=4), min_size=1))
def test_an_error_is_found_wherever_the_output_is_cut(chunks: list[bytes], errors: list[str]) -> None:
    watch = ErrorWatch(errors)
    for chunk in chunks:
        watch.feed(chunk)
    assert watch.retryable == any(error.encode() in b"".join(chunks) for error in errors)


@given(st.lists(st.text("ab", min_size=1, max_size=8), min_size=1, max_size=12), st.text("ab", min_size=1, max_size=4))
def test_an_error_across_chunks_of_its_letters_is_found(chunks: list[str], error: str) -> None:
    watch = ErrorWatch([error])
    for chunk in chunks:
        watch.feed(chunk.encode())
    assert watch.retryable == (error in "".join(chunks))
