"""What a single text of a task or run request must be. Each raises ValueError with what would be right."""

import base64
import binascii
import posixpath
import re
from urllib.parse import urlsplit

from baselift.domain import contexts, globs, images, schedules, templates
from baselift.domain.hooks.repository import canonical

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?")


def image_name(text: str) -> None:
    """A name to push: a reference without a digest, or a template such as ``app:{{.Run.ID}}``."""
    if "{{" in text:
        _template(text)
        return
    try:
        reference = images.parse(text)
    except images.InvalidReference as reason:
        raise ValueError(f"an image name ({reason})") from None
    if reference.pinned:
        raise ValueError("an image name without a digest: the digest follows from what is pushed")


def _template(text: str) -> None:
    try:
        templates.check(text)
    except templates.TemplateError as reason:
        raise ValueError(f"an image name whose template can be read ({reason})") from None


def relative_path(text: str) -> None:
    """A file inside the context."""
    normal = posixpath.normpath(text)
    if normal.startswith(("/", "../")) or normal in (".", ".."):
        raise ValueError("the path of a file inside the context, relative to its root")


def context(text: str) -> None:
    """A context that the builder knows how to fetch, or ``/dev/null``."""
    try:
        contexts.parse(text)
    except contexts.InvalidContext as reason:
        raise ValueError(f"a context that can be fetched ({reason})") from None


def repository(text: str) -> None:
    """The address of a git repository, as a context or as it is; a fragment names branch and directory."""
    if not canonical(text):
        raise ValueError("the https:// address of a git repository")


def path_pattern(text: str) -> None:
    """A path from the repository's root, in which ``*`` stands for any run of characters."""
    try:
        globs.tokens(text)
    except globs.PatternError as reason:
        raise ValueError(f"a path ({reason})") from None
    if ".." in text.split("/") or not text.strip("/"):
        raise ValueError("the path of a file or directory from the repository's root; * stands for any characters")


def schedule(text: str) -> None:
    """A timer's five NCRONTAB fields."""
    schedules.parse(text)


def argument_name(text: str) -> None:
    """Docker splits ``--build-arg`` at the first equals sign."""
    if "=" in text or text != text.strip():
        raise ValueError("a name without '=' and without blanks around it")


def encoded(text: str) -> None:
    """base64 of UTF-8 text."""
    try:
        base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        raise ValueError("the base64 form of UTF-8 text") from None


def web_address(text: str) -> None:
    """An http or https URL with a host."""
    try:
        parts = urlsplit(text)
        right = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        right = False
    if not right:
        raise ValueError("an http:// or https:// URL")


def registry_host(text: str) -> None:
    """A registry's login server."""
    if not _HOST.fullmatch(text):
        raise ValueError("a registry host such as 'other.azurecr.io' or 'localhost:5000', without https:// and path")


def resource_id(text: str) -> None:
    """An Azure resource id."""
    if not text.lower().startswith("/subscriptions/"):
        raise ValueError("a resource id that begins with /subscriptions/")
