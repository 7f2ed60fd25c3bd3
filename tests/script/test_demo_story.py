from pathlib import Path

import pytest
from parts.commands import Shell
from parts.container import buildah_environment, run_image
from parts.errors import PartError
from parts.private import private_directory
from parts.story import OLD_VERSION, SAMPLE, speed, write_sources


def test_the_sample_builds_and_shows_the_version_of_its_base(registry, tmp_path):
    write_sources(tmp_path, tmp_path / "git")
    shell = Shell(tmp_path / SAMPLE, buildah_environment(private_directory(tmp_path / "store")))
    buildah = ["buildah", "--root", f"{tmp_path}/store/root", "--runroot", f"{tmp_path}/store/run"]
    for file, image in [("Dockerfile-base", "baseimages/node:9-alpine"), ("Dockerfile-app", "helloworld:da1")]:
        tag = f"{registry.host}/{image}"
        options = ["--isolation", "chroot", "--tls-verify=false", "--build-arg", f"REGISTRY_NAME={registry.host}"]
        shell.read(*buildah, "bud", *options, "--file", file, "--tag", tag, ".")
        shell.read(*buildah, "push", "--tls-verify=false", tag)
    shell.read(*buildah, "rmi", "--all", "--force")

    assert run_image(f"{registry.host}/helloworld:da1", tmp_path / "containers") == (
        f"Hello, I'm running Node.js version {OLD_VERSION}\n"
    )
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()


def test_an_image_that_is_not_there_is_said_so(registry, tmp_path):
    with pytest.raises(PartError, match=r"buildah ended with code 125.*no-such-image"):
        run_image(f"{registry.host}/no-such-image:1", tmp_path / "containers")


def test_a_failing_command_is_named_with_its_code(tmp_path, capfd):
    with pytest.raises(PartError, match=r"`sh -c 'exit 3'` ended with code 3"):
        Shell(tmp_path, {}).show("sh", "-c", "exit 3")

    assert capfd.readouterr().out == "$ sh -c 'exit 3'\n"


PUSHED = {"finishTime": "2026-11-24T10:00:02.5000000Z"}
REBUILT = {"createTime": "2026-11-24T10:00:02.2500000+00:00", "finishTime": "2026-11-24T10:00:04Z"}


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ("2026-11-24T10:00:02.1Z", "From push to queued: 0.15 s. From push to rebuilt: 1.90 s."),
        ("2026-11-24T10:00:02.9Z", "From push to queued: -0.25 s. From push to rebuilt: 1.50 s."),
    ],
)
def test_the_speed_counts_from_the_earliest_moment_at_which_the_push_is_known(told, says):
    assert speed(PUSHED, REBUILT | {"imageUpdateTrigger": {"timestamp": told}}) == says
