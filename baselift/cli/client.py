"""`baselift client`: ids and secrets for those who may call."""

from secrets import token_hex

import click

from baselift.access.clients import parse
from baselift.access.hashes import hash_secret
from baselift.cli.errors import CommandError


@click.group(short_help="Ids and secrets for those who may call.")
def client() -> None:
    """Ids and secrets for those who may call."""


@client.command("new", short_help="Make a client.")
@click.option("--role", type=click.Choice(["reader", "contributor"]), required=True, help="What the client may do.")
@click.option("--id", "identifier", metavar="ID", help="Id of the client; by default a random one.")
def new(role: str, identifier: str | None) -> None:
    """Make a client, and print its secret, which is kept nowhere, and its word for BASELIFT_CLIENTS."""
    # In hexadecimal: az takes a secret that begins with "-" for an option.
    secret = token_hex(32)
    name = f"client-{token_hex(4)}" if identifier is None else identifier
    word = f"{name}:{role}:{hash_secret(secret)}"
    try:
        parse(word)
    except ValueError as error:
        raise CommandError(f"--id is '{name}': {error}") from None
    click.echo(
        f"id:     {name}\nsecret: {secret}\nBASELIFT_CLIENTS takes this word, in single quotes in a shell:\n{word}"
    )
