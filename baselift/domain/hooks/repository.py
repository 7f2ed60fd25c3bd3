"""A repository's address in one form, so that what a host sends and what a trigger names can be compared."""

from urllib.parse import unquote, urlsplit

_DEVOPS = "dev.azure.com"
_OLD_DEVOPS = ".visualstudio.com"
_PORTS = {":80", ":443"}
_LONGEST = 2048


def canonical(url: str) -> str:
    """host[:port]/path of an http(s) address in lower case, without user, ``.git`` and fragment; "" for any other text.

    Hosts tell repositories apart without regard to case. Azure DevOps has two hosts for one repository, and leaves a
    project out that has the repository's name.
    """
    address = url.partition("#")[0]
    if address.startswith("github.com/"):
        address = f"https://{address}"
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    if len(url) > _LONGEST or not url.isprintable() or parts.scheme not in ("http", "https"):
        return ""
    host = parts.netloc.rpartition("@")[2].lower()
    for port in _PORTS:
        host = host.removesuffix(port)
    path = unquote(parts.path).lower().strip("/").removesuffix(".git")
    if not host or not path or not path.isprintable():
        return ""
    return f"{host}/{path}" if "/_git/" not in f"/{path}" else _devops(host, path)


def _devops(host: str, path: str) -> str:
    before, _, name = f"/{path}".rpartition("/_git/")
    owner = [part for part in before.split("/") if part and part != "defaultcollection"]
    if host.endswith(_OLD_DEVOPS):
        owner.insert(0, host.removesuffix(_OLD_DEVOPS))
        host = _DEVOPS
    if host == _DEVOPS and len(owner) == 1:
        owner.append(name)
    return "/".join((host, *owner, "_git", name))
