"""Polling over smart HTTP: one POST of protocol v2's ls-refs on a kept connection answers for every branch and tag.

A hundredth of the CPU that `git ls-remote` takes. Blocking, standard library only: the caller runs it in a thread.
See gitprotocol-v2(5) and gitprotocol-http(5).
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from pullet.domain.errors import SourceError
from pullet.domain.refs import Refs
from pullet.drivers.git.advertised import parse_ls_refs
from pullet.drivers.git.failures import AUTH_HINT
from pullet.drivers.git.locations import HttpLocation
from pullet.drivers.git.packets import DELIMITER, FLUSH, BadPackets, messages, packet

_ADVERTISEMENT = "/info/refs?service=git-upload-pack"
_ANSWER_LIMIT = 64 << 20  # bytes
_REDIRECTS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})
_PREFIXES = ("HEAD", "refs/heads/", "refs/tags/")
_USER_AGENT = "git/2 (pullet)"


class NotVersion2(Exception):
    """The server, or a proxy on the way, needs what only git itself can do: ask `git ls-remote`."""


@dataclass
class _Answer:
    status: int
    location: str
    body: bytes


@dataclass
class HttpPoller:
    """Polls one repository; not for two threads at once."""

    location: HttpLocation
    timeout: float
    """Seconds for each wait on the network."""
    tls: ssl.SSLContext
    _connection: http.client.HTTPConnection | None = None
    _peer: tuple[str, str] = ("", "")
    _service: SplitResult | None = None
    _format: str = ""

    def poll(self) -> Refs:
        """Raises SourceError, NotVersion2."""
        if _needs_proxy(self.location.url):
            raise NotVersion2
        try:
            return self._poll()
        except (OSError, http.client.HTTPException) as err:
            self.close()
            raise _unreachable(self.location, err) from err
        except BadPackets as err:
            self.close()
            raise NotVersion2 from err

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._service = None, None

    def _poll(self) -> Refs:
        known = self._service is not None
        if not known:
            self._discover()
        assert self._service is not None
        answer = self._post(self._service)
        if answer.status != 200 and known:  # moved, or another server behind the same name: ask anew, once
            self.close()
            return self._poll()
        if answer.status != 200:
            raise _refused(self.location, answer.status)
        return parse_ls_refs(line for message in messages(answer.body) for line in message)

    def _discover(self) -> None:
        """Find where the repository really is, and whether the server speaks version 2."""
        url = urlsplit(_join(self.location.url, _ADVERTISEMENT))
        for _ in range(_REDIRECTS):
            answer = self._request("GET", url, None)
            if answer.status not in _MOVED:
                break
            url = _redirected(url, answer.location, self.location)
        if answer.status != 200:
            raise _refused(self.location, answer.status)
        self._format = _object_format(answer.body)
        self._service = urlsplit(url.geturl().replace(_ADVERTISEMENT, "/git-upload-pack"))

    def _post(self, url: SplitResult) -> _Answer:
        capabilities = [packet("command=ls-refs\n"), packet(f"agent={_USER_AGENT.replace(' ', '-')}\n")]
        if self._format:
            capabilities.append(packet(f"object-format={self._format}\n"))
        arguments = [packet("peel\n"), packet("symrefs\n"), *(packet(f"ref-prefix {prefix}\n") for prefix in _PREFIXES)]
        return self._request("POST", url, b"".join([*capabilities, DELIMITER, *arguments, FLUSH]))

    def _request(self, method: str, url: SplitResult, body: bytes | None) -> _Answer:
        """One request; once more on a new connection where the server had closed the kept one meanwhile."""
        fresh = self._connect(url)
        try:
            return self._exchange(method, url, body)
        except (ConnectionError, http.client.BadStatusLine, http.client.CannotSendRequest):
            if fresh:
                raise
        assert self._connection is not None
        self._connection.close()
        return self._exchange(method, url, body)

    def _connect(self, url: SplitResult) -> bool:
        peer = (url.scheme, url.netloc.rpartition("@")[2])
        if self._connection is not None and self._peer == peer:
            return self._connection.sock is None
        if self._connection is not None:
            self._connection.close()
        self._peer, host = peer, url.hostname or ""
        if url.scheme == "https":
            self._connection = http.client.HTTPSConnection(host, url.port, timeout=self.timeout, context=self.tls)
        else:
            self._connection = http.client.HTTPConnection(host, url.port, timeout=self.timeout)
        return True

    def _exchange(self, method: str, url: SplitResult, body: bytes | None) -> _Answer:
        assert self._connection is not None
        target = url.path + (f"?{url.query}" if url.query else "")
        self._connection.request(method, target, body, self._headers_for(url, body))
        with contextlib.closing(self._connection.getresponse()) as response:
            data = response.read(_ANSWER_LIMIT)
            if not response.isclosed():
                self._connection.close()  # more than the limit, or an end that never came
            return _Answer(response.status, response.headers.get("Location", ""), data)

    def _headers_for(self, url: SplitResult, body: bytes | None) -> dict[str, str]:
        headers = {"Git-Protocol": "version=2", "User-Agent": _USER_AGENT, "Accept-Encoding": "identity"}
        if body is not None:
            headers["Content-Type"] = "application/x-git-upload-pack-request"
            headers["Accept"] = "application/x-git-upload-pack-result"
        if self.location.authorization and _origin(url) == _origin(self.location.url):  # never to another host
            headers["Authorization"] = self.location.authorization
        return headers


def _object_format(advertisement: bytes) -> str:
    """Check that the server speaks version 2; the object format that it names, if any."""
    lines = [line.rstrip(b"\n") for message in messages(advertisement) for line in message]
    if b"version 2" not in lines or not any(line.split(b"=")[0] == b"ls-refs" for line in lines):
        raise NotVersion2
    named = (line.partition(b"=")[2] for line in lines if line.startswith(b"object-format="))
    return next(named, b"").decode("ascii", "replace")


def _redirected(url: SplitResult, target: str, location: HttpLocation) -> SplitResult:
    """Where a redirect of the advertisement leads, by git's own rules: same service, and never from https to http."""
    new = urlsplit(urljoin(url.geturl(), target))
    same_service = new.geturl().endswith(_ADVERTISEMENT)
    if new.scheme not in ("http", "https") or not new.hostname or (url.scheme, new.scheme) == ("https", "http"):
        raise SourceError(
            f"{location.shown} redirects to where Pullet does not follow", hint="Use the final https URL."
        )
    if not same_service:
        raise SourceError(
            f"{location.shown} redirects to a page that is not a repository",
            hint="Check the URL. Many servers do this for a private repository: put a token in the URL.",
        )
    return new


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port


def _join(url: SplitResult, suffix: str) -> str:
    return url._replace(path=url.path.rstrip("/"), query="").geturl() + suffix


def _needs_proxy(url: SplitResult) -> bool:
    return url.scheme in getproxies() and not proxy_bypass(url.hostname or "")


def _refused(location: HttpLocation, status: int) -> SourceError:
    if status in (401, 403):
        return SourceError(f"{location.shown} wants a user and a password, and accepted none", hint=AUTH_HINT)
    if status in (404, 410):
        return SourceError(
            f"{location.shown} is not a git repository, or this user may not see it",
            context=f"HTTP status {status}",
            hint="Check the URL. A private repository needs a token in the URL.",
        )
    return SourceError(
        f"{location.shown} cannot be read now",
        context=f"HTTP status {status}",
        hint="Check the git server. What is live keeps serving.",
    )


def _unreachable(location: HttpLocation, err: Exception) -> SourceError:
    what = "did not answer in time" if isinstance(err, TimeoutError) else "cannot be reached"
    return SourceError(
        f"{location.shown} {what}",
        context=f"{type(err).__name__}: {err}",
        hint="Check the URL, the git server and the network of this box. What is live keeps serving.",
    )
