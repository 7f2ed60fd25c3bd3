"""Recorded events of every dialect, and the pushes that they tell of."""

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from baselift.domain.pushes import Push, parse

ASSETS = Path(__file__).parent.parent / "assets" / "pushes"
DIALECTS = ["acr-webhook", "cloudevents", "distribution", "dockerhub", "eventgrid", "ghcr", "harbor", "quay"]
PACKAGE = {"X-GitHub-Event": "package"}
REGISTRY_PACKAGE = {"x-github-event": "registry_package"}


def digest(byte: str) -> str:
    return "sha256:" + byte * 32


NODE = Push("contoso.azurecr.io", "baseimages/node", "9-alpine", digest("1a"))
PYTHON = Push("contoso.azurecr.io", "baseimages/python", "3.13", digest("3c"))
DEBIAN = Push("harbor.example", "library/debian", "12", digest("cd"))
TOOLS = Push("ghcr.io", "contoso/tools/base", "1.4", digest("ab"))
DISTRIBUTION = [
    Push("registry.example:5000", "team/base", "1.2", digest("8b")),
    Push("registry.example:5000", "team/base", "latest", digest("9c")),
]
QUAY = [Push("quay.io", "contoso/base", "latest"), Push("quay.io", "contoso/base", "3.2")]


class Sample(NamedTuple):
    file: str
    dialect: str
    pushes: list[Push]
    headers: Mapping[str, str] = MappingProxyType({})

    @property
    def body(self) -> bytes:
        return (ASSETS / f"{self.file}.json").read_bytes()

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    def parse(self, document: Any) -> list[Push]:
        return parse(self.dialect, self.headers, json.dumps(document).encode())


SAMPLES = [
    Sample("acr-webhook", "acr-webhook", [NODE]),
    Sample("acr-webhook-delete", "acr-webhook", []),
    Sample("acr-webhook-quarantine", "acr-webhook", []),
    Sample("acr-webhook-chart", "acr-webhook", []),
    Sample("acr-webhook-ping", "acr-webhook", []),
    Sample("eventgrid", "eventgrid", [NODE, PYTHON]),
    Sample("eventgrid-preview", "eventgrid", [NODE]),
    Sample("eventgrid-validation", "eventgrid", []),
    Sample("cloudevents", "cloudevents", [NODE]),
    Sample("cloudevents-batch", "cloudevents", [PYTHON, NODE]),
    Sample("harbor-cloudevents", "cloudevents", [DEBIAN]),
    Sample("acr-webhook", "cloudevents", [NODE], {"Ce-Type": "Microsoft.ContainerRegistry.ImagePushed"}),
    Sample("acr-webhook", "cloudevents", [], {"Ce-Type": "Microsoft.ContainerRegistry.ImageDeleted"}),
    *(
        Sample(
            file, "cloudevents", [NODE], {"Ce-Type": "Microsoft.ContainerRegistry.ImagePushed", "Content-Type": kind}
        )
        for file, kind in (("cloudevents", "Application/CloudEvents+json; charset=utf-8"), ("acr-webhook", "text/json"))
    ),
    Sample("distribution", "distribution", DISTRIBUTION),
    Sample("dockerhub", "dockerhub", [Push("docker.io", "contoso/base", "3.20")]),
    Sample("ghcr", "ghcr", [TOOLS], PACKAGE),
    Sample("ghcr", "ghcr", [TOOLS]),
    Sample("ghcr", "ghcr", [], {"X-GitHub-Event": "push"}),
    Sample("ghcr-registry-package", "ghcr", [TOOLS], REGISTRY_PACKAGE),
    Sample("ghcr-untagged", "ghcr", [], REGISTRY_PACKAGE),
    Sample("ghcr-npm", "ghcr", [], PACKAGE),
    Sample("ghcr-ping", "ghcr", [], {"X-GitHub-Event": "ping"}),
    Sample("harbor", "harbor", [DEBIAN, Push("harbor.example", "library/debian", "latest", digest("cd"))]),
    Sample("harbor-replicated", "harbor", []),
    Sample("harbor-delete", "harbor", []),
    Sample("harbor-chart", "harbor", []),
    Sample("harbor-cloudevents", "harbor", [DEBIAN]),
    Sample("quay", "quay", QUAY),
    Sample("quay-old", "quay", QUAY),
    Sample("quay-build", "quay", []),
]
SAMPLE = {sample.file: sample for sample in reversed(SAMPLES)}


def replaced(document: Any, path: Sequence[Any], value: Any) -> Any:
    """A copy of the document with another value at a path; Ellipsis takes the field out."""
    result = copy.deepcopy(document)
    holder = at(result, path[:-1])
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return result


def at(document: Any, path: Sequence[Any]) -> Any:
    """The value at a path."""
    for step in path:
        document = document[step]
    return document


def changed(sample: Sample, path: Sequence[Any], value: Any) -> Any:
    """The sample's document with another value at a path."""
    return replaced(sample.document, path, value)
