"""What a diagnosis may know besides the output: what was asked for, what was chosen, what this box has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

_EXACT = re.compile(r"\d+(\.\d+)+")
_RELEASED = {
    (3, 8): "2019-10-14", (3, 9): "2020-10-05", (3, 10): "2021-10-04", (3, 11): "2022-10-24", (3, 12): "2023-10-02",
    (3, 13): "2024-10-07", (3, 14): "2025-10-07",
}  # fmt: skip
"""Minor version -> day of its first release (PEP 569 to PEP 745)."""
_MIGRATING = ("Flask-Migrate", "aerich")  # those that keep their work in the repository alone
_ENDED = {(3, 6): "2021-12", (3, 7): "2023-06", (3, 8): "2024-10", (3, 9): "2025-10"}
"""Minor version -> month since which it gets no security fixes."""

Minor = tuple[int, int]


@dataclass(frozen=True)
class Facts:
    requirements: tuple[str, ...] = ()
    """As the repository writes them."""
    locked: bool = False
    """A lock file names every version."""
    installed: frozenset[str] = frozenset()
    """Canonical names of the distributions in the environment; empty where it was not made."""
    indexes: tuple[str, ...] = ()
    """URLs of package indexes that the repository names."""
    python: str = ""
    """Version that the failed attempt ran with; empty where it is not known."""
    pythons: tuple[str, ...] = ()
    """Versions on the box, the oldest first."""
    request: str | None = None
    """The Python that the repository asks for: a version or a range."""
    committed: float | None = None
    """Seconds since the epoch."""
    file: str = "requirements.txt"
    """Where the repository lists its dependencies."""

    migrations: bool = True
    """Whether the repository has a folder of migrations."""

    assets_needed: bool = True
    """Whether nothing may go live without what Node builds: somebody declared it, or a release with it is live."""

    @property
    def also(self) -> tuple[str, ...]:
        """What else stands in the way, as clauses: whoever mends the first thing should not find these one by one."""
        tool = next((name for name in _MIGRATING if self.asks_for(name)), "")
        asked = minor_of(re.sub(r"^\D*", "", self.request or ""))
        month = ended(asked) if asked > (0, 0) else ""
        return (
            *((f"no migrations are committed, which {tool} needs",) if tool and not self.migrations else ()),
            *((f"Python {asked[0]}.{asked[1]}, which it asks for, has had no fixes since {month}",) if month else ()),
        )

    @property
    def minor(self) -> Minor:
        return minor_of(self.python)

    def pin(self, name: str) -> str:
        """The requirement that pins a distribution to one version, or to one place; empty where none does."""
        locked = self.locked and canonicalize_name(name) in self.installed
        return self.own_pin(name) or (f"{name} in {self.file}" if locked else "")

    def own_pin(self, name: str) -> str:
        """The same, where the owner has written it down: a lock says what came along, too."""
        wanted = canonicalize_name(name)
        for line in self.requirements:
            parsed = parsed_requirement(line)
            if parsed is not None and canonicalize_name(parsed.name) == wanted and _is_pin(parsed):
                return str(parsed.name) + str(parsed.specifier) if not parsed.url else line
        return ""

    def asks_for(self, name: str) -> bool:
        wanted = canonicalize_name(name)
        names = (parsed.name for line in self.requirements if (parsed := parsed_requirement(line)))
        return any(canonicalize_name(each) == wanted for each in names) or wanted in self.installed

    @property
    def as_of(self) -> str:
        """The moment of the commit as RFC 3339; empty where it is not known."""
        return "" if self.committed is None else f"{datetime.fromtimestamp(self.committed, UTC):%Y-%m-%dT%H:%M:%SZ}"

    @property
    def python_pin(self) -> str:
        """`Python 3.12` where the repository asks for that very one and got it."""
        request = self.request or ""
        return f"Python {request}" if _EXACT.fullmatch(request) and minor_of(request) == self.minor else ""

    def allows(self, version: str) -> bool:
        """Whether the range that the repository asks for holds this version; a pin that is not on the box holds all."""
        try:
            return not self.request or bool(_EXACT.fullmatch(self.request)) or version in SpecifierSet(self.request)
        except InvalidSpecifier:
            return True


def current_at(committed: float | None) -> Minor:
    """The newest Python that was out when the commit was made; the oldest known where that is not known."""
    day = "" if committed is None else f"{datetime.fromtimestamp(committed, UTC):%Y-%m-%d}"
    return max((minor for minor, released in _RELEASED.items() if released <= day), default=min(_RELEASED))


def ended(minor: Minor) -> str:
    """The month since which this Python gets no security fixes; empty where it still does."""
    return "2020-12" if minor < min(_ENDED) else _ENDED.get(minor, "")


def minor_of(version: str) -> Minor:
    """(0, 0) for no version."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def parsed_requirement(line: str) -> Requirement | None:
    try:
        return Requirement(re.sub(r"\s--hash.*$", "", line))
    except InvalidRequirement:
        return None


def _is_pin(requirement: Requirement) -> bool:
    return bool(requirement.url) or any(
        each.operator in ("==", "===") and not each.version.endswith(".*") for each in requirement.specifier
    )
