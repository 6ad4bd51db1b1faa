"""Running things side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from pullet.domain.errors import PulletError

A = TypeVar("A")
B = TypeVar("B")


async def both(first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B], *, name: str) -> tuple[A, B]:
    """The results of two; where one fails it is as with `together`."""
    try:
        async with asyncio.TaskGroup() as tasks:
            one = tasks.create_task(first, name=f"{name}:0")
            other = tasks.create_task(second, name=f"{name}:1")
    except* PulletError as group:
        raise _first(group) from group
    return one.result(), other.result()


async def together(*work: Coroutine[Any, Any, object], name: str) -> None:
    """Run all; when one fails the others are cancelled and its PulletError is raised plainly, not as a group."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for index, coroutine in enumerate(work):
                tasks.create_task(coroutine, name=f"{name}:{index}")
    except* PulletError as group:
        raise _first(group) from group


def _first(group: BaseExceptionGroup[PulletError]) -> PulletError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
