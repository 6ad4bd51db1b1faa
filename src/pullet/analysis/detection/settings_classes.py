"""Variables that the fields of a pydantic-settings class are read from."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from pullet.analysis.detection.repository import dotted_name, literal_text

_FIELDS = 300  # of one class


class Field(NamedTuple):
    name: str
    line: int
    default: ast.expr | None
    """None: the class cannot be made without the variable."""
    prefix: str


def settings_fields(tree: ast.Module) -> Iterator[Field]:
    """In upper case, as variables are written."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(last_name(base).endswith("Settings") for base in node.bases):
            prefix = _prefix(node)
            if prefix is not None:
                yield from _fields(node, prefix.upper())


def _fields(node: ast.ClassDef, prefix: str) -> Iterator[Field]:
    for statement in node.body[:_FIELDS]:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), value=value, annotation=annotation):
                if name.startswith("_") or name == "model_config" or _is_class_variable(annotation):
                    continue
                default, aliases = _told(value)
                names = [(alias, "") for alias in aliases] or [(prefix + name, prefix)]
                yield from (Field(each.upper(), statement.lineno, default, start) for each, start in names)


def _is_class_variable(annotation: ast.expr) -> bool:
    inner = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return last_name(inner) == "ClassVar"


def _told(value: ast.expr | None) -> tuple[ast.expr | None, list[str]]:
    """(default, other names) of `= 5`, `= Field(5)`, `= Field(alias="PORT")`."""
    if not (isinstance(value, ast.Call) and last_name(value.func) == "Field"):
        return value, []
    said = {each.arg: each.value for each in value.keywords}
    default = said.get("default") or said.get("default_factory") or (value.args[0] if value.args else None)
    if isinstance(default, ast.Constant) and default.value is ...:
        default = None
    given = said.get("validation_alias") or said.get("alias") or said.get("env")
    inner = given.args if isinstance(given, ast.Call) else given.elts if isinstance(given, ast.List) else [given]
    return default, [text for each in inner if (text := literal_text(each))]


def _prefix(node: ast.ClassDef) -> str | None:
    """What `env_prefix` says; None where that is computed."""
    for statement in node.body:
        for inner in () if isinstance(statement, ast.FunctionDef) else ast.walk(statement):
            if (value := _prefix_in(inner)) is not None:
                return literal_text(value)
    return ""


def _prefix_in(node: ast.AST) -> ast.expr | None:
    match node:
        case ast.keyword(arg="env_prefix", value=value):
            return value
        case ast.Assign(targets=[ast.Name(id="env_prefix")], value=value):
            return value
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return next((value for key, value in pairs if literal_text(key) == "env_prefix"), None)
    return None


def last_name(node: ast.expr) -> str:
    """`BaseSettings` of `pydantic_settings.BaseSettings`."""
    return node.attr if isinstance(node, ast.Attribute) else dotted_name(node)
