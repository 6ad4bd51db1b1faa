"""The repository's password, out of the target's key; docs/adr/0013-backups-by-restic.md has it as a recipe."""

from __future__ import annotations

import hashlib
import hmac

_LABEL = b"pullet backup repository v1"


def repository_password(key: str) -> str:
    """HKDF-SHA256 (RFC 5869), no salt, one block: 64 hex digits. White space around the key does not count."""
    if not key.strip():
        raise ValueError("an empty key protects nothing")
    secret = hmac.new(bytes(hashlib.sha256().digest_size), key.strip().encode(), hashlib.sha256).digest()
    return hmac.new(secret, _LABEL + b"\x01", hashlib.sha256).hexdigest()
