"""docs/reference/configuration.md and pullet.schema.json from the models: manual, check and schema are one thing.

`python -m pullet.config.reference FOLDER` writes both into the folder.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pullet.config.app_file import AppFile
from pullet.config.settings_file import SettingsFile

_HEAD = """\
# Configuration

Made from the models that check it, by `python -m pullet.config.reference docs/reference`; a test keeps it so.
"""
_APP = """\
## pullet.toml

At the top of the app's repository, or as `[tool.pullet]` in pyproject.toml. Everything is optional: what is not written
is detected, and `pullet explain APP` says what was found where. An unknown key is an error that names the nearest known
one. A time is written with its unit (`"500ms"`, `"15s"`, `"5m"`, `"1h"`, `"7d"`), and so is a size (`"512M"`, `"2G"`).
An editor can check the file against [pullet.schema.json](pullet.schema.json).
"""
_SETTINGS = """\
## settings.toml

In `$PULLET_HOME`: what was chosen for this box. Options of `pullet serve` and `pullet up` are kept here.
"""


def render() -> str:
    return "\n".join((_HEAD, _APP, *_tables(AppFile), _SETTINGS, *_tables(SettingsFile)))


def schema() -> str:
    return json.dumps(AppFile.model_json_schema(), indent=2) + "\n"


def _tables(model: type[BaseModel]) -> Iterator[str]:
    document = model.model_json_schema()
    definitions: dict[str, Any] = document.get("$defs", {})
    yield from _table("", document, definitions)


def _table(name: str, node: dict[str, Any], definitions: dict[str, Any]) -> Iterator[str]:
    """One heading a table, depth first; keys of scalars as a list beneath it."""
    keys, tables = [], []
    for key, field in node.get("properties", {}).items():
        path, inner = _inner(f"{name}.{key}" if name else key, field, definitions)
        if inner is not None:
            tables.append((path, {**inner, "description": field.get("description") or inner.get("description", "")}))
        else:
            keys.append(_key(key, field, key in node.get("required", [])))
    if name:
        yield f"### `[{name}]`\n\n{node.get('description', '')}\n"
    if keys:
        yield "\n".join(keys) + "\n"
    for path, inner in tables:
        yield from _table(path, inner, definitions)


def _inner(path: str, field: dict[str, Any], definitions: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """The table that a field holds, if it holds one; `<name>` stands for a key of the user's choice."""
    for option in (field, *field.get("anyOf", [])):
        if "$ref" in option:
            return path, definitions[option["$ref"].rsplit("/", 1)[-1]]
        values = option.get("additionalProperties") or next(iter(option.get("patternProperties", {}).values()), None)
        if isinstance(values, dict) and "$ref" in values:
            return f"{path}.<name>", definitions[values["$ref"].rsplit("/", 1)[-1]]
    return path, None


def _key(name: str, field: dict[str, Any], required: bool) -> str:
    facts = ["required"] if required else []
    if field.get("default") not in (None, [], {}, ""):
        facts.append(f"default `{json.dumps(field['default'])}`")
    for example in field.get("examples", [])[:1]:
        facts.append(f"e.g. `{json.dumps(example)}`")
    choices = next((option["enum"] for option in (field, *field.get("anyOf", [])) if "enum" in option), None)
    if choices:
        facts.append("one of " + ", ".join(f"`{choice}`" for choice in choices))
    return f"- **`{name}`**: {field.get('description', '')}" + (f" ({'; '.join(facts)})" if facts else "")


def write(folder: Path) -> None:
    (folder / "configuration.md").write_text(render())
    (folder / "pullet.schema.json").write_text(schema())


if __name__ == "__main__":
    write(Path(sys.argv[1]))
