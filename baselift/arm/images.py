"""Images as the API prints them."""

from typing import Any

from baselift.domain.images import HUB
from baselift.domain.runs import BaseUse, ImageDescriptor

_HUB_SHOWN = "registry.hub.docker.com"
_KINDS = {"runtime": "RunTime", "buildtime": "BuildTime"}


def descriptor(image: ImageDescriptor) -> dict[str, Any]:
    """ImageDescriptor; ACR has its own name for Docker Hub."""
    registry = _HUB_SHOWN if image.registry == HUB else image.registry
    return {"registry": registry, "repository": image.repository, "tag": image.tag, "digest": image.digest}


def dependency(base: BaseUse) -> dict[str, Any]:
    """BaseImageDependency."""
    return {"type": _KINDS[base.kind.lower()], **descriptor(base.image)}
