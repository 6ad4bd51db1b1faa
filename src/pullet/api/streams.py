"""Values and progress as JSON, and what errors are in HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi.responses import Response, StreamingResponse

from pullet.domain.codec import dumps
from pullet.domain.errors import PulletError, Retry, UsageError
from pullet.domain.report import Progress


class ProgressLines(StreamingResponse):
    media_type = "application/x-ndjson"


def answer(value: object) -> Response:
    return Response(dumps(value), media_type="application/json")


def stream(progress: AsyncIterator[Progress]) -> ProgressLines:
    """One `Progress` a line; an error on the way is the last line, since the status code has gone out by then."""
    return ProgressLines(_lines(progress))


async def _lines(progress: AsyncIterator[Progress]) -> AsyncIterator[str]:
    try:
        async for item in progress:
            yield dumps(item) + "\n"
    except PulletError as err:
        yield dumps(failed(err)) + "\n"


def failed(err: PulletError) -> Progress:
    return Progress(done=True, error_code=err.code, error=err.message, context=err.context, hint=err.hint)


def status_code(err: PulletError) -> int:
    """404: not there; 400: a request that makes no sense; 409: the state forbids it; 503: not now."""
    if err.code == "not-found":
        return 404
    if isinstance(err, UsageError) or err.retry is Retry.NEVER:
        return 400
    return 503 if err.retry is Retry.BACKOFF else 409
