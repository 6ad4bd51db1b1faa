"""Trouble with the interpreter: what newer versions of Python took away, and what older ones do not have yet."""

from __future__ import annotations

import re
from collections.abc import Sequence

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from pullet.analysis.diagnosis.facts import Facts, Minor, current_at, minor_of
from pullet.analysis.diagnosis.reading import Failure
from pullet.domain.healing import Change, ChangeKind, Diagnosis

_REMOVED_MODULES: dict[Minor, str] = {
    (3, 10): "formatter parser symbol",
    (3, 11): "binhex",
    (3, 12): "asynchat asyncore distutils imp smtpd",
    (3, 13): "aifc audioop cgi cgitb chunk crypt imghdr lib2to3 mailcap msilib nis nntplib ossaudiodev pipes sndhdr "
    "spwd sunau telnetlib uu xdrlib",
}
_REMOVED: dict[str, Minor] = {
    module: minor for minor, modules in _REMOVED_MODULES.items() for module in modules.split()
}
_REMOVED_NAMES: tuple[tuple[str, Minor], ...] = (
    (r"__class__ not set defining '\w+'", (3, 8)),  # metaclasses of Django up to 1.10
    (r"No module named '[\w.]{0,80}\bsix\.moves", (3, 12)),  # a copy of six from before find_spec
    (r"cannot import name '\w+' from 'collections'|module 'collections' has no attribute", (3, 10)),
    (r"cannot import name '?gcd'? from '?fractions", (3, 9)),
    (r"module '(?:base64|array)' has no attribute '(?:decodestring|encodestring|tostring)'", (3, 9)),
    (r"'Thread' object has no attribute 'isAlive'|'\w*Element' object has no attribute 'getchildren'", (3, 9)),
    (r"module 'inspect' has no attribute '(?:getargspec|formatargspec)'|cannot import name 'getargspec'", (3, 11)),
    (r"module 'asyncio' has no attribute 'coroutine'|cannot import name 'coroutine' from 'asyncio'", (3, 11)),
    (r"got an unexpected keyword argument 'loop'", (3, 10)),
    (r"module 'pkgutil' has no attribute '(?:ImpImporter|ImpLoader)'", (3, 12)),
    (r"module 'configparser' has no attribute|cannot import name 'SafeConfigParser'", (3, 12)),
    (r"module 'ssl' has no attribute '(?:wrap_socket|match_hostname)'", (3, 12)),
    (r"module 'locale' has no attribute 'format'", (3, 12)),
    (r"_evaluate\(\) missing 1 required (?:keyword-only|positional) argument: 'recursive_guard'", (3, 12)),
    (r"Class SQLCoreOperations directly inherits TypingOnly", (3, 13)),
    (r"module 'ast' has no attribute '(?:Str|Num|Bytes|NameConstant)'", (3, 12)),
    (r"_PyCFrame|recursion_depth|recursion_remaining|set_new_cframe", (3, 12)),
    (r"longintrepr\.h|use_tracing|PyFrameObject.{0,60}incomplete|invalid use of incomplete typedef .PyFrame", (3, 11)),
    (r"_PyUnicode_FastCopyCharacters|_PyLong_AsByteArray|Py_UNICODE|PyUnicode_AS_UNICODE", (3, 12)),
    (r"KeyError: '__version__'", (3, 13)),
)
_ADDED: tuple[tuple[str, Minor], ...] = (
    (r"No module named 'zoneinfo'", (3, 9)),
    (r"No module named 'tomllib'", (3, 11)),
    (r"TypeError: 'type' object is not subscriptable|ABCMeta' object is not subscriptable", (3, 9)),
    (r"TypeError: unsupported operand type\(s\) for \|: '(?:type|_\w+|NoneType|ModelMetaclass)'", (3, 10)),
    (r"cannot import name '(?:ParamSpec|TypeAlias|TypeGuard|Concatenate)' from 'typing'", (3, 10)),
    (r"cannot import name '(?:Self|NotRequired|Required|LiteralString|Unpack|assert_never)' from 'typing'", (3, 11)),
    (r"cannot import name '(?:StrEnum)' from 'enum'|cannot import name 'UTC' from 'datetime'", (3, 11)),
    (r"module 'asyncio' has no attribute '(?:TaskGroup|timeout|Runner)'", (3, 11)),
    (r"cannot import name 'override' from 'typing'|cannot import name 'batched' from 'itertools'", (3, 12)),
    (r"(?m)^[ \t]*match \S.*:\n(?:[ \t]*\^+\n)?SyntaxError: invalid syntax", (3, 10)),
    (r"(?m)^[ \t]*except\* .*\n(?:[ \t]*\^+\n)?SyntaxError", (3, 11)),
    (r"(?m)^[ \t]*type \w+.* = .*\n(?:[ \t]*\^+\n)?SyntaxError", (3, 12)),
    (r"SyntaxError: f-string: (?:expecting|unmatched|unterminated)", (3, 12)),
)
_REQUIRES = re.compile(
    r"(?:does not satisfy Python|depends on Python|not in|[Rr]equires[- ]Python:?)\s*'?((?:[<>=!~]=?\s*[\d.*]+,?\s*)+)"
)
_PYTHON_2 = re.compile(
    r"Missing parentheses in call to 'print'|No module named '(?:urllib2|ConfigParser|StringIO|httplib)'"
)


