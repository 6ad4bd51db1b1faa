"""Names of things. A name that reached one of these types is safe in a path, a hostname and a process list."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from pullet.domain.errors import UsageError

PRODUCTION = "production"
_APP = re.compile(r"(?!.*--)[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")  # two hyphens part the two names in a hostname
_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_TRIAL = re.compile(r"trial-[0-9a-f]{12}")
_LABEL_LIMIT = 63  # a DNS label, RFC 1035 section 2.3.4


@dataclass(frozen=True, order=True)
class EnvironmentKey:
    """One environment of one app, `shop/production`. Both parts are DNS-safe labels."""

    app: str
    name: str

    def __post_init__(self) -> None:
        for part in (self.app, self.name):
            if not _APP.fullmatch(part):
                raise UsageError(
                    f"{part!r} cannot be a name",
                    hint="Use up to 40 lower-case letters, digits and single hyphens, e.g. --name shop.",
                )

    def __str__(self) -> str:
        return f"{self.app}/{self.name}"

    @property
    def localhost(self) -> str:
        """The hostname that always answers on the box itself."""
        return f"{self.app}.localhost" if self.name == PRODUCTION else f"{self.name}--{self.app}.localhost"


@dataclass(frozen=True, order=True)
class Revision:
    """A commit as reached through a ref. `ref` is short: `main`, `v1.2`."""

    ref: str
    sha: str

    def __post_init__(self) -> None:
        if not _SHA.fullmatch(self.sha):
            raise UsageError(f"{self.sha!r} is not a commit id")

    def __str__(self) -> str:
        return f"{self.ref}@sha1:{self.sha}"

    @property
    def short(self) -> str:
        return f"{self.ref}@sha1:{self.sha[:7]}"


@dataclass(frozen=True, order=True)
class ReleaseId:
    """The n-th release of an environment, counted from 1 and never reused."""

    environment: EnvironmentKey
    number: int

    def __str__(self) -> str:
        return f"{self.environment}/{self.number}"


@dataclass(frozen=True, order=True)
class InstanceId:
    """One operating-system process (tree) of a release: `shop/production/3/web.0`."""

    release: ReleaseId
    process: str
    index: int

    def __str__(self) -> str:
        return f"{self.release}/{self.process}.{self.index}"


def preview_name(app: str, branch: str) -> str:
    """Name of the environment of a branch: with the app's name it fits into one DNS label, `<name>--<app>`."""
    limit = min(40, _LABEL_LIMIT - len("--") - len(app))
    name = slug(branch, limit)
    return slug(f"{branch}/", limit) if _TRIAL.fullmatch(name) else name


def trial_of(release: ReleaseId, secret: str) -> EnvironmentKey:
    """The environment in which a release is tried out before anybody sees it. It has an address while it is there,
    which nobody can tell who does not know the secret."""
    digest = hashlib.sha256(f"trial:{release}:{secret}".encode()).hexdigest()[:12]
    return EnvironmentKey(release.environment.app, f"trial-{digest}")


def is_trial(environment: EnvironmentKey) -> bool:
    """No fleet speaks of it, and it is gone once the trial is over."""
    return _TRIAL.fullmatch(environment.name) is not None


def slug(text: str, limit: int = 40) -> str:
    """A DNS-safe label for any text, stable, and distinct for distinct texts that would otherwise collide.

    >>> slug("feature/Login")
    'feature-login-48fad0'
    >>> slug("main")
    'main'
    """
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if plain == text and len(plain) <= limit:
        return plain
    digest = hashlib.sha256(text.encode()).hexdigest()[:6]
    return f"{plain[: limit - 7].strip('-') or 'x'}-{digest}"
