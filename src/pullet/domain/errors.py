"""One error type for everything that may be expected to go wrong.

A message says what happened, to which app and revision; the hint says what to do next. `code` is a fixed word for
programs, documented one by one in docs/reference/errors.md. Foreign exceptions are mapped in the driver that met them,
with `raise ... from err`. Anything that is not a PulletError is a bug.
"""

from __future__ import annotations

from enum import StrEnum


class Retry(StrEnum):
    """When trying again makes sense: this decides between a backoff and a failed candidate."""

    BACKOFF = "backoff"  # the world may heal by itself: network, disk, a busy port
    NEXT_REVISION = "next-revision"  # only another commit or another setting can help
    NEVER = "never"  # the request itself was wrong


class PulletError(Exception):
    """Something expected went wrong. Subclasses set `code` and the default `retry`."""

    code = "error"
    retry = Retry.NEXT_REVISION

    def __init__(self, message: str, *, context: str = "", hint: str = "", retry: Retry | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.context = context
        """The evidence: last lines of a log, the offending line of a file."""
        self.hint = hint
        """What the reader can do next, as a sentence."""
        if retry is not None:
            self.retry = retry

    def __str__(self) -> str:
        return "\n".join(part for part in (self.message, self.context, self.hint) if part)


def expected_of(group: BaseExceptionGroup[BaseException]) -> PulletError | None:
    """The first PulletError of a group that holds nothing else; None where a bug or a cancellation is among them.

    Instead of `except*`: up to Python 3.11.3 what is raised in there becomes a group again.
    """
    expected, other = group.split(PulletError)
    if expected is None or other is not None:
        return None
    first: BaseException = expected
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first if isinstance(first, PulletError) else None


class SourceError(PulletError):
    """git: the repository cannot be reached, read or trusted."""

    code = "source-failed"
    retry = Retry.BACKOFF


class SourceRefused(SourceError):
    """The repository has what Pullet will not touch (a link out of the tree, a blob over the limit…)."""

    code = "source-refused"
    retry = Retry.NEXT_REVISION


class BranchMissing(SourceError):
    code = "branch-missing"
    retry = Retry.BACKOFF


class ConfigError(PulletError):
    """pullet.toml or a fleet file says something that cannot be followed. The message has path, line and key."""

    code = "config-invalid"


class NoAppFound(PulletError):
    """Detection found nothing to run, or two things and no way to choose."""

    code = "no-app-found"


class AmbiguousApp(NoAppFound):
    code = "app-ambiguous"


class Superseded(PulletError):
    """Something newer is wanted: the work under way was dropped."""

    code = "superseded"
    retry = Retry.BACKOFF


class BuildFailed(PulletError):
    code = "build-failed"


class GateFailed(PulletError):
    code = "gate-failed"


class AssessmentFailed(PulletError):
    """A part of a release's security could not be assessed; that is never a pass."""

    code = "assessment-failed"


class TestsFailed(PulletError):
    """Tests could not be run; that is never a pass."""

    __test__ = False
    code = "tests-failed"


class ReleaseCommandFailed(PulletError):
    code = "release-command-failed"


class StartFailed(PulletError):
    """A process exited at once, listens nowhere, or cannot be started."""

    code = "start-failed"


class ProbeFailed(PulletError):
    """The process runs but gave no healthy answer in time."""

    code = "probe-failed"


class RuntimeFailed(PulletError):
    """The box does not let Pullet run or limit processes."""

    code = "runtime-failed"
    retry = Retry.BACKOFF


class RouterError(PulletError):
    code = "router-failed"
    retry = Retry.BACKOFF


class PortTaken(RouterError):
    code = "port-taken"


class ServiceFailed(PulletError):
    """A backing service cannot be provided, copied or reached."""

    code = "service-failed"
    retry = Retry.BACKOFF


class SecretUnreadable(PulletError):
    """A sealed secret that this target's key does not open, or that was sealed for another place."""

    code = "secret-unreadable"


class BackupFailed(PulletError):
    """A backup cannot be made, found or read: no destination, another key, damage, a lock of somebody else."""

    code = "backup-failed"
    retry = Retry.BACKOFF


class StoreError(PulletError):
    code = "store-failed"
    retry = Retry.BACKOFF


class MalformedData(PulletError):
    """JSON that is not the value it should be: a damaged file, or a request of another version."""

    code = "data-malformed"
    retry = Retry.NEVER


class DiskFull(PulletError):
    code = "disk-full"
    retry = Retry.BACKOFF


class UsageError(PulletError):
    """The request names something that does not exist or makes no sense."""

    code = "usage"
    retry = Retry.NEVER


class NotFound(UsageError):
    code = "not-found"


class AlreadyRunning(UsageError):
    """Another daemon owns this home."""

    code = "already-running"


class CommandFailed(PulletError):
    """A program exited with an unexpected code, or ran out of time. Drivers turn this into their own error."""

    code = "command-failed"
    retry = Retry.BACKOFF

    def __init__(self, argv: tuple[str, ...], exit_code: int | None, output: str, *, timed_out: bool = False) -> None:
        what = "ran out of time" if timed_out else f"exited with {exit_code}"
        super().__init__(f"{argv[0]} {what}", context=output)
        self.argv = argv
        self.exit_code = exit_code
        self.output = output
        self.timed_out = timed_out
