"""pullet.toml, or `[tool.pullet]` in pyproject.toml: what an app *is*. The descriptions here are the reference page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from pullet.config.reading import check, line_of, parse_toml
from pullet.config.values import CommandLine, Duration, InsidePath, Label, Size, Table, Text, Variable
from pullet.domain.app import StaticMount
from pullet.domain.declared import Declared, DeclaredHealth, DeclaredProcess
from pullet.domain.errors import ConfigError

APP_FILE = "pullet.toml"
PYPROJECT = "pyproject.toml"


class AppTable(Table):
    """Who the app is and where in the repository it lives."""

    name: Label | None = Field(None, description="Default: the repository's name.", examples=["shop"])
    root: InsidePath = Field(
        ".", description="Sub-directory of a monorepo that holds the app.", examples=["services/shop"]
    )
    python: str | None = Field(
        None,
        description="Version wanted. Default: .python-version, runtime.txt, requires-python, else the platform's.",
        examples=["3.12", ">=3.11,<3.13"],
    )


class BuildTable(Table):
    """What is done once a revision, after its dependencies are installed."""

    commands: list[CommandLine] | None = Field(
        None,
        description="Run in order in the check-out, confined to it. An empty list turns detected ones off.",
        examples=[["python manage.py collectstatic --noinput"]],
    )


class HealthTable(Table):
    """How a web process is asked whether it works."""

    path: Text = Field(
        "/", description="Asked with GET. Declared: must answer 2xx or 3xx. Else anything under 500 is alive."
    )
    timeout: Duration = Field(5.0, description="Time for one answer.", examples=["5s"])
    grace: Duration = Field(30.0, description="Time from start to the first healthy answer.", examples=["30s"])


class ProcessTable(Table):
    """One process type. `web` is the one that traffic goes to."""

    command: CommandLine | None = Field(
        None,
        description="Listens on $PORT, or on the socket that Pullet gives to a server it knows. Default: detected.",
        examples=["granian --interface asgi shop.asgi:application"],
    )
    instances: int | None = Field(None, ge=0, le=16, description="How many run side by side. Default: 1.", examples=[2])
    memory: Size | None = Field(
        None, description="Hard limit; a process over it is restarted and the deployment says so.", examples=["512M"]
    )
    drain: Duration | None = Field(
        None, description="Time to finish what it is doing when told to stop. Default: 30s.", examples=["30s"]
    )
    spares: int | None = Field(
        None, ge=0, le=1, description="Warm interpreters kept waiting. 0 turns it off. Default: 1."
    )
    health: HealthTable | None = None


class ScheduleTable(Table):
    """A command that runs at set times."""

    cron: str = Field(description="Five fields: minute, hour, day, month, weekday.", examples=["0 3 * * *"])
    command: CommandLine = Field(description="What to run.", examples=["python manage.py clearsessions"])
    timezone: str = Field("UTC", description="Time zone of `cron`.", examples=["Europe/Paris"])


class ReleaseTable(Table):
    """What is done once a deployment, before the new processes start, under a lock."""

    commands: list[CommandLine] | None = Field(
        None,
        description="A failure leaves the old release serving. An empty list turns detected ones off.",
        examples=[["python manage.py migrate --noinput"]],
    )


class ServiceTable(Table):
    """A backing service."""

    type: Literal["postgresql", "valkey", "redis", "sqlite", "volume"] = Field(
        description="`sqlite` is a persistent file, `volume` a persistent folder."
    )
    extensions: list[str] = Field([], description="PostgreSQL extensions.", examples=[["pg_trgm"]])
    path: InsidePath | None = Field(None, description="Where the app expects the file or folder.", examples=["media"])
    persistent: bool | None = Field(None, description="For valkey: keep data over a restart.")
    memory: Size | None = Field(None, description="For valkey: limit.", examples=["64M"])


class SecretsTable(Table):
    """Secrets that the app needs; their values are in the fleet repository, sealed."""

    required: list[Variable] = Field([], description="A deployment without one of them stops before start.")
    generated: list[Variable] = Field([], description="Made once per environment.", examples=[["SECRET_KEY"]])


class TestsGate(Table):
    """The project's own tests."""

    command: CommandLine | None = Field(None, examples=["pytest -q"], description="Default: detected.")
    timeout: Duration | None = Field(None, examples=["10m"], description="Limit for the whole run.")


class BrowserGate(Table):
    """Tests in a real browser."""

    tests: InsidePath | None = Field(None, examples=["tests/browser"], description="Folder of the tests.")


