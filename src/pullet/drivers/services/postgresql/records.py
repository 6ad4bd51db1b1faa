"""What databases there are and whose they are: one file each, written before the database is made.

Nothing of this is kept in the databases: their owners, the apps, could change it there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pullet.domain.errors import ServiceFailed
from pullet.domain.identity import EnvironmentKey
from pullet.domain.services import ServiceKey
from pullet.drivers.services.postgresql.sql import write_private

_LONGEST = 63 - len("_copy_new")  # bytes, NAMEDATALEN less its end and the suffixes that copies get


@dataclass(frozen=True)
class Record:
    key: ServiceKey
    password: str
    ready: bool = False
    """False until role and database are as they should be."""

    @property
    def name(self) -> str:
        """Of the database and of its role."""
        return name_of(self.key)


@dataclass(frozen=True)
class Records:
    folder: Path

    def open(self, key: ServiceKey) -> Record:
        """The record, made where there is none."""
        record = self.get(key)
        if record is None:
            record = Record(key, secrets.token_urlsafe(24))
            self._write(record)
        return record

    def get(self, key: ServiceKey) -> Record | None:
        path = self._path(key)
        return _read(path) if path.exists() else None

    def mark_ready(self, record: Record) -> None:
        self._write(replace(record, ready=True))

    def remove(self, key: ServiceKey) -> None:
        self._path(key).unlink(missing_ok=True)

    def all(self) -> Sequence[Record]:
        found = []
        for path in self.folder.glob("*.json"):
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                found.append(_read(path))
        return sorted(found, key=lambda record: record.key)

    def _write(self, record: Record) -> None:
        write_private(self._path(record.key), json.dumps(asdict(record)))

    def _path(self, key: ServiceKey) -> Path:
        return self.folder / f"{name_of(key)}.json"


def name_of(key: ServiceKey) -> str:
    """A name in PostgreSQL that people recognise and no other key has."""
    parts = (key.environment.app, key.environment.name, key.name)
    plain = "_".join(re.sub(r"[^a-z0-9]+", "_", part.lower()).strip("_") or "x" for part in parts)
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"{plain[: _LONGEST - 17]}_{digest}"


def _read(path: Path) -> Record:
    try:
        data = json.loads(path.read_text("utf-8"))
        key = data["key"]
        environment = EnvironmentKey(key["environment"]["app"], key["environment"]["name"])
        return Record(ServiceKey(environment, key["name"]), data["password"], data["ready"])
    except (ValueError, KeyError, TypeError) as err:
        raise ServiceFailed(f"{path} is damaged", context=str(err), hint="Restore the file from a backup.") from err
