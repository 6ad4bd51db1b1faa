"""What a source's URL means: a folder of this box, smart HTTP, or ssh. Everything else is refused.

git itself understands more (`ext::` runs programs, a leading `-` is an option), so nothing reaches it unread.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from pullet.domain.errors import SourceRefused

_SCP = re.compile(r"(?:[\w.~-]+@)?(?P<host>[\w.-]+|\[[0-9a-fA-F:.]+\]):.+")  # git@host:acme/shop.git
_USER_INFO = re.compile(r"//[^/]*@")
_SSH_SCHEMES = ("ssh", "git+ssh", "ssh+git")


@dataclass(frozen=True)
class PathLocation:
    path: Path

    @property
    def remote(self) -> str:
        """What git is told."""
        return str(self.path)

    @property
    def shown(self) -> str:
        """What people are told: no secret in it."""
        return str(self.path)

    @property
    def secrets(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True)
class HttpLocation:
    url: SplitResult

    @property
    def remote(self) -> str:
        return urlunsplit(self.url)

    @property
    def shown(self) -> str:
        return urlunsplit(self.url._replace(netloc=self.url.netloc.rpartition("@")[2]))

    @property
    def secrets(self) -> tuple[str, ...]:
        password = self.url.password or ""
        return tuple({password, unquote(password)} - {""})

    @property
    def authorization(self) -> str | None:
        """The value of the header, from the user and password of the URL."""
        if self.url.username is None:
            return None
        plain = f"{unquote(self.url.username)}:{unquote(self.url.password or '')}"
        return "Basic " + base64.b64encode(plain.encode()).decode()


@dataclass(frozen=True)
class SshLocation:
    url: str

    @property
    def remote(self) -> str:
        return self.url

    @property
    def shown(self) -> str:
        return self.url

    @property
    def secrets(self) -> tuple[str, ...]:
        return ()


Location: TypeAlias = PathLocation | HttpLocation | SshLocation


def locate(url: str) -> Location:
    """Read a source's URL. Raises SourceRefused for one that git must not see."""
    if not url or url.startswith("-") or any(ord(character) < 0x20 or character == "\x7f" for character in url):
        raise _refused(url, "is not the address of a repository")
    if url.startswith("/"):
        return PathLocation(Path(url))
    scheme, separator, _ = url.partition("://")
    if separator:
        return _with_scheme(scheme.lower(), url)
    scp = _SCP.fullmatch(url)
    if scp and "::" not in url and not scp["host"].startswith("-"):
        return SshLocation(url)
    raise _refused(url, "is neither an absolute path nor a URL")


def _with_scheme(scheme: str, url: str) -> Location:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # both raise ValueError where they make no sense
    except ValueError as err:
        raise _refused(url, f"cannot be read: {err}") from err
    if scheme == "file" and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
        return PathLocation(Path(unquote(parts.path)))
    if not host or host.startswith("-") or parts.netloc.startswith("-"):
        raise _refused(url, "names no host")
    if scheme in ("http", "https"):
        return HttpLocation(parts._replace(scheme=scheme, fragment=""))
    if scheme in _SSH_SCHEMES:
        return SshLocation(url)
    raise _refused(url, f"has the scheme {scheme!r}, which Pullet does not use")


def _refused(url: str, why: str) -> SourceRefused:
    shown = _USER_INFO.sub("//***@", url)
    return SourceRefused(
        f"The source {shown!a} {why}",
        hint="Use https://host/path, ssh://user@host/path, user@host:path, or an absolute path on this box.",
    )
