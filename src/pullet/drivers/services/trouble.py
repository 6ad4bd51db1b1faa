"""What the file system refuses a provider, as the errors that its port names."""

from __future__ import annotations

import contextlib
import errno
import functools
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from pullet.domain.errors import DiskFull, ServiceFailed
from pullet.domain.services import ServiceKey
from pullet.drivers.process import last_lines

_P = ParamSpec("_P")
_T = TypeVar("_T")


@contextlib.contextmanager
def file_trouble(subject: object) -> Iterator[None]:
    """An OSError becomes DiskFull or ServiceFailed about the data of `subject`."""
    try:
        yield
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(f"The data of {subject} could not be written", str(err)) from err
        hint = "See who owns the path, and whether its disk is mounted."
        raise ServiceFailed(f"The data of {subject} cannot be used", context=str(err), hint=hint) from err


def disk_full(what: str, evidence: str) -> DiskFull:
    hint = "Free some space; `pullet doctor` shows how much there is. Nothing that was live has changed."
    return DiskFull(f"{what}: the disk is full", context=evidence, hint=hint)


def last_words(log: Path, count: int) -> str:
    """The last lines of a server's log; nothing where it cannot be read."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8000))
        return last_lines(file.read().decode("utf-8", "replace"), count)
    return ""


def explained(method: Callable[_P, Coroutine[Any, Any, _T]]) -> Callable[_P, Coroutine[Any, Any, _T]]:
    """The method of a provider with `file_trouble` about the service that it is called for."""

    @functools.wraps(method)
    async def explaining(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        subject = next((each for each in args if isinstance(each, ServiceKey)), "backing services")
        with file_trouble(subject):
            return await method(*args, **kwargs)

    return explaining
