"""Running things side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from pullet.domain.errors import expected_of

T = TypeVar("T")
U = TypeVar("U")


async def together(*work: Coroutine[Any, Any, object], name: str) -> None:
    """Run all; when one fails the others are cancelled and its PulletError is raised plainly, not as a group."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for index, coroutine in enumerate(work):
                tasks.create_task(coroutine, name=f"{name}:{index}")
    except BaseExceptionGroup as group:
        if (error := expected_of(group)) is None:
            raise
        raise error from group


async def both(one: Coroutine[Any, Any, T], other: Coroutine[Any, Any, U], *, name: str) -> tuple[T, U]:
    """The results of two things done at the same time; fails as `together` does."""
    results: dict[int, Any] = {}

    async def keep(index: int, work: Coroutine[Any, Any, object]) -> None:
        results[index] = await work

    await together(keep(0, one), keep(1, other), name=name)
    return results[0], results[1]


async def cancel(task: asyncio.Task[None]) -> None:
    """Cancel and wait; what it raised meanwhile is of no interest any more."""
    task.cancel()
    await asyncio.wait({task})
