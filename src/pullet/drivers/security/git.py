"""git on a hostile repository, confined: nothing that its configuration names is run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

SAFE: Mapping[str, str] = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
}
_OPTIONS = (
    *("-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"),
    *("-c", "core.attributesFile=/dev/null", "-c", "diff.external=", "-c", "core.pager=cat"),
    *("-c", "blame.ignoreRevsFile=", "-c", "mailmap.file=", "-c", "mailmap.blob="),
)


def git(repository: Path | None, *arguments: str) -> tuple[str, ...]:
    """The command line. `repository`: a `.git` folder or a bare one; None: that of the folder it runs in."""
    where = (f"--git-dir={repository}",) if repository is not None else ()
    return ("git", *_OPTIONS, *where, *arguments)
