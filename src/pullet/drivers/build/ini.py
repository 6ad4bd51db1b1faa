"""What setup.cfg, setup.py and tox.ini ask for, told from their texts: none of them is run."""

from __future__ import annotations

import ast
import configparser
import re
import warnings
from collections.abc import Iterator, Sequence

from packaging.utils import canonicalize_name

_FACTOR = re.compile(r"[\w.{},!-]+:\s")  # `py311: mock`: holds for some of tox's environments


def setup_extras(path: str, text: str, names: Sequence[str]) -> tuple[str, ...]:
    """Requirements of the extras with these names, and `tests_require`, of a setup.cfg or a setup.py."""
    tables = _in_program(text) if path.endswith(".py") else _in_configuration(text)
    return tuple(line for name in (*names, "tests-require") for line in tables.get(name, ()) if "%(" not in line)


def tox_lines(text: str) -> tuple[str, ...]:
    """`deps` of tox.ini's `[testenv]`, less what holds for some environments only and what has tox's variables."""
    lines = _lines(_parsed(text).get("testenv", "deps", fallback=""))
    return tuple(line for line in lines if "{" not in line and not _FACTOR.match(line))


def _in_configuration(text: str) -> dict[str, tuple[str, ...]]:
    parser = _parsed(text)
    extras = dict(parser["options.extras_require"]) if parser.has_section("options.extras_require") else {}
    own = parser.get("options", "tests_require", fallback="")
    return {canonicalize_name(name): _lines(value) for name, value in {**extras, "tests-require": own}.items()}


def _parsed(text: str) -> configparser.RawConfigParser:
    """Empty where it does not parse."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return configparser.RawConfigParser()
    return parser


def _lines(value: str) -> tuple[str, ...]:
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in value.splitlines())
    return tuple(line for line in lines if line)


def _in_program(text: str) -> dict[str, tuple[str, ...]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    values = dict(_assigned(tree))
    found: dict[str, tuple[str, ...]] = {}
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg="tests_require", value=value):
                found["tests-require"] = _texts(value, values)
            case ast.keyword(arg="extras_require", value=value):
                found |= _by_name(value, values)
    return found


def _assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value


def _by_name(node: ast.expr, values: dict[str, ast.expr]) -> dict[str, tuple[str, ...]]:
    table = values.get(node.id) if isinstance(node, ast.Name) else node
    if not isinstance(table, ast.Dict):
        return {}
    return {
        canonicalize_name(key.value): _texts(value, values)
        for key, value in zip(table.keys, table.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def _texts(node: ast.expr, values: dict[str, ast.expr]) -> tuple[str, ...]:
    given = values.get(node.id) if isinstance(node, ast.Name) else node
    if not isinstance(given, ast.List | ast.Tuple):
        return ()
    return tuple(each.value for each in given.elts if isinstance(each, ast.Constant) and isinstance(each.value, str))
