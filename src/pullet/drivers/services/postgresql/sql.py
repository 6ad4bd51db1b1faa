"""SQL through psql: statements go in by stdin, rows come out as JSON. No driver library, no secret in an argv."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from pullet.domain.command import Command
from pullet.domain.errors import CommandFailed, DiskFull, RuntimeFailed, ServiceFailed, UsageError
from pullet.drivers.process import ProcessRunner, last_lines
from pullet.drivers.services.trouble import disk_full, last_words

# A database's owner can give all its sessions another search path, and so the superuser's functions of his own.
SAFE_PATH = "-c search_path=pg_catalog,pg_temp"
_ITERATIONS = 4096  # PostgreSQL's own
_FULL = ("No space left on device", "Check free disk space")  # the latter where half a page was written
_SEE_LOG = "in the server log"


@dataclass(frozen=True)
class Connection:
    """How to reach one database. `host` beginning with / is the folder of a unix socket."""

    host: str
    port: int
    user: str
    password: str
    database: str = "postgres"
    options: Mapping[str, str] | None = None
    """More of libpq's variables, such as PGSSLMODE."""

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGDATABASE": self.database,
            "PGCONNECT_TIMEOUT": "10",
            "PGPASSFILE": "/dev/null",
            "PGCLIENTENCODING": "UTF8",
            "PGOPTIONS": SAFE_PATH,
            "PGSERVICEFILE": "/dev/null",
            "HOME": "/nonexistent",
            "LC_ALL": "C.UTF-8",
            **(self.options or {}),
        }

    @property
    def url(self) -> str:
        user, password, database = (quote(part, safe="") for part in (self.user, self.password, self.database))
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"postgresql://{user}:{password}@{host}:{self.port}/{database}"

    def to(self, database: str) -> Connection:
        return replace(self, database=database)


def connection_of(url: str) -> Connection:
    """Raises UsageError; what it says never holds the URL, which holds a password."""
    try:
        parts = urlsplit(url)
        port = parts.port or 5432
    except ValueError:
        raise UsageError("The server's URL is no URL", hint=_URL_HINT) from None
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname or not parts.username:
        raise UsageError("The server's URL lacks its scheme, host or user", hint=_URL_HINT)
    mode = _query(parts.query, "sslmode")
    modes = {"PGSSLMODE": mode} if mode else None
    database = unquote(parts.path.strip("/")) or "postgres"
    return Connection(parts.hostname, port, unquote(parts.username), unquote(parts.password or ""), database, modes)


_URL_HINT = "Write it as postgresql://user:password@host:5432/postgres."


def _query(query: str, name: str) -> str:
    return next((unquote(value) for key, _, value in (p.partition("=") for p in query.split("&")) if key == name), "")


@dataclass(frozen=True)
class Psql:
    """Runs SQL in one database, as one role."""

    runner: ProcessRunner
    program: str
    connection: Connection
    log: Path | None = None
    """The server's own, where it is at hand."""

    def to(self, database: str) -> Psql:
        return replace(self, connection=self.connection.to(database))

    async def run(self, *statements: str, timeout: float = 60.0) -> None:
        """Each statement by itself, in order, until one fails. Raises ServiceFailed."""
        await self._run("".join(f"{statement};\n" for statement in statements), timeout)

    async def rows(self, query: str, timeout: float = 60.0) -> list[dict[str, Any]]:
        """What the SELECT finds, {column: value}. Raises ServiceFailed."""
        wrapped = f"SELECT coalesce(json_agg(found), '[]') FROM ({query}) AS found;\n"  # noqa: S608 - our own text
        found: list[dict[str, Any]] = json.loads(await self._run(wrapped, timeout))
        return found

    async def value(self, query: str) -> Any:
        """The one value that the SELECT finds; None where it finds no row."""
        return next((next(iter(row.values())) for row in await self.rows(query)), None)

    async def _run(self, script: str, timeout: float) -> str:
        argv = (self.program, "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password")
        command = Command(
            (*argv, "--set=ON_ERROR_STOP=1"),
            environment=self.connection.environment,
            timeout=timeout,
            output_limit=64 << 20,
            stdin=script.encode(),
            secrets=(self.connection.password,),
        )
        try:
            return (await self.runner.run(command)).text
        except (CommandFailed, RuntimeFailed) as err:
            raise failed(f"PostgreSQL refused a command in {self.connection.database}", err, self.log) from err


def failed(message: str, err: CommandFailed | RuntimeFailed, log: Path | None = None) -> ServiceFailed | DiskFull:
    """The driver's own error for a program that failed."""
    evidence = last_lines(err.context, 10)
    if log is not None and _SEE_LOG in evidence:
        evidence = f"{evidence}\n{last_words(log, 5)}"
    if any(words in evidence for words in _FULL):
        return disk_full(message, evidence)
    if isinstance(err, CommandFailed) and err.timed_out:
        message = f"{message}: it ran out of time"
    return ServiceFailed(message, context=evidence, hint=err.hint)


def identifier(name: str) -> str:
    """A quoted name. Raises UsageError for one that no database can have."""
    if not name or "\0" in name or len(name.encode()) > 63:
        raise UsageError(f"{name!r} cannot be a name in PostgreSQL")
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    r"""A quoted string: E'' with every \ and ' escaped, so it holds whatever the server's settings are."""
    if "\0" in text:
        raise UsageError("A text for PostgreSQL cannot hold a NUL byte")
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def verifier(password: str) -> str:
    """What the server keeps of a password (SCRAM, RFC 5803): sent instead of it, so that it is in no log."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    client = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = (base64.b64encode(part).decode() for part in (salt, client, server))
    return "SCRAM-SHA-256${}:{}${}:{}".format(_ITERATIONS, *encoded)


def write_private(path: Path, content: str) -> None:
    """Whole or not at all, and only for Pullet's eyes."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
