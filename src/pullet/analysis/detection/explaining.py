"""A spec as lines for people: what was chosen, from where, why, and what lost."""

from __future__ import annotations

from collections.abc import Iterator

from pullet.domain.app import AppSpec, Decision


def explain(spec: AppSpec) -> tuple[str, ...]:
    return tuple(_lines(spec))


def _lines(spec: AppSpec) -> Iterator[str]:
    if spec.root != ".":
        yield f"app.root = {spec.root}"
    for decision in spec.decisions:
        yield from _decision(decision)
    for added in spec.dependencies.extra:
        yield f"added: {added}"


def _plain(decision: Decision) -> str:
    """A dependency file's kind is inside its name, so the name is enough."""
    return decision.value.split(" ", 1)[-1] if decision.subject == "dependencies" else decision.value


def _decision(decision: Decision) -> Iterator[str]:
    yield f"{decision.subject} = {_plain(decision)}"
    for evidence in decision.evidence:
        yield f"    from {evidence.place}: {evidence.because} ({evidence.confidence.value})"
    for loser in decision.runners_up:
        yield f"    rather than {loser.value} from {loser.place}: {loser.because} ({loser.confidence.value})"
