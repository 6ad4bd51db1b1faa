"""Symbolic links of a commit, judged before one of them is written. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

_FOLLOWED = 40  # links on one way, as in Linux


def refuse_reason(path: str, targets: Mapping[str, str]) -> str | None:
    """Why the link at `path` may not be written; None where it stays inside the tree.

    `targets` has the target of every link in the tree. A target that does not exist is harmless.
    """
    place: list[str] = path.split("/")[:-1]
    ahead = _parts(targets[path])
    if targets[path].startswith("/"):
        return "is absolute"
    followed = 1
    while ahead:
        part = ahead.pop()
        if part == "..":
            if not place:
                return "leads out of the repository"
            place.pop()
            continue
        place.append(part)
        target = targets.get("/".join(place))
        if target is None:
            continue
        followed += 1
        if followed > _FOLLOWED:
            return "leads to itself"
        if target.startswith("/"):
            return "leads to an absolute link"
        place.pop()
        ahead += _parts(target)
    return None


def _parts(target: str) -> list[str]:
    """The components, last one first."""
    return [part for part in target.split("/") if part not in ("", ".")][::-1]


def is_safe_path(path: str) -> bool:
    """Whether a path from a tree names something below the tree's root, and nothing that git keeps for itself."""
    return bool(path) and posixpath.normpath(path) == path and not any(_reserved(part) for part in path.split("/"))


def _reserved(part: str) -> bool:
    return part in ("", ".", "..") or part.lower() == ".git"
