"""A Baselift with somebody who is told of its runs and waves."""

import base64
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.model import Model, image, version
from app.site import REGISTRY, SCOPE

from baselift.app.notifications import change_target, outbox
from baselift.app.notifications.outbox import Notice
from baselift.app.on_push import on_push
from baselift.app.ports import Letter
from baselift.app.world import World
from baselift.arm import webhooks
from baselift.domain import notifications
from baselift.domain.builds import Failure
from baselift.domain.notifications import ACTIONS

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
URL = "https://hooks.example/in?code=hidden"
DOCKERFILES = {
    "first": f"FROM {image('base:1')}\n",
    "second": f"FROM {image('first:latest')}\n",
}


@dataclass
class Receiver:
    """Takes letters and answers as it is told: a status, or nothing for None."""

    answer: Callable[[Letter], int | None] = lambda _: 204
    letters: list[Letter] = field(default_factory=list)

    async def __call__(self, letter: Letter) -> int:
        self.letters.append(letter)
        status = self.answer(letter)
        if status is None:
            raise Failure("no answer: the server did not answer in time")
        return status

    def events(self, url: str = URL) -> list[dict[str, Any]]:
        return [json.loads(letter.body) for letter in self.letters if letter.url == url]

    def ids(self) -> Counter[str]:
        return Counter(event["id"] for event in self.events())

    def types(self) -> list[str]:
        return [event["type"] for event in self.events()]


@dataclass
class Told:
    """A Baselift with two tasks in a row, and who is told of them."""

    model: Model
    receiver: Receiver

    @property
    def world(self) -> World:
        return self.model.world

    async def add(self, name: str = "hooks", uri: str = URL, **given: Any) -> None:
        properties = {"serviceUri": uri, "actions": list(ACTIONS), "secret": SECRET} | given
        body = {"location": "local", "properties": properties}

        def change(existing: Any) -> dict[str, Any]:
            return webhooks.create(body, existing, scope=SCOPE, name=name, secret=lambda: SECRET)

        await change_target.change_target(self.world, REGISTRY, name, change)

    async def move(self, to: object, world: World | None = None) -> None:
        self.model.registry.move(str(image("base:1")), version(to))
        await on_push(world or self.world, image("base:1"))

    async def notices(self, name: str = "hooks") -> list[Notice]:
        return await change_target.sent(self.world, REGISTRY, name)

    async def pending(self) -> list[Any]:
        return [row async for row in outbox.pending(self.world)]

    async def day(self) -> None:
        """Let a day pass, and happen what is due in it."""
        for pause in notifications.PAUSES:
            self.model.clock.turn(pause + 1)
            await self.model.drain()


async def staged(directory: Path) -> Told:
    model, receiver = Model(directory), Receiver()
    model.world = replace(model.world, post=receiver)
    model.registry.move(str(image("base:1")), version(0))
    model.registry.move(str(image("first:latest")), version("first"))
    for name, text in DOCKERFILES.items():
        await model.put_task(name, text)
    await model.drain()
    return Told(model, receiver)
