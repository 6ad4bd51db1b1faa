"""Which commit an environment should be at: what it tracks, looked up in what a poll saw. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from pullet.domain.errors import BranchMissing, ConfigError
from pullet.domain.fleet import Track, TrackKind
from pullet.domain.identity import Revision
from pullet.domain.refs import Refs

_FULL_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_SHORT_SHA = re.compile(r"[0-9a-f]{7,63}")
_USUAL_BRANCHES = ("main", "master", "trunk")


def resolve(track: Track, refs: Refs) -> Revision:
    """The revision that `track` means right now.

    Raises BranchMissing where the repository has no such branch, tag or commit, ConfigError for a version range or a
    commit id that can never match.
    """
    match track.kind:
        case TrackKind.COMMIT:
            return _pinned(track.value.lower(), refs)
        case TrackKind.BRANCH:
            return _branch(track.value, refs)
        case TrackKind.TAG:
            return _tag(track.value, refs)


def choose_default_branch(refs: Refs) -> str:
    """The branch to deploy when nobody named one: HEAD's, else main, master or trunk, else the only one."""
    if refs.default_branch in refs.heads:
        return str(refs.default_branch)
    usual = next((name for name in _USUAL_BRANCHES if name in refs.heads), None)
    if usual is not None:
        return usual
    if len(refs.heads) == 1:
        return next(iter(refs.heads))
    raise _missing("The repository has no default branch", refs)


def _branch(name: str, refs: Refs) -> Revision:
    sha = refs.heads.get(name)
    if sha is None:
        raise _missing(f"The repository has no branch {name!r}", refs)
    return Revision(name, sha)


def _tag(wanted: str, refs: Refs) -> Revision:
    """An exact tag name, else the highest tag in the version range."""
    if wanted in refs.tags:
        return Revision(wanted, refs.tags[wanted])
    try:
        versions = SpecifierSet(wanted)
    except InvalidSpecifier as err:
        if _version(wanted) is not None:
            raise _no_tag(wanted, refs) from err
        raise ConfigError(
            f"tag = {wanted!r} is neither a tag of the repository nor a version range",
            hint='Write a range such as tag = ">=1.2,<2".',
        ) from err
    best = _highest(refs.tags, versions)
    if best is None:
        raise _no_tag(wanted, refs)
    return Revision(best, refs.tags[best])


def _highest(tags: Iterable[str], versions: SpecifierSet) -> str | None:
    """Of tags that name the same version (`1.2`, `v1.2.0`) the last by name, so that the answer is always the same."""
    parsed = {tag: version for tag in tags if (version := _version(tag)) is not None}
    allowed = set(versions.filter(parsed.values()))
    return max((tag for tag in parsed if parsed[tag] in allowed), key=lambda tag: (parsed[tag], tag), default=None)


def _version(tag: str) -> Version | None:
    try:
        return Version(tag)  # PEP 440 allows the leading v
    except InvalidVersion:
        return None


def _pinned(sha: str, refs: Refs) -> Revision:
    if _FULL_SHA.fullmatch(sha):
        return Revision(sha[:12], sha)
    if not _SHORT_SHA.fullmatch(sha):
        raise ConfigError(
            f"commit = {sha!r} is not a commit id", hint="Write all 40 digits, as `git rev-parse` prints."
        )
    found = {tip for tip in (*refs.heads.values(), *refs.tags.values()) if tip.startswith(sha)}
    if len(found) != 1:
        raise BranchMissing(
            f"The commit {sha} is {'ambiguous' if found else 'not the tip of any branch or tag'}",
            hint="Write all 40 digits of the commit id, as `git rev-parse` prints them.",
        )
    return Revision(sha, found.pop())


def _no_tag(wanted: str, refs: Refs) -> BranchMissing:
    return BranchMissing(
        f"The repository has no tag that fits {wanted!r}", context=_listing("Its tags", refs.tags), hint="Push the tag."
    )


def _missing(what: str, refs: Refs) -> BranchMissing:
    if not refs.heads and not refs.tags:
        return BranchMissing(
            "The repository is empty: it has no commit yet",
            hint="Commit something and push it; Pullet goes on by itself.",
        )
    return BranchMissing(
        what, context=_listing("Its branches", refs.heads), hint="Push that branch, or choose another with --branch."
    )


def _listing(title: str, names: Mapping[str, str], limit: int = 10) -> str:
    if not names:
        return f"{title}: none"
    shown = ", ".join(ascii(name).strip("'") for name in sorted(names)[:limit])
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return f"{title}: {shown}{more}"
