"""Tokens that stand in the URL of a context: moved to where secrets are sealed and masked."""

from typing import Any

from baselift.arm.errors import invalid
from baselift.domain import contexts
from baselift.domain.contexts import Form

TOKEN = "contextAccessToken"  # noqa: S105  # the name of a field


def move_token(document: dict[str, Any], field: str) -> None:
    """Take user and password out of the context in `field`; they become the access token unless one is given.

    Raises:
        ApiError: 400 for a context that is no git repository: only for those there is a place for the token.
    """
    context = document.get(field) or ""
    address, sharp, fragment = context.partition("#")
    bare, credential = contexts.split_credential(address)
    if bare == address:
        return
    if contexts.parse(context).form is not Form.GIT:
        raise invalid(f"{field} holds a user name or password: only the URL of a git repository may.", field)
    document[field] = bare + sharp + fragment
    if credential is not None:
        document.setdefault(TOKEN, credential.password)
