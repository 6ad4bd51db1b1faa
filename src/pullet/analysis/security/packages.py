"""How packages come into an app: from which address, in which version, under which name. What looks wrong is for
review: none of it proves an attack."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator

from pullet.analysis.security.listed import Kind, Listed
from pullet.analysis.security.lookalikes import lookalike
from pullet.domain.security import Basis, Finding, Severity, Spot

_CLEARTEXT = 319
_UNVERIFIED_HOST = 295
_SEARCH_PATH = 427
_NO_INTEGRITY = 494
_UNTRUSTED = 1357
CWES = (_UNVERIFIED_HOST, _CLEARTEXT, _SEARCH_PATH, _NO_INTEGRITY, _UNTRUSTED)
_EXTRA = re.compile(r"--extra-index-url\b|unsafe-best-match")
_LOCAL = re.compile(r"https?://(localhost|127\.0\.0\.1)\b")
_NAMED = 5
_EACH_KIND = 200  # findings; more of one kind say nothing more


def package_findings(lines: Iterable[Listed], installed: Iterable[str]) -> tuple[Finding, ...]:
    """`installed`: canonical names of an environment, which lines need not name."""
    lines = tuple(lines)
    named = {each.name: Spot(each.path, each.line) for each in reversed(lines) if each.name}
    return (
        *_limited(_lookalikes({**{name: Spot() for name in installed}, **named})),
        *_limited(_fetched(lines)),
        *_limited(finding for each in lines if each.kind is Kind.OPTION for finding in _option(each)),
        *_limited(_unpinned(lines)),
    )


def _limited(findings: Iterator[Finding]) -> Iterator[Finding]:
    for finding, _ in zip(findings, range(_EACH_KIND), strict=False):
        yield finding


def _lookalikes(places: dict[str, Spot]) -> Iterator[Finding]:
    for name, spot in sorted(places.items()):
        if known := lookalike(name):
            yield Finding(
                rule="packages/lookalike",
                cwe=_UNTRUSTED,
                severity=Severity.HIGH,
                basis=Basis.PATTERN,
                title=f"{name} is a slip away from the well-known {known}",
                spot=spot,
                reason="Packages of such names are registered to be installed by mistake, and run what they like.",
                exploit="Its code runs when it is installed or imported, with all secrets of the app within reach.",
                fix=f"If {known} was meant, name that. If not, look at who publishes {name} before it stays.",
                code=name,
                sink=name,
                identity=f"lookalike {name}",
            )


def _fetched(lines: Iterable[Listed]) -> Iterator[Finding]:
    for each in lines:
        if each.kind is Kind.FETCHED and not each.fixed:
            yield Finding(
                rule="packages/no-hash",
                cwe=_NO_INTEGRITY,
                severity=Severity.MEDIUM,
                basis=Basis.PATTERN,
                title=f"{each.name or 'A package'} comes from an address, and nothing says what it has to be",
                spot=Spot(each.path, each.line),
                reason="Whoever can write there, or moves the branch, decides what runs in the app.",
                exploit="A changed archive or branch is installed with the next build, without any commit here.",
                fix="Name a full commit id (`@` and 40 digits) or a hash (`#sha256=…`, `--hash=sha256:…`).",
                code=each.text,
                sink=each.name or "address",
                identity=f"fetched {each.name or _digest(each.text)}",
            )


def _option(each: Listed) -> Iterator[Finding]:
    spot = Spot(each.path, each.line)
    if _EXTRA.search(each.text):
        yield Finding(
            rule="packages/extra-index",
            cwe=_SEARCH_PATH,
            severity=Severity.HIGH,
            basis=Basis.PATTERN,
            title="Two indexes are asked for every package, and the higher version wins",
            spot=spot,
            reason="A name that only the private index has can be registered at the public one, in a higher version.",
            exploit="Somebody publishes a package of the private name as version 999, and the next build installs it.",
            fix="Serve all packages from one index that mirrors the other, or bind private names to theirs"
            " (`[tool.uv.sources]` with `explicit = true`).",
            code=each.text,
            sink="index",
            identity=f"extra-index {_digest(each.text)}",
        )
    if "http://" in each.text and not _LOCAL.search(each.text):
        yield Finding(
            rule="packages/cleartext-index",
            cwe=_CLEARTEXT,
            severity=Severity.HIGH,
            basis=Basis.PATTERN,
            title="Packages come over an unencrypted connection",
            spot=spot,
            reason="Anybody on the way can replace what is installed.",
            exploit="A router or a proxy in between answers with a package of its own, which runs at once.",
            fix="Use the index's https address.",
            code=each.text,
            sink="index",
            identity=f"cleartext {_digest(each.text)}",
        )
    if "--trusted-host" in each.text:
        yield Finding(
            rule="packages/trusted-host",
            cwe=_UNVERIFIED_HOST,
            severity=Severity.MEDIUM,
            basis=Basis.PATTERN,
            title="The certificate of an index is not checked",
            spot=spot,
            reason="Anybody on the way can pretend to be the index.",
            exploit="A proxy in between answers with a certificate and a package of its own.",
            fix="Give the index a certificate that the box trusts (SSL_CERT_FILE for a private authority).",
            code=each.text,
            sink="index",
            identity=f"trusted-host {_digest(each.text)}",
        )


def _unpinned(lines: Iterable[Listed]) -> Iterator[Finding]:
    """One a file: a list of a hundred names is one decision."""
    lines = tuple(lines)
    locked = {each.name for each in lines if each.kind is Kind.PINNED}
    loose: dict[str, list[Listed]] = {}
    for each in lines:
        if each.kind is Kind.LOOSE and each.name not in locked:
            loose.setdefault(each.path, []).append(each)
    for path, found in sorted(loose.items()):
        names = ", ".join(each.name for each in found[:_NAMED])
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        yield Finding(
            rule="packages/unpinned",
            cwe=_UNTRUSTED,
            severity=Severity.LOW,
            basis=Basis.PATTERN,
            title=f"{len(found)} of the dependencies have no fixed version",
            spot=Spot(path, found[0].line),
            reason="What is installed is whatever is newest on that day: tested code and served code may differ.",
            exploit="A stolen account of a maintainer publishes a new version, and the next build serves it.",
            fix="Commit a lock: `uv lock`, or `uv pip compile requirements.in --generate-hashes`.",
            code=f"{names}{more}",
            sink="dependencies",
            identity=f"unpinned {path}",
        )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
