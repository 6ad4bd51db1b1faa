"""What is said of an environment: its conditions, and the page that visitors see while nothing is live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pullet.domain.conditions import Condition
from pullet.domain.errors import PulletError
from pullet.domain.fleet import EnvironmentSpec
from pullet.domain.identity import EnvironmentKey, ReleaseId, Revision
from pullet.domain.plan import Desired, Observed
from pullet.planner.desired import is_skipped
from pullet.planner.status import Knowledge, describe
from pullet.ports import Page
from pullet.reconcile.neighbours import Neighbours


@dataclass(frozen=True)
class Outside:
    """What the source and the fleet file have to say."""

    source_error: str
    failing_since: float | None
    configuration_error: str


class Announcer:
    def __init__(self, environment: EnvironmentKey, neighbours: Neighbours, changed: Callable[[], None]) -> None:
        self.conditions: Sequence[Condition] = ()
        self.trouble: tuple[str, str] | None = None
        """(reason, message) of what the latest look met."""
        self.seen: tuple[Desired, Observed] | None = None
        """As of the latest look; nothing is announced before the first."""
        self._environment = environment
        self._world = neighbours
        self._changed = changed

    def announce(self, spec: EnvironmentSpec, tip: Revision | None, outside: Outside) -> None:
        if self.seen is None:
            return
        desired, observed = self.seen
        store = self._world.store
        live = store.releases.live(self._environment)
        knowledge = Knowledge(
            desired=desired,
            observed=observed,
            tip=tip,
            skipped=tip is not None and is_skipped(spec, tip),
            source_error=outside.source_error,
            failing_since=outside.failing_since,
            configuration_error=outside.configuration_error,
            deployment=next(iter(store.deployments.of(self._environment, limit=1)), None),
            trouble=self.trouble,
            live_revision=self._revision_of(live) if live in observed.serving else "",
        )
        conditions = describe(knowledge, self._world.clock.now())
        self.conditions = conditions
        with suppress(PulletError):  # what cannot be kept is still said
            self.conditions = store.conditions.set(str(self._environment), conditions)
        self._changed()

    def page(self, spec: EnvironmentSpec) -> Page:
        ready = self.conditions[0] if self.conditions else None
        title = f"{spec.key.app} is suspended" if spec.suspended else f"{spec.key.app} is not live"
        message = ready.message if ready is not None else "It is being deployed."
        return Page(title, message, 503 if spec.suspended else 502)

    def _revision_of(self, number: int | None) -> str:
        if number is None:
            return ""
        return str(self._world.store.releases.get(ReleaseId(self._environment, number)).candidate.revision)
