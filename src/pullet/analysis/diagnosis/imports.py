"""Undeclared imports, programs and extras: what the code uses and its dependency list does not have."""

from __future__ import annotations

import re
import sys

from packaging.utils import canonicalize_name

from pullet.analysis.diagnosis.names import SERVERS, distribution_of
from pullet.analysis.diagnosis.reading import Failure
from pullet.domain.healing import Change, ChangeKind, Diagnosis

_MISSING = re.compile(r"No module named '?([\w.]+)'?")
_SAID: tuple[tuple[str, str], ...] = (
    (r"Form data requires \"python-multipart\"", "python-multipart"),
    (r"email-validator is not installed", "email-validator"),
    (r"Cannot use ImageField because Pillow is not installed", "pillow"),
    (r"Error loading psycopg2? (?:or psycopg )?module", "psycopg2-binary"),
    (r"Error loading MySQLdb module|Did you install mysqlclient", "mysqlclient"),
    (r"jinja2 must be installed to use", "jinja2"),
    (r"itsdangerous must be installed|SessionMiddleware.{0,60}itsdangerous", "itsdangerous"),
    (r"'cryptography' package is required", "cryptography"),
    (r"the greenlet library is required", "greenlet"),
    (r"Missing optional dependency '(openpyxl|xlrd|lxml|tabulate|pyarrow|SQLAlchemy)'", "{1}"),
    (r"Couldn't import Django", "django"),
)
_NO_PROGRAM = re.compile(
    r"(?:sh|bash|exec|env)[^\n]{0,30}?: ([\w-]+): (?:command )?not found|"
    r"No such file or directory: b?'(?:[^'\n]*/)?([\w-]+)'|‘?([\w-]+)’?: No such file or directory"
)


def pkg_resources(failure: Failure) -> Diagnosis | None:
    if not re.search(r"No module named '?pkg_resources", failure.text):
        return None
    return Diagnosis(
        "the code imports pkg_resources, which setuptools has no more since version 81",
        Change(ChangeKind.REQUIREMENT, "setuptools<81"),
        pin=failure.facts.own_pin("setuptools"),  # what only came along in a lock is nobody's choice
    )


def undeclared(failure: Failure) -> Diagnosis | None:
    """The innermost import that failed: what is raised after it only follows from it."""
    for module in dict.fromkeys(found[1] for found in _MISSING.finditer(failure.text)):
        if (diagnosis := _missing(failure, module)) is not None:
            return diagnosis
    return None


def _missing(failure: Failure, module: str) -> Diagnosis | None:
    requirement = distribution_of(module)
    name = re.split(r"[\[<]", requirement)[0]
    if not requirement or module.partition(".")[0] in sys.stdlib_module_names:
        return None
    if canonicalize_name(name) in failure.facts.installed:
        return None
    if failure.facts.asks_for(name) and "." in module:
        return None
    cause = f"the code imports {module}, and {failure.facts.file} does not list {name}"
    return Diagnosis(cause, Change(ChangeKind.REQUIREMENT, requirement))


def unknown(failure: Failure) -> Diagnosis | None:
    """Said, but not installed: anybody can register a name."""
    for found in reversed(list(_MISSING.finditer(failure.text))):
        top = found[1].partition(".")[0]
        if top not in sys.stdlib_module_names and canonicalize_name(top) not in failure.facts.installed:
            return Diagnosis(
                f"the code imports {found[1]}, which neither the repository nor a dependency has",
                hint=f"Commit the module, or add what brings it to {failure.facts.file}.",
            )
    return None


def said(failure: Failure) -> Diagnosis | None:
    """Libraries that name what they miss."""
    for pattern, template in _SAID:
        if match := re.search(pattern, failure.text):
            requirement = template.format(match[0], *match.groups())
            if canonicalize_name(requirement) in failure.facts.installed:
                return None
            cause = f"the code needs {requirement}, and {failure.facts.file} does not list it"
            return Diagnosis(cause, Change(ChangeKind.REQUIREMENT, requirement))
    return None


def no_program(failure: Failure) -> Diagnosis | None:
    for found in _NO_PROGRAM.finditer(failure.text):
        program = next(group for group in found.groups() if group)
        if program not in SERVERS:
            continue
        requirement = "waitress" if program == "waitress-serve" else program
        if canonicalize_name(requirement) not in failure.facts.installed:
            cause = f"the command runs {program}, and {failure.facts.file} does not list {requirement}"
            return Diagnosis(cause, Change(ChangeKind.REQUIREMENT, requirement))
    return None
