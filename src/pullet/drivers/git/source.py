"""`ports.Source` on the git program."""

from __future__ import annotations

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from pullet.domain.errors import CommandFailed, SourceError, SourceRefused
from pullet.domain.fleet import SourceSpec
from pullet.domain.home import Home
from pullet.domain.refs import Refs
from pullet.drivers.git import checkout, pathpoll, submodules
from pullet.drivers.git import manifest as manifests
from pullet.drivers.git.advertised import is_sha
from pullet.drivers.git.failures import failure_of
from pullet.drivers.git.files import remove_tree
from pullet.drivers.git.httppoll import HttpPoller, NotVersion2
from pullet.drivers.git.limits import GitLimits
from pullet.drivers.git.locations import HttpLocation, Location, PathLocation, SshLocation, locate
from pullet.drivers.git.mirror import Mirror
from pullet.drivers.git.program import Git
from pullet.drivers.git.tree import FileLeftOut, GitTree, Listing, judge, list_tree
from pullet.drivers.process import ProcessRunner
from pullet.planner.tracking import choose_default_branch

_LISTINGS = 16  # kept in memory; one is read several times in a deployment
_LARGE_LISTING = 5_000  # entries: not kept
_THREADS = 4  # polls over HTTP at a time, so that hosts that do not answer leave threads for the rest

T = TypeVar("T")


class _Remote:
    """What is known of one source between calls."""

    def __init__(self, mirror: Mirror, location: Location) -> None:
        self.mirror = mirror
        self.location = location
        self.polling = asyncio.Lock()
        self.seen: pathpoll.Seen | None = None
        self.peeled: dict[str, str] = {}
        self.http: HttpPoller | None = None
        self.version2 = True

    def close(self) -> None:
        if self.http is not None:
            self.http.close()


