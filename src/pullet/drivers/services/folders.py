"""Files and folders that outlive releases: `volume` and `sqlite`.

Both are a folder of the app's user, `data` in `Home.service`. A volume's is the volume; a sqlite's holds the database
with its journals beside it. The rule of one writer: every process of the one environment on this box may write, and for
a database SQLite's own locks put them in order (two releases overlap for a moment at each deployment); no other
environment and no other box ever sees the folder.

The folder belongs to hostile code: it may hold links to anywhere, and changes while it is read. Nothing is followed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from weakref import WeakValueDictionary

from pullet.domain.errors import PulletError, ServiceFailed
from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey
from pullet.domain.runtime import Capability
from pullet.domain.services import Grant, ServiceKey, ServiceSpec, ServiceState, ServiceType, Shell
from pullet.drivers.confinement import Sandbox
from pullet.drivers.listing import below
from pullet.drivers.removing import remove_folder
from pullet.drivers.services import databases, sealed, trees
from pullet.drivers.services.clients import client
from pullet.drivers.services.naming import own_variable
from pullet.drivers.services.trouble import file_trouble
from pullet.drivers.services.untrusted import copy_regular
from pullet.ports import LogSink

_RECORD = "service.json"
_DATA = "data"
_NEW = "data.new"
_OLD = "data.old"
_SEEDED = "seeded"
_PACKED = "data.tar"


class FolderProvider:
    """Of one of the two types; `volume` here, `sqlite` below differs in what a consistent copy is."""

    type = ServiceType.VOLUME

    def __init__(self, home: Home, sandbox: Sandbox) -> None:
        self._home = home
        self._sandbox = sandbox
        self._locks: WeakValueDictionary[ServiceKey, asyncio.Lock] = WeakValueDictionary()  # those held or waited for

    async def provide(self, key: ServiceKey, spec: ServiceSpec) -> Grant:
        await self._in_thread(key, self._have, key)
        return self._grant(key, spec)

    async def seed(self, key: ServiceKey, spec: ServiceSpec, source: Path) -> None:
        await self._in_thread(key, self._seed, key, spec, source)

    async def shell(self, key: ServiceKey, spec: ServiceSpec) -> Shell:  # noqa: ARG002 - see the port
        """A shell in the folder, whose path comes as a variable: it may hold anything."""
        return Shell(("/bin/sh", "-c", 'cd "$FOLDER" && exec /bin/sh'), (("FOLDER", str(self._folder(key) / _DATA)),))

    async def ensure(self) -> None:
        """Files need nothing to run."""

    async def observe(self, environment: EnvironmentKey | None = None) -> Sequence[ServiceState]:
        return await asyncio.to_thread(self._observe, environment)

    async def clone(self, origin: ServiceKey, key: ServiceKey, spec: ServiceSpec, log: LogSink) -> Grant:
        if origin == key or not (self._folder(origin) / _RECORD).exists():
            raise ServiceFailed(f"{key} cannot be a copy of {origin}", context="There is nothing to copy.")
        await self._in_thread(key, self._have, key)
        skipped = await self._in_thread(key, self._replace, key, lambda new: self._copy(origin, new), reads=origin)
        for path in skipped:
            log(f"not copied, it is no file, folder or link: {path}")
        return self._grant(key, spec)

    async def dump(self, key: ServiceKey, folder: Path) -> None:
        if not (self._folder(key) / _RECORD).exists():
            raise ServiceFailed(f"There is no {self.type} {key}")
        await self._in_thread(key, self._dump, key, folder)

    async def load(self, key: ServiceKey, spec: ServiceSpec, folder: Path) -> None:  # noqa: ARG002 - see the port
        facts = await asyncio.to_thread(sealed.check, folder)
        if facts.get("type") != self.type:
            raise ServiceFailed(f"The dump in {folder} is not one of a {self.type}", context=str(facts))
        await self._in_thread(key, self._have, key)
        await self._in_thread(key, self._replace, key, lambda new: _unpacked(folder / _PACKED, new))

    async def remove(self, key: ServiceKey) -> None:
        await self._in_thread(key, self._remove, key)

    async def stop(self, environment: EnvironmentKey | None = None) -> None:
        """There is nothing that runs."""

    async def capabilities(self) -> Sequence[Capability]:
        return (Capability(self.type, True, f"in {self._home.services}"),)

    # --- what a type may do otherwise

    def _grant(self, key: ServiceKey, spec: ServiceSpec) -> Grant:
        data = self._folder(key) / _DATA
        return Grant(
            variables=((own_variable(spec.name, "PATH"), str(data)),),
            folders=(str(data),),
            links=((spec.path, str(data)),),
        )

    def _seed_into(self, source: Path, data: Path, spec: ServiceSpec) -> None:  # noqa: ARG002
        if source.is_dir():
            trees.copy(source, data)

    def _copy(self, origin: ServiceKey, new: Path) -> Sequence[str]:
        """A file that is written to meanwhile may be as it was at any moment; one that goes is not there."""
        return _copied(self._folder(origin) / _DATA, new)

    # --- files

    def _have(self, key: ServiceKey) -> None:
        folder = self._folder(key)
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        for parent in (folder, *folder.parents):  # the app's user passes through to what is its own
            if parent == self._home.root:
                break
            parent.chmod(parent.stat().st_mode | 0o011)
        self._settle(folder)
        data = folder / _DATA
        if not data.exists():
            new = folder / _NEW
            new.mkdir(mode=0o700)
            self._sandbox.hand_over(new, key.environment.app)
            new.rename(data)
        environment = key.environment
        record = json.dumps({"app": environment.app, "environment": environment.name, "name": key.name})
        if not (folder / _RECORD).exists() or (folder / _RECORD).read_text() != record:
            temporary = folder / f"{_RECORD}.new"
            temporary.write_text(record)
            temporary.replace(folder / _RECORD)

    def _settle(self, folder: Path) -> None:
        """After a kill: what was half made goes; where the old was moved away and the new not yet there, it returns."""
        if not (folder / _DATA).exists() and (folder / _OLD).exists():
            (folder / _OLD).rename(folder / _DATA)
        for left in (_NEW, _OLD):
            if (folder / left).exists():
                remove_folder(folder / left)

    def _seed(self, key: ServiceKey, spec: ServiceSpec, source: Path) -> None:
        folder = self._folder(key)
        if (folder / _SEEDED).exists():
            return
        if not any((folder / _DATA).iterdir()) and not source.is_symlink() and source.exists():
            self._replace(key, lambda new: self._seed_into(source, new, spec))
        (folder / _SEEDED).touch()

    def _replace(self, key: ServiceKey, make: Callable[[Path], Sequence[str] | None]) -> Sequence[str]:
        """Fill a new folder and put it in the place of the old one. Whoever still has the old one open sees it go on:
        processes are to be started anew."""
        folder = self._folder(key)
        self._settle(folder)
        new = folder / _NEW
        new.mkdir(mode=0o700)
        try:
            made = make(new) or ()
        except BaseException:
            with contextlib.suppress(OSError):
                remove_folder(new)
            raise
        self._sandbox.hand_over(new, key.environment.app)
        trees.to_disk(new)
        (folder / _DATA).rename(folder / _OLD)
        new.rename(folder / _DATA)
        (folder / _SEEDED).touch()  # it has data now, whatever a repository brings
        trees.to_disk(folder)  # from here on a loss of power can no more bring back a folder that was removed
        remove_folder(folder / _OLD)
        return made

    def _dump(self, key: ServiceKey, folder: Path) -> None:
        scratch = folder / ".copy"
        scratch.mkdir()
        try:
            self._copy(key, scratch)
            trees.refuse_where_it_cannot_fit(trees.packed_size(scratch), folder)
            trees.pack(scratch, folder / _PACKED)
        finally:
            remove_folder(scratch)
        sealed.seal(folder, type=self.type)

    def _remove(self, key: ServiceKey) -> None:
        folder = self._folder(key)
        (folder / _RECORD).unlink(missing_ok=True)  # from here on there is no such service
        with contextlib.suppress(OSError):
            remove_folder(folder)
            folder.parent.rmdir()

    def _observe(self, environment: EnvironmentKey | None) -> Sequence[ServiceState]:
        found = ((key, folder) for key, folder in self._all() if environment in (None, key.environment))
        return tuple(ServiceState(key, self.type, True, trees.size(folder / _DATA)) for key, folder in found)

    def _all(self) -> Iterator[tuple[ServiceKey, Path]]:
        for service in below(self._home.services, 3):
            path = service / self.type / _RECORD
            with contextlib.suppress(OSError, ValueError, KeyError, PulletError):
                record = json.loads(path.read_text())
                yield ServiceKey(EnvironmentKey(record["app"], record["environment"]), record["name"]), path.parent

    def _folder(self, key: ServiceKey) -> Path:
        return self._home.service(key) / self.type

    async def _in_thread(
        self,
        key: ServiceKey,
        work: Callable[..., Sequence[str] | None],
        *arguments: object,
        reads: ServiceKey | None = None,
    ) -> Sequence[str]:
        """One at a time for each service, also when nobody waits any more: what a thread has begun it finishes."""
        async with contextlib.AsyncExitStack() as locks:
            for each in sorted({key, reads or key}, key=str):  # in one order, so that two never wait for each other
                await locks.enter_async_context(self._locks.setdefault(each, asyncio.Lock()))
            thread = asyncio.create_task(asyncio.to_thread(work, *arguments), name=f"{self.type}:{key}")
            try:
                with file_trouble(key):
                    return await asyncio.shield(thread) or ()
            except asyncio.CancelledError:
                while not thread.done():  # however often it is cancelled: the lock is not to go before the thread
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.wait({thread})
                raise


class SqliteProvider(FolderProvider):
    """The database is `data/<name>`; copied while others write, see `databases`."""

    type = ServiceType.SQLITE

    async def shell(self, key: ServiceKey, spec: ServiceSpec) -> Shell:
        file = self._folder(key) / _DATA / PurePosixPath(spec.path).name
        return Shell((client("sqlite3", "sqlite3"), str(file)))

    def _grant(self, key: ServiceKey, spec: ServiceSpec) -> Grant:
        data = self._folder(key) / _DATA
        file = str(data / PurePosixPath(spec.path).name)
        url = f"sqlite:///{file}"
        own = ((own_variable(spec.name, "URL"), url), (own_variable(spec.name, "PATH"), file))
        return Grant(
            variables=(("DATABASE_URL", url), *own),
            folders=(str(data),),
            links=((spec.path, file),),
        )

    def _seed_into(self, source: Path, data: Path, spec: ServiceSpec) -> None:
        if source.is_file():
            copy_regular(source, data / PurePosixPath(spec.path).name)

    def _copy(self, origin: ServiceKey, new: Path) -> Sequence[str]:
        data = self._folder(origin) / _DATA
        found = databases.databases(data)
        theirs = {name for path in found for name in databases.names(path)}
        skipped = _copied(data, new, leave_out=theirs.__contains__)
        for path in found:
            databases.copy(path, new / path.name)
        return skipped


def _copied(data: Path, new: Path, leave_out: Callable[[str], bool] = lambda _: False) -> Sequence[str]:
    trees.refuse_where_it_cannot_fit(trees.size(data), new)
    return trees.copy(data, new, leave_out)


def _unpacked(archive: Path, new: Path) -> None:
    trees.refuse_where_it_cannot_fit(archive.stat().st_size, new)
    trees.unpack(archive, new)
