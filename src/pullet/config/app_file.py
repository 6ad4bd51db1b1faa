"""pullet.toml: what an app is. Its models, with the tables in app_sections.py, are manual, schema and check at once.

The same keys may stand under [tool.pullet] of pyproject.toml. An app may have one of the two, not both.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from pydantic import Field, PrivateAttr

from pullet.config.app_sections import (
    App,
    Build,
    Gates,
    ProcessSection,
    ReleaseSection,
    Schedule,
    Secrets,
    Service,
    UrlPrefix,
)
from pullet.config.lines import KeyPath, key_lines
from pullet.config.reading import Section, dotted, line_of, parse_toml, read_toml_model
from pullet.config.values import (
    Folder,
    ProcessName,
    VariableName,
    VariableValue,
)
from pullet.domain.app import Confidence, Evidence, Place
from pullet.domain.app import Schedule as ScheduleSpec
from pullet.domain.declared import Declared
from pullet.domain.errors import ConfigError
from pullet.domain.services import ServiceSpec

APP_FILE = "pullet.toml"
PYPROJECT = "pyproject.toml"
_TABLE = ("tool", "pullet")


class AppFile(Section):
    """The whole of pullet.toml. Every key may be left out."""

    app: App = Field(App(), description="The app itself.")
    build: Build = Field(Build(), description="What a build does beyond installing the dependencies.")
    processes: dict[ProcessName, ProcessSection] = Field(
        default_factory=dict,
        description="Processes by name; `web` is the one that requests go to. Where a process or its command is "
        "absent, it is detected: Procfile, then framework.",
    )
    schedule: dict[ProcessName, Schedule] = Field(default_factory=dict, description="Commands that run at set times.")
    release: ReleaseSection = Field(ReleaseSection(), description="What a deployment does before it starts anything.")
    services: dict[ProcessName, Service] = Field(
        default_factory=dict,
        description="Databases and other services that every environment gets one of. What is not declared is "
        "detected; declaring one turns detection of its type off, and `detect_services = false` in [app] all of it.",
    )
    static: dict[UrlPrefix, Folder] = Field(
        default_factory=dict,
        description="Folders that the router serves itself, by URL prefix; hashed names are cached for ever.",
        examples=[{"/static": "staticfiles"}],
    )
    variables: dict[VariableName, VariableValue] = Field(
        default_factory=dict,
        description="Variables of every environment; the fleet file adds and overrides.",
        examples=[{"DJANGO_SETTINGS_MODULE": "shop.settings.production"}],
    )
    secrets: Secrets = Field(Secrets(), description="Names of secrets; values are never in this file.")
    gates: Gates = Field(Gates(), description="Checks that block a release.")

    _path: str = PrivateAttr(APP_FILE)
    _lines: Mapping[KeyPath, int] = PrivateAttr(default_factory=dict)

    def declared(self) -> Declared:
        """What detection needs of the file, each with its line."""
        return Declared(self.app.root, self.app.name, tuple(_evidence(self)))

    def service_specs(self) -> tuple[ServiceSpec, ...]:
        return tuple(service.spec(name) for name, service in self.services.items())

    def schedule_specs(self) -> tuple[ScheduleSpec, ...]:
        return tuple(
            ScheduleSpec(name, one.cron, one.command, one.time_zone, one.limit) for name, one in self.schedule.items()
        )

    def place(self, *keys: str) -> Place:
        prefix = _TABLE if PurePosixPath(self._path).name == PYPROJECT else ()
        return Place(self._path, line_of(self._lines, (*prefix, *keys)))


def read_app_file(text: str, path: str = APP_FILE) -> AppFile:
    """Read pullet.toml, or the [tool.pullet] table where `path` is a pyproject.toml. Raises ConfigError."""
    table = _TABLE if PurePosixPath(path).name == PYPROJECT else ()
    app_file = read_toml_model(text, path, AppFile, table)
    app_file._path, app_file._lines = path, key_lines(text)
    return app_file


def find_app_file(files: Mapping[str, bytes]) -> AppFile | None:
    """The configuration at the top of a repository; None where there is none. Raises ConfigError.

    A pyproject.toml that does not parse is no error here unless it speaks of Pullet: the app may not depend on it.
    """
    pyproject = _text(files, PYPROJECT) if b"pullet" in files.get(PYPROJECT, b"") else ""
    tool = parse_toml(pyproject, PYPROJECT).get("tool")
    in_pyproject = isinstance(tool, dict) and "pullet" in tool
    if APP_FILE in files and in_pyproject:
        raise ConfigError(
            f"Both {APP_FILE} and [tool.pullet] in {PYPROJECT} configure this app",
            context=f"{APP_FILE}:1 and {PYPROJECT}:{line_of(key_lines(pyproject), _TABLE)}",
            hint="Move everything into one of them and delete the other.",
        )
    if APP_FILE in files:
        return read_app_file(_text(files, APP_FILE), APP_FILE)
    return read_app_file(pyproject, PYPROJECT) if in_pyproject else None


def _text(files: Mapping[str, bytes], path: str) -> str:
    try:
        return files.get(path, b"").decode("utf-8-sig")
    except UnicodeDecodeError as err:
        line = files[path].count(b"\n", 0, err.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text", hint="Save the file as UTF-8.") from err


def _evidence(app_file: AppFile) -> list[Evidence]:
    found: list[Evidence] = []
    _walk(app_file, app_file.model_dump(exclude_unset=True), (), found)
    return found


_HEALING = ("heal", "exclude_newer", "constraints", "build_constraints", "ignore_missing_static")
_NOT_FOR_DETECTION = {("schedule",), ("gates",), ("app", "name"), *(("build", key) for key in _HEALING)}


def _walk(app_file: AppFile, value: Any, keys: tuple[str, ...], found: list[Evidence]) -> None:
    if keys in _NOT_FOR_DETECTION or value is None:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            _walk(app_file, inner, (*keys, key), found)
        return
    text = "\n".join(value) if isinstance(value, list) else str(value)
    text = text.lower() if isinstance(value, bool) else text
    place = app_file.place(*keys)
    found.append(Evidence(dotted(keys), text, place, Confidence.CERTAIN, place.path, f"{place.path} says so"))
