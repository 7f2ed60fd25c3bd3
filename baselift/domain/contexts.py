"""Build contexts: what the text given as `--context` or `sourceLocation` means.

Grammar as ACR Tasks reads it; forms that cannot be fetched safely are refused with the form that can.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import SplitResult, unquote, urlsplit

from baselift.domain import images
from baselift.domain.builds import Credential

TOKEN_USER = "x-access-token"  # noqa: S105 - the user name that goes with a token where only the token is known
_RIGHT = (
    "a context is https://host/path.git[#ref[:directory]], an http(s) URL of a tar archive, "
    "oci://registry/repository:tag, the relativePath of an uploaded source, or /dev/null"
)
_REFUSED = {
    "ssh": "ssh is not supported: use the https:// address of the repository and a token",
    "git": "git:// is not encrypted: use the https:// address of the repository",
    "file": "files of the server are not a context: upload the directory, or give an https:// address",
}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://|:)")
_SCP = re.compile(r"[^/@\s]+@[^/:\s]+:")
_UPLOAD = re.compile(r"tasks-source/[A-Za-z0-9._/-]+")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_USERINFO = re.compile(r"(?<=://)[^/?#]*@")
_LONGEST_REF = 1024
_OCI = "oci://"
_BLANK = re.compile(r"[\x00-\x20\x7f]")
_BAD_REF = re.compile(r"^[-/.]|[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|[/.]$|\.lock(?:/|$)")


class InvalidContext(ValueError):
    """The text is no context that can be fetched; the message has it, without secrets, and what would be right."""


class Form(StrEnum):
    """How a context is fetched."""

    GIT = "git"
    ARCHIVE = "archive"
    ARTIFACT = "artifact"
    UPLOAD = "upload"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Context:
    """A context taken apart."""

    form: Form
    location: str = ""
    """URL without user, password and fragment; of an upload its relative path, of an artifact its reference."""
    ref: str | None = None
    """Branch, tag, full commit id, ``pull/N/head`` or ``refs/...``; None for the remote's default."""
    directory: str | None = None
    """Directory of the repository that the build sees; None for all of it."""
    credential: Credential | None = field(default=None, repr=False)
    """What stood before the ``@`` of the URL."""

    @property
    def shown(self) -> str:
        """The location as it may be printed: a query often carries a signature."""
        return self.location.partition("?")[0]


def parse(context: str | None) -> Context:
    """Tell the form of a context.

    Raises:
        InvalidContext: the form is unknown, unsafe, or its parts break the grammar.
    """
    if not context or context == "/dev/null":
        return Context(Form.NONE)
    if _BLANK.search(context):
        raise _invalid(context, "blanks and control characters are not allowed")
    if context.startswith(("http://", "https://", "github.com/")):
        return _url(context)
    if context[: len(_OCI)].lower() == _OCI:
        return _artifact(context)
    if _UPLOAD.fullmatch(context) and ".." not in context.split("/"):
        return Context(Form.UPLOAD, context)
    raise _invalid(context, _why_refused(context))


def is_remote(context: str) -> bool:
    """True for a text that names a place to fetch from, and no directory."""
    return bool(_SCHEME.match(context)) or context.startswith("github.com/")


def is_commit(ref: str) -> bool:
    """True for a full commit id, SHA-1 or SHA-256."""
    return len(ref) in (40, 64) and all(c in "0123456789abcdef" for c in ref)


def same_host(context: str, other: str | None) -> bool:
    """True when both are addresses on one host and port, so that a token given for one is good for the other."""
    try:
        hosts = {_origin(parse(each)) for each in (context, other)}
    except InvalidContext:
        return False
    return len(hosts) == 1 and None not in hosts


def _origin(context: Context) -> str | None:
    if context.form not in (Form.GIT, Form.ARCHIVE):
        return None
    parts = urlsplit(context.location)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{(parts.hostname or '').rstrip('.')}:{port}"


def split_credential(url: str) -> tuple[str, Credential | None]:
    """Take user and password out of a URL; a lone user is a token, unless it names the Azure DevOps organisation."""
    found = _USERINFO.search(url)
    if not found:
        return url, None
    bare = url[: found.start()] + url[found.end() :]
    user, colon, password = found[0][:-1].partition(":")
    organisation = _devops(urlsplit(bare)) and urlsplit(bare).path.startswith(f"/{user}/")
    if not user + password or (organisation and not colon):
        return bare, None
    if not password:
        return bare, Credential(TOKEN_USER, unquote(user))
    return bare, Credential(unquote(user) or TOKEN_USER, unquote(password))


def valid_ref(ref: str) -> bool:
    """True when `ref` keeps the rules of git-check-ref-format and cannot be taken for an option."""
    return bool(ref) and len(ref) <= _LONGEST_REF and ref != "@" and not _BAD_REF.search(ref)


def _url(context: str) -> Context:
    if context.startswith("github.com/"):
        return _git(context, "https://" + context)
    address, sharp, fragment = context.partition("#")
    try:
        parts = urlsplit(address)
    except ValueError:
        raise _invalid(context, "the host is malformed") from None
    if address.endswith(".git") and not parts.query and (fragment or not sharp):
        return _git(context, context)
    if _devops(parts) and not parts.query:
        return _git(context, context)
    location, credential = split_credential(address)
    _check_host(context, location)
    return Context(Form.ARCHIVE, location, credential=credential)


def _artifact(context: str) -> Context:
    try:
        reference = images.parse(context[len(_OCI) :])
    except images.InvalidReference as error:
        raise _invalid(context, str(error)) from None
    return Context(Form.ARTIFACT, str(reference.tagged()))


def _git(context: str, url: str) -> Context:
    address, _, fragment = url.partition("#")
    location, credential = split_credential(address)
    _check_host(context, location)
    ref, _, directory = fragment.partition(":")
    if ref and not valid_ref(ref):
        raise _invalid(context, f"'{ref}' is not a branch, tag, commit id, pull/N/head or refs/... name")
    return Context(Form.GIT, location, ref or None, directory.strip("/") or None, credential)


def _check_host(context: str, location: str) -> None:
    try:
        parts = urlsplit(location)
        host, port = parts.netloc.removesuffix(f":{parts.port}"), parts.port
    except ValueError:
        raise _invalid(context, "the host or its port is malformed") from None
    if not _HOST.fullmatch(host) or port == 0:
        raise _invalid(context, f"'{parts.netloc}' is not a host name or host:port")


def _devops(parts: SplitResult) -> bool:
    host = parts.netloc.rpartition("@")[2].partition(":")[0].lower()
    known = host == "dev.azure.com" or host.endswith(".visualstudio.com")
    return parts.scheme == "https" and known and "/_git/" in parts.path


def _why_refused(context: str) -> str:
    scheme = _SCHEME.match(context)
    if scheme and scheme[1].lower() in ("http", "https"):
        return "write the scheme in lower case"
    if scheme:
        return _REFUSED.get(scheme[1].lower(), f"'{scheme[1]}' addresses are not fetched")
    if _SCP.match(context):
        return _REFUSED["ssh"]
    return "paths of a client's disk are not known here: upload the directory first"


def _invalid(context: str, why: str) -> InvalidContext:
    shown = _USERINFO.sub("***@", context).partition("?")[0]
    return InvalidContext(f"context {shown!r}: {why}; {_RIGHT}")
