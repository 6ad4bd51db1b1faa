"""Dependencies that time has broken: unpinned ones whose newest version the code was not written for."""

from __future__ import annotations

import re
import sys

from packaging.utils import canonicalize_name

from pullet.analysis.diagnosis.reading import Caught, Failure
from pullet.domain.healing import Change, ChangeKind, Diagnosis

_INNER = frozenset({"TypeError", "AttributeError", "ImportError", "ModuleNotFoundError", "NameError"})
_OF_LIBRARIES = frozenset(
    """NoSuchModuleError ArgumentError InvalidRequestError ObjectNotExecutableError PydanticUserError
    PydanticImportError PydanticUndefinedAnnotation TemplateAssertionError FieldError VersionConflict
    DistributionNotFound""".split()  # noqa: SIM905
)
"""Exceptions that a changed library raises about how it is used."""
_FROM = re.compile(r"cannot import name '?[\w.]+'? from (?:partially initialized module )?'?([\w.]+)'?(.*)")
_ATTRIBUTE = re.compile(r"module '([\w.]+)' has no attribute")
_CALL = re.compile(r"unexpected keyword argument|positional arguments? but|missing \d+ required")


def drifted(failure: Failure) -> Diagnosis | None:
    """Only where versions were left open, so that others may be chosen without changing a pin."""
    facts = failure.facts
    caught = next((each for each in failure.exceptions if _blames_library(each, failure)), None)
    if caught is None:
        return None
    said = f"{caught.type}: {caught.message}"[:200]
    where = f" in {library}" if (library := _library(caught)) else ""
    if facts.locked:
        hint = f"The versions are locked by {facts.file}: lock it anew with ones that work together."
        return Diagnosis(f"the code does not fit the version of a dependency{where} ({said})", hint=hint)
    change = Change(ChangeKind.EXCLUDE_NEWER, facts.as_of) if facts.as_of else None
    return Diagnosis(f"a newer version of a dependency than the code was written for fails{where} ({said})", change)


def _blames_library(caught: Caught, failure: Failure) -> bool:
    if caught.type in _OF_LIBRARIES:
        return True
    if caught.type not in _INNER:
        return False
    module = _module_of(caught.message)
    if module:
        return _is_installed(module, caught, failure)
    return caught.in_library or bool(_CALL.search(caught.message) and _is_at_import(failure))


def _module_of(message: str) -> str:
    found = (
        _FROM.search(message) or _ATTRIBUTE.search(message) or re.search(r"No module named '([\w]+\.[\w.]+)'", message)
    )
    return found[1] if found else ""


def _is_installed(module: str, caught: Caught, failure: Failure) -> bool:
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return False
    return (
        "site-packages/" in caught.message
        or f"site-packages/{top}" in failure.text
        or caught.in_library
        or (canonicalize_name(top) in failure.facts.installed)
    )


def _is_at_import(failure: Failure) -> bool:
    """The app's own code calls a library wrongly while it is imported."""
    return "<frozen importlib" in failure.text or "in <module>" in failure.text


def _library(caught: Caught) -> str:
    found = re.search(r"site-packages/([\w-]+)", caught.file) or re.search(
        r"from '([\w]+)|module '([\w]+)", caught.message
    )
    return next((group for group in found.groups() if group), "") if found else ""
