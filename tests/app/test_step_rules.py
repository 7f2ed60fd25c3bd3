"""What a step's properties do, on real containers: attempts, order, shells, pulls, statuses and notes."""

import re

import pytest
from app.site import Site
from app.test_run_file import run, succeeded

from baselift.domain.runs import Status


def rows(log: str) -> list[str]:
    return log.splitlines()


def statuses(log: str) -> dict[str, str]:
    """Step ids and how the log says that they ended."""
    return dict(
        re.findall(r"^Step ID: (\S+) (?:marked as )?(successful|failed|inprogress|skipped)\b", log, re.MULTILINE)
    )


async def test_retries_repetitions_and_errors_that_are_tried_again(site: Site):
    _, log = await succeeded(
        site,
        f"""
steps:
  - id: tried
    cmd: {site.base} sh -c 'echo x >> tried; [ $(wc -l < tried) = 3 ]'
    retries: 4
    retryDelay: 1
  - id: repeated
    cmd: {site.base} sh -c 'echo x >> repeated; [ $(wc -l < repeated) != 1 ]'
    repeat: 2
    ignoreErrors: true
  - id: other
    cmd: {site.base} sh -c 'echo x >> other; echo hopeless >&2; exit 4'
    retries: 3
    retryOnErrors: [transient]
    ignoreErrors: true
  - id: known
    cmd: {site.base} sh -c 'echo x >> known; echo is transient >&2; exit 5'
    retries: 1
    retryDelay: 1
    retryOnErrors: [never seen, transient]
    ignoreErrors: true
  - cmd: {site.base} wc -l tried repeated other known
""",
    )
    counts = {name: count for count, name in re.findall(r"^ +(\d+) (\w+)\r?$", log, re.MULTILINE)}
    assert counts == {"tried": "3", "repeated": "3", "other": "1", "known": "2", "total": "9"}
    assert log.count("Step ID: tried failed: exit status 1. Trying again in 1 s") == 2
    assert "Step ID: repeated failed: exit status 1; ignoreErrors: the run goes on" in rows(log)


async def test_one_timeout_holds_for_all_tries_and_repetitions(site: Site):
    ended, log = await run(
        site,
        f"""
steps:
  - id: slow
    cmd: {site.base} sh -c 'echo begun; exit 1'
    retries: 50
    retryDelay: 1
    timeout: 3
  - id: never
    cmd: {site.base} true
""",
    )
    # No try begins after the timeout; one that is under way then is ended.
    assert ended.error in {f"failed to run step ID: slow: {how}" for how in ("timed out", "exit status 1")}
    assert log.count("begun") <= 3
    assert statuses(log) == {"slow": "failed", "never": "skipped"}


async def test_steps_run_side_by_side_after_their_delay_and_in_the_order_of_when(site: Site):
    wait = "until [ -e {0} ]; do sleep 0.1; done; echo saw {0}"
    _, log = await succeeded(
        site,
        f"""
steps:
  - id: left
    cmd: {site.base} sh -c 'touch left; {wait.format("right")}'
    when: ["-"]
  - id: right
    cmd: {site.base} sh -c 'touch right; {wait.format("left")}'
    when: ["-"]
    startDelay: 1
  - id: after
    cmd: {site.base} echo after both
    when: [left, right, left]
""",
    )
    lines = rows(log)
    assert {"saw left", "saw right", "after both"} <= set(lines)
    ends = [line for line in lines if "marked as successful" in line]
    assert len(ends) == 3
    assert ends[-1].startswith("Step ID: after ")
    begun = [line.split(".")[0].removeprefix("Executing step ID: ") for line in lines if line.startswith("Executing")]
    assert begun == ["left", "right", "after"]


