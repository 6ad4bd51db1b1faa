"""What uv and build commands say when they fail, turned into what happened and what to do next."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pullet.domain.errors import BuildFailed, Retry
from pullet.drivers.process import last_lines

_NEEDS_BUILD = re.compile(
    r"no usable wheels|building from source is disabled|[Bb]uilding source distributions? .* disabled|--no-build|"
    r"has no compatible wheel|only has source distribution"
)


@dataclass(frozen=True)
class _Rule:
    pattern: str
    message: str
    """With {1}, {2}… for the pattern's groups."""
    hint: str
    retry: Retry = Retry.NEXT_REVISION


_RULES = (
    _Rule(
        r"Because (\S+) was not found in the package registry",
        "there is no package called {1} in the index",
        "Check its spelling; a private package needs its index in UV_INDEX of the daemon or in the requirements.",
    ),
    _Rule(
        r"(?:Failed to fetch|error sending request|dns error|[Cc]onnection (?:refused|reset)|operation timed out)"
        r"(?!.*\b40[0-9]\b)",
        "the package index could not be reached",
        "Check the network, the proxy and the index settings of the daemon; Pullet tries again by itself.",
        Retry.BACKOFF,
    ),
    _Rule(
        r"[Hh]ash mismatch for `?([^`\s]+)",
        "the file of {1} is not the one that was locked",
        "Somebody replaced it, or the lock is wrong: lock again, and look at what changed.",
    ),
    _Rule(
        r"there (?:is|are) no versions? of (\S+?)(?:,| and|\s)",
        "there is no version {1}",
        "Ask for one that exists in the index.",
    ),
    _Rule(
        r"[Rr]equires-Python|requires Python|Python requirement|depends on Python",
        "the dependencies do not work with this Python version",
        "Ask for another Python in .python-version, or for other versions of the packages named above.",
    ),
    _Rule(
        r"(?s)(?:Failed to build|Failed to download and build) `?([^`\s]+).*?pg_config executable not found",
        "{1} is built from source and needs PostgreSQL's headers",
        "Depend on psycopg2-binary (or psycopg[binary]) instead, or install libpq-dev and a compiler on the box.",
    ),
    _Rule(
        r"(?s)(?:Failed to build|Failed to download and build) `?([^`\s]+).*?"
        r"(?:command '[^']*(?:gcc|cc|clang|g\+\+)[^']*' failed: No such file|Unable to find a? ?compiler|"
        r"unable to execute '[^']*'|(?:gcc|cc|c\+\+|clang).{0,20}not found|error: can't find Rust compiler|"
        r"No such file or directory: '(?:gcc|cc|make|cmake|cargo|rustc)'|Unknown compiler)",
        "{1} is built from source and needs a compiler, which this box does not have",
        "Ask for a version of it that has wheels for this Python, or install a compiler (on Debian: build-essential).",
    ),
    _Rule(
        r"(?:Failed to build|Failed to download and build) `?([^`\s]+)",
        "{1} could not be built from source",
        "Its own messages are above; a version that has wheels for this Python needs no build.",
    ),
    _Rule(
        r"Failed to (?:parse|read) `?uv\.lock|`?uv\.lock`? needs to be updated|lockfile .* needs to be updated",
        "uv.lock cannot be used as it is",
        "Run `uv lock` and commit uv.lock.",
    ),
    _Rule(
        r"No solution found when resolving",
        "the dependencies contradict each other",
        "Loosen one of the requirements named above.",
    ),
)


def needs_build(output: str) -> bool:
    """Whether uv failed only because it was told to build nothing."""
    return _NEEDS_BUILD.search(output) is not None


def nothing_fits(output: str) -> bool:
    """Whether the index answered, and has no such version."""
    text = re.sub(r"\s+", " ", output)
    return "No solution found" in text and not re.search(_RULES[1].pattern, text)


def needs_other_python(output: str) -> bool:
    """Whether what is asked for exists for other versions of Python only."""
    return "does not satisfy Python" in re.sub(r"\s+", " ", output)


def failure(output: str, what: str) -> BuildFailed:
    """The first rule that fits tells the story; `what` is the sentence without one: `Could not install …`."""
    text = re.sub(r"\s+(?=\S)", " ", output)  # uv wraps long lines
    context = last_lines(output)
    for rule in _RULES:
        found = re.search(rule.pattern, text)
        if found is not None:
            message = rule.message.format(found[0], *found.groups())
            return BuildFailed(f"{what}: {message}", context=context, hint=rule.hint, retry=rule.retry)
    return BuildFailed(what, context=context, hint="The last lines of the build log tell what happened.")
