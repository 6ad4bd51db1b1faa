"""Healing: a failed step is diagnosed, and where one change should mend it, the same release is built again with it.

The change is written to the release before anything else happens, so a kill at any moment ends in the same release.
What is decided is decided purely (analysis/diagnosis, planner/healing.py); here are the facts and the effects.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pullet.analysis.diagnosis import Facts, diagnose
from pullet.domain.app import AppSpec, assets_declared
from pullet.domain.errors import (
    BuildFailed,
    GateFailed,
    ProbeFailed,
    PulletError,
    ReleaseCommandFailed,
    Retry,
    StartFailed,
)
from pullet.domain.healing import Diagnosis, Heal, HealPolicy
from pullet.domain.identity import EnvironmentKey, ReleaseId
from pullet.domain.plan import Build, Check, Prepare, Probe, Start, Step
from pullet.domain.release import Outcome, Release, Verdict
from pullet.planner.healing import changes_of, inherited, next_heal, refusal
from pullet.ports import LogSink
from pullet.reconcile.deploying import DeploymentScribe
from pullet.reconcile.keeping import keep
from pullet.reconcile.neighbours import Neighbours
from pullet.telemetry.logs import tail

_STEPS = (Build, Check, Prepare, Start, Probe)
_ERRORS = (BuildFailed, GateFailed, ReleaseCommandFailed, StartFailed, ProbeFailed)
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_LINES = 600  # of the step's log


class Healing:
    """Of one environment's releases."""

    def __init__(self, environment: EnvironmentKey, neighbours: Neighbours, scribe: DeploymentScribe) -> None:
        self._environment = environment
        self._world = neighbours
        self._scribe = scribe

    async def mend(self, step: Step, error: PulletError, serving: frozenset[int]) -> bool:
        """True: the release was changed and has to be planned anew. False: it stays failed; where the cause is known,
        the error says it."""
        if not isinstance(step, _STEPS) or not isinstance(error, _ERRORS) or step.release in serving:
            return False
        release = self._world.store.releases.get(ReleaseId(self._environment, step.release))
        if release.spec is None or release.verdict is not Verdict.NONE:
            return False
        name = type(step).__name__.lower()
        diagnosis = await self._diagnose(name, error, release, release.spec)
        if diagnosis is None or (error.retry is Retry.BACKOFF and diagnosis.change is not None):
            return False
        policy = release.spec.heal
        heal = next_heal(diagnosis, name, release.heals, policy)
        if heal is None:
            _tell(error, diagnosis, release, refusal(diagnosis, release.heals, policy))
            return False
        self._change(release, heal)
        return True

    async def inherit(self, release: Release, spec: AppSpec, log: LogSink) -> Release:
        """Begin with what has healed the live release, where the dependency files are the same."""
        number = self._world.store.releases.live(self._environment)
        if number is None or number == release.id.number or spec.heal is HealPolicy.OFF:
            return release
        before = self._world.store.releases.get(ReleaseId(self._environment, number))
        known = {heal.change for heal in release.heals}
        for heal in inherited(before, await self._is_unchanged(before, release)):
            if heal.change not in known:
                release = self._world.store.releases.heal(release.id, heal)
                log(f"As for release {number}: {heal}")
        return release

    async def _is_unchanged(self, before: Release, release: Release) -> bool:
        if not before.heals or before.spec is None or release.spec is None:
            return False
        asked = [
            await self._world.builder.asked(one.id, spec, self._world.home.tree(one.id))
            for one, spec in ((before, before.spec), (release, release.spec))
        ]
        return bool(asked[0].digest) and asked[0].digest == asked[1].digest

    async def _diagnose(self, step: str, error: PulletError, release: Release, spec: AppSpec) -> Diagnosis | None:
        tree = self._world.home.tree(release.id)
        asked = await self._world.builder.asked(
            release.id, replace(spec, changes=(*spec.changes, *changes_of(release.heals))), tree
        )
        facts = Facts(
            requirements=asked.requirements,
            locked=asked.locked,
            installed=asked.installed,
            indexes=asked.indexes,
            python=release.artifact.python_version if release.artifact else asked.python,
            pythons=asked.pythons,
            request=spec.python,
            committed=spec.committed,
            file=spec.dependencies.path or "the dependency list",
            migrations=await asyncio.to_thread(_has_migrations, tree),
            assets_needed=assets_declared(spec) or self._world.store.releases.live(self._environment) is not None,
        )
        log = self._scribe.log_of(step)
        words = "\n".join(await asyncio.to_thread(tail, log, _LINES)) if log else ""
        said = _since(error.context, self._scribe.healed_at())
        return await asyncio.to_thread(diagnose, step, f"{words}\n{said}\n{error.message}", facts)

    def _change(self, release: Release, heal: Heal) -> None:
        keep(self._world.home, self._world.store.releases.heal(release.id, heal))
        message = f"Release {release.id.number} is built again, {heal}."
        latest = self._scribe.latest()
        number = latest.number if latest is not None and latest.outcome is Outcome.RUNNING else None
        self._world.store.events.append("heal", message, environment=self._environment, deployment=number)
        self._scribe.healed(str(heal))


def _has_migrations(tree: Path) -> bool:
    """By the names of folders up to two levels down; nothing is opened."""
    return any(path.name in ("migrations", "alembic") for depth in ("*", "*/*") for path in tree.glob(depth))


def _since(text: str, moment: float | None) -> str:
    """Without the lines of an app's log from before the latest change: they tell why an earlier attempt failed."""
    if moment is None:
        return text
    stamp = f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%S}"
    return "\n".join(line for line in text.splitlines() if not _STAMP.match(line) or line[: len(stamp)] >= stamp)


def _tell(error: PulletError, diagnosis: Diagnosis, release: Release, refused: str) -> None:
    """The cause becomes the message; what was said first is evidence."""
    name = f"{release.id.environment} at {release.candidate.revision.short}"
    error.context = f"{error.message}\n{error.context}".strip()
    error.message = f"{name}: {diagnosis.cause}" + (f"; {refused}" if refused else "")
    error.hint = diagnosis.hint or error.hint
    error.retry = Retry.NEXT_REVISION
