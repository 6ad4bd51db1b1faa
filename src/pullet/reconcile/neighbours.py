"""Everything the loops need from the world, handed down as one value."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey
from pullet.ports import (
    Assessor,
    Builder,
    Clock,
    Fleet,
    Prober,
    Router,
    Runtime,
    Secrets,
    Source,
    Store,
    Tester,
    Visitor,
)
from pullet.reconcile.safekeeping import Safekeeping
from pullet.reconcile.services import Services
from pullet.reconcile.upkeep import INTERVAL


@dataclass
class Turn:
    """One release is tried out at a time: a box has room for one process more, not for one an environment."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    environment: EnvironmentKey | None = None
    """Where it is tried out, for whoever clears away what others left."""


@dataclass(frozen=True)
class Neighbours:
    home: Home
    clock: Clock
    store: Store
    source: Source
    fleet: Fleet
    builder: Builder
    runtime: Runtime
    router: Router
    prober: Prober
    secrets: Secrets
    services: Services = field(default_factory=Services)
    visitor: Visitor | None = None
    """None: nobody looks at first pages."""
    safekeeping: Safekeeping | None = None
    """None: nothing is backed up here."""
    assessor: Assessor | None = None
    """None: nobody looks at the security of releases, and none that declares that gate is deployed."""
    tester: Tester | None = None
    """None: no tests are run here, and none that declares such a gate is deployed."""
    trial: Turn = field(default_factory=Turn)
    advisories_interval: float = INTERVAL
    """Seconds between two polls of what assessments compare with."""
    release_command_limit: float = 600.0
    """Seconds for one release command, such as a migration."""
    settle: float = 0.5
    """Seconds from a switch until the former release is told to stop: the router has let go of it by then."""
    jitter: Callable[[], float] = lambda: 0.5
    """Uniform in [0, 1): the daemon passes random.random, tests a constant."""
