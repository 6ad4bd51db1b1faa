"""A lock: exactly what is to be installed, as requirement lines with hashes. Every kind of lock file becomes one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from packaging.utils import canonicalize_name

from pullet.domain.errors import BuildFailed
from pullet.drivers.build.inputs import NO_INDEXES, Indexes, refused, variable
from pullet.drivers.build.projects import pipfile_indexes, pipfile_line

_HEADER = "# pullet-lock: "
_ENTRY = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._,\s-]*\])?\s*"
    r"(===?\s*[A-Za-z0-9.!+_*-]+|@\s*(https?|git\+https?|git\+ssh)://\S+)\s*(;.*?)?(\s--hash=[a-z0-9]+:[0-9a-f]+)*"
)


@dataclass(frozen=True)
class Lock:
    """What one environment holds."""

    entries: tuple[str, ...]
    """One line a package: `name==version ; marker --hash=…`, in a stable order."""
    indexes: Indexes = NO_INDEXES
    key: str = ""
    """Digest of all that it was resolved from."""

    @property
    def hashed(self) -> bool:
        """Every file is named by its hash, so that what is installed cannot depend on where it comes from."""
        return all("--hash=" in entry for entry in self.entries)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(entry_name(entry) for entry in self.entries)

    @property
    def body(self) -> str:
        return "".join(f"{entry}\n" for entry in self.entries)

    @property
    def text(self) -> str:
        header = {"key": self.key, "indexes": asdict(self.indexes)}
        return f"{_HEADER}{json.dumps(header, sort_keys=True)}\n{self.body}"

    def with_more(self, more: Lock) -> Lock:
        """This lock, and those packages of `more` that it does not have."""
        added = tuple(entry for entry in more.entries if entry_name(entry) not in self.names)
        return Lock(self.entries + added, self.indexes, self.key)


def digest(*parts: str) -> str:
    """A name for content: 32 hexadecimal digits."""
    return hashlib.sha256("\0".join((str(len(parts)), *parts)).encode()).hexdigest()[:32]


def entry_name(entry: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", entry)
    return canonicalize_name(found[0]) if found else ""


def parse_lock(text: str) -> Lock | None:
    """A lock that Pullet wrote; None where the text is anything else, or damaged."""
    header, _, body = text.partition("\n")
    try:
        facts: Any = json.loads(header.removeprefix(_HEADER)) if header.startswith(_HEADER) else None
        indexes = Indexes(
            facts["indexes"]["default"],
            tuple(facts["indexes"]["extra"]),
            tuple(facts["indexes"]["find_links"]),
            bool(facts["indexes"]["none"]),
        )
        return Lock(checked(body.splitlines(), "lock"), indexes, str(facts["key"]))
    except (ValueError, TypeError, KeyError, BuildFailed):
        return None


def checked(lines: Iterable[str], place: str) -> tuple[str, ...]:
    """The lines, if each is one package and nothing else; an option or a path among them is refused."""
    entries = tuple(line for line in lines if line.strip())
    for entry in entries:
        if variable(entry) or not entry.isprintable() or not _ENTRY.fullmatch(entry):
            raise refused(place, entry, "is not one exact package")
    return entries


def from_uv(text: str, place: str, *, local_prefix: str = "") -> tuple[str, ...]:
    """What `uv pip compile` or `uv export` printed, without the projects of the tree itself."""
    joined = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    lines = [line.strip() for line in joined if line.strip() and not line.startswith("#")]
    if local_prefix:
        lines = [line for line in lines if local_prefix not in line]
    return checked(lines, place)


def from_pipfile_lock(document: Mapping[str, Any], place: str, section: str = "default") -> Lock:
    """`default` or `develop` of a Pipfile.lock, packages and hashes as they are."""
    entries = [
        pipfile_line(str(name), entry, place, hashes=True) for name, entry in dict(document.get(section, {})).items()
    ]
    indexes = pipfile_indexes(dict(document.get("_meta", {})).get("sources", []))
    return Lock(checked(sorted(entries), place), indexes)


def out_of_date(lock: str, project: str, missing: Iterable[str], remedy: str) -> BuildFailed:
    return BuildFailed(
        f"{lock} is out of date: {project} also asks for {', '.join(sorted(missing))}",
        hint=f"Run `{remedy}` and commit {lock}.",
    )
