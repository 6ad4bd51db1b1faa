"""The reference page and the editor schema of configuration files, rendered from the models that check them.

`scripts/reference` writes both; a unit test fails when what is committed is stale.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pullet.config.app_file import AppFile
from pullet.config.fleet_file import FleetFile
from pullet.config.reading import dotted, fields_by_key, is_open_table, model_inside, toml_value
from pullet.config.settings_file import SettingsFile
from pullet.config.values import Duration, Folder, PositiveDuration, Size


@dataclass(frozen=True)
class ConfigurationFile:
    """One kind of configuration file."""

    title: str
    introduction: str
    model: type[BaseModel]
    schema: str
    """File name of its JSON schema."""
    names: Mapping[str, str]
    """What stands for a key of the user's own in headings: `processes` -> `web`."""


APP_FILE = ConfigurationFile(
    title="pullet.toml",
    introduction="""At the root of an app's repository; or the same keys under `[tool.pullet]` in `pyproject.toml`, not
both. The file is optional, and so is every key: what is not written is detected, and `pullet explain APP` says from
which file and line. Unknown keys are errors that name the nearest known key. Durations are texts such as `"500ms"`,
`"5s"`, `"2m"`, `"7d"`; sizes are texts such as `"512M"`, `"1G"` (powers of 1024). Folders are relative and stay inside
the repository.""",
    model=AppFile,
    schema="pullet.schema.json",
    names={"processes": "web", "schedule": "cleanup", "services": "db", "gates.budget": '"GET /"'},
)
FLEET_FILE = ConfigurationFile(
    title="Fleet files",
    introduction="""`targets/<target>/apps/<app>.toml` in the fleet repository: where an app runs;
[an example](fleet.md). Commands such as `pullet rollback` write them; so may you.""",
    model=FleetFile,
    schema="fleet.schema.json",
    names={"environments": "production", "environments.production.processes": "web"},
)
SETTINGS = ConfigurationFile(
    title="settings.toml",
    introduction="""In `$PULLET_HOME`: what was chosen for this box. Options of `pullet serve` and `pullet up` are kept
here, so that the next start needs none.""",
    model=SettingsFile,
    schema="settings.schema.json",
    names={},
)
FILES = (APP_FILE, FLEET_FILE, SETTINGS)


def render(files: tuple[ConfigurationFile, ...] = FILES) -> dict[str, str]:
    """File name -> content: `configuration.md` and one schema a file."""
    head = (
        "# Configuration\n\n<!-- Written by scripts/reference from the models in src/pullet/config. Do not edit. -->\n"
    )
    pages = {"configuration.md": "\n".join([head, *("\n".join(_file(file)) for file in files)])}
    for file in files:
        schema = _without_parsed_defaults(file.model.model_json_schema(mode="validation"))
        schema["title"] = file.title
        pages[file.schema] = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    return pages


def _without_parsed_defaults(schema: Any) -> Any:
    """Defaults are values after parsing, 5.0 where a file has "5s": an editor would offer what is then refused."""
    if isinstance(schema, list):
        return [_without_parsed_defaults(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _without_parsed_defaults(value)
        for key, value in schema.items()
        if not (key == "default" and isinstance(value, float | dict | None))
    }


def _file(file: ConfigurationFile) -> Iterator[str]:
    yield f"## {file.title}\n\n{file.introduction}\n"
    yield f"Editors complete and check it with [{file.schema}]({file.schema}).\n"
    fields = fields_by_key(file.model)
    scalars = {
        k: f for k, f in fields.items() if model_inside(f.annotation) is None and not is_open_table(f.annotation)
    }
    if scalars:
        yield from _table(scalars)
    for key, field in fields.items():
        if key not in scalars:
            yield from _section(file, key, field)


def _section(file: ConfigurationFile, key: str, field: FieldInfo) -> Iterator[str]:
    """A heading, what the section is for, a table of its keys, and the sections inside it."""
    model = model_inside(field.annotation)
    name = f"{key}.{file.names.get(key, 'name')}" if is_open_table(field.annotation) and model else key
    yield f"### [{name}]\n\n{field.description}\n"
    if model is None:
        yield _example(name, field.examples[0] if field.examples else {})
        return
    plain = {k: inner for k, inner in fields_by_key(model).items() if model_inside(inner.annotation) is None}
    if plain:
        yield from _table(plain)
        yield _example(name, {k: inner.examples[0] for k, inner in plain.items() if inner.examples})
    for inner_key, inner in fields_by_key(model).items():
        if inner_key not in plain:
            yield from _section(file, f"{name}.{inner_key}", inner)


def _table(fields: Mapping[str, FieldInfo]) -> Iterator[str]:
    yield "| key | value | default | meaning |\n|---|---|---|---|"
    for key, field in fields.items():
        cells = (f"`{key}`", _kind(field), _default(field), field.description or "")
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""


def _example(name: str, values: Mapping[str, Any]) -> str:
    lines = "".join(f"{dotted((key,))} = {toml_value(value)}\n" for key, value in values.items())
    return f"```toml\n[{name}]\n{lines}```\n"


_KINDS: dict[object, str] = {str: "text", int: "whole number", float: "number", bool: "true or false"}
_NAMED = {  # by the first annotation, which is the parser
    id(get_args(alias)[1]): name
    for alias, name in ((Duration, "duration"), (PositiveDuration, "duration"), (Size, "size"), (Folder, "folder"))
}


def _kind(field: FieldInfo) -> str:
    """What a value looks like, for people."""
    named = next((_NAMED[id(part)] for part in field.metadata if id(part) in _NAMED), None)
    return named or _kind_of(field.annotation)


def _kind_of(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        named = next((_NAMED[id(part)] for part in arguments[1:] if id(part) in _NAMED), None)
        return named or _kind_of(arguments[0])
    if origin is Literal:
        return ", ".join(f'`"{choice}"`' for choice in arguments)
    if origin in (Union, types.UnionType):
        return _kind_of(next(part for part in arguments if part is not type(None)))
    if origin is list:
        inner = _kind_of(arguments[0])
        return f"list of {inner}" if inner.startswith("`") else f"list of {inner}s"
    return _KINDS.get(annotation, "table")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if default is None or default is PydanticUndefined:
        return ""
    if _kind(field) == "duration":
        return f'`"{_duration(default)}"`'
    return f"`{toml_value(default)}`"


def _duration(seconds: float) -> str:
    """As somebody would write it."""
    for unit, length in (("d", 86400.0), ("h", 3600.0)):
        if seconds and seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"
