"""One push told of a thousand times, fifty senders at a time: how long each waits for its answer."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

from parts.errors import PartError

from benchmarks.images import MANIFEST, Tag
from benchmarks.push_event import two_versions
from benchmarks.report import Aim, Figure
from benchmarks.site import BASE, TAG, Site

DELIVERIES, AT_ONCE = 1000, 50
AIM = Aim(slowest=1000)
FLOOR = "as many that are refused because they do not show the secret"
_TAKEN, _REFUSED = (200, 202), (401,)


async def deliveries(site: Site) -> list[Figure]:
    """From a delivery's request to its answer; what they tell of is one movement, with one dependent."""
    tag = Tag(site.session, f"{site.stack.registry.url}/v2/{BASE}", TAG)
    versions, now = await two_versions(site, tag), await tag.manifest(TAG)
    await site.quiet()
    secret = (site.directory / "state" / "webhook.secret").read_text().strip()
    floor = await _deliver(site, "not the secret", _REFUSED)
    seq = await site.next_run()
    await tag.move(next(each for each in versions if each != now))
    samples = await _deliver(site, secret, _TAKEN)
    await site.until_readable(seq)
    await site.quiet()
    if (runs := await site.next_run() - seq) != 1:
        raise PartError(f"one movement made {runs} runs")
    return [Figure(f"answer to a delivery, {AT_ONCE} at once", samples, floor, FLOOR, AIM)]


async def _deliver(site: Site, secret: str, expected: tuple[int, ...]) -> list[float]:
    """Milliseconds of each delivery, in three dialects in turn."""
    told, gate, taken = list(_bodies(site.host).items()), asyncio.Semaphore(AT_ONCE), list[float]()

    async def one(number: int) -> None:
        dialect, body = told[number % len(told)]
        async with gate:
            begun = time.perf_counter()
            address, headers = f"{site.stack.app.url}/webhooks/{dialect}", {"Authorization": f"Bearer {secret}"}
            async with site.session.post(address, data=body, headers=headers) as answer:
                text = await answer.text()
            taken.append((time.perf_counter() - begun) * 1000)
        if answer.status not in expected:
            raise PartError(f"a delivery of {dialect} was answered with {answer.status}: {text}")

    await asyncio.gather(*map(one, range(DELIVERIES)))
    return taken


def _bodies(host: str) -> Mapping[str, bytes]:
    """The same push by dialect. Its digest is made up: the registry's counts."""
    digest = "sha256:" + "0" * 64
    target = {"mediaType": MANIFEST, "digest": digest, "repository": BASE, "tag": TAG}
    data = {"id": "1", "action": "push", "target": target, "request": {"host": host, "method": "PUT"}}
    resource = {"digest": digest, "tag": TAG, "resource_url": f"{host}/{BASE}:{TAG}"}
    project, _, name = BASE.partition("/")
    repository = {"name": name, "namespace": project, "repo_full_name": BASE, "repo_type": "private"}
    harbor = {"type": "PUSH_ARTIFACT", "event_data": {"resources": [resource], "repository": repository}}
    told: dict[str, Any] = {"distribution": {"events": [data]}, "acr-webhook": data, "harbor": harbor}
    return {dialect: json.dumps(body).encode() for dialect, body in told.items()}
