"""Copies of folders that somebody else writes to: links are kept as links, and never followed."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import stat
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from pullet.domain.errors import ServiceFailed

_libc = ctypes.CDLL(None, use_errno=True)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEPTH = 300
_FICLONE = 0x40049409  # ioctl of linux/fs.h: the copy shares the blocks until one of the two is written to


def copy(source: Path, destination: Path, leave_out: Callable[[str], bool] = lambda _: False) -> Sequence[str]:
    """Fill the empty folder `destination`; returns what is neither file, folder nor link.

    `leave_out` judges names at the top. What goes or changes meanwhile is as it was at some moment, or not there.
    """
    skipped: list[str] = []
    for folder, name, status, descriptor in _walk(source):
        if folder == "" and leave_out(name):
            continue
        target = destination / folder / name
        with suppress(FileNotFoundError):  # gone since it was listed, or in a folder that is left out
            if stat.S_ISDIR(status.st_mode):
                target.mkdir(mode=0o700)
            elif stat.S_ISLNK(status.st_mode):
                target.symlink_to(os.readlink(name, dir_fd=descriptor))
            elif stat.S_ISREG(status.st_mode):
                _copy_file(name, descriptor, target)
            else:
                skipped.append(os.path.join(folder, name))  # noqa: PTH118 - of text that may be anything
                continue
            _keep_times(target, status)
    return skipped


def size(folder: Path) -> int:
    """Bytes that its files take on the disk; 0 where they cannot all be seen."""
    with suppress(OSError):
        return sum(status.st_blocks * 512 for _, _, status, _ in _walk(folder))
    return 0


def packed_size(folder: Path) -> int:
    """Bytes that `pack` writes: there holes are zeros, for a tar file knows none."""
    return sum(max(status.st_size, 512) for _, _, status, _ in _walk(folder))


def pack(folder: Path, archive: Path) -> None:
    """As one tar file, so that names, modes and times come back as they were whatever keeps the dump."""
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        tar.add(folder, arcname=".", filter=_nobody)


def unpack(archive: Path, folder: Path) -> None:
    """Into an empty folder. Raises ServiceFailed for an archive that would write anywhere else."""
    try:
        with tarfile.open(archive) as tar:
            members = list(tar)
            for member in members:
                if member.name.startswith("/") or ".." in Path(member.name).parts or not _is_plain(member):
                    raise ServiceFailed(f"{archive.name} holds {member.name!r}, which is refused")
            links = [member for member in members if member.issym()]
            tar.extractall(folder, [member for member in members if not member.issym()])  # noqa: S202 - checked above
            for member in links:  # last, so that nothing is written through one
                (folder / member.name).symlink_to(member.linkname)
    except tarfile.TarError as err:
        raise ServiceFailed(f"{archive.name} is damaged", context=str(err), hint="Use another backup.") from err


def _walk(top: Path) -> Iterator[tuple[str, str, os.stat_result, int]]:
    """(folder relative to `top`, name, status, descriptor of the folder); folders come before what is in them."""
    yield from _below(os.open(top, _FOLDER), "")


def _below(descriptor: int, folder: str, depth: int = 0) -> Iterator[tuple[str, str, os.stat_result, int]]:
    """Not os.fwalk: before Python 3.12 it waits for ever for a pipe that was put in the place of a folder."""
    try:
        if depth > _DEPTH:  # each level keeps a descriptor and a frame
            raise OSError(errno.ENAMETOOLONG, f"folders are nested deeper than {_DEPTH}")
        for name in os.listdir(descriptor):
            with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                yield folder, name, status, descriptor
                if stat.S_ISDIR(status.st_mode):
                    below = os.open(name, _FOLDER, dir_fd=descriptor)
                    yield from _below(below, os.path.join(folder, name), depth + 1)  # noqa: PTH118 - may be any text
    finally:
        os.close(descriptor)


def _copy_file(name: str, folder: int, target: Path) -> None:
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        if stat.S_ISREG(os.fstat(source).st_mode):  # else replaced since it was looked at
            copy_contents(source, target)
        else:
            target.touch()
    finally:
        os.close(source)


def copy_contents(source: int, target: Path) -> None:
    """Of a regular file, open to read, into a new one; what are holes take no room there either."""
    with open(source, "rb", closefd=False) as reader, target.open("xb") as writer:
        if _share_blocks(writer.fileno(), source):
            return
        size = os.fstat(source).st_size
        for start, end in _written(source, size):
            reader.seek(start)
            writer.seek(start)
            _copy_range(reader, writer, end - start)
        writer.truncate(size)


def _written(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """The parts of the first `size` bytes that are no holes, as (start, end): an app may own a file of terabytes that
    takes nothing, or add to one faster than it is copied."""
    end = 0
    with suppress(OSError):  # ENXIO: a hole is all that is left
        while end < size:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
            end = min(os.lseek(descriptor, start, os.SEEK_HOLE), size)
            if start < end:
                yield start, end


def _copy_range(reader: BinaryIO, writer: BinaryIO, left: int) -> None:
    while left > 0 and (data := reader.read(min(left, 1 << 20))):
        writer.write(data)
        left -= len(data)


def to_disk(folder: Path) -> None:
    """Have everything written on the file system of `folder`, in one call.

    For 10,000 small files that took 0.1 s, and an fsync of each 2.8 s. It waits for what others wrote there, too,
    and before Linux 5.8 tells of no failure.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _libc.syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), f"syncfs {folder}")
    finally:
        os.close(descriptor)


def refuse_where_it_cannot_fit(needed: int, destination: Path) -> None:
    """Raises OSError (ENOSPC) before any of the `needed` bytes is written."""
    free = shutil.disk_usage(destination).free
    if needed > free:
        raise OSError(errno.ENOSPC, f"{needed / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB free")


def _share_blocks(target: int, source: int) -> bool:
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False  # the file system cannot, as ext4
    return True


def _keep_times(target: Path, status: os.stat_result) -> None:
    if not stat.S_ISLNK(status.st_mode):
        target.chmod(stat.S_IMODE(status.st_mode) & 0o777 | (0o700 if target.is_dir() else 0o600))
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _is_plain(member: tarfile.TarInfo) -> bool:
    return member.isreg() or member.isdir() or member.issym()


def _nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without owners: they are the app's user of whichever box it is restored on."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
