"""`targets/<target>/apps/<app>.toml`: the models that check it, and the values that they become."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, NamedTuple

from pydantic import Field, model_validator

from pullet.config.lines import KeyPath
from pullet.config.reading import Section, config_error, nearest_key, read_toml_model
from pullet.config.values import (
    Duration,
    Label,
    ProcessName,
    SecretName,
    Size,
    VariableName,
    VariableValue,
    matching,
)
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
from pullet.domain.identity import EnvironmentKey, is_trial

_DNS_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
Sha = Annotated[str, matching(r"[0-9a-f]{40}([0-9a-f]{24})?", "the whole commit id, 40 or 64 hexadecimal digits")]
Ref = Annotated[
    str, matching(r"[^-\s\x00-\x1f~^:?*\[\\][^\s\x00-\x1f~^:?*\[\\]*", 'the name of a branch such as "main"')
]
Domain = Annotated[
    str,
    matching(rf"(?=.{{1,253}}$){_DNS_LABEL}(\.{_DNS_LABEL})+", 'a hostname in lower case such as "shop.example.org"'),
]
Url = Annotated[str, matching(r"[^-\x00-\x20][^\x00-\x1f]*", "the URL or the path of a git repository")]
Sealed = Annotated[str, matching(r"age:[\x21-\x7e]+", "a sealed value (`age:…`), never plain text")]


class SourceTable(Section):
    url: Url = Field(
        description="The app's repository: https, ssh, file or a path. Its branches and tags are watched.",
        examples=["https://git.example.org/acme/shop.git"],
    )
    interval: Duration | None = Field(
        None, description="Time between polls. Default: 1 s for a path, 15 s for a URL.", examples=["15s"]
    )
    verify: list[str] = Field(
        default_factory=list,
        description="Only commits signed by one of these keys deploy. Not obeyed yet: a deployment is refused with "
        "that reason.",
    )
    submodules: bool = Field(False, description="Whether submodules are checked out too.")


class ProcessTable(Section):
    instances: int | None = Field(None, ge=0, le=1000, description="How many run side by side.", examples=[2])
    memory: Size | None = Field(None, description="Hard limit an instance.", examples=["512M"])
    spares: int | None = Field(None, ge=0, le=10, description="Warm interpreters kept for the next release.")


class RollbackTable(Section):
    revision: Sha = Field(description="The commit that serves instead.", examples=["1a2b3c4d" * 5])
    skip: list[Sha] = Field(
        description="The rollback holds while the branch is at one of these.", examples=[["5e6f7a8b" * 5]]
    )
    release: int | None = Field(None, ge=1, description="The release of that commit which was live.", examples=[3])
    configuration: str = Field(
        "", description="Digest of the settings then: `release` itself serves while it has not changed."
    )


class EnvironmentTable(Section):
    branch: Ref | None = Field(
        None, description="The branch that is followed. One of `branch`, `tag`, `commit` is needed.", examples=["main"]
    )
    tag: str | None = Field(None, description='Or the newest tag in a range of versions, such as `">=1.2,<2"`.')
    commit: Sha | None = Field(None, description="Or this commit, by its whole id.")
    domains: list[Domain] = Field(
        default_factory=list,
        description="Hostnames, besides the one that ends in `.localhost`.",
        examples=[["shop.example.org"]],
    )
    variables: dict[VariableName, VariableValue] = Field(
        default_factory=dict,
        description="Added to those of pullet.toml, and stronger.",
        examples=[{"LOG_LEVEL": "info"}],
    )
    secrets: dict[SecretName, Sealed] = Field(
        default_factory=dict,
        description="Sealed to the target's key by `pullet secrets set`.",
        examples=[{"STRIPE_KEY": "age:YWdlLWVuY3J5cHRpb24"}],
    )
    processes: dict[ProcessName, ProcessTable] = Field(
        default_factory=dict, description="What differs from pullet.toml, by process."
    )
    suspended: bool = Field(False, description="Nothing of it runs, and its data are kept.")
    rollback: RollbackTable | None = Field(None, description="An earlier revision holds; `pullet rollback` writes it.")
    clone_data_from: str | None = Field(
        None, description="The environment whose databases and volumes are copied when this one is created."
    )

    @property
    def tracks(self) -> list[Track]:
        said = {TrackKind.BRANCH: self.branch, TrackKind.TAG: self.tag, TrackKind.COMMIT: self.commit}
        return [Track(kind, value) for kind, value in said.items() if value is not None]

    @model_validator(mode="after")
    def _follows_one_thing(self) -> EnvironmentTable:
        if len(self.tracks) != 1:
            raise ValueError("one of branch, tag and commit")
        return self


class PreviewsTable(Section):
    branches: list[str] = Field(
        default_factory=lambda: ["*"],
        description="Patterns of the branches that get an environment of their own.",
        examples=[["feature/*"]],
    )
    clone_data_from: str | None = Field(
        None, description="The environment whose data a new one begins with.", examples=["production"]
    )
    expire_after: Duration | None = Field(
        None, description="Removed when it got no commit for this long. Default: with the branch.", examples=["7d"]
    )
    limit: int = Field(10, ge=0, le=1000, description="Most of them at a time.", examples=[10])


class FleetFile(Section):
    """One app on one target."""

    source: SourceTable = Field(description="Where commits come from.")
    environments: dict[Label, EnvironmentTable] = Field(
        default_factory=dict,
        description="Environments by name; all but `production` answer at `<environment>--<app>.localhost`.",
    )
    previews: PreviewsTable | None = Field(
        None, description="Every other branch becomes an environment. Absent: none does."
    )


class _Mistake(NamedTuple):
    keys: KeyPath
    what: str
    hint: str = ""


def parse_fleet_file(app: str, text: str, path: str = "") -> AppFleetSpec:
    """The values that the file stands for. Raises ConfigError that names file, line and key."""
    path = path or f"{app}.toml"
    file = read_toml_model(text, path, FleetFile)
    for mistake in _mistakes(file):
        raise config_error(text, path, mistake.keys, mistake.what, mistake.hint)
    try:
        environments = tuple(_environment(app, name, table) for name, table in file.environments.items())
    except UsageError as err:
        raise ConfigError(f"{path}: {err.message}", hint=err.hint) from err
    previews = None if file.previews is None else _previews(file.previews)
    return AppFleetSpec(app, _source(file.source), environments, previews)


def _mistakes(file: FleetFile) -> Iterator[_Mistake]:
    """What only a comparison of several values shows."""
    claimed: set[str] = set()
    for name, table in file.environments.items():
        place: KeyPath = ("environments", name)
        if is_trial(EnvironmentKey("app", name)):
            yield _Mistake(place, f"{name} is a name of throw-away copies, which are removed", "Choose another name.")
        for number, domain in enumerate(table.domains):
            if domain in claimed:
                yield _Mistake((*place, "domains", number), f"{domain} is claimed twice", "Remove one of the two.")
            claimed.add(domain)
        for both in sorted(table.variables.keys() & table.secrets.keys()):
            hint = "Remove one of the two."
            yield _Mistake((*place, "variables", both), f"{both} is set as a variable and as a secret", hint)
        yield from _unknown_origin(file, table.clone_data_from, (*place, "clone_data_from"))
    if file.previews:
        yield from _unknown_origin(file, file.previews.clone_data_from, ("previews", "clone_data_from"))


def _unknown_origin(file: FleetFile, origin: str | None, keys: KeyPath) -> Iterator[_Mistake]:
    if origin is not None and origin not in file.environments:
        nearest = nearest_key(origin, file.environments)
        guess = f"; did you mean {nearest}?" if nearest else ""
        there = ", ".join(file.environments) or "none"
        yield _Mistake(keys, f"there is no environment {origin[:100]!r}{guess}", f"There is: {there[:300]}.")


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
