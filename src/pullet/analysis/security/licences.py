"""Under which licence a package may be used, as SPDX names it, and whether that asks for one's own code in return."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pullet.analysis.security.metadata import Installed
from pullet.domain.security import Basis, Finding, Severity, Spot

_UNTRUSTED = 1357
CWES = (_UNTRUSTED,)
_STRONG = re.compile(r"^(AGPL|GPL|SSPL|EUPL|OSL|CC-BY-SA|QPL|Sleepycat)(-|$)")
_EXPRESSION = re.compile(r"[A-Za-z0-9.+-]+|[()]")
_WORDS = frozenset({"and", "or", "with"})
_LISTED = 20
_DEPTH = 20  # brackets
# what old metadata say -> SPDX; of several that fit the first counts
_SAID = (
    (r"\bAffero|\bAGPL", "AGPL-3.0-or-later"),
    (r"\bLesser|\bLibrary General|\bLGPL", "LGPL-3.0-or-later"),
    (r"\bGPL ?v?2|General Public License v2", "GPL-2.0-or-later"),
    (r"\bGeneral Public|\bGPL", "GPL-3.0-or-later"),
    (r"\bMozilla|\bMPL", "MPL-2.0"),
    (r"\bApache", "Apache-2.0"),
    (r"\bMIT[- ]0\b|\bNo Attribution", "MIT-0"),
    (r"\bMIT\b|\bExpat\b", "MIT"),
    (r"\b2-Clause|\bSimplified BSD", "BSD-2-Clause"),
    (r"\bBSD", "BSD-3-Clause"),
    (r"\bISC\b", "ISC"),
    (r"\bPython Software Foundation|\bPSF", "PSF-2.0"),
    (r"\bUnlicense", "Unlicense"),
    (r"\bPublic Domain|\bCC0", "CC0-1.0"),
    (r"\bZope Public|\bZPL", "ZPL-2.1"),
    (r"\bEclipse Public", "EPL-2.0"),
    (r"\bHistorical Permission|\bHPND", "HPND"),
    (r"\bzlib", "Zlib"),
    (r"\bBoost", "BSL-1.0"),
)
_PLAIN = re.compile(
    r"^(0BSD|AFL|AGPL|Apache|Artistic|BSD|BSL|BlueOak|CC0|CC-BY|CDDL|CNRI|ECL|EPL|EUPL|GPL|HPND|ISC|LGPL|MIT|MPL|MS-PL"
    r"|MulanPSL|NCSA|OFL|OSL|PSF|PostgreSQL|Python|QPL|SSPL|Sleepycat|UPL|Unlicense|W3C|WTFPL|ZPL|Zlib|zlib)(-[\w.+-]+)?$"
)


@dataclass(frozen=True)
class Licence:
    """Of one package."""

    package: str
    version: str
    expression: str
    """SPDX; empty where nobody can tell."""

    @property
    def copyleft(self) -> bool:
        """Whether every way to use it asks for the source of what is built on it."""
        return bool(self.expression) and _demands(self.expression)


def licence(package: Installed) -> Licence:
    """The stated expression, else what its classifiers or its old free text say."""
    return Licence(package.name, package.version, _stated(package.licence) or _told(package))


def licence_findings(licences: Iterable[Licence], spot: Spot) -> tuple[Finding, ...]:
    licences = tuple(licences)
    strong = [each for each in licences if each.copyleft]
    unknown = [each.package for each in licences if not each.expression]
    return (*(_copyleft(each, spot) for each in strong), *((_unknown(unknown, spot),) if unknown else ()))


def _copyleft(each: Licence, spot: Spot) -> Finding:
    served = "also to whoever uses it over the network" if "AGPL" in each.expression else "to whoever receives a copy"
    return Finding(
        rule="licences/copyleft",
        cwe=_UNTRUSTED,
        severity=Severity.NOTE,
        basis=Basis.PATTERN,
        title=f"{each.package} is under {each.expression}",
        spot=spot,
        reason=f"What is built on it has to be given on under the same terms, {served}.",
        fix=f"Ask who answers for licences whether that suits the app, or replace {each.package}.",
        code=f"{each.package}=={each.version}",
        sink=each.package,
        identity=f"copyleft {each.package}",
    )


def _unknown(names: Sequence[str], spot: Spot) -> Finding:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return Finding(
        rule="licences/unknown",
        cwe=_UNTRUSTED,
        severity=Severity.NOTE,
        basis=Basis.PATTERN,
        title=f"{len(names)} installed package{'' if len(names) == 1 else 's'} without a licence that is known",
        spot=spot,
        reason="Without a licence nobody may use a work; with an unusual one somebody has to read it.",
        fix="Look into their repositories, and ask who publishes them to state an SPDX expression.",
        code=f"{', '.join(names[:_LISTED])}{more}",
        sink="licences",
        identity="unknown licences",
    )


def _stated(text: str) -> str:
    """An SPDX expression all of whose names are of a family that is known; else empty."""
    words = [word for word in _EXPRESSION.findall(text) if word not in "()"]
    if not words or text.count("(") > _DEPTH or _EXPRESSION.sub("", text).strip():
        return ""
    names = [word for place, word in enumerate(words) if word.lower() not in _WORDS and not _excepted(words, place)]
    return " ".join(text.split()) if names and all(_PLAIN.match(name) for name in names) else ""


def _excepted(words: Sequence[str], place: int) -> bool:
    return place > 0 and words[place - 1].lower() == "with"


def _told(package: Installed) -> str:
    found = [_spdx(each) for each in (*package.classifiers, package.licence)]
    return " OR ".join(dict.fromkeys(each for each in found if each))


def _spdx(text: str) -> str:
    short = text.rpartition("::")[2].strip()[:120]
    return next((spdx for pattern, spdx in _SAID if re.search(pattern, short, re.IGNORECASE)), "")


def _demands(expression: str) -> bool:
    """An alternative without copyleft frees the whole; of parts that hold together, each counts."""
    words = _EXPRESSION.findall(expression)
    demanded, _ = _alternatives(words, 0)
    return demanded


def _alternatives(words: Sequence[str], at: int) -> tuple[bool, int]:
    demanded, at = _together(words, at)
    while at < len(words) and words[at].lower() == "or":
        other, at = _together(words, at + 1)
        demanded = demanded and other
    return demanded, at


def _together(words: Sequence[str], at: int) -> tuple[bool, int]:
    demanded, at = _one(words, at)
    while at < len(words) and words[at].lower() == "and":
        other, at = _one(words, at + 1)
        demanded = demanded or other
    return demanded, at


def _one(words: Sequence[str], at: int) -> tuple[bool, int]:
    if at >= len(words):
        return False, at
    if words[at] == "(":
        demanded, at = _alternatives(words, at + 1)
        return demanded, at + 1
    demanded = bool(_STRONG.match(words[at]))
    if at + 2 < len(words) and words[at + 1].lower() == "with":
        return False, at + 3  # an exception is there to allow linking
    return demanded, at + 1
