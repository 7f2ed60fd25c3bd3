"""`--image` of `baselift task list-runs` and `logs`."""

import pytest
from cli.inside import Inside


@pytest.fixture
def baselift(live, tmp_path) -> Inside:
    return Inside(live.url, tmp_path)


def test_runs_and_logs_are_found_by_the_image_that_was_pushed(baselift, source):
    words = ("-t", "found/by:{{.Run.ID}}", "-c", source, "--base-image-trigger-enabled", "false")
    assert baselift("task", "create", "-n", "foundbyimage", *words).code == 0
    done = baselift("task", "run", "-n", "foundbyimage")
    (run,) = baselift("task", "list-runs", "-n", "foundbyimage").json
    (pushed,) = run["outputImages"]
    for image in (f"found/by:{run['runId']}", f"found/by@{pushed['digest']}"):
        listed = baselift("task", "list-runs", "--image", image)
        assert listed.code == 0, listed.err
        assert listed.json == [run]
        assert baselift("task", "logs", "--image", image).out == done.out


@pytest.mark.parametrize("image", ["absent:1", "absent", "found/by:never", "o'image:1"])
def test_an_image_that_no_run_pushed_ends_with_3_and_one_line(baselift, image):
    done = baselift("task", "logs", "--image", image)
    assert (done.code, len(done.err.splitlines())) == (3, 1)
    assert done.err.startswith(f"ERROR: no run pushed the image '{image}")
