"""Why an app was understood as it was: one row a setting, for `pullet explain` and for the release's page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pullet.domain.app import AppSpec, Decision, Evidence

_MIB = 1 << 20


@dataclass(frozen=True)
class Row:
    setting: str
    """A path into pullet.toml where it is a key there: `processes.web.command`."""
    value: str
    where: str
    """`shop/wsgi.py:12`; several are separated by commas."""
    why: str
    instead_of: tuple[str, ...] = ()
    """What lost, each with its place: `asgi shop.asgi:application (shop/asgi.py:16)`."""


def explain(spec: AppSpec) -> Sequence[Row]:
    """Rows in the order of the road: where and with what, then what is built, released and run."""
    return [_row(decision) for decision in sorted(spec.decisions, key=lambda decision: _order(decision.subject))]


def lines_of(spec: AppSpec) -> Iterator[str]:
    """The same as text."""
    for row in explain(spec):
        yield f"{row.setting} = {row.value}"
        yield f"    from {row.where}" + (f": {row.why}" if row.why else "")
        for loser in row.instead_of:
            yield f"    rather than {loser}"
    yield from (f"added: {added}" for added in spec.dependencies.extra)


def _row(decision: Decision) -> Row:
    reasons = [found for found in decision.evidence if found.because]
    return Row(
        setting=decision.subject,
        value=shown(decision.subject, decision.value),
        where=", ".join(dict.fromkeys(str(found.place) for found in decision.evidence)),
        why="; ".join(dict.fromkeys(found.because for found in reasons)),
        instead_of=tuple(_lost(found) for found in decision.runners_up),
    )


def _lost(evidence: Evidence) -> str:
    return f"{shown(evidence.subject, evidence.value)} ({evidence.place})"


def shown(subject: str, value: str) -> str:
    """A value as people read it."""
    if subject.endswith(".memory") and value.isdigit():
        return f"{int(value) / _MIB:g} MiB"
    if subject.endswith((".timeout", ".grace", ".drain")):
        return f"{float(value):g} s"
    return " && ".join(value.split("\n")) or "(none)"


_FIRST = (
    "app",
    "dependencies",
    "server",
    "interface",
    "application",
    "processes",
    "build",
    "release",
    "services",
    "static",
)


def _order(subject: str) -> int:
    table = subject.partition(".")[0]
    return _FIRST.index(table) if table in _FIRST else len(_FIRST)