async def test_the_first_failure_leaves_siblings_in_progress_and_later_steps_skipped(site: Site):
    ended, log = await run(
        site,
        f"""
steps:
  - {{id: good, cmd: '{site.base} true', when: ["-"]}}
  - {{id: slow, cmd: "{site.base} sh -c 'trap exit TERM; sleep 600 & wait'", when: ["-"]}}
  - {{id: bad, cmd: '{site.base} sh -c "exit 3"', when: [good]}}
  - {{id: later, cmd: '{site.base} true', when: [slow]}}
""",
    )
    assert ended.error == "failed to run step ID: bad: exit status 3"
    assert statuses(log) == {"good": "successful", "bad": "failed", "slow": "inprogress", "later": "skipped"}


async def test_a_shell_of_the_image_acts_on_operators_and_the_images_own_command_comes_first(site: Site):
    app = f"{site.registry.host}/{site.name}/own:1"
    files = {"Dockerfile.again": f'FROM {site.base}\nCMD ["echo", "another image"]\n'}
    site.write_app(f'FROM {site.base}\nCMD ["echo", "own command"]\n', **files)
    _, log = await succeeded(
        site,
        f"""
steps:
  - build: -t {app} .
  - id: alone
    cmd: {app} && echo then this
  - id: piped
    cmd: {site.base} echo one two | sed 's/one/1/' > out.txt; cat out.txt
  - id: variable
    cmd: {site.base} echo at $HOME/"$WORD"
    env: [WORD=a  b]
  - id: words
    cmd: {site.base} echo 'a && b' "c  d" '$HOME'
  - build: -t {app} -f Dockerfile.again .
  - cmd: {app}
""",
        sourceLocation=site.context,
    )
    lines = rows(log)
    for line in ("own command", "then this", "1 two", "at /acb/home/a  b", "a && b c  d $HOME", "another image"):
        assert line in lines
    assert lines.index("own command") < lines.index("then this")
    shells = [line for line in lines if "needs a shell" in line]
    assert [line.split()[2] for line in shells] == ["alone:", "piped:", "variable:"]


async def test_pull_asks_the_registry_as_often_as_it_may(site: Site):
    app = f"{site.registry.host}/{site.name}/unpushed:1"
    ended, log = await run(
        site,
        f"""
steps:
  - build: -t {app} .
  - id: built
    cmd: {app} true
  - id: pulled
    cmd: {app} true
    pull: true
    cmdDownloadRetries: 2
    timeout: 1
""",
        sourceLocation=site.context,
    )
    assert ended.error == f"failed to run step ID: pulled: image {app} does not exist in its registry"
    assert log.count(f"Pulling image: {app}") == 3
    assert statuses(log)["built"] == "successful"


async def test_what_is_without_effect_is_said_before_the_first_step(site: Site):
    _, log = await succeeded(
        site,
        f"""
networks: [{{name: one}}, {{name: two, isDefault: true}}]
steps:
  - id: said
    cmd: {site.base} true
    ports: ["80"]
    keep: true
    isolation: hyperv
    exitedWith: [3]
    ignoreerrors: true
""",
    )
    said = [line for line in rows(log) if line.startswith("Note: ")]
    for words in ("one, two", "ports:", "keep:", "isolation 'hyperv'", "exitedWith", "ignoreErrors is meant?"):
        assert len([line for line in said if words in line]) == 1, words
    assert max(map(rows(log).index, said)) < rows(log).index(next(x for x in rows(log) if x.startswith("Executing")))


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("privileged: true", "task file: line 3: step 'bad': privileged containers are not allowed"),
        ("network: host", "failed to run step ID: bad: step 'bad': network 'host' is not allowed here"),
        ("cpus: many", "task file: line 5: step 'bad': cpus is 'many'; it must be a number of processors"),
        ("entryPoint: 'sh \"'", "failed to run step ID: bad: entryPoint is not a command: No closing quotation"),
    ],
)
async def test_what_is_not_allowed_is_refused_with_the_step(site: Site, step: str, reason: str):
    text = f"steps:\n- cmd: {site.base} true\n- id: bad\n  cmd: {site.base} true\n  {step}\n"
    ended, _ = await run(site, text)
    assert ended.status is Status.FAILED
    assert (ended.error or "").startswith(reason)
