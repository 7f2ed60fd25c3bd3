"""The key API of /admin: lists, shows, makes, sets and deletes the keys of the host and of functions."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from baselift.host.keyring import MASTER, new_value
from baselift.host.keystore import HOST
from baselift.host.messages import Response, json_response

if TYPE_CHECKING:
    from baselift.host.keyring import Keyring
    from baselift.host.keystore import KeyStore
    from baselift.host.messages import Request

_SCOPES = {"keys": "functionKeys", "functionkeys": "functionKeys", "systemkeys": "systemKeys"}
_NAME = re.compile(r"[A-Za-z0-9_.\- ]{1,127}")


@dataclass(frozen=True, slots=True)
class Place:
    """Which keys a request is about: those of the host or of a function, and the section in their document."""

    owner: str
    section: str


def host_place(scope: str) -> Place:
    """The place of `/admin/host/{keys|functionkeys|systemkeys}`."""
    return Place(HOST, _SCOPES[scope.lower()])


def function_place(function: str) -> Place:
    """The place of `/admin/functions/NAME/keys`."""
    return Place(function, "keys")


class KeyApi:
    """Answers requests about keys; who may ask is decided before."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store

    async def all(self, request: Request, place: Place) -> Response:
        """`GET …/keys`."""
        if request.method != "GET":
            return Response(404)
        ring = await self._store.read(place.owner)
        return json_response(200, {"keys": _listed(ring, place), "links": _links(request)})

    async def one(self, request: Request, place: Place, name: str) -> Response:
        """`GET`, `POST`, `PUT` and `DELETE …/keys/NAME`."""
        match request.method:
            case "GET":
                return await self._show(request, place, name)
            case "POST":
                return await self._set(request, place, name, new_value())
            case "PUT":
                value = _given(request)
                return await self._set(request, place, name, value) if value else _bad("give a value: {'value': '…'}")
            case "DELETE":
                return await self._delete(place, name)
        return Response(404)

    async def _show(self, request: Request, place: Place, name: str) -> Response:
        keys = {key["name"]: key["value"] for key in _listed(await self._store.read(place.owner), place)}
        return _shown(200, request, name, keys[name]) if name in keys else Response(404)

    async def _set(self, request: Request, place: Place, name: str, value: str) -> Response:
        if not _NAME.fullmatch(name):
            return _bad(f"{name!r} is no name of a key: 1 to 127 letters, digits, '_', '.', '-' and blanks")

        def edit(ring: Keyring) -> bool:
            if name.lower() == MASTER:
                ring.sections["masterKey"] = {"master": value}
                return False
            keys = ring.sections[place.section]
            is_new = name not in keys
            keys[name] = value
            return is_new

        if name.lower() == MASTER and place.owner != HOST:
            return _bad(f"{MASTER} is a key of the host, not of a function")
        made = await self._store.change(place.owner, edit)
        return _shown(201 if made else 200, request, name, value)

    async def _delete(self, place: Place, name: str) -> Response:
        if name.lower() == MASTER:
            return _bad(f"{MASTER} cannot be deleted; POST gives it a new value")

        def edit(ring: Keyring) -> bool:
            return ring.sections[place.section].pop(name, None) is not None

        return Response(204 if await self._store.change(place.owner, edit) else 404)


def _listed(ring: Keyring, place: Place) -> list[dict[str, str]]:
    """The keys of a place; the master key shows among the host's system keys."""
    keys = dict(ring.sections[place.section])
    if place.section == "systemKeys":
        keys = {MASTER: next(iter(ring.sections["masterKey"].values()), ""), **keys}
    return [{"name": name, "value": value} for name, value in keys.items()]


def _given(request: Request) -> str:
    try:
        value = json.loads(request.body)["value"]
    except (ValueError, KeyError, TypeError):
        return ""
    return value if isinstance(value, str) else ""


def _shown(status: int, request: Request, name: str, value: str) -> Response:
    return json_response(status, {"name": name, "value": value, "links": _links(request)})


def _links(request: Request) -> list[dict[str, Any]]:
    return [{"rel": "self", "href": request.url.partition("?")[0]}]


def _bad(text: str) -> Response:
    return json_response(400, {"message": text})
