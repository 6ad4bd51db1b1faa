"""The rules in the order in which they are believed: the first that fits tells the cause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pullet.analysis.diagnosis.building import (
    assets,
    binary_extra,
    binary_twin,
    foreign_index,
    git_over_ssh,
    old_tools,
    system_library,
)
from pullet.analysis.diagnosis.drift import drifted
from pullet.analysis.diagnosis.facts import Facts
from pullet.analysis.diagnosis.imports import no_program, pkg_resources, said, undeclared, unknown
from pullet.analysis.diagnosis.interpreters import old_code, required, source_build, too_new, too_old
from pullet.analysis.diagnosis.reading import Failure
from pullet.analysis.diagnosis.running import missing_static, no_table, no_variable, shadowed
from pullet.domain.healing import Diagnosis

Rule = Callable[[Failure], Diagnosis | None]

RULES: tuple[Rule, ...] = (
    assets,
    foreign_index,
    git_over_ssh,
    binary_twin,
    binary_extra,
    too_new,
    old_tools,
    too_old,
    old_code,
    required,
    system_library,
    source_build,
    pkg_resources,
    no_program,
    missing_static,
    shadowed,
    no_table,
    undeclared,
    drifted,
    said,
    no_variable,
    unknown,
)


def diagnose(step: str, output: str, facts: Facts) -> Diagnosis | None:
    """Why a `build`, `check`, `prepare`, `start` or `probe` failed; None where nothing known fits.

    Pure, but worth a thread: the output is hostile and can be long.
    """
    failure = Failure(step, output, facts)
    diagnosis = next((found for rule in RULES if (found := rule(failure)) is not None), None)
    if diagnosis is None or diagnosis.change is not None:
        return diagnosis
    return replace(diagnosis, cause="; ".join((diagnosis.cause, *_more(diagnosis.cause, facts))))


def _more(cause: str, facts: Facts) -> list[str]:
    return [clause for clause in facts.also if clause[:20] not in cause]
