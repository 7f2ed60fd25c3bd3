"""One push that is told of very often, by several webhooks at once, while the reconciler looks on too."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from live_app import WHERE, Live, until

AT_ONCE = 50
DEPENDENTS = ("first", "second")


def bodies(host: str, repository: str) -> dict[str, Any]:
    """The same push in three dialects."""
    digest = f"sha256:{'0' * 64}"
    target = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest}
    data = {
        "id": "1",
        "action": "push",
        "target": target | {"repository": repository, "tag": "1"},
        "request": {"host": host, "method": "PUT"},
    }
    resource = {"digest": digest, "tag": "1", "resource_url": f"{host}/{repository}:1"}
    named = {"name": repository, "namespace": "", "repo_full_name": repository, "repo_type": "private"}
    harbor = {"type": "PUSH_ARTIFACT", "event_data": {"resources": [resource], "repository": named}}
    return {"distribution": {"events": [data]}, "acr-webhook": data, "harbor": harbor}


def deliver(live: Live, repository: str, count: int) -> list[int]:
    """Deliver the push so often; the statuses of the answers."""
    told, secret = list(bodies(live.host, repository).items()), {"Authorization": f"Bearer {live.webhook_secret}"}

    def one(number: int) -> int:
        dialect, body = told[number % len(told)]
        while True:
            # A sender that is not answered in time sends again.
            with suppress(TimeoutError):
                return live.send("POST", f"/webhooks/{dialect}", body, secret).status

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(count)))


def check(live: Live, repository: str, count: int) -> None:
    live.push_base(f"{repository}:1", "1")
    context = live.git.create(repository, {"Dockerfile": f"FROM {live.host}/{repository}:1\n"})
    names = [f"{each}-{repository}" for each in DEPENDENTS]
    for name in names:
        step = {"type": "Docker", "dockerFilePath": "Dockerfile", "contextPath": context, "imageNames": [f"{name}:1"]}
        trigger = {"baseImageTrigger": {"name": "base", "baseImageTriggerType": "All", "status": "Enabled"}}
        live.client.tasks.create(*WHERE, name, {"location": "local", "properties": {"step": step, "trigger": trigger}})
    for name in names:
        until(lambda name=name: live.client.tasks.get(*WHERE, name).properties.step.base_image_dependencies)
    live.push_base(f"{repository}:1", "2")

    assert set(deliver(live, repository, count)) <= {200, 202}
    for name in names:
        runs = until(lambda name=name: list(live.client.runs.list(*WHERE, filter=f"TaskName eq '{name}'")) or None)
        assert [live.ended(run).properties.status for run in runs] == ["Succeeded"]
        told = live.ask("GET", f"tasks/{name}/explain").json
        assert [(step["run"] or {}).get("id") for step in told["steps"] if step["rule"] == "moved"] == [runs[0].name]


@pytest.mark.campaign
def test_a_thousand_deliveries_of_one_push_make_one_run_of_each_dependent(live: Live):
    check(live, "told-a-thousand-times", 1000)
