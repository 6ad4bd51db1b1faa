"""git's messages -> errors that say what happened, and what to do next."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pullet.domain.errors import CommandFailed, PulletError, Retry, SourceError, SourceRefused
from pullet.drivers.git.locations import Location
from pullet.drivers.process import last_lines


@dataclass(frozen=True)
class _Cause:
    pattern: re.Pattern[str]
    message: str
    hint: str
    error: type[SourceError] = SourceError
    retry: Retry | None = None


def _cause(
    pattern: str, message: str, hint: str, error: type[SourceError] = SourceError, retry: Retry | None = None
) -> _Cause:
    return _Cause(re.compile(pattern, re.IGNORECASE), message, hint, error, retry)


AUTH_HINT = "Put a read-only token in the URL (https://user:token@host/…), or use ssh with a deploy key."
_REMOTE = (
    _cause(
        r"Authentication failed|could not read (Username|Password)|terminal prompts disabled|returned error: 40[13]",
        "{url} wants a user and a password, and accepted none",
        AUTH_HINT,
    ),
    _cause(
        r"Permission denied \((publickey|password|keyboard)|Permission denied, please try again",
        "{url} refused the ssh key of this user",
        "Add the public key of the user that runs Pullet to the repository as a read-only deploy key.",
    ),
    _cause(
        r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED",
        "The ssh host key of {url} is not known here, or has changed",
        "As the user that runs Pullet, connect once with ssh and compare the fingerprint.",
    ),
    _cause(
        r"Could not resolve host|Name or service not known|Temporary failure in name resolution|nodename nor servname",
        "The host of {url} does not resolve",
        "Check the host name in the URL, and the DNS of this box. What is live keeps serving.",
    ),
    _cause(
        r"Connection (refused|timed out|reset)|Could not connect|Failed to connect|No route to host"
        r"|Network is unreachable|unable to connect"
        r"|Operation timed out|Operation too slow|Recv failure|returned error: 5\d\d|early EOF",
        "{url} cannot be reached",
        "Check that the git server runs and that this box may connect to it. What is live keeps serving.",
    ),
    _cause(
        r"SSL certificate|server certificate verification failed|certificate verify failed",
        "The certificate of {url} is not trusted here",
        "Install the certificate authority on this box, or point SSL_CERT_FILE to it.",
    ),
    _cause(
        r"not our ref|unadvertised object|does not contain the commit|no such remote ref|couldn't find remote ref",
        "{url} no longer has the commit",
        "It was force-pushed away or its branch was deleted; the next poll finds what took its place.",
    ),
    _cause(
        r"invalid gitfile format|not valid: is this a git repository|Repository not found|returned error: 404"
        r"|repository '.*' not found"
        r"|does not appear to be a git repository|not a git repository|No such file or directory.*\n.*Could not read",
        "{url} is not a git repository, or this user may not see it",
        "Check the URL. A private repository needs a token in the URL or a deploy key.",
    ),
    _cause(
        r"fsck error|fatal: fsck|error: object [0-9a-f]+: \w+:",
        "{url} has an object that git itself calls malformed",
        "Run `git fsck --strict` in the repository, and rewrite or remove what it names.",
        SourceRefused,
    ),
    _cause(
        r"transport '.*' not allowed",
        "{url} leads to a transport that Pullet does not use",
        "Use https, ssh, or a path.",
        SourceRefused,
    ),
)


def remote_failure(failure: PulletError, location: Location) -> SourceError | None:
    """The error for what the other side said; None where the fault seems to be on this side (a damaged mirror)."""
    if not isinstance(failure, CommandFailed):
        return None
    if failure.timed_out:
        return SourceError(
            f"{location.shown} did not answer in time",
            context=last_lines(failure.output, 5),
            hint="Check the git server and the network. What is live keeps serving.",
        )
    for cause in _REMOTE:
        if cause.pattern.search(failure.output):
            message = cause.message.format(url=location.shown)
            return cause.error(message, context=last_lines(failure.output, 5), hint=cause.hint, retry=cause.retry)
    return None


def failure_of(failure: PulletError, location: Location) -> SourceError:
    """`remote_failure`, or a general error with git's own words."""
    known = remote_failure(failure, location)
    if known is not None:
        return known
    return SourceError(
        f"git failed on {location.shown}",
        context=last_lines(failure.context, 10),
        hint="git's own words are above; `pullet doctor` checks git itself.",
    )
