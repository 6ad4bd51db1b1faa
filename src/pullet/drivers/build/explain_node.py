"""What npm, pnpm, yarn and the scripts that they run say when they fail, turned into what happened and what to do."""

from __future__ import annotations

import re

from pullet.domain.errors import BuildFailed, Retry
from pullet.drivers.process import last_lines

_RULES = (
    (
        r"\b(ENOTFOUND|ECONNREFUSED|ETIMEDOUT|ECONNRESET|EAI_AGAIN|ERR_SOCKET_TIMEOUT|ERR_PNPM_META_FETCH_FAIL)\b"
        r"|network connection|SELF_SIGNED_CERT|UNABLE_TO_(GET|VERIFY)",
        "the registry of packages could not be reached",
        "Check the network, the proxy, and npm_config_registry of the daemon; Pullet tries again by itself.",
        Retry.BACKOFF,
    ),
    (
        r"can only install packages when your|ERR_PNPM_OUTDATED_LOCKFILE|frozen-lockfile|YN0028"
        r"|lockfile would have been|ERR_PNPM_LOCKFILE_BREAKING_CHANGE",
        "the lock does not fit package.json",
        "Install with the same manager, and commit the lock that it writes.",
        Retry.NEXT_REVISION,
    ),
    (
        r"EBADENGINE|ERR_PNPM_UNSUPPORTED_ENGINE|engine \"node\" is incompatible",
        "a package does not work with this version of Node",
        'Ask for another one in pullet.toml: node = "22" in [build].',
        Retry.NEXT_REVISION,
    ),
    (
        r"ERR_OSSL_EVP_UNSUPPORTED",
        "its tools are older than this version of Node",
        'Set NODE_OPTIONS = "--openssl-legacy-provider" in [variables] of pullet.toml, or update webpack.',
        Retry.NEXT_REVISION,
    ),
    (
        r"\bE404\b|ERR_PNPM_FETCH_404|No matching version found|Couldn't find (any versions for|package)|ETARGET"
        r"|YN0035",
        "a package or a version of it is not in the registry",
        "Check its name and version; a private one needs its registry in .npmrc or npm_config_registry of the daemon.",
        Retry.NEXT_REVISION,
    ),
    (
        r"\bERESOLVE\b",
        "the packages contradict each other",
        "Mend it with `npm install`, and commit package-lock.json.",
        Retry.NEXT_REVISION,
    ),
    (
        r"\bEINTEGRITY\b|Integrity check failed|ERR_PNPM_TARBALL_INTEGRITY|YN0018",
        "a package is not the one that was locked",
        "Somebody replaced it, or the lock is wrong: lock again, and look at what changed.",
        Retry.NEXT_REVISION,
    ),
)


def node_failure(output: str, what: str) -> BuildFailed:
    """The first rule that fits tells the story; `what` is the sentence without one."""
    for pattern, message, hint, retry in _RULES:
        if re.search(pattern, output):
            return BuildFailed(f"{what}: {message}", context=last_lines(output), hint=hint, retry=retry)
    hint = "The last lines tell what happened. `assets = []` in [build] of pullet.toml builds without them."
    return BuildFailed(what, context=last_lines(output), hint=hint)
