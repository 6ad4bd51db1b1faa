"""Whether a failed step is mended by a change, or stops: a pure decision over a diagnosis and what was tried before."""

from __future__ import annotations

from dataclasses import replace

from pullet.domain.healing import Change, ChangeKind, Diagnosis, Heal, HealPolicy
from pullet.domain.release import Release, Verdict

LIMIT = 3  # changes a release


def next_heal(diagnosis: Diagnosis, step: str, tried: tuple[Heal, ...], policy: HealPolicy) -> Heal | None:
    """The change to make now; None where the release must stop with the cause as it is."""
    if diagnosis.change is None or refusal(diagnosis, tried, policy):
        return None
    return Heal(diagnosis.change, diagnosis.cause, step)


def refusal(diagnosis: Diagnosis, tried: tuple[Heal, ...], policy: HealPolicy) -> str:
    """Why a change that is known is not made, as a clause; empty where it is."""
    change = diagnosis.change
    if change is None:
        return ""
    if policy is HealPolicy.OFF:
        return f"`{change}` might help, but [build] heal is false"
    if diagnosis.pin and policy is not HealPolicy.PINS:
        return (
            f'`{change}` might help, but would change {diagnosis.pin}, which is pinned: [build] heal = "pins" allows it'
        )
    if any(heal.change == change for heal in tried):
        return f"`{change}` did not help"
    if sum(not heal.inherited for heal in tried) >= LIMIT:
        return f"{LIMIT} changes were tried"
    return ""


def inherited(before: Release | None, unchanged: bool) -> tuple[Heal, ...]:
    """What a new release begins with: the heals of the former, where they worked and nothing they rest on changed.

    `unchanged`: the dependency files, the interpreter asked for, and what is to be installed are the same.
    """
    if before is None or before.verdict is Verdict.BAD or not unchanged:
        return ()
    return tuple(replace(heal, inherited=True) for heal in before.heals)


def changes_of(heals: tuple[Heal, ...]) -> tuple[Change, ...]:
    """What the builder follows: of several interpreters or moments the last one asked for."""
    last = {heal.change.kind: heal.change for heal in heals}
    single = (ChangeKind.PYTHON, ChangeKind.EXCLUDE_NEWER)
    return tuple(
        heal.change for heal in heals if heal.change.kind not in single or last[heal.change.kind] == heal.change
    )
