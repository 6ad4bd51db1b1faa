"""Routes as files. A host's whole state is one folder, a generation, that never changes once it is linked.

    hosts/<host>/7/          generation: markers, sockets, pages, static files (see configuration.py)
    hosts/<host>/on -> 7     what the router follows; replaced by rename

Built first, linked last: kill -9 at any moment leaves either the old generation live or the new one, and at most an
unlinked folder that the next call removes. The generation before stays until the next switch, because a request may be
half-way through a path that leads into it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pullet.domain.errors import DiskFull, RouterError
from pullet.domain.identity import EnvironmentKey, ReleaseId
from pullet.drivers.router import pages
from pullet.drivers.router.assets import make_folder, publish
from pullet.drivers.router.configuration import HOST_PATTERN, MOST_INSTANCES, PAGE_STATUSES
from pullet.ports import Page, RouteTarget

_RECORD = "route.json"
_NAME = re.compile(HOST_PATTERN)
_RACY = 2_000_000_000  # ns: a change as young as this may hide another in the same tick of the file system's clock
_SOCKET_PATH_LIMIT = 107  # bytes, unix(7)


@dataclass(frozen=True)
class _Known:
    """A host as it was read, and the stats by which to know that it still is so."""

    signature: tuple[int, ...]
    """Times (ns) of the generation and of its record, then their inodes; empty where they are not there."""
    read_at: int
    """ns since the epoch."""
    target: RouteTarget | None

    @property
    def settled(self) -> bool:
        return bool(self.signature) and self.read_at - max(self.signature[:2]) > _RACY


def normal_host(host: str) -> str:
    """The one spelling of a host: lower case, no final dot. Raises RouterError for what cannot be a file's name."""
    name = host.lower().removesuffix(".")
    if not _NAME.fullmatch(name) or ".." in name or re.fullmatch(r"[0-9.]+", name):
        raise RouterError(
            f"{host[:120]!r} cannot be routed",
            context=f"{len(host)} characters" if len(host) > 100 else "",
            hint="A hostname has up to 100 letters, digits, hyphens and dots; write an international one as xn--….",
        )
    return name


@dataclass(frozen=True)
class _Record:
    """What a generation says about itself, for `routes()`."""

    release: ReleaseId | None
    static: tuple[tuple[str, str], ...]
    page: tuple[int, str, str] | None

    def dump(self) -> str:
        release = self.release
        return json.dumps(
            {
                "release": release and [release.environment.app, release.environment.name, release.number],
                "static": self.static,
                "page": self.page,
            }
        )

    @classmethod
    def load(cls, text: str) -> _Record:
        raw = json.loads(text)
        release = raw["release"] and ReleaseId(EnvironmentKey(*raw["release"][:2]), int(raw["release"][2]))
        static = tuple((str(prefix), str(folder)) for prefix, folder in raw["static"])
        page = raw["page"] and (int(raw["page"][0]), str(raw["page"][1]), str(raw["page"][2]))
        return cls(release or None, static, page or None)


