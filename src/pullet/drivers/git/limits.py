"""What Pullet takes from a repository, as named settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GitLimits:
    files: int = 100_000
    """Files, links and submodules in one commit."""
    blob_bytes: int = 256 << 20
    """One file. Where the server allows it, a bigger one is not even transferred."""
    total_bytes: int = 2 << 30
    """All files of one commit together, and what one fetch may transfer."""
    read_bytes: int = 1 << 20
    """One file that is read without a check-out."""
    answer_seconds: float = 15.0
    """One poll."""
    fetch_seconds: float = 600.0
    """One fetch, including the first."""
    local_seconds: float = 300.0
    """One git command on the mirror, such as a check-out."""
    commits_kept: int = 200
    """Fetched commits that a mirror keeps; the oldest go first."""


def readable(size: int) -> str:
    """Bytes for people: `256 MB`."""
    for unit, factor in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if size >= factor:
            return f"{size / factor:.1f}".removesuffix(".0") + f" {unit}"
    return f"{size} bytes"
