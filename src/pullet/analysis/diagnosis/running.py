"""Data, settings, files and code that the repository does not have: hardly a change to a build mends that."""

from __future__ import annotations

import re
import sys

from packaging.utils import canonicalize_name

from pullet.analysis.diagnosis.reading import Failure
from pullet.domain.healing import MISSING, Change, ChangeKind, Diagnosis

_NO_TABLE = re.compile(
    r"no such table: ([\w.]{1,80})|relation \"([\w.]{1,80})\" does not exist|Table '([\w.]{1,80})' doesn't exist"
)
_NO_MIGRATIONS = re.compile(
    r"Path doesn't exist: \"?'?\S*migrations|No such file or directory: '?\S*migrations|"
    r"No 'script_location' key found|Directory \S*migrations\S* does not exist|No config file 'alembic.ini'"
)
_NO_STATIC = re.compile(r"The file '([^'\n]{1,200})' could not be found with <")
_NOT_IN_IT = re.compile(
    r"(?:cannot import name '\w+' from (?:partially initialized )?(?:module )?|module )'(\w+)'([^\n]*)"
)
_VARIABLE = (
    r"in __getitem__\n(?:[^\n]*\n){0,3}?[^\n]{0,40}KeyError: '([A-Z][A-Z0-9_]{1,60})'",
    r"UndefinedValueError: ([A-Z][A-Z0-9_]{1,60}) not found",
    r"ImproperlyConfigured: Set the ([A-Z][A-Z0-9_]{1,60}) environment variable",
    r"EnvError: Environment variable \"([A-Z][A-Z0-9_]{1,60})\" not set",
)


def missing_static(failure: Failure) -> Diagnosis | None:
    """Storages that put digests into names are strict about references; a browser does without such a file."""
    found = _NO_STATIC.search(failure.text)
    if found is None or failure.step != "build":
        return None
    change = Change(ChangeKind.STATIC, MISSING)
    return Diagnosis(f"a style sheet refers to {found[1]}, which is not among the static files", change)


def shadowed(failure: Failure) -> Diagnosis | None:
    """A file of the repository that has the name of a module of Python's or of a dependency."""
    for found in _NOT_IN_IT.finditer(failure.text):
        module, file = found[1], re.search(rf"/tree/({found[1]}(?:\.py|/__init__\.py))\b", found[2])
        taken = module in sys.stdlib_module_names or canonicalize_name(module) in failure.facts.installed
        if file and taken:
            return Diagnosis(
                f"{file[1]} has the name of a module that others import: {module}",
                hint=f"Rename {file[1].removesuffix('/__init__.py')}.",
            )
    return None


def no_table(failure: Failure) -> Diagnosis | None:
    table = _NO_TABLE.search(failure.text)
    if _NO_MIGRATIONS.search(failure.text):
        what = "no migrations are committed"
    elif table:
        what = f"the table {next(filter(None, table.groups()))} does not exist: no migration or seed command made it"
    else:
        return None
    return Diagnosis(
        what,
        hint="Let a release command make what the app expects, in pullet.toml:\n[release]\ncommands = "
        '["python manage.py migrate --noinput"]',
    )


def no_variable(failure: Failure) -> Diagnosis | None:
    for pattern in _VARIABLE:
        if found := re.search(pattern, failure.text):
            return Diagnosis(
                f"the app reads the variable {found[1]} at its start, and nothing sets it",
                hint=f"Set {found[1]} for the environment (`pullet secrets set`), or in pullet.toml under [variables].",
            )
    return None