class RouteFiles:
    """All of it blocking file work: call it in a thread. One writer at a time."""

    def __init__(self, hosts: Path, trusted: Path) -> None:
        """`hosts`: Caddy's working directory. `trusted`: static folders must lie below this path (Pullet's home)."""
        self.hosts = hosts
        self.trusted = trusted
        self._known: dict[str, _Known] = {}

    # --- what is

    def read(self) -> Mapping[str, RouteTarget]:
        """Every host that leads somewhere. One whose files contradict each other is left out: route it again."""
        before, found, known = self._known, dict[str, RouteTarget](), dict[str, _Known]()
        for host in self.names():
            seen = self._see(host, before.get(host))
            if seen.target is not None:
                found[host] = seen.target
            if seen.settled:
                known[host] = seen
        self._known = known  # in one act: several threads may be reading
        return found

    def _see(self, host: str, known: _Known | None) -> _Known:
        """Read again only where a stat shows a change: every look at any environment reads all routes."""
        signature = _signature(self.hosts / host / "on")
        if known is not None and known.signature == signature:
            return known
        return _Known(signature, time.time_ns(), self.target(host))

    def names(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            return sorted(entry.name for entry in self.hosts.iterdir() if _NAME.fullmatch(entry.name))
        return []

    def is_routed(self, host: str) -> bool:
        """For any text that a stranger sent as a host."""
        return _NAME.fullmatch(host) is not None and (self.hosts / host / "on").is_symlink()

    def target(self, host: str) -> RouteTarget | None:
        live = self.hosts / host / "on"
        record = _read_record(live)
        if record is None:
            return None
        if record.page is not None:
            return RouteTarget(None) if (live / f"page.{record.page[0]}").exists() else None
        sockets = _read_sockets(live)
        return RouteTarget(record.release, sockets, record.static) if sockets else None

    def page(self, host: str) -> Page | None:
        record = _read_record(self.hosts / host / "on")
        if record is None or record.page is None or self.target(host) is None:
            return None
        status, title, message = record.page
        return Page(title, message, status)

    # --- what shall be

    def switch(self, host: str, target: RouteTarget) -> None:
        _check_sockets(host, target.sockets)
        if self.target(host) == target:
            return
        with _disk_errors(host):
            generation = self._begin(host)
            _write_sockets(generation, target.sockets)
            publish(target.static, generation / "static", self._earlier_assets(host, target), self.trusted)
            title, message = pages.unreachable(target.release.environment.app if target.release else host)
            _write(generation, pages.every_form(502, title, message))
            _write(generation, {_RECORD: _Record(target.release, target.static, None).dump()})
            self._link(host, generation)

    def show_page(self, host: str, page: Page) -> None:
        if page.status not in PAGE_STATUSES:
            raise RouterError(f"A page of {host} cannot have status {page.status}", hint="Use 502 or 503.")
        if self.page(host) == page:
            return
        with _disk_errors(host):
            generation = self._begin(host)
            _write(generation, pages.every_form(page.status, page.title, page.message))
            record = _Record(None, (), (page.status, page.title, page.message))
            _write(generation, {f"page.{page.status}": "", _RECORD: record.dump()})
            self._link(host, generation)

    def remove(self, host: str) -> None:
        with _disk_errors(host):
            (self.hosts / host / "on").unlink(missing_ok=True)
            shutil.rmtree(self.hosts / host, ignore_errors=True)

    def _begin(self, host: str) -> Path:
        """An empty generation under a number never used while the host exists."""
        folder = self.hosts / host
        make_folder(folder)
        generation = folder / str(max(_generations(folder), default=0) + 1)
        make_folder(generation)
        return generation

    def _link(self, host: str, generation: Path) -> None:
        folder = self.hosts / host
        before = _current(folder)
        fresh = folder / "on.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(generation.name)
        fresh.replace(folder / "on")
        for number in _generations(folder):
            if str(number) not in (generation.name, before):
                shutil.rmtree(folder / str(number), ignore_errors=True)

    def _earlier_assets(self, host: str, target: RouteTarget) -> Path | None:
        """Hashed files of the release before: pages loaded from it still ask for them."""
        live = self.hosts / host / "on"
        record = _read_record(live)
        if record is None:
            return None
        same = record.release is not None and record.release == target.release
        return (live / "static" / ("previous" if same else "forever")).resolve()


def _signature(live: Path) -> tuple[int, ...]:
    """Of a generation: links come and go with the folder's time, the record has its own; both have their inodes."""
    try:
        folder, record = live.stat(), (live / _RECORD).stat()
    except OSError:
        return ()
    return folder.st_mtime_ns, record.st_mtime_ns, folder.st_ino, record.st_ino


def _generations(folder: Path) -> list[int]:
    return [int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal()]


def _current(folder: Path) -> str:
    try:
        return str((folder / "on").readlink())
    except OSError:
        return ""


def _read_record(live: Path) -> _Record | None:
    try:
        return _Record.load((live / _RECORD).read_text())
    except (OSError, ValueError, TypeError, LookupError, RouterError):
        return None


def _read_sockets(live: Path) -> tuple[str, ...]:
    try:
        count = next((n for n in range(1, MOST_INSTANCES + 1) if (live / f"n{n}").exists()), 0)
        slots = [str((live / str(index)).readlink()) for index in range(MOST_INSTANCES)] if count else []
    except OSError:
        return ()
    whole = all(slots[index] == slots[index % count] for index in range(len(slots)))
    return tuple(slots[:count]) if whole else ()


def _write_sockets(generation: Path, sockets: tuple[str, ...]) -> None:
    for index in range(MOST_INSTANCES):
        (generation / str(index)).symlink_to(sockets[index % len(sockets)])
    _write(generation, {f"n{len(sockets)}": ""})


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)  # whatever the umask: the router may be another user


def _check_sockets(host: str, sockets: tuple[str, ...]) -> None:
    if not 1 <= len(sockets) <= MOST_INSTANCES:
        raise RouterError(
            f"{host} cannot lead to {len(sockets)} instances", hint=f"The router serves 1 to {MOST_INSTANCES}."
        )
    for socket in sockets:
        if not socket.startswith("/") or len(os.fsencode(socket)) > _SOCKET_PATH_LIMIT:
            raise RouterError(f"{host} cannot lead to the socket {socket!r}", hint="Give an absolute, short path.")


@contextlib.contextmanager
def _disk_errors(host: str) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        kind = DiskFull if err.errno in (errno.ENOSPC, errno.EDQUOT) else RouterError
        raise kind(f"Could not write the route of {host}", context=str(err), hint="What was live stays live.") from err
