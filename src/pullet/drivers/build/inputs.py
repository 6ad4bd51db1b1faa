"""What a repository asks to have installed, as values; and the one way its files are read."""

from __future__ import annotations

import os
import posixpath
import re
import stat
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pullet.domain.errors import BuildFailed
from pullet.domain.text_files import decoded

USES_VARIABLE = "uses a variable, and Pullet's own are not for repositories"
NAMED = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[A-Za-z0-9._,\s-]*\])?\s*"
    r"(?:@\s*(?P<url>\S+)(?:\s+;.*|\s+--hash.*)?|[(<>=!~;].*|\s--hash.*)?"
)
_HASHES = re.compile(r"\s--hash[=\s]\s*[a-z0-9]+:[0-9a-f]+")
_OPTION_AFTER = re.compile(r"\s--?[a-z]")
ON_NETWORK = re.compile(r"(https?|git\+https?|git\+ssh)://")
_SIZE_LIMIT = 16 << 20  # bytes; the largest lock files seen in public are under 4 MB


@dataclass(frozen=True)
class Indexes:
    """Where packages come from, as far as the repository says so; otherwise the box decides."""

    default: str | None = None
    extra: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    none: bool = False

    def merged(self, other: Indexes) -> Indexes:
        return Indexes(
            other.default or self.default,
            tuple(dict.fromkeys(self.extra + other.extra)),
            tuple(dict.fromkeys(self.find_links + other.find_links)),
            self.none or other.none,
        )


_PUBLIC = (["pypi", "org"], ["pypi", "python", "org"])  # the second is gone, and old files still name it


def is_public_index(url: str) -> bool:
    """The index that is meant where none is named: the box knows how to reach it, directly or through a mirror."""
    try:
        return (urlsplit(url).hostname or "").split(".") in _PUBLIC
    except ValueError:
        return False


NO_INDEXES = Indexes()
"""The repository says nothing: the box decides."""


@dataclass(frozen=True)
class Wanted:
    """Requirements that are yet to be resolved. No line of it can lead uv to a file of this box."""

    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    """Lines such as `--pre` that uv understands in a requirements file."""
    indexes: Indexes = NO_INDEXES
    local: tuple[str, ...] = ()
    """Folders of the tree that are imported from where they are, never installed."""
    projects: tuple[tuple[str, str], ...] = ()
    """(folder, extras such as `[web]`): projects of the tree whose dependencies only their build backend knows."""
    notices: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    """Requirements that hold whatever else is asked for."""
    exclude_newer: str = ""
    """RFC 3339; only files that were uploaded before are taken. Empty: whatever there is."""

    def merged(self, other: Wanted) -> Wanted:
        return Wanted(
            self.requirements + other.requirements,
            self.constraints + other.constraints,
            tuple(dict.fromkeys(self.options + other.options)),
            self.indexes.merged(other.indexes),
            tuple(dict.fromkeys(self.local + other.local)),
            tuple(dict.fromkeys(self.projects + other.projects)),
            tuple(dict.fromkeys(self.notices + other.notices)),
            self.overrides + other.overrides,
            other.exclude_newer or self.exclude_newer,
        )

    def checked(self) -> Wanted:
        """Itself. Raises BuildFailed where a line is more than the one requirement it should be."""
        for line in (*self.requirements, *self.constraints, *self.overrides):
            check_requirement(line, "The dependency list")
        return self

    def with_extra(self, extra: tuple[str, ...]) -> Wanted:
        return replace(self, requirements=self.requirements + extra)


@dataclass
class TreeFiles:
    """Files of one checked-out tree, by their path from its top. Nothing outside of it is ever read."""

    top: Path
    _texts: dict[str, str] = field(default_factory=dict)

    def read(self, path: str) -> str:
        """The text of a file. Raises BuildFailed where it is missing, leads out of the tree, or is no plain file."""
        if path not in self._texts:
            self._texts[path] = _read(self.top, path)
        return self._texts[path]

    def read_toml(self, path: str) -> dict[str, Any]:
        try:
            return tomllib.loads(self.read(path))
        except tomllib.TOMLDecodeError as err:
            raise BuildFailed(f"{path} is not valid TOML", context=str(err), hint=f"Correct {path}.") from err

    def exists(self, path: str) -> bool:
        try:
            self.read(path)
        except BuildFailed:
            return False
        return True


def inside(base: str, path: str, place: str) -> str:
    """`path`, as written in a file of the folder `base`, from the top of the tree. Raises BuildFailed if it leaves."""
    joined = posixpath.normpath(posixpath.join(base, path))
    if path.startswith(("/", "~")) or joined == ".." or joined.startswith("../") or "\0" in path:
        raise refused(place, path, "leads out of the repository")
    return joined


def refused(place: str, text: str, why: str) -> BuildFailed:
    return BuildFailed(
        f"{place} has a line that Pullet does not follow: it {why}",
        context=text[:500],
        hint="Name packages, URLs, or paths inside the repository.",
    )


def variable(text: str) -> bool:
    """Whether uv would put a variable of its own environment, which may be a password, into the text."""
    return re.search(r"\$\{[A-Za-z0-9_]+\}", text) is not None


def check_requirement(text: str, place: str) -> None:
    """Raise BuildFailed unless the text is one package by name, or one URL on the network, and hashes at most.

    Every line that reaches uv has passed here, whichever file it is from.
    """
    if variable(text):
        raise refused(place, text, USES_VARIABLE)
    if not text.isprintable():
        raise refused(place, text, "has a line end or another control character in it")
    named = NAMED.fullmatch(text)
    url = named["url"] if named else text
    if url and not ON_NETWORK.match(url):
        raise refused(place, text, "names a place that is neither a package nor on http(s)")
    if not url and "/" in text:
        raise refused(place, text, "is not a requirement")
    if _OPTION_AFTER.search(_HASHES.sub("", text)):
        raise refused(place, text, "gives options to a single package")


def _read(top: Path, path: str) -> str:
    try:
        real = (top / path).resolve(strict=True)
        if not real.is_relative_to(top.resolve()):
            raise BuildFailed(f"{path} is a link that leads out of the repository", hint="Commit the file itself.")
        # Opened without following a link or waiting for a pipe that was put there since.
        with os.fdopen(os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > _SIZE_LIMIT:
                raise BuildFailed(f"{path} is no plain file of at most {_SIZE_LIMIT >> 20} MB")
            return decoded(file.read(_SIZE_LIMIT))
    except UnicodeDecodeError as err:
        raise BuildFailed(f"{path} is neither UTF-8 nor UTF-16 text", hint="Save it as UTF-8.") from err
    except (OSError, RuntimeError, ValueError) as err:
        raise BuildFailed(f"{path} cannot be read", context=str(err), hint="Commit it, or correct its name.") from err
