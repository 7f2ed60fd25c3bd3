"""What a build step of a task file can say after `build:`, carried out by real parts."""

import base64
from hashlib import md5
from typing import Any

from app.site import REGISTRY, Site

from baselift.app.request_run import Ask, request_run
from baselift.domain import images
from baselift.domain.runs import Cause, Run, Status

DOCKERFILE = """FROM {base} AS first
ARG A
LABEL from=file
RUN --mount=type=secret,id=file --mount=type=secret,id=variable --mount=type=secret,id=volume <<END
cd /run/secrets
echo $A $(cat file) | md5sum > /out
md5sum variable volume >> /out
cat file variable volume
END
FROM first
RUN exit 1
"""


async def run(site: Site, text: str, **request: Any) -> tuple[Run, str]:
    """Run a task file; the run as it ended, and its log."""
    body = {
        "type": "EncodedTaskRunRequest",
        "encodedTaskContent": base64.b64encode(text.encode()).decode(),
        "values": [{"name": "token", "value": "planted-variable", "isSecret": True}],
        "platform": {"os": "linux", "architecture": "amd64"},
        "sourceLocation": site.context,
    }
    await request_run(site.world, Ask(REGISTRY, Cause("request", site.world.token(), "1"), body | request, "QuickRun"))
    await site.drain()
    ended = (await site.runs())[0]
    return ended, await site.log(ended)


async def test_every_flag_reaches_the_image_and_no_secret_does(site: Site) -> None:
    site.write_app("FROM scratch\n", **{"sub/File": DOCKERFILE.format(base=site.base), "token": "planted-file"})
    app = f"{site.registry.host}/{site.name}/flags:1"
    volume = base64.b64encode(b"planted-volume").decode()
    text = f"""
version: v1.1.0
volumes:
  - name: keys
    secret: {{k: {volume}}}
steps:
  - build: >-
      --secret id=file,src=token --secret id=variable,env=V --secret id=volume,src=/keys/k --label stage=test
      --label from=flag --build-arg A=arg --target first --platform linux/amd64 --no-cache --pull -t {app} -f sub/File .
    env: ["V={{{{.Values.token}}}}"]
    volumeMounts: [{{name: keys, mountPath: /keys}}]
  - push: ["{app}"]
  - cmd: {app} cat /out
"""
    ended, log = await run(site, text)
    assert ended.status is Status.SUCCEEDED, log
    found = await site.registries.resolve(images.parse(app), "linux/amd64")
    labels = found.config["config"]["Labels"]
    assert (labels["stage"], labels["from"]) == ("test", "flag")
    for line in ("arg planted-file\n", "planted-variable", "planted-volume"):
        assert md5(line.encode(), usedforsecurity=False).hexdigest() in log
    assert "planted" not in str(found.config) + log


async def test_what_a_build_step_may_not_do_with_secrets_is_refused(site: Site) -> None:
    site.write_app()
    for flags, said in (
        ("--secret id=a,src=nowhere", "--secret id=a: 'nowhere' is neither a file of the workspace nor of a volume"),
        ("--secret id=a,src=../../etc/passwd", "--secret id=a: '../../etc/passwd' is neither a file"),
        ("--secret id=a,env=UNSET", "the step has no variable 'UNSET'"),
        ("--label a={{.Values.token}}", "--label a shows a secret"),
    ):
        ended, log = await run(site, f"steps:\n  - build: {flags} -t x:1 .\n")
        assert ended.status is Status.FAILED
        assert said in log
        assert "planted" not in log
