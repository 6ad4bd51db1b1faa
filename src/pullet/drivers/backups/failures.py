"""From what restic says on its way out to an error that says what to do."""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Iterator

from pullet.domain.errors import BackupFailed, CommandFailed, DiskFull, Retry
from pullet.drivers.process import last_lines

LOCKED = re.compile(r"repository is already locked|unable to create lock")
MISSING = re.compile(
    r"unable to open config file: .*(no such file or directory|(key|bucket|file) does not exist|NoSuchKey|NoSuchBucket)"
    r"|repository does not exist",
    re.DOTALL,
)
_FULL = re.compile(r": (no space left on device|disk quota exceeded)$", re.MULTILINE)
UNREADABLE = re.compile(r"^Load\(.*retrying after .*(no such file|EOF|hash|size)")
GONE = re.compile(r"^Load\(.*retrying after .*key does not exist")
_KINDS: tuple[tuple[re.Pattern[str], str, str, Retry], ...] = (
    (
        re.compile(r"wrong password or no key found"),
        "was made with another key",
        "Give Pullet the key of the target whose backups these are, or back up to another destination.",
        Retry.NEXT_REVISION,
    ),
    (
        LOCKED,
        "is in use by somebody else",
        "It is tried again by itself. A lock that a crash on another machine left behind is removed after 30 minutes.",
        Retry.BACKOFF,
    ),
    (
        MISSING,
        "has no backups in it",
        "Check `destination` in settings.toml, and that its disk is mounted.",
        Retry.BACKOFF,
    ),
    (
        re.compile(
            r"[Aa]ccess ?[Dd]enied|SignatureDoesNotMatch|signature we calculated does not match|InvalidAccessKeyId"
            r"|Access Key Id you provided does not exist|permission denied"
        ),
        "refuses access",
        "Check the credentials in the file that `credentials` of settings.toml names, or the folder's owner.",
        Retry.BACKOFF,
    ),
    (
        re.compile(r"connection refused|no such host|i/o timeout|network is unreachable|TLS handshake|x509:"),
        "cannot be reached",
        "Check the address in settings.toml and the network. It is tried again by itself.",
        Retry.BACKOFF,
    ),
    (
        re.compile(
            r"ciphertext verification failed|hash does not match|invalid data returned|unexpected EOF|load.*: EOF"
            r"|not found in (index|repository)|no such file or directory|does not exist|size mismatch|Unexpected|"
            r"damaged|contains errors|There were \d+ errors|unable to load|cannot be loaded|invalid character|zstd"
        ),
        "is damaged",
        "Restore from an older backup or another copy of the destination; `restic check` says what is hurt.",
        Retry.NEXT_REVISION,
    ),
)  # the first that fits


def backup_failed(what: str, destination: str, err: CommandFailed) -> BackupFailed | DiskFull:
    """`what` could not be done at the destination. Room is looked at first: restic counts a full disk among the errors
    of a restore, where it must not pass for damage of the backup."""
    evidence = last_lines(err.output, 8)
    if _FULL.search(err.output):
        return DiskFull(f"{what}: the disk is full", context=evidence, hint="Free some space where the path says.")
    if err.timed_out:
        return BackupFailed(f"{what}: {destination} took too long", context=evidence)
    for pattern, why, hint, retry in _KINDS:
        if pattern.search(err.output):
            return BackupFailed(f"{what}: {destination} {why}", context=evidence, hint=hint, retry=retry)
    return BackupFailed(f"{what}: restic failed at {destination}", context=evidence)


@contextlib.contextmanager
def file_trouble(what: str) -> Iterator[None]:
    """Map what the file system refuses to BackupFailed, or to DiskFull, that begins with `what`."""
    try:
        yield
    except OSError as err:
        full = err.errno in (errno.ENOSPC, errno.EDQUOT)
        raise (DiskFull if full else BackupFailed)(what, context=str(err)) from err
