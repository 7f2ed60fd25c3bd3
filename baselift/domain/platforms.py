"""Platforms: which of an index's serves one that is wanted, and Docker's predefined arguments for one."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

_PLATFORM: Final = re.compile(r"([A-Za-z0-9_-]+)/([A-Za-z0-9_-]+)(?:/([A-Za-z0-9_.-]+))?")
_ARCHITECTURES: Final = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "armhf": "arm"}
# containerd's normal forms: a variant that says nothing is left out, 32-bit arm without one is v7.
_VARIANTS: Final = {("arm64", "v8"): "", ("arm64", "8"): "", ("amd64", "v1"): "", ("arm", ""): "v7", ("arm", "7"): "v7"}

_USUAL: Final = {"arm64": "v8", "arm": "v7"}


def choose(there: Iterable[str], wanted: str) -> str | None:
    """Which of the platforms in an index, each ``os/architecture[/variant]``, serves the one that is wanted.

    Without a variant: the one without one, else the architecture's usual one (arm64: v8, arm: v7), else the first.
    """
    name, variant = _split(wanted)
    same: dict[str, str] = {}
    for each in there:
        if _split(each)[0] == name:
            same.setdefault(_split(each)[1], each)
    usual = _USUAL.get(name.partition("/")[2], "")
    if variant:
        return same.get(variant) or (same.get("") if variant == usual else None)
    return same.get("") or same.get(usual) or next(iter(same.values()), None)


def _split(platform: str) -> tuple[str, str]:
    system, _, rest = platform.lower().partition("/")
    architecture, _, variant = rest.partition("/")
    return f"{system}/{architecture}", variant


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
