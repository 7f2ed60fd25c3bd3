"""What the templates of a run find about it."""

import re

from app.site import Site
from app.test_run_file import run, succeeded

FACTS = ("ID", "Registry", "RegistryName", "Date", "Commit", "Branch", "Repository", "GitTag", "TriggeredBy")
MORE_FACTS = ("SharedVolume", "OS", "OSVersion", "Architecture", "TaskName")


async def told(site: Site, location: str) -> dict[str, str]:
    """The facts of a run with this source, as an echo prints them."""
    words = " ".join(f"{name}={{{{.Run.{name}}}}}" for name in (*FACTS, *MORE_FACTS))
    text = f"steps:\n- cmd: {site.base} echo facts {words} build={{{{.Build.ID}}}}\n"
    _, log = await succeeded(site, text, sourceLocation=location)
    (line,) = (line for line in log.splitlines() if line.startswith("facts "))
    return dict(word.split("=", 1) for word in line.split()[1:])


async def test_every_fact_of_a_run_is_there(site: Site):
    facts = await told(site, f"{site.context}#master")
    (made,) = await site.runs()
    assert re.fullmatch(r"\d{8}-\d{6}z", facts.pop("Date"))
    assert facts == {
        "ID": made.id,
        "build": made.id,
        "Registry": site.registry.host,
        "RegistryName": "baselift",
        "Commit": made.commit,
        "Branch": "master",
        "Repository": site.context,
        "GitTag": "",
        "TriggeredBy": "request",
        "SharedVolume": "workspace",
        "OS": "linux",
        "OSVersion": "",
        "Architecture": "amd64",
        "TaskName": "",
    }


async def test_a_commit_or_pull_request_is_no_branch(site: Site):
    commit = site.git.commit(f"{site.name}.git", {"more": "1"})
    facts = await told(site, f"{site.context}#{commit}")
    assert (facts["Branch"], facts["Commit"]) == ("", commit)


async def test_arguments_and_target_of_a_quick_build_are_templates(site: Site):
    text = f"FROM {site.base} AS one-amd64\nARG WHO\nARG TOKEN\nRUN echo it is $WHO and $TOKEN.\nFROM {site.base}\n"
    site.write_app(text)
    request = {
        "type": "DockerBuildRequest",
        "dockerFilePath": "Dockerfile",
        "sourceLocation": site.context,
        "target": "one-{{.Run.Architecture}}",
        "arguments": [
            {"name": "WHO", "value": "{{.Run.ID}}", "isSecret": False},
            {"name": "TOKEN", "value": "{{.Run.ID}}-marker", "isSecret": True},
        ],
    }
    ended, log = await succeeded(site, "", **request)
    assert f"it is {ended.id} and ***." in log
    request["arguments"] = [{"name": "TOKEN", "value": "{{marker", "isSecret": True}]
    failed, log = await run(site, "", **request)
    assert failed.error == "build argument 'TOKEN': its value, a secret, is no template"
    assert "marker" not in log
