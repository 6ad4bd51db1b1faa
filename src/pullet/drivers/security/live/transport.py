"""What the TLS of a site is worth: its certificate, and the versions that it still speaks. Blocking."""

from __future__ import annotations

import socket
import ssl
import warnings
from collections.abc import Iterator

from pullet.analysis.security.live.exchanges import Exchange, Request
from pullet.analysis.security.live.rules import Hit
from pullet.drivers.security.live.client import Site

_SECONDS = 10.0


def transport(site: Site) -> Iterator[Hit]:
    seen = Exchange(Request("GET", "/"), 0)
    if why := _distrust(site):
        yield Hit("certificate", seen, why)
    if version := _old_version(site):
        yield Hit("old-tls", seen, version)


def _distrust(site: Site) -> str:
    """Why a browser would warn; empty where it would not."""
    try:
        _version(site, ssl.create_default_context())
    except ssl.SSLCertVerificationError as err:
        return err.verify_message
    except OSError as err:
        return f"no TLS: {err}"
    return ""


def _old_version(site: Site) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # asking for what is deprecated is the purpose
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        return _version(site, context)
    except OSError:
        return ""


def _version(site: Site, context: ssl.SSLContext) -> str:
    with (
        socket.create_connection((site.address, site.port), timeout=_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=site.host) as secure,
    ):
        return secure.version() or ""
