"""Read a file that another user may replace at any moment: by descriptor, never through a link."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from pullet.domain.errors import ServiceFailed


def open_file(path: Path) -> int:
    """A descriptor to read the file, at once. Raises ServiceFailed for a link, a device or a pipe; OSError where there
    is none. The folder of `path` is reached as usual."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as err:
        if path.is_symlink():
            raise _refused(path, "it is a link") from err
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise _refused(path, "it is no regular file")


def open_regular(path: Path) -> int:
    """As `open_file`, and raises ServiceFailed for a file with a second name: it may be another user's."""
    descriptor = open_file(path)
    if os.fstat(descriptor).st_nlink <= 1:
        return descriptor
    os.close(descriptor)
    raise _refused(path, "it has several names")


def copy_regular(path: Path, destination: Path) -> None:
    """Copy the contents into the new file `destination`, mode 0600, on the disk when this returns."""
    with open(open_regular(path), "rb") as source:
        target = os.open(destination, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(target, "wb") as sink:  # noqa: PTH123
            shutil.copyfileobj(source, sink, 1 << 20)
            sink.flush()
            os.fsync(sink.fileno())


def _refused(path: Path, why: str) -> ServiceFailed:
    return ServiceFailed(
        f"{path} is not the file that it should be",
        context=why,
        hint="Nothing was read. The app has replaced it: look at what it does there.",
    )
