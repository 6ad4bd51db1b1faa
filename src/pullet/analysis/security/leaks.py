"""What a secret in a repository means, by the rule of gitleaks that found it."""

from __future__ import annotations

import re

from pullet.domain.security import Basis, Finding, Severity, Spot

_CRITICAL = re.compile(
    r"aws|gcp|azure|alibaba|digitalocean|heroku|private-key|stripe|github|gitlab|slack|twilio|sendgrid"
)
_VAGUE = frozenset({"generic-api-key", "curl-auth-header", "curl-auth-user", "jwt", "hashicorp-tf-password"})
_TESTS = re.compile(r"(^|/)(tests?|testing|fixtures|examples?|docs?)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$")

CWES = (798, 321)
HISTORY = "history"
"""The engine whose word counts only where no other knows the secret."""


def leak(rule: str, spot: Spot, digest: str, shown: str, *, in_tree: bool) -> Finding:
    """`digest` identifies the secret, `shown` is what may be printed of it; `in_tree`: the files still have it."""
    vague, in_tests = rule in _VAGUE, bool(_TESTS.search(spot.path))
    severity = Severity.CRITICAL if _CRITICAL.search(rule) else Severity.HIGH
    if vague:
        severity = Severity.MEDIUM
    if in_tests:
        severity = Severity.NOTE
    kind = rule.replace("-", " ")
    where = "" if in_tree else ", in the history"
    return Finding(
        rule=f"{'gitleaks' if in_tree else HISTORY}/{rule}",
        cwe=321 if "key" in rule and "private" in rule else 798,
        severity=severity,
        basis=Basis.PATTERN if vague or in_tests or not in_tree else Basis.SECRET,
        title=f"A secret is in the repository{where}: {kind}",
        spot=spot,
        reason=_reason(vague, in_tests, in_tree),
        exploit="Whoever gets a copy of the repository, also years later, uses it in your name.",
        fix="Revoke it first and make another: it stays in git's history, also once the line is gone. Then read it "
        "from the environment; `pullet secrets set APP NAME` keeps it sealed.",
        code=shown,
        sink=rule,
        identity=digest,
    )


def _reason(vague: bool, in_tests: bool, in_tree: bool) -> str:
    if not in_tree:
        return (
            "The files have it no longer, and no commit can take it out of the history: make sure that it is revoked."
        )
    if in_tests:
        return "It lies among tests, examples or docs, where such values are often made up."
    if vague:
        return "It looks like a secret by its name and its letters; what it opens is not known."
    return "Its form says which service it opens."
