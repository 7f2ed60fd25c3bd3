"""`baselift doctor`: is everything as it should be, and if not, what to do?"""

from importlib.metadata import version
from typing import Any

import click

from baselift.cli import options, output
from baselift.cli.connection import Connection
from baselift.cli.errors import CommandError, explained

FAIL = "FAIL"


@click.command(short_help="Check every part of the server.")
@options.registry
@options.report("How to print the checks.")
@explained
def doctor(registry: str | None, form: str) -> None:
    """Check every part of the server, and say what to do about what is not as it should be.

    The exit code is 1 when a check says FAIL, otherwise 0.
    """
    checks = _checks(Connection(registry))
    output.show(checks, form, _columns)
    if any(check["status"] == FAIL for check in checks):
        raise click.exceptions.Exit(1)


def _checks(connection: Connection) -> list[dict[str, str]]:
    url = connection.server.url
    try:
        if _lacks_storage(connection):
            advice = "see that it is up, and that AzureWebJobsStorage means it; the app's log says more"
            return [_check("server", "OK", url), _check("storage", FAIL, "it gives the server no answer", advice)]
        found = _asked(connection)
    except CommandError as error:
        return [_check("server", FAIL, f"{url}: {error.message}", "see that it runs, and that BASELIFT_URL is right")]
    who = found["access"]
    mode = f"mode {who['mode']}, you are {who['caller']}, a {who['role']}"
    return [_server(url, found["version"]), _check("access", "OK", mode), *found["checks"]]


@explained
def _lacks_storage(connection: Connection) -> bool:
    """Without it the server answers nothing else, and that only when it has tried for a minute or two."""
    try:
        return dict(connection.health()).get("part") == "storage"
    except (ValueError, TypeError):
        return False  # it is no Baselift, which the next question finds out


@explained
def _asked(connection: Connection) -> Any:
    return connection.send("GET", f"{Connection.path(*connection.where)}/diagnostics")


def _server(url: str, theirs: str) -> dict[str, str]:
    ours = version("baselift")
    told = f"{url}, version {theirs}"
    if theirs in (ours, "unknown"):
        return _check("server", "OK", told)
    return _check("server", "WARN", f"{told}; this command is {ours}", "use the same version on both sides")


def _check(name: str, status: str, detail: str, advice: str = "") -> dict[str, str]:
    return {"name": name, "status": status, "detail": detail, "advice": advice}


def _columns(check: output.Document) -> dict[str, str]:
    return {
        "CHECK": check["name"],
        "STATUS": check["status"],
        "WHAT": " ".join(check["detail"].split()),
        "TO DO": check["advice"],
    }
