"""The app as its clients see it: the REST API, over one kept connection."""

from typing import Any

import aiohttp
from parts.errors import PartError

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local"
NAME = "baselift"
REGISTRIES = f"{GROUP}/providers/Microsoft.ContainerRegistry/registries"
REGISTRY = f"{REGISTRIES}/{NAME}"
VERSION = "2019-06-01-preview"
OK = 200


class Api:
    """The REST API of one registry."""

    def __init__(self, session: aiohttp.ClientSession, url: str, registry: str = NAME) -> None:
        self._session, self._root = session, f"{url}{REGISTRIES}/{registry}"

    async def call(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """The answer to a request below the registry's path.

        Raises:
            PartError: the status is not 200; the message holds the answer.
        """
        where = f"{self._root}/{path}" if path else self._root
        asked = self._session.request(method, where, json=body, params={"api-version": VERSION, **query})
        async with asked as answer:
            if answer.status != OK:
                raise PartError(f"{method} {path} was answered with {answer.status}: {await answer.text()}")
            return await answer.json()

    async def put_task(
        self,
        name: str,
        context: str,
        arguments: dict[str, str],
        dockerfile: str = "Dockerfile-app",
        tags: dict[str, str] | None = None,
    ) -> None:
        """Make a task that builds a Dockerfile of the sample and follows its base."""
        step = {
            "type": "Docker",
            "imageNames": [f"{name}:{{{{.Run.ID}}}}"],
            "dockerFilePath": dockerfile,
            "contextPath": context,
            "arguments": [{"name": key, "value": value, "isSecret": False} for key, value in arguments.items()],
        }
        trigger = {"name": "base", "baseImageTriggerType": "Runtime", "status": "Enabled"}
        properties = {
            "status": "Enabled",
            "platform": {"os": "linux", "architecture": "amd64"},
            "step": step,
            "trigger": {"baseImageTrigger": trigger},
        }
        document = {"location": "local", "tags": tags or {}, "properties": properties}
        await self.call("PUT", f"tasks/{name}", document)

    async def run_task(self, name: str) -> str:
        """Ask for a run of a task; its id."""
        body = {"type": "TaskRunRequest", "taskId": f"{REGISTRY}/tasks/{name}"}
        run = await self.call("POST", "scheduleRun", body)
        return str(run["properties"]["runId"])
