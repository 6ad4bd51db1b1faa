"""What an app needs beyond its services: secrets that are made for it, variables that somebody has to set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pullet.analysis.detection.detectors.secret_key import DEMANDED, GENERATED
from pullet.analysis.detection.names import field_of
from pullet.domain.app import Confidence, Decision, Evidence

_SHOWN = 20  # variables that nothing sets


def decide_generated(decisions: Mapping[str, Decision]) -> dict[str, Decision]:
    """All that the code and other platforms' files ask for; what pullet.toml says stands alone."""
    chosen = decisions.get(GENERATED)
    if chosen is None or chosen.evidence[0].confidence is Confidence.CERTAIN:
        return {}
    every = (*chosen.evidence, *chosen.runners_up)
    given = set(_variables(decisions)) | set(_lines(decisions, "secrets.required"))
    names = dict.fromkeys(name for each in every for name in each.value.split("\n") if name not in given)
    value = "\n".join(names)
    return {GENERATED: Decision(GENERATED, value, tuple(replace(each, value=value) for each in every))}


def decide_demanded(evidence: Sequence[Evidence], decisions: Mapping[str, Decision]) -> dict[str, Decision]:
    """Rows of `pullet explain`, and nothing else: the fleet file may set them, and some code is never imported."""
    given = {*_variables(decisions), *_lines(decisions, GENERATED), *_lines(decisions, "secrets.required")}
    given.update(subject.rpartition(".")[2] for subject in decisions if subject.startswith(("hosts.", "services.")))
    missing = [each for each in evidence if each.subject == DEMANDED and each.value not in given][:_SHOWN]
    rows = {f"demanded.{each.value}": each for each in missing}
    return {
        subject: Decision(subject, "", (replace(each, subject=subject, value=""),)) for subject, each in rows.items()
    }


def address_guesses(decisions: Mapping[str, Decision]) -> dict[str, str]:
    """Variables that another platform's file points to a service of its own, with its type: not the owner's word.

    By subject. A file of SQLite is meant as it stands.
    """
    guesses = {subject: decision for subject, decision in decisions.items() if _is_guess(decision)}
    fields = {subject: field_of(subject.partition(".")[2]) for subject in guesses if subject.startswith("variables.")}
    return {subject: field[0] for subject, field in fields.items() if field and "sqlite" not in guesses[subject].value}


def _is_guess(decision: Decision) -> bool:
    return decision.evidence[0].confidence is not Confidence.CERTAIN


def _variables(decisions: Mapping[str, Decision]) -> Iterator[str]:
    return (subject.partition(".")[2] for subject in decisions if subject.startswith("variables."))


def _lines(decisions: Mapping[str, Decision], subject: str) -> list[str]:
    return decisions[subject].value.split("\n") if subject in decisions else []
