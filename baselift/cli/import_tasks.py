"""`baselift import`: take over the tasks of an Azure container registry, without building anything."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import click
from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient

from baselift.cli import options, output
from baselift.cli.bearer import check_private, origin
from baselift.cli.connection import Connection
from baselift.cli.errors import EXIT_NOT_FOUND, CommandError, explained

AZURE = "https://management.azure.com"
_PROPERTIES = ("status", "platform", "agentConfiguration", "timeout", "step", "trigger", "credentials", "logTemplate")
Document = dict[str, Any]


@click.command("import", short_help="Take over the tasks of an Azure container registry.")
@click.option("--from-acr", "acr", required=True, metavar="REGISTRY", help="Registry whose tasks are read.")
@click.option("--subscription", required=True, metavar="ID", help="Subscription of that registry.")
@click.option("--resource-group", "-g", required=True, metavar="GROUP", help="Resource group of that registry.")
@click.option("--url", default=AZURE, show_default=True, metavar="URL", help="Azure Resource Manager, or a Baselift.")
@click.option("--dry-run", is_flag=True, help="Change nothing; print what would be done.")
@click.option("--disabled", is_flag=True, help="Create every task disabled, to switch over later.")
@options.registry
@options.report("How to print the report.")
@explained
def import_tasks(
    acr: str, subscription: str, resource_group: str, url: str, registry: str | None, form: str, **how: bool
) -> None:
    """Create the tasks of an Azure container registry here.

    Nothing is built: each task counts as built on the digests that its base images have now. Secrets cannot be read
    there; a task that needs one is created disabled. A task that is here already stays as it is.
    """
    connection = Connection(registry)
    found = _read(acr, subscription, resource_group, url)
    known = {str(task.name).lower() for task in connection.client.tasks.list(*connection.where)}
    report = [_take(connection, task, known, disabled=how["disabled"], dry_run=how["dry_run"]) for task in found]
    output.show(report, form, _columns)


def _columns(row: Document) -> dict[str, str]:
    return {"NAME": row["name"], "RESULT": row["result"], "NEEDS": "; ".join(row["needs"])}


def _read(acr: str, subscription: str, group: str, url: str) -> list[Document]:
    try:
        with _client(subscription, url) as client:
            return [task.as_dict() for task in client.tasks.list(group, acr)]
    except ResourceNotFoundError as error:
        raise CommandError(f"registry '{acr}' is not in resource group '{group}' at {url}", EXIT_NOT_FOUND) from error
    except AzureError as error:
        raise CommandError(f"the tasks of '{acr}' cannot be read at {url}: {error.message.splitlines()[0]}") from error


def _client(subscription: str, url: str) -> ContainerRegistryTasksMgmtClient:
    try:
        where = origin(url)
    except ValueError:
        raise CommandError(f"--url is '{url}': it must be http://host[:port] or https://host[:port]") from None
    check_private(where)
    if where.startswith("http://"):
        return ContainerRegistryTasksMgmtClient(
            _Nobody(), subscription, base_url=url.rstrip("/"), authentication_policy=_NoToken()
        )
    # Not at the top: it takes a third of a second to import, for this one command.
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415

    return ContainerRegistryTasksMgmtClient(
        DefaultAzureCredential(), subscription, base_url=url.rstrip("/"), credential_scopes=[f"{where}/.default"]
    )


class _NoToken(SansIOHTTPPolicy[Any, Any]):
    """For a server on this machine that asks for none."""


class _Nobody:
    def get_token(self, *_scopes: str, **_options: Any) -> Any:
        raise CommandError("the server asks for a token, and this command has none")


def _take(connection: Connection, task: Document, known: set[str], *, disabled: bool, dry_run: bool) -> Document:
    name = str(task["name"])
    document, needs, secret = converted(task, connection.registry.location)
    if name.lower() in known:
        return {"name": name, "result": "is here already", "needs": []}
    if not document["properties"].get("step"):
        return {"name": name, "result": "left out: it has no step", "needs": []}
    if disabled or secret:
        document["properties"]["status"] = "Disabled"
    state = str(document["properties"].get("status", "Enabled")).lower()
    if not dry_run:
        connection.client.tasks.create(*connection.where, name, document)
    return {"name": name, "result": f"{'would be ' if dry_run else ''}created, {state}", "needs": needs}


def converted(task: Mapping[str, Any], location: str) -> tuple[Document, list[str], bool]:
    """The task as it is created here, what it needs besides, and whether it cannot run without that."""
    given = copy.deepcopy(dict(task.get("properties") or {}))
    properties = {name: given[name] for name in _PROPERTIES if given.get(name) is not None}
    secrets = [*_secret_arguments(properties), *_passwords(properties)]
    needs = [*secrets, *_others(given, task, properties)]
    tags = {str(key): str(value) for key, value in (task.get("tags") or {}).items()}
    return {"location": location, "tags": tags, "properties": properties}, needs, bool(secrets)


def _secret_arguments(properties: Document) -> Iterator[str]:
    """Secret arguments and values come without what they hold: they are left out, and named."""
    step = properties.get("step") or {}
    step.pop("baseImageDependencies", None)
    for kind, what in (("arguments", "secret argument"), ("values", "secret value")):
        secret = [each for each in step.get(kind) or () if each.get("isSecret")]
        if secret:
            step[kind] = [each for each in step[kind] if not each.get("isSecret")]
        yield from (f"{what} {each['name']}" for each in secret)


def _passwords(properties: Document) -> Iterator[str]:
    """Logins that are neither an identity nor in a vault are left out, and named."""
    custom = (properties.get("credentials") or {}).get("customRegistries") or {}
    for host, login in list(custom.items()):
        kept = [login.get(name) or {} for name in ("userName", "password")]
        if any(str(each.get("type") or "").lower() == "opaque" for each in kept):
            del custom[host]
            yield f"user and password of {host}"


def _others(given: Document, task: Mapping[str, Any], properties: Document) -> Iterator[str]:
    triggers = (properties.get("trigger") or {}).get("sourceTriggers") or []
    for each in triggers:
        source = each.get("sourceRepository") or {}
        source.pop("sourceControlAuthProperties", None)
        yield f"a webhook of {source.get('repositoryUrl')} (docs/triggers.md)"
    step = properties.get("step") or {}
    step.pop("contextAccessToken", None)
    if str(step.get("contextPath") or "").startswith(("https://", "http://")):
        yield "a git access token, if its repository is private"
    if given.get("agentPoolName"):
        yield f"agent pool {given['agentPoolName']}, which it no longer asks for"
    if str((task.get("identity") or {}).get("type") or "None").lower() != "none":
        yield "what its own identity could reach, for the identity of this app"
