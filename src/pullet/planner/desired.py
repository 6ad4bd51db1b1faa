"""What one environment should be, from its fleet entry and the tip of what it follows."""

from __future__ import annotations

import hashlib
import json

from pullet.domain.fleet import EnvironmentSpec
from pullet.domain.identity import Revision
from pullet.domain.plan import Desired, Mode
from pullet.domain.release import Candidate


def desired_environment(spec: EnvironmentSpec, tip: Revision | None) -> Desired:
    """`tip` is what the branch, tag range or pin leads to now; None while that is not known."""
    configuration = configuration_digest(spec)
    revision, preferred = tip, None
    if tip is not None and is_skipped(spec, tip):
        assert spec.hold is not None
        revision = Revision(tip.ref, spec.hold.revision)
        preferred = spec.hold.release if spec.hold.configuration in ("", configuration) else None
    return Desired(
        environment=spec.key,
        mode=Mode.SUSPENDED if spec.suspended else Mode.RUNNING,
        candidate=Candidate(revision, configuration) if revision is not None else None,
        hosts=frozenset(spec.hosts),
        preferred_release=preferred,
    )


def is_skipped(spec: EnvironmentSpec, tip: Revision) -> bool:
    """A rollback holds: a revision that was rolled back from does not come back by itself."""
    return spec.hold is not None and tip.sha in spec.hold.skip


def configuration_digest(spec: EnvironmentSpec) -> str:
    """Equal for equal settings that a process can see; an app may read its domains, so they are among them."""
    seen = {
        "variables": sorted(spec.variables),
        "secrets": sorted(spec.secrets),
        "processes": sorted((name, [o.instances, o.memory, o.spares]) for name, o in spec.processes),
    }
    if spec.domains:
        seen["domains"] = sorted(spec.domains)
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()[:12]
