"""The git program, in an environment where nothing of the user, the system or a repository can surprise it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pullet.domain.command import Command, Completed
from pullet.domain.home import Home
from pullet.drivers.git.files import write_whole
from pullet.drivers.git.limits import GitLimits
from pullet.drivers.git.locations import Location
from pullet.drivers.process import ProcessRunner

# upload-pack of a local repository gets only this file, not our variables, so what it must know stands here:
# repositories of other users are read (safe.directory), and it may leave out what is over the limit (allowFilter).
# The fsck exceptions are harmless oddities in the history of well-known projects.
_CONFIG = """\
# Written by Pullet. Changes are overwritten.
[safe]
\tdirectory = *
[core]
\thooksPath = /dev/null
\taskPass =
\tfsmonitor = false
\tsymlinks = true
\tfileMode = true
\tprotectHFS = true
\tprotectNTFS = true
\tlogAllRefUpdates = false
\twarnAmbiguousRefs = false
[uploadpack]
\tallowFilter = true
\tallowAnySHA1InWant = true
[fetch]
\tfsckObjects = true
\trecurseSubmodules = false
[fetch "fsck"]
\tbadTimezone = ignore
\tbadDateOverflow = ignore
\tmissingSpaceBeforeDate = ignore
\tmissingEmail = ignore
\tmissingNameBeforeEmail = ignore
\tmissingSpaceBeforeEmail = ignore
\tzeroPaddedFilemode = ignore
\tgitmodulesMissing = ignore
[protocol "ext"]
\tallow = never
[protocol "fd"]
\tallow = never
[http]
\tlowSpeedLimit = 100
\tlowSpeedTime = 30
[gc]
\tauto = 0
[maintenance]
\tauto = false
[advice]
\tdetachedHead = false
[submodule]
\trecurse = false
[credential]
\thelper =
"""
_PASSED_ON = (
    "PATH", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "TMPDIR",
    "http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY",
)  # fmt: skip
_SSH = "ssh -oBatchMode=yes -oConnectTimeout=10 -oServerAliveInterval=10 -oServerAliveCountMax=3"


class Git:
    """Runs git. Local commands may not speak to any remote, whatever the mirror's objects lack."""

    def __init__(self, home: Home, runner: ProcessRunner, limits: GitLimits, ssh_command: str | None) -> None:
        self._runner = runner
        self._limits = limits
        self._folder = home.mirrors
        self._config = home.mirrors / "gitconfig"
        self._environment = {
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            "HOME": str(home.mirrors),
            "LC_ALL": "C",
            "GIT_CONFIG_GLOBAL": str(self._config),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_SSH_COMMAND": ssh_command or _SSH,
            "GIT_SSH_VARIANT": "ssh",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
        }
        self._environment.setdefault("PATH", os.defpath)
        self._ready = False

    async def local(
        self,
        mirror: Path,
        *arguments: str,
        stdin: bytes = b"",
        output_limit: int = 1 << 20,
        environment: Mapping[str, str] | None = None,
    ) -> Completed:
        """A command on the mirror alone: any attempt to fetch what it lacks fails instead."""
        variables = {"GIT_ALLOW_PROTOCOL": "none", **(environment or {})}
        return await self._run(
            mirror, arguments, variables, timeout=self._limits.local_seconds, stdin=stdin, output_limit=output_limit
        )

    async def remote(self, mirror: Path, location: Location, *arguments: str, timeout: float) -> Completed:
        """A command that speaks to the mirror's remote."""
        variables = {"GIT_ALLOW_PROTOCOL": "file:http:https:ssh"}
        return await self._run(
            mirror, arguments, variables, timeout=timeout, secrets=location.secrets, output_limit=64 << 20
        )

    async def _run(
        self,
        mirror: Path,
        arguments: tuple[str, ...],
        variables: Mapping[str, str],
        *,
        timeout: float,
        stdin: bytes = b"",
        output_limit: int,
        secrets: tuple[str, ...] = (),
    ) -> Completed:
        self._write_config()
        return await self._runner.run(
            Command(
                ("git", f"--git-dir={mirror}", *arguments),
                cwd=self._folder,
                environment={**self._environment, **variables},
                timeout=timeout,
                output_limit=output_limit,
                stdin=stdin,
                secrets=secrets,
            )
        )

    def _write_config(self) -> None:
        if self._ready and self._config.exists():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)  # URLs with tokens are kept in there
        write_whole(self._config, _CONFIG.encode())
        self._ready = True