class SecurityGate(Table):
    """Assessment in OWASP's terms."""

    fail_on: Literal["low", "medium", "high", "critical"] = Field(
        "high", description="The lowest severity that blocks."
    )


class BudgetLine(Table):
    """Limits for one route."""

    p95: Duration | None = Field(None, examples=["150ms"], description="95th percentile of its answers.")
    queries: int | None = Field(None, ge=0, examples=[10], description="SQL queries of one request.")


class GatesTable(Table):
    """Checks that hold a release back. A gate blocks where it is declared."""

    tests: TestsGate | None = None
    browser: BrowserGate | None = None
    security: SecurityGate | None = None
    budget: dict[str, BudgetLine] | None = Field(None, description="Route -> limits.")


class AppFile(Table):
    """The whole file. Everything is optional: what is not written is detected."""

    app: AppTable = AppTable()
    build: BuildTable = BuildTable()
    processes: dict[Label, ProcessTable] = Field({}, description="Process types by name; `web` gets the traffic.")
    schedule: dict[Label, ScheduleTable] = Field({}, description="Scheduled commands by name.")
    release: ReleaseTable = ReleaseTable()
    services: dict[Label, ServiceTable] = Field({}, description="Backing services by name.")
    static: dict[str, InsidePath] | None = Field(
        None, description="URL prefix -> folder, served by the router.", examples=[{"/static": "staticfiles"}]
    )
    variables: dict[Variable, Text] = Field({}, description="Defaults; the fleet's win.")
    secrets: SecretsTable = SecretsTable()
    gates: GatesTable = GatesTable()


def find_app_file(files: Mapping[str, bytes]) -> Declared | None:
    """What the repository declares, if anything. Raises ConfigError, also where it declares in two places."""
    own = files.get(APP_FILE)
    pyproject = _text(files, PYPROJECT)
    table = _tool_table(pyproject) if pyproject and "tool" in pyproject else None
    if own is not None and table is not None:
        raise ConfigError(
            f"Both {APP_FILE} and [tool.pullet] in {PYPROJECT} describe the app", hint="Keep one of them."
        )
    if own is not None:
        text = _text(files, APP_FILE) or ""
        return read_app_file(text, APP_FILE)
    if table is not None and pyproject is not None:
        return _declared(check(table, AppFile, PYPROJECT, pyproject, ("pullet",)), PYPROJECT, pyproject, table)
    return None


def read_app_file(text: str, path: str) -> Declared:
    """Raises ConfigError that names file, line, key and the nearest known key."""
    data = parse_toml(text, path)
    return _declared(check(data, AppFile, path, text), path, text, data)


def _text(files: Mapping[str, bytes], path: str) -> str | None:
    content = files.get(path)
    if content is None:
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise ConfigError(f"{path} is not UTF-8 text", context=str(err), hint="Save it as UTF-8.") from err


def _tool_table(pyproject: str) -> dict[str, Any] | None:
    tool = parse_toml(pyproject, PYPROJECT).get("tool")
    table = tool.get("pullet") if isinstance(tool, dict) else None
    return table if isinstance(table, dict) else None


def _declared(file: AppFile, path: str, text: str, data: Mapping[str, Any]) -> Declared:
    return Declared(
        path=path,
        name=file.app.name,
        root=file.app.root,
        python=file.app.python,
        build_commands=_tuple(file.build.commands),
        release_commands=_tuple(file.release.commands),
        processes=tuple(_process(name, table) for name, table in file.processes.items()),
        static=None if file.static is None else tuple(StaticMount(url, folder) for url, folder in file.static.items()),
        variables=tuple(file.variables.items()),
        secrets_required=tuple(file.secrets.required),
        secrets_generated=tuple(file.secrets.generated),
        gates=tuple(name for name in GatesTable.model_fields if getattr(file.gates, name) is not None),
        services=tuple(file.services),
        schedules=tuple(file.schedule),
        lines=tuple((".".join(keys), line_of(text, keys)) for keys in _written(data, ())),
    )


def _process(name: str, table: ProcessTable) -> DeclaredProcess:
    said = table.health.model_fields_set if table.health else set()
    health = {key: getattr(table.health, key) for key in said}
    return DeclaredProcess(
        name, table.command, table.instances, table.memory, table.drain, table.spares, DeclaredHealth(**health)
    )


def _tuple(commands: list[str] | None) -> tuple[str, ...] | None:
    return None if commands is None else tuple(commands)


def _written(data: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, value in data.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from _written(value, (*above, key))
