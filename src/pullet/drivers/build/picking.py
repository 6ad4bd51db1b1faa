"""Which of several interpreters a release is built with: the newest for which every dependency has a wheel.

The newest is tried first, and where it does no more commands run than without a choice. Only where a dependency would
have to be built from source are older ones asked. Where none has all wheels it is the one that was current when the
commit was made. The answer is kept, as the next build of the same dependencies would only find the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pullet.analysis.diagnosis.facts import current_at
from pullet.domain.errors import BuildFailed
from pullet.drivers.build.interpreters import Choice, Interpreter
from pullet.drivers.build.workshop import Job, NeedsBuild, write_file

T = TypeVar("T")


@dataclass(frozen=True)
class Pick:
    interpreter: Interpreter
    reason: str = ""
    """Why it is not the newest; empty where it is."""


def remembered(choice: Choice, note: Path) -> Pick | None:
    """What was found before; None where that is not among the choice any more."""
    try:
        path, _, reason = note.read_text().partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    return next((Pick(one, reason.strip()) for one in choice.all if one.path == path), None)


async def with_best(
    job: Job, choice: Choice, note: Path, committed: float | None, make: Callable[[Job], Awaitable[T]]
) -> tuple[Pick, T]:
    """Run `make` with the interpreter that suits. `job.wheels_only` asks it to raise NeedsBuild; else what it raises is
    raised."""
    pick = Pick(choice.interpreter) if not choice.others else remembered(choice, note)
    if pick is not None:
        return pick, await make(replace(job, interpreter=pick.interpreter))
    for interpreter in choice.all:
        try:
            made = await make(replace(job, interpreter=interpreter, wheels_only=True))
        except NeedsBuild:
            continue
        except BuildFailed:  # what older ones cannot have says nothing of the newest
            if interpreter == choice.interpreter:
                raise
            continue
        return _note(job, note, choice, interpreter, "the newest with wheels of every dependency"), made
    interpreter = _of_its_time(choice.all, committed)
    why = "the newest when the commit was made; no Python here has wheels of every dependency"
    pick = _note(job, note, choice, interpreter, why)
    return pick, await make(replace(job, interpreter=interpreter))


def _note(job: Job, note: Path, choice: Choice, interpreter: Interpreter, reason: str) -> Pick:
    reason = "" if interpreter == choice.interpreter else reason
    write_file(note, f"{interpreter.path}\n{reason}\n")
    if reason:
        job.log(f"Python {interpreter.version_text}: {reason}")
    return Pick(interpreter, reason)


def _of_its_time(found: Sequence[Interpreter], committed: float | None) -> Interpreter:
    """`found`: the newest first."""
    return next((one for one in found if one.minor <= current_at(committed)), found[-1])
