"""What an app *is* at one revision: the outcome of reading pullet.toml and of detection. Pure values, JSON-friendly."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from pullet.domain.assets import Assets
from pullet.domain.healing import Change, HealPolicy
from pullet.domain.hosts import HostForm
from pullet.domain.personality import Personality
from pullet.domain.security import Severity
from pullet.domain.services import ServiceSpec
from pullet.domain.testing import BrowserSpec, SuiteSpec


class Confidence(StrEnum):
    CERTAIN = "certain"  # written down by the owner
    LIKELY = "likely"  # a convention that rarely misleads
    POSSIBLE = "possible"  # a hint; loses to anything better


@dataclass(frozen=True, order=True)
class Place:
    """Where something was read. `line` counts from 1; 0 means the file as a whole."""

    path: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True)
class Evidence:
    """One observation by one detector: what it says about which setting, where it was read, how sure it is."""

    subject: str
    """The setting it speaks for, a path into pullet.toml: `app.python`, `processes.web.command`."""
    value: str
    place: Place
    confidence: Confidence
    detector: str
    because: str
    """One clause for people: `Procfile names a web process`."""


@dataclass(frozen=True)
class Decision:
    """What was chosen for one setting, on which evidence, and what lost."""

    subject: str
    value: str
    evidence: tuple[Evidence, ...]
    runners_up: tuple[Evidence, ...] = ()


class DependencyKind(StrEnum):
    UV_LOCK = "uv.lock"
    POETRY_LOCK = "poetry.lock"
    PIPFILE_LOCK = "Pipfile.lock"
    PIPFILE = "Pipfile"
    REQUIREMENTS = "requirements.txt"
    PYPROJECT = "pyproject.toml"
    SETUP = "setup.py"
    CONDA = "environment.yml"  # what of it is on the package index is among `extra`
    IMPORTS = "imports"  # no file lists any: `extra` has what the code imports
    NONE = "none"


@dataclass(frozen=True)
class Dependencies:
    kind: DependencyKind
    path: str = ""
    """The file, relative to the app's root. Empty with kind NONE."""
    extra: tuple[str, ...] = ()
    """Requirements that no file of pip's lists, e.g. a server where the app has none: `granian>=2.8,<3`."""


@dataclass(frozen=True)
class HealthCheck:
    """How a web process is asked whether it works."""

    path: str = "/"
    declared: bool = False
    """Declared: only 2xx and 3xx are healthy. Otherwise anything under 500 is, as many apps have no page at /."""
    timeout: float = 5.0
    """Seconds for one answer."""
    grace: float = 30.0
    """Seconds from start until the first healthy answer is due."""


class Server(StrEnum):
    """Servers whose command line Pullet knows how to point at a unix socket."""

    GUNICORN = "gunicorn"
    UVICORN = "uvicorn"
    GRANIAN = "granian"
    HYPERCORN = "hypercorn"
    DAPHNE = "daphne"
    WAITRESS = "waitress"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Process:
    """One process type of an app. `web` is the one that traffic goes to."""

    name: str
    command: str
    """As the owner wrote it: a command line that may use $PORT and, rarely, shell syntax."""
    instances: int = 1
    memory: int | None = None
    """Bytes; None leaves the platform's default."""
    health: HealthCheck = HealthCheck()
    drain: float = 30.0
    """Seconds that a stopping process has to finish what it is doing before it is killed."""
    spares: int = 1
    on_port: bool = False
    """Its server is known, but set up in a way that a unix socket refuses."""


@dataclass(frozen=True)
class StaticMount:
    url: str
    """URL prefix, e.g. `/static`."""
    path: str
    """Folder relative to the app's root."""


CRON_SHORTHANDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}


@dataclass(frozen=True)
class Schedule:
    """A command that runs at set times."""

    name: str
    cron: str
    """Five fields, or @daily and the like."""
    command: str
    time_zone: str = "UTC"
    """A name of the IANA database: `Europe/Vienna`."""
    limit: float = 3600.0
    """Seconds until a run that does not end is ended."""

    @property
    def cron_fields(self) -> str:
        return CRON_SHORTHANDS.get(self.cron, self.cron)


@dataclass(frozen=True)
class AppSpec:
    """The complete, resolved description of an app at one revision."""

    root: str
    """Sub-directory of the repository; `.` is the top."""
    python: str | None
    """A version request such as `3.12`, `>=3.11,<3.13`; None: the platform chooses."""
    dependencies: Dependencies
    processes: tuple[Process, ...]
    build_commands: tuple[str, ...] = ()
    assets: tuple[Assets, ...] = ()
    """Built before the build commands, in this order."""
    release_commands: tuple[str, ...] = ()
    first_commands: tuple[str, ...] = ()
    """Run after the release commands where the app's data are new: what makes tables and the like once."""
    sanitize_commands: tuple[str, ...] = ()
    """Run after the release commands in an environment whose data were copied from another one's."""
    static: tuple[StaticMount, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    hosts: tuple[tuple[str, HostForm], ...] = ()
    """Variable -> in which form the app reads its hostnames there."""
    secrets_required: tuple[str, ...] = ()
    secrets_generated: tuple[str, ...] = ()
    secrets_sealed: tuple[tuple[str, str], ...] = ()
    """Name -> sealed value (`age:…`) that the fleet gave at the time: going back to a release goes back to its own."""
    gates: tuple[str, ...] = ()
    """Names of the declared gates: each must pass, so one that this Pullet cannot run holds the release back."""
    fail_on: Severity = Severity.HIGH
    """New security findings of this severity and above hold a release back where the gate `security` is declared."""
    tried_out: bool = True
    """Where the gate `security` is declared, a throw-away copy of the release is started and attacked."""
    tests: SuiteSpec = field(default_factory=SuiteSpec)
    """How its tests are run; a gate only where `gates` has `tests`."""
    browser: BrowserSpec = field(default_factory=BrowserSpec)
    services: tuple[ServiceSpec, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    personality: Personality | None = None
    """Whose platform's variables are set too; None: nobody's."""
    decisions: tuple[Decision, ...] = ()
    committed: float | None = None
    """When the commit was made, in seconds since the epoch: what its dependencies were like then."""
    heal: HealPolicy = HealPolicy.UNPINNED
    changes: tuple[Change, ...] = ()
    """What is to be built otherwise than the repository says: by pullet.toml; a builder gets a release's heals too."""

    def process(self, name: str) -> Process | None:
        return next((process for process in self.processes if process.name == name), None)


def assets_declared(spec: AppSpec) -> bool:
    """Whether pullet.toml itself says which assets are built."""
    said = (decision for decision in spec.decisions if decision.subject == "build.assets")
    return any(decision.evidence[0].confidence is Confidence.CERTAIN for decision in said)
