"""A full disk can strike at any write; here it becomes what it is: trouble that passes once there is room."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pullet.domain.errors import DiskFull, PulletError
from pullet.domain.identity import EnvironmentKey
from pullet.ports import Store

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def disk_may_be_full(subject: object) -> Iterator[None]:
    """Raise DiskFull for an OSError that says so, also for one in a group; anything else passes as it is."""
    try:
        yield
    except OSError as err:
        if err.errno not in _FULL:
            raise
        raise _disk_full(subject, err) from err
    except BaseExceptionGroup as group:
        full = group.subgroup(lambda err: isinstance(err, OSError) and err.errno in _FULL)
        if full is None:
            raise
        raise _disk_full(subject, full) from group


def _disk_full(subject: object, err: BaseException) -> DiskFull:
    return DiskFull(
        f"The disk is full: work on {subject} could not go on",
        context=str(err),
        hint="Free some space; `pullet doctor` shows how much there is. Nothing that was live has changed.",
    )


def note_if_possible(store: Store, kind: str, message: str, environment: EnvironmentKey | None = None) -> None:
    """An event about trouble. Where the trouble is that nothing can be written, it is told by what can still be."""
    with suppress(PulletError):
        store.events.append(kind, message, environment=environment)
