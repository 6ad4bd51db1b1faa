"""What an assessment of a release's security says: findings, and how much of it was looked at. Pure values.

A part of an assessment is passed only where everything that it should look at was looked at. Whatever stops that (an
engine that crashes, a file nobody can parse, advisories that are too old) makes the part NOT_ASSESSED, which is a state
of its own and never a pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MALICIOUS_CODE = 506
"""CWE of a package that is an attack itself."""


class Severity(StrEnum):
    """The worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NOTE = "note"

    def at_least(self, other: Severity) -> bool:
        order = list(Severity)
        return order.index(self) <= order.index(other)


class Basis(StrEnum):
    """Why a finding is believed. A pattern alone is for review, and never holds a release back."""

    TRACE = "trace"  # data was followed from a source to a sink
    CONFIGURATION = "configuration"  # a setting that is read, and means what it says
    SECRET = "secret"  # noqa: S105 - a credential that is in the repository
    ADVISORY = "advisory"  # a published vulnerability of a version that is installed
    RESPONSE = "response"  # the running app answered so
    WAIVER = "waiver"  # what is wrong with the waivers themselves
    PATTERN = "pattern"  # code that looks like it


@dataclass(frozen=True)
class Spot:
    """Where a finding is: in a file, or at a URL path of the running app."""

    path: str = ""
    """Relative to the repository's top, with `/`. May hold anything that a hostile repository can name."""
    line: int = 0
    """From 1; 0: the file as a whole."""
    end_line: int = 0
    url: str = ""
    """Method and path, `GET /login`, where the running app was asked."""
    commit: str = ""
    """Full id of the commit that brought the line; empty where nobody knows."""
    author: str = ""

    def __str__(self) -> str:
        if self.url:
            return self.url
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True)
class Finding:
    """One defect. What belongs to its class (Top Ten, ASVS, cheat sheets) is told by its CWE, in
    `analysis.security.weaknesses`."""

    rule: str
    """`engine/rule`, such as `ruff/S608`, `django/debug`, `advisory/PYSEC-2022-304`."""
    cwe: int
    severity: Severity
    basis: Basis
    title: str
    """A clause: `Debug mode is on in the settings that are served`."""
    spot: Spot
    reason: str = ""
    """Why it is of that severity: what an attacker gets."""
    exploit: str = ""
    """How it is used against the app, in a sentence or two."""
    fix: str = ""
    """What to write instead, in the framework that the app uses."""
    code: str = ""
    """The line or statement itself; of a secret a redacted form, never the value."""
    sink: str = ""
    """What is called or set there, `cursor.execute`, `DEBUG`; of a dependency the package, of a secret its kind."""
    function: str = ""
    """Qualified name of the function around it; empty at module level."""
    identity: str = ""
    """Instead of code and function, where those do not tell two findings apart: a digest of the secret, the ids of an
    advisory, the name of a header."""
    fixed_in: str = ""
    """Of an advisory: the lowest version without it that is above the one in use."""
    imported: bool | None = None
    """Of an advisory: whether the app's code imports the package; None: not known."""
    references: tuple[str, ...] = ()
    """URLs; at most a handful."""
    trace: tuple[Spot, ...] = ()
    engines: tuple[str, ...] = ()
    """Who reported it, once duplicates are one."""
    fingerprint: str = ""
    """Its identity across releases: 16 hexadecimal digits, without file or line. Set by `analysis.security`."""

    @property
    def blocks(self) -> bool:
        """Whether its class is sure enough to hold a release back; its severity decides the rest.

        Of an advisory: there has to be something that one can do, a version without the defect, or to remove what is
        an attack itself.
        """
        if self.basis is Basis.ADVISORY:
            return bool(self.fixed_in) or self.cwe == MALICIOUS_CODE
        return self.basis is not Basis.PATTERN


@dataclass(frozen=True)
class Coverage:
    """What was looked at, of what there is."""

    unit: str
    """`files`, `commits`, `dependencies`, `routes`, `settings`."""
    done: int
    there: int
    missed: tuple[tuple[str, str], ...] = ()
    """(name, why), of what was not looked at; at most 100, the count says the rest."""
    excused: tuple[tuple[str, str], ...] = ()
    """(name, who answers for it and why), of what need not be looked at; not counted in `there`."""

    @property
    def complete(self) -> bool:
        return self.done >= self.there and not self.missed


class PartState(StrEnum):
    PASSED = "passed"
    HELD_BACK = "held-back"
    NOT_ASSESSED = "not-assessed"


@dataclass(frozen=True)
class EngineReport:
    """What one engine says of one subject. `gap` or incomplete coverage: the part is not assessed."""

    part: str
    """`code`, `secrets`, `configuration`, `framework`, `dependencies`, `packages`, `licences`, `sbom`, `live`…"""
    findings: tuple[Finding, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    gap: str = ""
    """Why it could not do its work, as a sentence with what to do next; empty where it could."""
    tool: str = ""
    """Name and version of the program: `ruff 0.15.1`."""
    data: str = ""
    """Which data it compared with, and how old they are."""
    seconds: float = 0.0
    document: str = ""
    """Of the engine that makes the bill of materials: CycloneDX 1.6 as JSON."""
    checked: tuple[int, ...] = ()
    """CWEs that it looks for at all: what the coverage by Top Ten category is counted from."""

    @property
    def assessed(self) -> bool:
        return not self.gap and all(each.complete for each in self.coverage)


@dataclass(frozen=True)
class Part:
    """An engine's report, judged."""

    report: EngineReport
    state: PartState
    why: str
    """`2 new findings at or above high`, or what was not looked at."""


@dataclass(frozen=True)
class Tick:
    """A requirement of ASVS 5.0 that somebody has looked at by hand."""

    requirement: str
    """`8.2.1`."""
    by: str
    on: str
    """Date, as `2026-11-20`."""
    evidence: str
    expires: str
    """Date after which somebody has to look again."""
    line: int = 0
    """Of the file that says so, from 1."""


@dataclass(frozen=True)
class Assessment:
    """Everything that is said of one revision."""

    revision: str
    """`main@sha1:…`, or the folder's name where nothing is committed."""
    base: str
    """Revision that it is compared with; empty: this one sets the base."""
    assessed: float
    """Seconds since the epoch."""
    fail_on: Severity
    parts: tuple[Part, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    """(part, why it has no place here): no Django there, no URL given."""
    new: tuple[Finding, ...] = ()
    """Not in the base and not waived; the worst first."""
    known: tuple[Finding, ...] = ()
    """In the base too."""
    waived: tuple[tuple[Finding, str], ...] = ()
    """(finding, reason of its waiver)."""
    frameworks: tuple[str, ...] = ()
    reviewed: tuple[Tick, ...] = ()
    """By hand, and still valid."""
    document: str = ""
    """The bill of materials, CycloneDX 1.6 as JSON; empty where there is none."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All that count."""
        return (*self.new, *self.known)

    @property
    def state(self) -> PartState:
        states = [part.state for part in self.parts]
        for state in (PartState.HELD_BACK, PartState.NOT_ASSESSED):
            if state in states:
                return state
        return PartState.PASSED if states else PartState.NOT_ASSESSED


@dataclass(frozen=True)
class Earlier:
    """One point of a trend."""

    release: int
    """0: a folder, which has none."""
    assessment: Assessment


@dataclass(frozen=True)
class Assessed:
    """`pullet assess`: an assessment, and those of earlier releases."""

    app: str
    release: int
    newest: Assessment
    earlier: tuple[Earlier, ...] = ()
    """The newest first, without `newest`."""
