"""Edits of a fleet file: text in, text out, comments kept. Every result is one that `parse_fleet_file` reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AbstractTable

from pullet.config.fleet_file import parse_fleet_file
from pullet.domain.errors import ConfigError, NotFound
from pullet.domain.fleet import Hold, Track, TrackKind
from pullet.domain.identity import PRODUCTION

_ON_ONE_LINE = 4  # items of a list


def new_app_file(app: str, url: str, branch: str, environment: str = PRODUCTION) -> str:
    """The shortest file that runs an app."""
    document = tomlkit.document()
    document["source"] = {"url": url}
    _environments(document)[environment] = {"branch": branch}
    return _checked(app, tomlkit.dumps(document))


def set_source(app: str, text: str, url: str) -> str:
    return _edit(app, text, lambda document: document["source"].update({"url": url}))


def set_track(app: str, text: str, environment: str, track: Track) -> str:
    """Follow this from now on. An environment that is not there yet is made."""

    def change(document: Any) -> None:
        table = _environments(document).setdefault(environment, tomlkit.table())
        for kind in TrackKind:
            if kind is not track.kind:
                table.pop(kind.value, None)
        table[track.kind.value] = track.value

    return _edit(app, text, change)


def set_source_branch(app: str, text: str, environment: str, branch: str) -> str:
    return set_track(app, text, environment, Track(TrackKind.BRANCH, branch))


def remove_environment(app: str, text: str, environment: str) -> str:
    def change(document: Any) -> None:
        _environment(document, environment)
        del document["environments"][environment]

    return _edit(app, text, change)


def set_suspended(app: str, text: str, environment: str, suspended: bool) -> str:
    return _edit_environment(app, text, environment, lambda table: _put(table, "suspended", suspended or None))


def set_rollback(app: str, text: str, environment: str, hold: Hold) -> str:
    def change(table: Any) -> None:
        rollback = tomlkit.table()
        rollback["revision"] = hold.revision
        if hold.release is not None:
            rollback["release"] = hold.release
        if hold.configuration:
            rollback["configuration"] = hold.configuration
        rollback["skip"] = list(hold.skip)
        _put(table, "rollback", rollback)

    return _edit_environment(app, text, environment, change)


def clear_rollback(app: str, text: str, environment: str) -> str:
    return _edit_environment(app, text, environment, lambda table: _put(table, "rollback", None))


def set_previews(app: str, text: str, changes: Mapping[str, object] | None) -> str:
    """Switch previews on, with these settings changed; None: off."""

    def change(document: Any) -> None:
        if changes is None:
            document.pop("previews", None)
            return
        if "previews" not in document:
            document["previews"] = tomlkit.table()
        document["previews"].update(changes)

    return _edit(app, text, change)


def set_variable(app: str, text: str, environment: str, name: str, value: str) -> str:
    return _edit_environment(app, text, environment, lambda table: _nested(table, "variables").update({name: value}))


def unset_variable(app: str, text: str, environment: str, name: str) -> str:
    return _edit_environment(app, text, environment, lambda table: table.get("variables", {}).pop(name, None))


def set_secret(app: str, text: str, environment: str, name: str, sealed: str) -> str:
    """A table of its own, a line each: sealed values are long."""

    def change(table: Any) -> None:
        if "secrets" not in table and isinstance(table, tomlkit.items.Table):
            _put(table, "secrets", tomlkit.table())
        _nested(table, "secrets")[name] = sealed

    return _edit_environment(app, text, environment, change)


def unset_secret(app: str, text: str, environment: str, name: str) -> str:
    """Raises NotFound."""

    def change(table: Any) -> None:
        secrets = table.get("secrets", {})
        if name not in secrets:
            raise NotFound(f"{app}/{environment} has no sealed secret {name}", hint=f"`pullet secrets list {app}`.")
        del secrets[name]

    return _edit_environment(app, text, environment, change)


def set_domains(app: str, text: str, environment: str, domains: Sequence[str]) -> str:
    return _edit_environment(app, text, environment, lambda table: _put(table, "domains", _list(domains) or None))


def set_instances(app: str, text: str, environment: str, process: str, instances: int) -> str:
    def change(table: Any) -> None:
        _nested(_nested(table, "processes"), process)["instances"] = instances

    return _edit_environment(app, text, environment, change)


def _edit(app: str, text: str, change: Callable[[Any], object]) -> str:
    parse_fleet_file(app, text)  # what cannot be read is not edited
    try:
        document = tomlkit.parse(text)
        change(document)
        return _checked(app, tomlkit.dumps(document))
    except TOMLKitError as err:
        raise ConfigError(f"{app}.toml could not be edited", context=str(err), hint="Edit the file by hand.") from err


def _edit_environment(app: str, text: str, environment: str, change: Callable[[Any], object]) -> str:
    return _edit(app, text, lambda document: change(_environment(document, environment)))


def _environments(document: Any) -> Any:
    return document.setdefault("environments", tomlkit.table(is_super_table=True))


def _environment(document: Any, name: str) -> Any:
    environments = document.get("environments", {})
    if name not in environments:
        there = ", ".join(environments) or "none"
        raise NotFound(f"There is no environment {name!r}", hint=f"There is: {there}.")
    return environments[name]


def _nested(table: Any, key: str) -> Any:
    """The table under `key`, made where missing; inline ones stay inline."""
    if key not in table:
        table[key] = tomlkit.inline_table()
    return table[key]


def _list(items: Sequence[str]) -> Any:
    """A long list has a line for each item: a line with too many dots is refused, and nobody could read it."""
    array = tomlkit.array()
    array.extend(items)
    return array.multiline(len(items) > _ON_ONE_LINE)


def _put(table: Any, key: str, value: object) -> None:
    """None removes the key. A plain value goes before sub-tables, or it would end up in the last of them."""
    if value is None:
        table.pop(key, None)
    elif key in table or isinstance(value, AbstractTable) or not isinstance(table, tomlkit.items.Table):
        table[key] = value
    else:
        nested = {name: table.pop(name) for name in list(table) if isinstance(table[name], tomlkit.items.Table)}
        table[key] = value
        table.update(nested)


def _checked(app: str, text: str) -> str:
    parse_fleet_file(app, text)
    return text
