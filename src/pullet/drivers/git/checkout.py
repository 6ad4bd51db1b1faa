"""Files of a commit on the disk: written whole beside their place and moved there in one act."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pullet.domain.errors import CommandFailed, SourceRefused
from pullet.drivers.git import manifest as manifests
from pullet.drivers.git.files import disk_full_at, remove_tree
from pullet.drivers.git.links import refuse_reason
from pullet.drivers.git.program import Git
from pullet.drivers.git.replace import replace_file
from pullet.drivers.git.tree import Listing, read_blobs

_log = logging.getLogger(__name__)
_LINK_LIMIT = 4096  # bytes, PATH_MAX
_LFS_MARK = b"version https://git-lfs.github.com/spec/v1\n"
_LFS_SIZES = range(len(_LFS_MARK), 1024)  # a pointer file is shorter, says its specification


@dataclass(frozen=True)
class Part:
    """One repository's share of a check-out: the source itself, or a submodule below `folder`."""

    folder: str
    mirror: Path
    listing: Listing

    def place(self, path: str) -> str:
        return f"{self.folder}/{path}" if self.folder else path


def merge(parts: Sequence[Part]) -> Listing:
    """All files under the names that they get; the commit is the first part's."""
    expanded = {part.folder for part in parts}
    entries = [replace(entry, path=part.place(entry.path)) for part in parts for entry in part.listing.entries]
    return Listing(parts[0].listing.sha, tuple(entry for entry in entries if entry.path not in expanded))


async def judge_links(git: Git, parts: Sequence[Part]) -> None:
    """Raise SourceRefused for a link that leads out of the tree, or round in circles."""
    targets: dict[str, str] = {}
    for part in parts:
        targets |= await _targets(git, part)
    for path, target in targets.items():
        if reason := refuse_reason(path, targets):
            raise _refuse_link(path, target, reason)


async def _targets(git: Git, part: Part) -> dict[str, str]:
    links = part.listing.of_kind("link")
    for link in links:
        if link.size > _LINK_LIMIT:
            raise _refuse_link(part.place(link.path), "", "is too long")
    contents = await read_blobs(git, part.mirror, links)
    return {part.place(path): target.decode("utf-8", "surrogateescape") for path, target in contents.items()}


def _refuse_link(path: str, target: str, reason: str) -> SourceRefused:
    return SourceRefused(
        f"The link {path!a} {reason}",
        context=f"{path!a} -> {target!a}",
        hint="Links may only lead to files of the same repository. Remove the link, or commit the file itself.",
    )


def is_complete(destination: Path, sha: str) -> bool:
    found = manifests.load(destination)
    return found is not None and found.sha == sha and destination.is_dir()


async def write_parts(git: Git, parts: Sequence[Part], folder: Path) -> None:
    """Write everything into a new folder. Raises CommandFailed where a mirror is damaged."""
    await asyncio.to_thread(_make_empty, folder)
    for part in parts:
        await _write_part(git, part, folder)


async def _write_part(git: Git, part: Part, folder: Path) -> None:
    index = _index(folder)
    arguments = (f"--work-tree={folder / part.folder}", "read-tree", "-m", "-u", part.listing.sha)
    try:
        await git.local(part.mirror, *arguments, environment={"GIT_INDEX_FILE": str(index)})
    except CommandFailed as err:
        if "File name too long" in err.output:
            what = f"The commit {part.listing.sha[:12]} has a name that is too long for this file system"
            raise SourceRefused(what, context=err.output, hint="Shorten the name.") from err
        raise
    finally:
        index.unlink(missing_ok=True)


def _index(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.index")


def _make_empty(folder: Path) -> None:
    remove_tree(folder)
    index = _index(folder)
    for leftover in (index, index.with_name(f"{index.name}.lock")):
        leftover.unlink(missing_ok=True)
    with disk_full_at(folder):
        folder.mkdir(parents=True)


def partial(destination: Path) -> Path:
    return destination.with_name(f".{destination.name}.partial")


def move_into_place(listing: Listing, destination: Path) -> None:
    """The last steps: nothing half-written is ever seen under the destination's name."""
    folder = partial(destination)
    refuse_lfs(folder, listing)
    remove_tree(destination)
    manifests.save(destination, manifests.take(folder, listing.sha, listing.entries))
    with disk_full_at(destination):
        folder.rename(destination)
    note_submodules(listing)


def refuse_lfs(folder: Path, listing: Listing) -> None:
    """Raise SourceRefused where a file is but a pointer to Git LFS: the app would get 130 bytes of text instead."""
    for entry in listing.of_kind("file"):
        if entry.size not in _LFS_SIZES:
            continue
        with open(f"{folder}/{entry.path}", "rb") as file:  # noqa: PTH123 - the name is used byte for byte
            if file.read(len(_LFS_MARK)) == _LFS_MARK:
                raise SourceRefused(
                    f"The file {entry.path!a} is kept in Git LFS, which Pullet does not fetch",
                    hint="Bring it back into git with `git lfs migrate export --include=…`, or load it when building.",
                )


def note_submodules(listing: Listing) -> None:
    paths = ", ".join(ascii(entry.path) for entry in listing.of_kind("submodule"))
    if paths:
        _log.info("submodules stay empty folders, as submodules = false: %s", paths)


async def write_some(git: Git, part: Part, folder: Path, paths: Sequence[str]) -> None:
    """Write only these files into a new folder."""
    await asyncio.to_thread(_make_empty, folder)
    index = _index(folder)
    asked = b"\0".join(os.fsencode(path) for path in paths)
    try:
        await git.local(
            part.mirror, f"--work-tree={folder}", "checkout", "--quiet", "--force",
            "--pathspec-from-file=-", "--pathspec-file-nul", part.listing.sha,
            stdin=asked, environment={"GIT_INDEX_FILE": str(index)},
        )  # fmt: skip
    finally:
        index.unlink(missing_ok=True)


def put_back(destination: Path, folder: Path, files: Mapping[str, manifests.Recorded]) -> None:
    """Move the files of `folder` into the tree, and record them anew."""
    known = manifests.load(destination)
    assert known is not None, "the caller found it complete"
    renewed = dict(known.files)
    with disk_full_at(destination):
        for path, before in files.items():
            renewed[path] = replace_file(destination, path, Path(f"{folder}/{path}"), before)
    manifests.save(destination, manifests.Manifest(known.sha, renewed))
    remove_tree(folder)
