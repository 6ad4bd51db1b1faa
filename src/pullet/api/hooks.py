"""What a git server or a `post-receive` hook may call from outside: it wakes a poll earlier, and nothing else.

A caller is not trusted: its body is not read and its answer says nothing about what there is. So no secret is needed;
calling it for ever costs one cheap poll a second at most.
"""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import Response

from pullet.operations.control import Control

_LEAST_PAUSE = 1.0  # seconds between two wake-ups from outside


def create_hooks(control: Control) -> FastAPI:
    hooks = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    woken = float("-inf")

    @hooks.post("/hooks/{rest:path}", status_code=202)
    async def wake(rest: str) -> Response:  # noqa: ARG001 - any path under /hooks is fine: servers differ in what they append
        nonlocal woken
        now = control.neighbours.clock.monotonic()
        if now - woken >= _LEAST_PAUSE:
            woken = now
            control.target.wake_sources()
        return Response(status_code=202)

    return hooks
