"""Which repositories the submodules of a commit come from. Asked only where the source says `submodules = true`.

`.gitmodules` is hostile: it may name any address. Only http(s) and ssh are followed, never a path, so that a repository
cannot have another one of this box read with Pullet's rights.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from pullet.domain.errors import CommandFailed, SourceRefused
from pullet.drivers.git.locations import Location, PathLocation, locate
from pullet.drivers.git.program import Git
from pullet.drivers.git.tree import Entry

COUNT = 50
"""Repositories of one release."""


async def read_urls(git: Git, mirror: Path, sha: str) -> dict[str, str]:
    """Path -> URL as `.gitmodules` has them. Raises SourceRefused where it cannot be read."""
    arguments = ("config", f"--blob={sha}:.gitmodules", "--null", "--get-regexp", r"^submodule\..*\.(path|url)$")
    try:
        done = await git.local(mirror, *arguments)
    except CommandFailed as err:
        raise SourceRefused(
            f"The commit {sha[:12]} has submodules, and no .gitmodules that says where they come from",
            context=err.output,
            hint="Commit the .gitmodules file, or set submodules = false in the fleet file.",
        ) from err
    return parse_urls(done.stdout)


def parse_urls(output: bytes) -> dict[str, str]:
    """`submodule.<name>.<path or url> LF value NUL`, of `git config --null`."""
    values: dict[str, dict[str, str]] = {"path": {}, "url": {}}
    for record in output.decode("utf-8", "surrogateescape").split("\0"):
        key, _, value = record.partition("\n")
        name, _, kind = key.rpartition(".")
        values.setdefault(kind, {})[name] = value
    return {path: values["url"][name] for name, path in values["path"].items() if name in values["url"]}


def address(entry: Entry, urls: Mapping[str, str], parent: Location) -> str:
    """The URL to fetch the submodule from. Raises SourceRefused."""
    url = urls.get(entry.path)
    if url is None:
        raise _refused(entry.path, "is not in .gitmodules")
    if url.startswith(("./", "../")):
        url = _relative(parent.remote, url)
    if isinstance(locate(url), PathLocation):
        raise _refused(entry.path, "comes from a path on this box, which Pullet does not follow")
    return url


def _relative(parent: str, url: str) -> str:
    """`../lib.git` beside the parent, on the same server and with the same credentials."""
    if "://" in parent:
        parts = urlsplit(parent)
        return urlunsplit(parts._replace(path=posixpath.normpath(f"{parts.path.rstrip('/')}/{url}")))
    if parent.startswith("/"):
        return posixpath.normpath(f"{parent}/{url}")
    host, colon, path = parent.partition(":")  # git@host:acme/shop.git
    return host + colon + posixpath.normpath(f"{path}/{url}")


def _refused(path: str, why: str) -> SourceRefused:
    return SourceRefused(
        f"The submodule {path!a} {why}",
        hint="Give it an https or ssh URL in .gitmodules, or set submodules = false in the fleet file.",
    )
