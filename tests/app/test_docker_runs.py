"""Task files run for real by Docker's engine, as they are by buildah."""
# ruff: noqa: F401  # tests of another module run here once more, with the fixtures of this one

from dataclasses import replace
from pathlib import Path

import pytest
from app.site import Site
from app.test_run_file import (
    test_a_base_that_was_built_in_the_same_run_needs_no_push,
    test_a_detached_service_is_reached_by_its_step,
    test_a_secret_value_is_not_shown_in_the_log,
    test_a_step_that_takes_too_long_is_ended,
    test_an_image_is_built_pushed_and_run,
    test_steps_share_the_workspace_and_see_values,
)
from parts.docker import Docker

from baselift.engines.chosen import Candidate, FirstOf
from baselift.engines.docker import DockerEngine

pytestmark = pytest.mark.campaign


@pytest.fixture
def site(site: Site, docker: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    for name, value in docker.environment.items():
        monkeypatch.setenv(name, value)
    engine = DockerEngine(tmp_path / "docker")
    chosen = FirstOf(Candidate(engine.name, engine.ready, engine.build, engine.containers))
    site.world = replace(site.world, engine=lambda: chosen, containers=chosen.containers)
    return site
