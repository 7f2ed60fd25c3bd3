"""GitHub's container registry: webhook events ``package`` and ``registry_package``, one per manifest.

Source: GitHub's webhook events and payloads.
"""

from collections.abc import Iterator, Mapping

from baselift.domain.pushes.node import Node
from baselift.domain.pushes.push import Push, pushed

_HOST = "ghcr.io"
_EVENTS = ("package", "registry_package")
_ACTIONS = frozenset({"published", "updated"})


def webhook(headers: Mapping[str, str], document: Node) -> Iterator[Push]:
    """The tagged container that was published; the manifests of an index have no tag of their own."""
    if headers.get("x-github-event", "package") not in _EVENTS or document["action"].text() not in _ACTIONS:
        return
    package = document[next((name for name in _EVENTS if document[name].value is not None), "package")]
    version = package["package_version"]
    if package["package_type"].text().lower() != "container" or version.value is None:
        return
    metadata = version["container_metadata"]
    if metadata.value is not None and metadata["tag"].value is not None:
        yield from _tagged(package, metadata["tag"])


def _tagged(package: Node, tag: Node) -> Iterator[Push]:
    if name := tag["name"].text_if_any():
        owner = _lower(package.down("owner", "login").text())
        digest = tag["digest"].text_if_any() or _digest(package["package_version"])
        yield pushed(_HOST, f"{owner}/{package['name'].text()}", name, digest)


def _digest(version: Node) -> str | None:
    said = (version[name].text_if_any() or "" for name in ("version", "name"))
    return next((text for text in said if text.startswith("sha256:")), None)


def _lower(login: str) -> str:
    # Beyond ASCII the lower case of some letters is an ASCII letter: two owners would become one.
    return login.lower() if login.isascii() else login
