"""Files of a commit on the disk: written whole beside their place and moved there in one act."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
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


async def judge_links(git: Git, mirror: Path, listing: Listing) -> None:
    """Raise SourceRefused for a link that leads out of the tree, or round in circles."""
    links = listing.of_kind("link")
    for link in links:
        if link.size > _LINK_LIMIT:
            raise _refuse_link(link.path, "", "is too long")
    contents = await read_blobs(git, mirror, links)
    targets = {path: content.decode("utf-8", "surrogateescape") for path, content in contents.items()}
    for path, target in targets.items():
        if reason := refuse_reason(path, targets):
            raise _refuse_link(path, target, reason)


def _refuse_link(path: str, target: str, reason: str) -> SourceRefused:
    return SourceRefused(
        f"The link {path!a} {reason}",
        context=f"{path!a} -> {target!a}",
        hint="Links may only lead to files of the same repository. Remove the link, or commit the file itself.",
    )


def is_complete(destination: Path, sha: str) -> bool:
    found = manifests.load(destination)
    return found is not None and found.sha == sha and destination.is_dir()


async def write_tree(git: Git, mirror: Path, sha: str, folder: Path) -> None:
    """Write all files into a new folder. Raises CommandFailed where the mirror is damaged."""
    index = folder.with_name(f"{folder.name}.index")
    await asyncio.to_thread(_make_empty, folder)
    environment = {"GIT_INDEX_FILE": str(index)}
    try:
        await git.local(mirror, f"--work-tree={folder}", "read-tree", "-m", "-u", sha, environment=environment)
    except CommandFailed as err:
        if "File name too long" in err.output:
            raise SourceRefused(
                f"The commit {sha[:12]} has a name that is too long for this file system", context=err.output
            ) from err
        raise
    finally:
        index.unlink(missing_ok=True)


def _make_empty(folder: Path) -> None:
    remove_tree(folder)
    for suffix in (".index", ".index.lock"):
        folder.with_name(folder.name + suffix).unlink(missing_ok=True)
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
        _log.info("submodules stay empty folders (submodules = false): %s", paths)


async def write_some(git: Git, mirror: Path, sha: str, folder: Path, paths: Sequence[str]) -> None:
    """Write only these files into a new folder."""
    await asyncio.to_thread(_make_empty, folder)
    index = folder.with_name(f"{folder.name}.index")
    asked = b"\0".join(os.fsencode(path) for path in paths)
    try:
        await git.local(
            mirror, f"--work-tree={folder}", "checkout", "--quiet", "--force",
            "--pathspec-from-file=-", "--pathspec-file-nul", sha,
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
