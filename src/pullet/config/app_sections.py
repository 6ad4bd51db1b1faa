"""The tables of pullet.toml, as models: what each key may be, and its words in the reference."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pullet.config.reading import Section
from pullet.config.times import Cron, TimeZone
from pullet.config.values import (
    Duration,
    Folder,
    Label,
    PositiveDuration,
    SecretName,
    Size,
    VariableName,
    matching,
)
from pullet.domain.healing import MISSING, Change, ChangeKind, HealPolicy
from pullet.domain.services import ServiceSpec, ServiceType
from pullet.domain.testing import BrowserSpec, SuiteSpec

_CLAUSE = r"(~=|===?|!=|[<>]=?)?\s*\d+(\.\d+)*(\.\*)?"
_CLAUSES = rf"{_CLAUSE}(\s*,\s*{_CLAUSE})*"
PythonRequest = Annotated[str, matching(_CLAUSES, 'a Python version such as "3.12" or ">=3.11,<3.14"')]
NodeRequest = Annotated[str, matching(_CLAUSES, 'a Node version such as "22" or ">=20,<23"')]


def _one_line(text: str) -> str:
    if not text.strip() or any(char < " " or char == "\x7f" for char in text):
        raise ValueError("a command on one line")
    return text


CommandLine = Annotated[str, AfterValidator(_one_line)]
Moment = Annotated[
    str, matching(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?", 'a day or a moment such as "2023-05-01T12:00:00Z"')
]
Bound = Annotated[
    str,
    matching(
        r"[A-Za-z0-9][A-Za-z0-9._-]*(~=|==|!=|[<>]=?)[0-9][0-9A-Za-z.]*(,(~=|==|!=|[<>]=?)[0-9][0-9A-Za-z.]*)*",
        'a package and the versions that are allowed, such as "Werkzeug<3"',
    ),
]
UrlPath = Annotated[str, matching(r"/[!-~]*", 'a path of printable characters such as "/healthz"')]
UrlPrefix = Annotated[
    str, matching(r"/(?!.*\.\.)[A-Za-z0-9._~/-]{1,200}", 'a URL prefix such as "/static", without ".." and wildcards')
]
RequestLine = Annotated[
    str, matching(r"(GET|HEAD|POST|PUT|PATCH|DELETE) /[!-~]*", 'a method and a path such as "GET /"')
]
FilePattern = Annotated[
    str,
    matching(
        r"(?!/)(?!.*\.\.)(?!(.*\*\*){3})[!-~]{1,200}",
        'a pattern inside the repository such as "reports/*.xml", without ".."',
    ),
]


class App(Section):
    name: Label | None = Field(None, description="Name of the app. Default: the repository's name.", examples=["shop"])
    root: Folder = Field(
        ".", description="The app's folder, for a repository that holds several.", examples=["backend"]
    )
    python: PythonRequest | None = Field(
        None,
        description="Python version. Default: .python-version, runtime.txt, requires-python, else the platform's.",
        examples=["3.12", ">=3.11,<3.14"],
    )
    personality: (
        Literal["render", "upsun", "digitalocean", "railway", "fly", "azure", "scalingo", "heroku", "koyeb", "none"]
        | None
    ) = Field(
        None,
        description="The platform that the code was written for: of its variables, those that the code reads are set. "
        "Default: the one whose file is in the repository. `none` sets none.",
        examples=["none"],
    )
    detect_services: bool = Field(
        True,
        description="Whether the app is given services that it is seen to need: PostgreSQL or Valkey where a driver is "
        "among its dependencies, its SQLite files, Django's MEDIA_ROOT. `false` leaves those that [services] declares.",
        examples=[False],
    )


class Build(Section):
    commands: list[CommandLine] | None = Field(
        None,
        max_length=50,
        description="Commands that run once a build, after the dependencies are installed. `[]` runs none, "
        "also where one would be detected.",
        examples=[["python manage.py collectstatic --noinput"]],
    )
    assets: list[CommandLine] | None = Field(
        None,
        max_length=50,
        description="Commands that build what is written in JavaScript or for a CSS tool. They run in `assets_folder` "
        "once its packages are installed, before `commands`. `[]` builds none. Default: the build script of its "
        "package.json.",
        examples=[["npm run build:prod"]],
    )
    assets_folder: Folder | None = Field(
        None,
        description="The folder of package.json. Default: the root, or folders up to two levels below it that have one "
        "with a build script.",
        examples=["frontend"],
    )
    node: NodeRequest | None = Field(
        None,
        description="Node version for building. Default: `engines` of package.json, .nvmrc, .node-version, else the "
        "newest.",
        examples=["22"],
    )
    heal: bool | Literal["pins"] = Field(
        True,
        description="Whether Pullet mends a build or a start that time has broken, by at most three changes to what is "
        'installed or to the interpreter. `"pins"` lets it change versions that are pinned too; `false` switches it '
        "off.",
        examples=["pins"],
    )

    exclude_newer: Moment | None = Field(
        None,
        description="Versions of dependencies that are not pinned are chosen as they were at that day or moment.",
        examples=["2023-05-01", "2023-05-01T12:00:00Z"],
    )
    constraints: list[Bound] = Field(
        default_factory=list, description="Bounds for packages that come along anyway.", examples=[["Werkzeug<3"]]
    )
    build_constraints: list[Bound] = Field(
        default_factory=list, description="Bounds for what source packages are built with.", examples=[["cython<3"]]
    )
    ignore_missing_static: bool = Field(
        False,
        description="Whether collectstatic passes over references in style sheets to files that are not there.",
        examples=[True],
    )

    @property
    def changes(self) -> tuple[Change, ...]:
        """In the form in which healing makes them."""
        moment = [Change(ChangeKind.EXCLUDE_NEWER, self.exclude_newer)] if self.exclude_newer else []
        bounds = [Change(ChangeKind.CONSTRAINT, bound) for bound in self.constraints]
        tools = [Change(ChangeKind.BUILD_CONSTRAINT, bound) for bound in self.build_constraints]
        static = [Change(ChangeKind.STATIC, MISSING)] if self.ignore_missing_static else []
        return (*moment, *bounds, *tools, *static)

    @property
    def heal_policy(self) -> HealPolicy:
        return HealPolicy(str(self.heal).lower())


class Health(Section):
    path: UrlPath | None = Field(
        None,
        description="Path that answers 2xx or 3xx when the app works. Default: `/`, where any answer under 500 does.",
        examples=["/healthz"],
    )
    timeout: PositiveDuration = Field(5.0, description="Longest wait for one answer.", examples=["5s"])
    grace: PositiveDuration = Field(
        30.0, description="Longest time from start to the first healthy answer.", examples=["30s"]
    )


class ProcessSection(Section):
    command: CommandLine | None = Field(
        None,
        description="Command line. `web` listens on `$PORT`, or on the socket that Pullet gives to servers it knows "
        "(gunicorn, uvicorn, granian, hypercorn, daphne, waitress). Default for `web`: detected.",
        examples=["granian --interface asgi shop.asgi:application"],
    )
    instances: int = Field(1, ge=0, le=100, description="How many run side by side.", examples=[2])
    memory: Size | None = Field(
        None, description="Hard limit an instance; one that goes over it is restarted.", examples=["512M"]
    )
    health: Health = Field(
        Health(), description="How Pullet asks whether the process works (`web` only).", examples=[{"path": "/healthz"}]
    )
    drain: Duration = Field(
        30.0, description="Time that a stopping process has to finish what it is doing.", examples=["30s"]
    )
    spares: int = Field(
        1, ge=0, le=1, description="Warm interpreters kept for the next release; 0 turns them off.", examples=[0]
    )


class Schedule(Section):
    cron: Cron = Field(description="When, in cron's five fields.", examples=["0 3 * * *"])
    command: CommandLine = Field(description="What runs.", examples=["python manage.py clearsessions"])
    time_zone: TimeZone = Field(
        "UTC", description="The time zone that `cron` speaks of, by its IANA name.", examples=["Europe/Vienna"]
    )
    limit: PositiveDuration = Field(
        3600.0, description="Longest time that a run may take; then it is ended.", examples=["10m"]
    )


class ReleaseSection(Section):
    commands: list[CommandLine] | None = Field(
        None,
        max_length=50,
        description="Commands that run once a deployment, before the new processes start, one deployment at a time. "
        "`[]` runs none, also where one would be detected.",
        examples=[["python manage.py migrate --noinput"]],
    )
    first: list[CommandLine] | None = Field(
        None,
        max_length=50,
        description="Commands that run once after those above where the app's data are new: to make tables, or to put "
        "in what every installation has. `[]` runs none, also where one would be detected.",
        examples=[["flask init-db"]],
    )
    sanitize: list[CommandLine] = Field(
        default_factory=list,
        max_length=50,
        description="Commands that run once after those above where an environment began with a copy of another one's "
        "data, before anything serves: to take out what only the original may hold.",
        examples=[["python manage.py anonymise"]],
    )


ServiceField = Literal["url", "text", "host", "port", "user", "password", "database", "engine", "sslmode"]


class Service(Section):
    type: Literal["postgresql", "valkey", "redis", "sqlite", "volume"] = Field(
        description="What is provided: `sqlite` is a persistent file, `volume` a persistent folder; `redis` is valkey.",
        examples=["postgresql"],
    )
    extensions: list[Annotated[str, matching(r"[a-z][a-z0-9_-]{0,62}", "the name of an extension")]] = Field(
        default_factory=list, description="PostgreSQL extensions to create.", examples=[["pg_trgm"]]
    )
    path: Folder | None = Field(
        None, description="Where the file or folder appears in the app (sqlite, volume), such as `media`."
    )
    memory: Size | None = Field(None, description="Most that valkey may hold, such as `64M`.")
    persistent: bool = Field(
        True, description="`false` makes valkey a cache: nothing is kept on disk, the least used goes when it is full."
    )

    variables: dict[VariableName, ServiceField] = Field(
        default_factory=dict,
        description="Under which further names the app reads the address, and what of it each holds.",
        examples=[{"DB_HOST": "host", "DB_PASSWORD": "password"}],
    )
    scheme: Annotated[str, matching(r"[a-z][a-z0-9+.-]{0,40}", "a URL scheme")] | None = Field(
        None, description="The URL's scheme, such as `postgresql+asyncpg`. Default: what the app's libraries take."
    )

    @model_validator(mode="after")
    def _fits_its_type(self) -> Service:
        if self.extensions and self.type != "postgresql":
            raise ValueError("extensions with postgresql only")
        if self.path is not None and self.type not in ("sqlite", "volume"):
            raise ValueError("a path with sqlite and volume only")
        if self.path in (None, ".") and self.type in ("sqlite", "volume"):
            raise ValueError('a path for sqlite and volume, such as "media"')
        if self.type in ("sqlite", "volume") and (self.variables or self.scheme):
            raise ValueError("variables and scheme with postgresql and valkey only")
        if self.type != "valkey" and (self.memory is not None or not self.persistent):
            raise ValueError("memory and persistent with valkey only")
        return self

    def spec(self, name: str) -> ServiceSpec:
        kind = ServiceType.VALKEY if self.type == "redis" else ServiceType(self.type)
        return ServiceSpec(
            name,
            kind,
            tuple(self.extensions),
            self.path or "",
            self.memory,
            self.persistent,
            tuple(self.variables.items()),
            self.scheme or "",
        )


class Secrets(Section):
    required: list[SecretName] = Field(
        default_factory=list,
        description="Secrets without which the app is not deployed; the fleet file gives them.",
        examples=[["STRIPE_KEY"]],
    )
    generated: list[SecretName] = Field(
        default_factory=list,
        description="Secrets that Pullet makes once an environment and keeps.",
        examples=[["SECRET_KEY"]],
    )


class TestsGate(Section):
    command: CommandLine | None = Field(
        None,
        description="Runs the tests. Default: as detected. pytest, unittest and `manage.py test` are run test by test; "
        "of any other command the exit code counts.",
        examples=["pytest -q"],
    )
    limit: PositiveDuration = Field(60.0, description="Longest time for one test.", examples=["60s"])
    timeout: PositiveDuration = Field(1800.0, description="Longest time for all of them.", examples=["30m"])
    shards: int | None = Field(
        None, ge=1, le=64, description="Interpreters side by side. Default: as many as pay.", examples=[2]
    )
    network: bool = Field(False, description="Whether tests may reach other machines.")
    junit: FilePattern | None = Field(
        None,
        description="JUnit files that another command writes, such as `reports/*.xml`; `**` stands for any folders.",
    )

    def spec(self) -> SuiteSpec:
        return SuiteSpec(self.command or "", self.limit, self.timeout, self.shards or 0, self.network, self.junit or "")


class BrowserGate(Section):
    tests: Folder = Field("tests/browser", description="Folder of the tests.", examples=["tests/browser"])
    on: list[Literal["chromium", "firefox", "node"]] = Field(
        ["chromium"], min_length=1, description="What they run in.", examples=[["chromium", "firefox"]]
    )
    pages: Folder | None = Field(
        None,
        description="Folder of tests that open the app's own pages with Playwright: the release that is about to go "
        "live is started for them, and `base_url` is where it answers.",
        examples=["tests/pages"],
    )
    limit: PositiveDuration = Field(60.0, description="Longest time for one test.", examples=["60s"])
    timeout: PositiveDuration = Field(1800.0, description="Longest time for all of them in one of those.")
    network: bool = Field(False, description="Whether tests may reach other machines.")

    def spec(self) -> BrowserSpec:
        on = tuple(dict.fromkeys(self.on))
        return BrowserSpec(self.tests, on, self.pages or "", self.limit, self.timeout, self.network)


class SecurityGate(Section):
    fail_on: Literal["low", "medium", "high", "critical"] = Field(
        "high", description="Findings of this severity and above block the release.", examples=["high"]
    )
    live: bool = Field(
        True,
        description="Whether a throw-away copy of the release, on empty services, is started and attacked.",
        examples=[False],
    )


class Budget(Section):
    p95: PositiveDuration | None = Field(
        None, description="Longest duration of 95 in 100 requests.", examples=["150ms"]
    )
    queries: int | None = Field(None, ge=0, description="Most database queries a request.", examples=[10])


class Gates(Section):
    """A gate blocks where it is declared."""

    def suite(self) -> SuiteSpec:
        return self.tests.spec() if self.tests else SuiteSpec()

    def browser_tests(self) -> BrowserSpec:
        return self.browser.spec() if self.browser else BrowserSpec()

    tests: TestsGate | None = Field(None, description="The app's own tests.", examples=[{"command": "pytest -q"}])
    browser: BrowserGate | None = Field(
        None, description="Tests in a real browser.", examples=[{"tests": "tests/browser"}]
    )
    security: SecurityGate | None = Field(
        None, description="Security findings. They are assessed and shown always.", examples=[{"fail_on": "high"}]
    )
    budget: dict[RequestLine, Budget] = Field(
        default_factory=dict,
        description="What requests may cost, by method and path.",
        examples=[{"GET /": {"p95": "150ms", "queries": 10}}],
    )