class GitSource:
    """Mirrors below `home.mirrors`, one a URL. `ssh_command` replaces ssh, as GIT_SSH_COMMAND does for git."""

    def __init__(
        self, home: Home, runner: ProcessRunner, *, limits: GitLimits | None = None, ssh_command: str | None = None
    ) -> None:
        self._home = home
        self._limits = limits or GitLimits()
        self._git = Git(home, runner, self._limits, ssh_command)
        self._remotes: dict[str, _Remote] = {}
        self._histories: dict[str, asyncio.Lock] = {}
        self._listings: OrderedDict[tuple[str, str], Listing] = OrderedDict()
        self._tls: ssl.SSLContext | None = None
        self._threads = asyncio.Semaphore(_THREADS)

    async def poll(self, source: SourceSpec) -> Refs:
        remote = self._remote(source)
        async with remote.polling:
            try:
                match remote.location:
                    case PathLocation():
                        return await self._poll_path(remote, remote.location.path)
                    case HttpLocation():
                        return await self._poll_http(remote, remote.location)
                    case SshLocation():
                        return (await remote.mirror.list_remote())[0]
            except OSError as err:
                raise _unreadable(remote, err) from err

    async def default_branch(self, source: SourceSpec) -> str:
        return choose_default_branch(await self.poll(source))

    async def fetch(self, source: SourceSpec, sha: str) -> None:
        remote = self._remote(source)
        _must_be_sha(sha)
        async with remote.mirror.lock:
            await self._bring(remote, source, sha)

    async def history(self, source: SourceSpec, sha: str, folder: Path) -> None:
        _must_be_sha(sha)
        mirror = Mirror(self._home, self._git, self._limits, source.url, self._remote(source).location, history=True)
        async with self._histories.setdefault(source.url, asyncio.Lock()):
            try:
                if not mirror.has(sha):
                    await mirror.bring(sha)
                    await mirror.tidy()
                await asyncio.to_thread(mirror.lend, sha, folder)
            except CommandFailed as err:
                await asyncio.to_thread(mirror.remove)  # made anew the next time
                raise failure_of(err, mirror.location) from err
            except OSError as err:
                raise SourceError(f"The history of {mirror.location.shown} cannot be lent", context=str(err)) from err

    def tree(self, source: SourceSpec, sha: str) -> GitTree:
        mirror = self._remote(source).mirror
        _must_be_sha(sha)

        async def listing() -> Listing:
            return await self._repaired(source, sha, lambda: self._listing(source, sha))

        return GitTree(listing, self._git, mirror.folder, self._limits)

    async def check_out(self, source: SourceSpec, sha: str, destination: Path) -> None:
        _must_be_sha(sha)
        if await asyncio.to_thread(checkout.is_complete, destination, sha):
            return
        partial = checkout.partial(destination)
        try:
            listing = await self._repaired(source, sha, lambda: self._write_all(source, sha, partial))
            await asyncio.to_thread(checkout.move_into_place, listing, destination)
        finally:
            await asyncio.to_thread(remove_tree, partial)

    async def record(self, destination: Path) -> None:
        await asyncio.to_thread(_record, destination)

    async def changed_files(self, destination: Path) -> Sequence[str]:
        return await asyncio.to_thread(_changed, destination)

    async def restore_files(self, source: SourceSpec, sha: str, destination: Path, paths: Sequence[str]) -> None:
        known = await asyncio.to_thread(manifests.load, destination)
        if "." in paths or known is None or known.sha != sha:
            manifests.manifest_path(destination).unlink(missing_ok=True)
            await self.check_out(source, sha, destination)
            return
        files = {path: known.files[path] for path in paths if path in known.files}
        if not files:
            return
        folder = destination.with_name(f".{destination.name}.restore")
        await self._repaired(source, sha, lambda: self._write_some(source, sha, folder, list(files)))
        await asyncio.to_thread(checkout.put_back, destination, folder, files)

    async def forget(self, source: SourceSpec) -> None:
        remote = self._remote(source)
        async with remote.mirror.lock:
            await asyncio.to_thread(remote.mirror.remove)
        async with self._histories.setdefault(source.url, asyncio.Lock()):
            history = Mirror(self._home, self._git, self._limits, source.url, remote.location, history=True)
            await asyncio.to_thread(history.remove)
        remote.close()
        self._remotes.pop(source.url, None)

    async def close(self) -> None:
        """Close kept connections."""
        for remote in self._remotes.values():
            remote.close()

    async def _write_all(self, source: SourceSpec, sha: str, folder: Path) -> Listing:
        parts = await self._parts(source, sha)
        whole = checkout.merge(parts)
        judge(sha, whole.entries, self._limits)
        await checkout.judge_links(self._git, parts)
        await checkout.write_parts(self._git, parts, folder)
        return whole

    async def _write_some(self, source: SourceSpec, sha: str, folder: Path, paths: Sequence[str]) -> None:
        if source.submodules:  # the files may be in any of several repositories
            await self._write_all(source, sha, folder)
            return
        await checkout.write_some(self._git, (await self._parts(source, sha))[0], folder, paths)

    async def _parts(self, source: SourceSpec, sha: str) -> list[checkout.Part]:
        """The commit and, where the source wants them, its submodules, each before those inside it."""
        parts: list[checkout.Part] = []
        waiting = [(source, sha, "")]
        while waiting:
            one, commit, folder = waiting.pop(0)
            if parts:
                await self.fetch(one, commit)
            part = checkout.Part(folder, self._remote(one).mirror.folder, await self._listing(one, commit))
            parts.append(part)
            waiting += await self._submodules(one, part)
            if len(parts) + len(waiting) > submodules.COUNT:
                raise SourceRefused(
                    f"The commit {sha[:12]} has more than {submodules.COUNT - 1} submodules",
                    hint="Set submodules = false in the fleet file, or use fewer.",
                )
        return parts

    async def _submodules(self, source: SourceSpec, part: checkout.Part) -> list[tuple[SourceSpec, str, str]]:
        """(source, commit, folder) of each submodule directly inside the part."""
        wanted = part.listing.of_kind("submodule") if source.submodules else []
        if not wanted:
            return []
        parent = self._remote(source).mirror
        urls = await submodules.read_urls(self._git, parent.folder, part.listing.sha)
        addresses = {entry: submodules.address(entry, urls, parent.location) for entry in wanted}
        return [
            (SourceSpec(url, submodules=True), entry.oid, part.place(entry.path)) for entry, url in addresses.items()
        ]

    def _remote(self, source: SourceSpec) -> _Remote:
        if source.url not in self._remotes:
            location = locate(source.url)
            mirror = Mirror(self._home, self._git, self._limits, source.url, location)
            self._remotes[source.url] = _Remote(mirror, location)
        return self._remotes[source.url]

    async def _poll_path(self, remote: _Remote, path: Path) -> Refs:
        if remote.seen is not None and remote.seen.still_holds():
            return remote.seen.refs
        remote.seen = None
        folders = await asyncio.to_thread(pathpoll.find_repository, path)
        try:
            remote.seen = await asyncio.to_thread(pathpoll.read, folders, remote.peeled)
        except pathpoll.NotClassic:
            return await self._ask_about_path(remote, folders)
        return remote.seen.refs

    async def _ask_about_path(self, remote: _Remote, folders: pathpoll.RepositoryFolders) -> Refs:
        """Let git read the refs; afterwards their tags are known, and the files can be read by ourselves."""
        refs, remote.peeled = await remote.mirror.list_remote()
        try:
            remote.seen = await asyncio.to_thread(pathpoll.read, folders, remote.peeled)
        except pathpoll.NotClassic:
            return refs
        return remote.seen.refs

    async def _poll_http(self, remote: _Remote, location: HttpLocation) -> Refs:
        if not remote.version2:
            return (await remote.mirror.list_remote())[0]
        if remote.http is None:
            if self._tls is None:
                self._tls = await asyncio.to_thread(ssl.create_default_context)
            remote.http = HttpPoller(location, self._limits.answer_seconds, self._tls)
        try:
            async with self._threads:
                return await asyncio.to_thread(remote.http.poll)
        except NotVersion2:
            remote.version2 = False
            return (await remote.mirror.list_remote())[0]

    async def _listing(self, source: SourceSpec, sha: str) -> Listing:
        key = (source.url, sha)
        if key in self._listings:
            self._listings.move_to_end(key)
            return self._listings[key]
        listing = await list_tree(self._git, self._remote(source).mirror.folder, sha, self._limits)
        if len(listing.entries) <= _LARGE_LISTING:
            self._listings[key] = listing
        if len(self._listings) > _LISTINGS:
            self._listings.popitem(last=False)
        return listing

    async def _bring(self, remote: _Remote, source: SourceSpec, sha: str) -> None:
        """Transfer and judge; a mirror that a crash left damaged is repaired, by force if need be."""
        failure: CommandFailed | FileLeftOut | None = None
        for repair in (None, remote.mirror.clear_locks, remote.mirror.remove):
            try:
                if repair is not None:
                    await asyncio.to_thread(repair)
                if not remote.mirror.has(sha):
                    await remote.mirror.bring(sha)
                    await remote.mirror.tidy()
                await self._listing(source, sha)
                return
            except (CommandFailed, FileLeftOut) as err:
                failure = err
        assert failure is not None
        raise failure if isinstance(failure, FileLeftOut) else failure_of(failure, remote.location) from failure

    async def _repaired(self, source: SourceSpec, sha: str, action: Callable[[], Awaitable[T]]) -> T:
        """Run a command on the mirror; where the mirror turns out damaged, fetch it anew and run it once more."""
        remote = self._remote(source)
        if not remote.mirror.has(sha):
            await self.fetch(source, sha)
        try:
            return await action()
        except CommandFailed:
            async with remote.mirror.lock:
                await asyncio.to_thread(remote.mirror.remove)
                await self._bring(remote, source, sha)
        try:
            return await action()
        except CommandFailed as err:
            raise failure_of(err, remote.location) from err


def _must_be_sha(sha: str) -> None:
    if not is_sha(sha):
        raise SourceError(f"{sha!a} is not a full commit id", hint="Write all 40 digits.")


def _unreadable(remote: _Remote, err: OSError) -> SourceError:
    return SourceError(
        f"{remote.location.shown} cannot be read",
        context=str(err),
        hint="Let the user that runs Pullet read the repository.",
    )


def _record(destination: Path) -> None:
    known = manifests.load(destination)
    if known is None:
        raise SourceError(f"{destination} is not a finished check-out", hint="Check it out again.")
    manifests.save(destination, manifests.accept_owners(destination, known))


def _changed(destination: Path) -> list[str]:
    known = manifests.load(destination)
    if known is None or not destination.is_dir():
        return ["."]
    return manifests.changed(destination, known)
