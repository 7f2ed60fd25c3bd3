"""Docker's predefined platform arguments: TARGETPLATFORM, BUILDARCH and the like."""

import re
from collections.abc import Mapping
from typing import Final

_PLATFORM: Final = re.compile(r"([A-Za-z0-9_-]+)/([A-Za-z0-9_-]+)(?:/([A-Za-z0-9_.-]+))?")
_ARCHITECTURES: Final = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "armhf": "arm"}
# containerd's normal forms: a variant that says nothing is left out, 32-bit arm without one is v7.
_VARIANTS: Final = {("arm64", "v8"): "", ("arm64", "8"): "", ("amd64", "v1"): "", ("arm", ""): "v7", ("arm", "7"): "v7"}


def platform_arguments(platform: str, overrides: Mapping[str, str]) -> dict[str, str] | None:
    """The predefined arguments for ``os/architecture[/variant]``, None when the text is not of that form.

    Overrides win where they have the same name; an empty value (TARGETVARIANT of amd64) is left out, so it is unset.
    The builder is taken to have the same platform as the image.
    """
    matched = _PLATFORM.fullmatch(platform)
    if matched is None:
        return None
    system, architecture, variant = (part.lower() for part in matched.groups(""))
    architecture = _ARCHITECTURES.get(architecture, architecture)
    variant = _VARIANTS.get((architecture, variant), variant)
    values = {
        "PLATFORM": "/".join(filter(None, (system, architecture, variant))),
        "OS": system,
        "OSVERSION": "",
        "ARCH": architecture,
        "VARIANT": variant,
    }
    found = {f"{side}{name}": value for side in ("BUILD", "TARGET") for name, value in values.items()}
    found |= {name: overrides[name] for name in found if name in overrides}
    return {name: value for name, value in found.items() if value}
