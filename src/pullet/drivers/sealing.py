"""Secrets sealed with age (https://age-encryption.org/v1) to the target's own X25519 key.

What is encrypted is one line that says where the secret belongs, then the value: whoever can only write to the fleet
repository can move a sealed value, to an app of theirs for instance, but not have it opened there. Anybody can seal,
with the public key alone.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyrage

from pullet.domain.errors import DiskFull, SecretUnreadable, StoreError, UsageError
from pullet.domain.secrets import VALUE_LIMIT, SecretPlace, check_value, value_trouble

PREFIX = "age:"
_HEADER = re.compile(r"pullet-secret/1 (\S{1,100}) (\S{1,100}) (\S{1,200})")
_SEALED_LIMIT = 2 * VALUE_LIMIT  # characters: base64 takes 4/3, age and the header some hundred bytes
_PLAIN_ALPHABET = str.maketrans("+/", "-_")  # what base64(1) writes


def seal(recipient: str, place: SecretPlace, value: str) -> str:
    """`age:…`, one line for a fleet file. Raises UsageError for a value or a public key that cannot be used."""
    check_value(place.name, value)
    try:
        key = pyrage.x25519.Recipient.from_str(recipient)
    except pyrage.RecipientError as err:
        raise UsageError(f"{recipient!r} is no public key of age", hint="`pullet key` prints the target's.") from err
    header = f"pullet-secret/1 {place.app} {place.environment} {place.name}\n"
    return PREFIX + base64.urlsafe_b64encode(pyrage.encrypt((header + value).encode(), [key])).decode()


class TargetKey:
    """The target's identity, in a file that `age -d -i` understands too. Made once, never replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def recipient(self) -> str:
        """The public key; where there is no key yet, it is made. Raises StoreError, DiskFull."""
        return str((self._read() or self._make()).to_public())

    def open(self, place: SecretPlace, sealed: str) -> str:
        """The value. Raises SecretUnreadable, StoreError."""
        identity = self._read()
        if identity is None:
            raise _unreadable(place, "none yet", f"{self._path} is not there")
        public = str(identity.to_public())
        try:
            text = pyrage.decrypt(_decoded(sealed), [identity]).decode()
        except (binascii.Error, UnicodeError, ValueError):
            raise _unreadable(place, public, "the sealed text is damaged") from None  # the cause may quote what it read
        except pyrage.DecryptError as err:
            why = str(err).partition("\n")[0]
            raise _unreadable(place, public, f"it was sealed to another key, or is damaged ({why})") from None
        return _value(place, public, text)

    @property
    def text(self) -> str:
        """The key itself, from which the password of the backups is derived. Made where there is none yet."""
        return str(self._read() or self._make())

    def _read(self) -> Any:
        """The identity, a `pyrage.x25519.Identity`; None where there is none yet."""
        try:
            if self._path.stat().st_mode & 0o077:
                self._path.chmod(0o600)
            lines = self._path.read_text().splitlines()
            return pyrage.x25519.Identity.from_str(next(line for line in lines if line and line[0] != "#"))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeError, StopIteration, pyrage.IdentityError) as err:
            raise StoreError(
                f"{self._path} is no key of age",
                context=type(err).__name__,  # its text might quote the key
                hint="Put it back from your copy. Without one, remove it and set every secret anew.",
            ) from None

    def _make(self) -> Any:
        """Whole or not at all. One at a time, and a key that is there by then stays: `link` takes no name twice."""
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            with _locked(self._path.parent) as folder:
                if (identity := self._read()) is not None:
                    return identity
                identity = pyrage.x25519.Identity.generate()
                new.unlink(missing_ok=True)
                with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                    file.write(f"# public key: {identity.to_public()}\n{identity}\n")
                    file.flush()
                    os.fsync(file.fileno())
                self._path.hardlink_to(new)
                new.unlink()
                os.fsync(folder)
                return identity
        except OSError as err:
            raise DiskFull(f"Could not keep the target's key in {self._path}", context=str(err)) from err


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """A descriptor of the folder, held alone; the kernel lets go of it when a process dies."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _decoded(sealed: str) -> bytes:
    if not sealed.startswith(PREFIX) or len(sealed) > _SEALED_LIMIT:
        raise ValueError
    return base64.b64decode(sealed.removeprefix(PREFIX).translate(_PLAIN_ALPHABET), altchars=b"-_", validate=True)


def _value(place: SecretPlace, public: str, text: str) -> str:
    """The value, provided that it belongs here. A text without a proper header may be all secret, so none is shown."""
    header, separator, value = text.partition("\n")
    found = _HEADER.fullmatch(header)
    if found is None or not separator:
        raise _unreadable(place, public, "it does not say where it belongs")
    try:
        sealed_for = SecretPlace(*found.groups())
    except UsageError:
        raise _unreadable(place, public, "it does not say where it belongs") from None
    if not sealed_for.covers(place):
        raise _unreadable(place, public, f"it was sealed as {sealed_for}, and is good there only")
    if trouble := value_trouble(value):
        raise _unreadable(place, public, trouble)
    return value


def _unreadable(place: SecretPlace, public: str, why: str) -> SecretUnreadable:
    option = "" if place.environment == "production" else f" -e {place.environment}"
    return SecretUnreadable(
        f"The secret {place} cannot be opened: {why}",
        context=f"This target's public key: {public}",
        hint=f"Seal it anew with `pullet secrets set {place.app} {place.name}{option}`;"
        f" or put the target's key back and try again with `pullet sync {place.app}{option}`.",
    )
