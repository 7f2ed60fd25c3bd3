"""Helpers for reading."""

from collections.abc import AsyncIterator

from baselift.app.ports import Row


async def all_of(rows: AsyncIterator[Row]) -> list[Row]:
    return [row async for row in rows]