def too_new(failure: Failure) -> Diagnosis | None:
    """Something that Python no longer has."""
    found = re.search(r"No module named '(\w+)", failure.text)
    bound = _REMOVED.get(found[1]) if found else None
    if found and bound and failure.facts.minor >= bound:
        why = f"the module {found[1]} is gone from Python since {_text(bound)}"
        return _distutils(failure, found[1], _below(failure.facts, bound, why))
    for pattern, bound in _REMOVED_NAMES:
        if failure.facts.minor >= bound and (match := re.search(pattern, failure.text)):
            return _below(failure.facts, bound, f"{_quoted(match[0])}: that changed with Python {_text(bound)}")
    return None


def too_old(failure: Failure) -> Diagnosis | None:
    """Something that this Python does not have yet."""
    for pattern, least in _ADDED:
        if (0, 0) < failure.facts.minor < least and (match := re.search(pattern, failure.text)):
            last = match[0].strip().splitlines()[-1]
            why = f"{_quoted(last)}: the code needs Python {_text(least)}"
            chosen = next((one for one in failure.facts.pythons if minor_of(one) >= least), "")
            return _changed(failure.facts, chosen, why)
    return None


def required(failure: Failure) -> Diagnosis | None:
    """A dependency that says itself which Python it wants."""
    for found in _REQUIRES.finditer(failure.text):
        try:
            wanted = SpecifierSet(found[1].strip().rstrip(",").replace(" ", ""))
        except InvalidSpecifier:
            continue
        if failure.facts.python and failure.facts.python not in wanted:
            chosen = next((one for one in reversed(failure.facts.pythons) if one in wanted), "")
            return _changed(failure.facts, chosen, f"a dependency works with Python {wanted} only")
    return None


def old_code(failure: Failure) -> Diagnosis | None:
    if not _PYTHON_2.search(failure.text):
        return None
    return Diagnosis("the code is written for Python 2, which no longer exists", hint="Port it to Python 3.")


def source_build(failure: Failure) -> Diagnosis | None:
    """A package failed to build for whatever reason: with an older Python there may be a wheel of it."""
    found = re.search(r"(?:Failed to build|Failed to download and build) `?([^`\s]+)", failure.text)
    facts = failure.facts
    if found is None or not facts.python:
        return None
    then = current_at(facts.committed)
    why = f"{found[1]} has no wheel for Python {_text(facts.minor)} and cannot be built from source"
    if facts.minor > then:
        return _below(facts, (then[0], then[1] + 1), why)
    return _below(facts, facts.minor, why)


def _below(facts: Facts, bound: Minor, why: str) -> Diagnosis:
    """The newest of the box that is older than `bound`."""
    older: Sequence[str] = [one for one in facts.pythons if minor_of(one) < min(bound, facts.minor)]
    allowed = [one for one in older if facts.allows(one)]
    return _changed(facts, (allowed or [""])[-1], why)


def _changed(facts: Facts, chosen: str, why: str) -> Diagnosis:
    if not chosen or not facts.allows(chosen):
        return Diagnosis(why, hint="Install a Python that fits, or update the dependencies.")
    change = Change(ChangeKind.PYTHON, _text(minor_of(chosen)))
    return Diagnosis(why, change, pin=facts.python_pin)


def _distutils(failure: Failure, module: str, diagnosis: Diagnosis) -> Diagnosis:
    """Where no older Python may be used: setuptools brings a copy of distutils."""
    if module != "distutils" or (diagnosis.change and not diagnosis.pin):
        return diagnosis
    change = Change(ChangeKind.REQUIREMENT, "setuptools<81")
    return Diagnosis(diagnosis.cause, change, pin=failure.facts.pin("setuptools"))


def _text(minor: Minor) -> str:
    return f"{minor[0]}.{minor[1]}"


def _quoted(text: str) -> str:
    return text.strip()[:160]
