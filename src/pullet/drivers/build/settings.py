"""What a build may use of the daemon's environment, and its limits."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"

_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_CERTIFICATES = frozenset(
    {"SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CLIENT_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"}
)
_PROXIES = frozenset(
    name for plain in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY") for name in (plain, plain.lower())
)
_UV = frozenset(
    {
        "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INDEX_STRATEGY",
        "UV_KEYRING_PROVIDER", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_INSECURE_HOST", "UV_HTTP_TIMEOUT",
        "UV_HTTP_RETRIES", "UV_CONCURRENT_DOWNLOADS", "UV_CONCURRENT_BUILDS", "UV_CONCURRENT_INSTALLS", "UV_OFFLINE",
        "UV_EXCLUDE_NEWER", "UV_CONFIG_FILE",
    }
)  # fmt: skip
_INDEX_CREDENTIAL = re.compile(r"UV_INDEX_[A-Z0-9_]+_(USERNAME|PASSWORD)")
_OF_PIP = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_CERT": "SSL_CERT_FILE",
    "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
}
_NPM = re.compile(
    r"npm_config_(registry|globalconfig|ca|cafile|strict_ssl|(https?_?)?proxy|noproxy|offline|prefer_offline|maxsockets"
    r"|fetch_\w+|[@/][\w./:@-]+)",
    re.IGNORECASE,
)
_NPM_SECRET = re.compile(r"npm_config_//.*:_(authToken|auth|password)$", re.IGNORECASE)
_NPMRC = (Path("/etc/npmrc"), Path("/usr/etc/npmrc"))
_SAYS_WHERE = frozenset({"UV_DEFAULT_INDEX", "UV_INDEX_URL"})


def box_environment(environ: Mapping[str, str], bundle: Path = _BUNDLE) -> dict[str, str]:
    """With the box's own certificates where nothing else is named: uv brings others, without the authorities that git
    and everything else on this box trust."""
    named = any(environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "PIP_CERT"))
    return dict(environ) if named or not bundle.is_file() else {**environ, "SSL_CERT_FILE": str(bundle)}


def network_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Certificates and proxies: what any program needs to reach the network from here."""
    return {name: value for name, value in environ.items() if value and name in _CERTIFICATES | _PROXIES}


def index_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Where packages come from, as the person who runs Pullet has set it for uv or for pip; uv's own names win."""
    chosen = {
        name: value
        for name, value in environ.items()
        if value and (name in _UV or _INDEX_CREDENTIAL.fullmatch(name) or name == "NETRC")
    }
    for pip_name, uv_name in _OF_PIP.items():
        taken = uv_name in chosen or uv_name in environ or (uv_name in _SAYS_WHERE and _SAYS_WHERE & chosen.keys())
        if environ.get(pip_name) and not taken:
            chosen[uv_name] = environ[pip_name]
    return chosen


def npm_environment(environ: Mapping[str, str], npmrc: Sequence[Path] = _NPMRC) -> dict[str, str]:
    """Where npm's packages come from, as the person who runs Pullet has set it; the box's certificates and proxies.

    The npmrc of the box counts, the one of a user does not: the code of packages could read it.
    """
    chosen = {_npm_name(name): value for name, value in environ.items() if value and _NPM.fullmatch(name)}
    if (box := next((path for path in npmrc if path.is_file()), None)) is not None:
        chosen.setdefault("npm_config_globalconfig", str(box))
    network = network_environment(environ)
    if certificates := environ.get("NODE_EXTRA_CA_CERTS") or network.get("SSL_CERT_FILE"):
        chosen["NODE_EXTRA_CA_CERTS"] = certificates
    return {**network, **chosen}


def _npm_name(name: str) -> str:
    """npm takes any case; of a host's or scope's settings the case is theirs."""
    return name.lower() if name[11:12].isalpha() else f"npm_config_{name[11:]}"


def url_secrets(text: str) -> tuple[str, ...]:
    """The user and password parts of every URL in `text`."""
    found: list[str] = []
    for url in re.findall(r"[a-z+]+://[^\s\"']+", text):
        try:
            parts = urlsplit(url)
            found += [part for part in (parts.password, None if parts.password else parts.username) if part]
        except ValueError:
            continue  # not a URL after all; uv will say so
    return tuple(found)


def environment_secrets(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Texts that must not be shown: credentials in URLs and those that uv takes from variables of their own."""
    own = [
        value for name, value in environment.items() if _INDEX_CREDENTIAL.fullmatch(name) or _NPM_SECRET.search(name)
    ]
    return tuple(dict.fromkeys([*own, *url_secrets(" ".join(environment.values()))]))


def local_places(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Absolute paths of this box that the index settings and certificates lead to: a confined build must read them."""
    words = " ".join(environment.values()).split()
    plain = (word.removeprefix("file://") for word in words)
    return tuple(sorted({word for word in plain if word.startswith("/") and ":" not in word}))


def operators_config(environ: Mapping[str, str]) -> dict[str, str]:
    """uv's configuration file of whoever runs Pullet, named outright so that uv looks for none in a repository."""
    home = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or "/nonexistent") / ".config")
    named = environ.get("UV_CONFIG_FILE")
    for path in (Path(named) if named else None, home / "uv/uv.toml", Path("/etc/uv/uv.toml")):
        if path is not None and path.is_file():
            return {"UV_CONFIG_FILE": str(path)}
    return {"UV_NO_CONFIG": "1"}


@dataclass(frozen=True)
class BuildSettings:
    """Limits of a build, and the part of the daemon's environment that it may see."""

    time_limit: float = 900.0
    """Seconds for the whole build."""
    memory: int | None = 2 << 30
    """Bytes for a process tree that runs foreign code (a source build, a build command)."""
    processes: int | None = 512
    keep_unused: float = 600.0
    """Seconds for which `discard` spares an environment just handed out: its release may not be recorded yet."""
    environ: Mapping[str, str] = field(default_factory=lambda: box_environment(os.environ))

    @property
    def network(self) -> dict[str, str]:
        return network_environment(self.environ)

    @property
    def index(self) -> dict[str, str]:
        return {**index_environment(self.environ), **operators_config(self.environ)}

    @property
    def secrets(self) -> tuple[str, ...]:
        return environment_secrets({**self.index, **npm_environment(self.environ)})


@dataclass(frozen=True)
class Deadline:
    """The end of a build, shared by its steps."""

    limit: float
    started: float = field(default_factory=time.monotonic)

    @property
    def remaining(self) -> float:
        """Seconds left; never under a tenth, so that a command is started and then told that its time is up."""
        return max(0.1, self.started + self.limit - time.monotonic())
