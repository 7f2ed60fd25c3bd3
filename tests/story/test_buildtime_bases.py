"""Bases of other stages than the last, in a registry that tells nobody of its pushes."""

import pytest
from story.user import APP, BASE, TASK

TOOL = "tools/make"
FORMS = {
    "stage": "FROM {tool} AS build\nRUN echo $VERSION > /made\nFROM {base}\nCOPY --from=build /made /version\n",
    "copy": "FROM {base}\nCOPY --from={tool} /made /version\n",
    "mount": "FROM {base}\nRUN --mount=from={tool},target=/tool cat /tool/made > /version\n",
}
TOOL_FILE = "FROM {base}\nENV VERSION={version}\nRUN echo {version} > /made\n"


def make_tool(user, version: str, tag: str) -> None:
    """Build the image that the application takes a file from."""
    context = user.directory / f"tool-{tag}"
    context.mkdir()
    (context / "Dockerfile").write_text(TOOL_FILE.format(base=f"{user.registry}/{BASE}", version=version))
    user.command("build", "--image", f"{TOOL}:{tag}", str(context))


@pytest.mark.parametrize(
    "form", ["mount", *(pytest.param(form, marks=pytest.mark.campaign) for form in ("stage", "copy"))]
)
def test_a_buildtime_base_that_moves_untold_rebuilds_its_dependents_within_a_round(staged, git_server, form):
    with staged(notifications=False, BASELIFT_POLL_SECONDS="0") as (_, user):
        user.build_base("base")
        make_tool(user, "1", "1")
        make_tool(user, "2", "next")
        text = FORMS[form].format(tool=f"{user.registry}/{TOOL}:1", base=f"{user.registry}/{BASE}")
        source = git_server.create(
            f"buildtime-{form}", {"Dockerfile": f'{text}CMD ["/bin/busybox", "cat", "/version"]\n'}
        )
        arguments = ["--name", TASK, "--image", f"{APP}:{{{{.Run.ID}}}}", "--context", source]
        user.command("task", "create", *arguments, "--base-image-trigger-type", "All")
        assert user.runs() == []
        user.retag(f"{TOOL}:next", "1")

        run = user.caused()
        (moved,) = run["imageUpdateTrigger"]["images"]
        assert (moved["repository"], moved["digest"]) == (TOOL, user.digest(f"{TOOL}:1"))
        assert user.shown(f"{APP}:{run['runId']}") == "2"
        (edge,) = [each for each in user.api(f"tasks/{TASK}/edges")["value"] if each["kind"] == "Buildtime"]
        assert (edge["how"], edge["lastEvent"]) == ("polling", "")
