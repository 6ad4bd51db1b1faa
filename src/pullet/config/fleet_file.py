"""`targets/<target>/apps/<app>.toml`: the models that check it, and the values that they become."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from pullet.domain.errors import ConfigError, UsageError
from pullet.domain.fleet import (
    AppFleetSpec,
    EnvironmentSpec,
    Hold,
    PreviewSpec,
    ProcessOverride,
    SourceSpec,
    Track,
    TrackKind,
)
from pullet.domain.identity import EnvironmentKey
from pullet.domain.secrets import name_trouble

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def _seconds(value: object) -> object:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('write a time with its unit, such as "500ms", "15s", "5m", "1h" or "7d"')
    return float(match[1]) * _SECONDS[match[2]]


def _bytes(value: object) -> object:
    match = re.fullmatch(r"(\d+)([KMG])B?", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('write a size with its unit, such as "512M" or "2G"')
    return int(match[1]) * _BYTES[match[2]]


def _matching(pattern: str, wanted: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(wanted)
        return value

    return AfterValidator(check)


def _secret_name(name: str) -> str:
    if trouble := name_trouble(name):
        raise ValueError(f"it cannot be secret: {trouble}")
    return name


_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
Duration = Annotated[float, BeforeValidator(_seconds)]
Size = Annotated[int, BeforeValidator(_bytes)]
Sha = Annotated[str, _matching(r"[0-9a-f]{40}([0-9a-f]{24})?", "write the whole commit id")]
Ref = Annotated[str, _matching(r"[^-\s\x00-\x1f~^:?*\[\\][^\s\x00-\x1f~^:?*\[\\]*", "that is no name of a branch")]
Domain = Annotated[
    str, _matching(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})+", "write a hostname in lower case, such as shop.example.org")
]
Url = Annotated[str, _matching(r"[^-\x00-\x20][^\x00-\x1f]*", "write the URL or the path of a git repository")]
Variable = Annotated[str, _matching(r"[A-Za-z_][A-Za-z0-9_]*", "a name has letters, digits and _ only")]
Text = Annotated[str, _matching(r"[^\x00]*", "a value cannot hold a NUL character")]
SecretName = Annotated[Variable, AfterValidator(_secret_name)]
Sealed = Annotated[str, _matching(r"age:[\x21-\x7e]+", "a secret is sealed (`age:…`), never plain text")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class SourceTable(_Table):
    url: Url
    interval: Duration | None = None
    verify: list[str] = []
    submodules: bool = False


class ProcessTable(_Table):
    instances: int | None = Field(None, ge=0, le=1000)
    memory: Size | None = None
    spares: int | None = Field(None, ge=0, le=10)


class RollbackTable(_Table):
    revision: Sha
    skip: list[Sha]
    release: int | None = Field(None, ge=1)
    configuration: str = ""


class EnvironmentTable(_Table):
    branch: Ref | None = None
    tag: str | None = None
    commit: Sha | None = None
    domains: list[Domain] = []
    variables: dict[Variable, Text] = {}
    secrets: dict[SecretName, Sealed] = {}
    processes: dict[str, ProcessTable] = {}
    suspended: bool = False
    rollback: RollbackTable | None = None
    clone_data_from: str | None = None

    @property
    def tracks(self) -> list[Track]:
        said = {TrackKind.BRANCH: self.branch, TrackKind.TAG: self.tag, TrackKind.COMMIT: self.commit}
        return [Track(kind, value) for kind, value in said.items() if value is not None]

    @model_validator(mode="after")
    def _follows_one_thing(self) -> EnvironmentTable:
        if len(self.tracks) != 1:
            raise ValueError("an environment follows one of branch, tag or commit")
        return self

    @model_validator(mode="after")
    def _says_each_value_once(self) -> EnvironmentTable:
        if both := sorted(self.variables.keys() & self.secrets.keys()):
            raise ValueError(f"{', '.join(both)}: set as a variable and as a secret; remove one of the two")
        return self


class PreviewsTable(_Table):
    branches: list[str] = ["*"]
    clone_data_from: str | None = None
    expire_after: Duration | None = None
    limit: int = Field(10, ge=0, le=1000)


class FleetFile(_Table):
    source: SourceTable
    environments: dict[str, EnvironmentTable] = {}
    previews: PreviewsTable | None = None

    @model_validator(mode="after")
    def _names_are_there_and_no_domain_is_claimed_twice(self) -> FleetFile:
        claimed = [domain for table in self.environments.values() for domain in table.domains]
        for domain in claimed:
            if claimed.count(domain) > 1:
                raise ValueError(f"{domain} is claimed twice")
        origins = [table.clone_data_from for table in self.environments.values()]
        for origin in (*origins, self.previews and self.previews.clone_data_from):
            if origin is not None and origin not in self.environments:
                raise ValueError(f"clone_data_from names {origin}, and there is no such environment")
        return self


def parse_fleet_file(app: str, text: str, path: str = "") -> AppFleetSpec:
    """The values that the file stands for. Raises ConfigError that names file, line and key."""
    path = path or f"{app}.toml"
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as err:
        raise ConfigError(f"{path} is not TOML", context=str(err), hint="Mend the file and commit it.") from err
    try:
        file = FleetFile.model_validate(data)
        return AppFleetSpec(
            app=app,
            source=_source(file.source),
            environments=tuple(_environment(app, name, table) for name, table in file.environments.items()),
            previews=None if file.previews is None else _previews(file.previews),
        )
    except ValidationError as err:
        raise _explain(path, text, err.errors()) from err
    except UsageError as err:
        raise ConfigError(f"{path}: {err.message}", hint=err.hint) from err


def _source(table: SourceTable) -> SourceSpec:
    return SourceSpec(table.url, table.interval, tuple(table.verify), table.submodules)


def _environment(app: str, name: str, table: EnvironmentTable) -> EnvironmentSpec:
    return EnvironmentSpec(
        key=EnvironmentKey(app, name),
        track=table.tracks[0],
        domains=tuple(table.domains),
        variables=tuple(sorted(table.variables.items())),
        secrets=tuple(sorted(table.secrets.items())),
        processes=tuple(
            (process, ProcessOverride(override.instances, override.memory, override.spares))
            for process, override in sorted(table.processes.items())
        ),
        suspended=table.suspended,
        hold=None if table.rollback is None else _hold(table.rollback),
        clone_data_from=table.clone_data_from,
    )


def _hold(table: RollbackTable) -> Hold:
    return Hold(table.revision, tuple(table.skip), table.release, table.configuration)


def _previews(table: PreviewsTable) -> PreviewSpec:
    return PreviewSpec(tuple(table.branches), table.clone_data_from, table.expire_after, table.limit)


def _explain(path: str, text: str, errors: Sequence[ErrorDetails]) -> ConfigError:
    """One error as the message, with its line; the others as context. A misspelt key explains a missing one."""
    errors = sorted(errors, key=lambda error: error["type"] != "extra_forbidden")
    first, *others = [_sentence(error) for error in errors]
    line = _line_of(text, errors[0]["loc"])
    return ConfigError(
        f"{path}{f':{line}' if line else ''}: {first}",
        context="\n".join(others[:10]),
        hint="Mend the file and commit it; until then the app stays as it was.",
    )


def _sentence(error: ErrorDetails) -> str:
    place = [str(part) for part in error["loc"] if part != "[key]"]
    key = ".".join(place)
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(place[-1], known := _known_keys(place[:-1]), n=1)
        return f"{key} is not known; " + (f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}")
    if error["type"] == "missing":
        return f"{key} is missing"
    message = error["msg"].removeprefix("Value error, ")
    return f"{key}: {message}" if key else message


def _known_keys(place: Sequence[str]) -> list[str]:
    model: Any = FleetFile
    tables: Mapping[str, Any] = {
        "source": SourceTable,
        "environments": EnvironmentTable,
        "previews": PreviewsTable,
        "processes": ProcessTable,
        "rollback": RollbackTable,
    }
    for part in place:
        model = tables.get(part, model)
    return list(model.model_fields)


def _line_of(text: str, place: Sequence[int | str]) -> int:
    """The line (from 1) where the key is written; 0 where it is not. Good enough for a person, so no parser."""
    at = 0
    lines = text.splitlines()
    for part in (part for part in place if isinstance(part, str) and part != "[key]"):
        written = re.compile(rf"""(^|[\s.\[{{,"']){re.escape(part)}(?=["']?\s*[.\]=])""")
        at = next((number for number in range(max(at, 1), len(lines) + 1) if written.search(lines[number - 1])), at)
    return at
