"""What a repository points at: the outcome of one poll."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Refs:
    """What one poll of a repository saw."""

    heads: Mapping[str, str]
    """Branch -> commit id."""
    tags: Mapping[str, str]
    """Tag -> commit id (annotated tags are peeled)."""
    default_branch: str | None
    """The branch that HEAD names, whether or not it has a commit yet; None: HEAD is detached or unknown."""
