"""Projects inside the tree: what they depend on, without building them where their metadata is written down."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from pullet.domain.errors import BuildFailed
from pullet.drivers.build.inputs import Indexes, TreeFiles, Wanted, is_public_index, refused

_BUILDABLE = ("setup.py", "setup.cfg", "pyproject.toml")


def project(files: TreeFiles, folder: str, extras: tuple[str, ...] = ()) -> Wanted:
    """The dependencies of the project in `folder`; the project itself is imported from the tree."""
    path = posixpath.normpath(posixpath.join(folder, "pyproject.toml"))
    if files.exists(path):
        wanted = static_dependencies(files.read_toml(path), extras, path)
        if wanted is not None:
            return wanted.merged(Wanted(local=(folder,)))
    if not any(files.exists(posixpath.normpath(posixpath.join(folder, name))) for name in _BUILDABLE):
        raise BuildFailed(
            f"There is no Python project in {folder!r}", hint="It needs a pyproject.toml or setup.py: commit it."
        )
    return Wanted(local=(folder,), projects=((folder, f"[{','.join(extras)}]" if extras else ""),))


def static_dependencies(document: Mapping[str, Any], extras: tuple[str, ...], place: str) -> Wanted | None:
    """What `[project]` declares; None where only the build backend can tell."""
    table = document.get("project")
    if not isinstance(table, dict):
        return None
    dynamic = set(table.get("dynamic", ()))
    if "dependencies" in dynamic or (extras and "optional-dependencies" in dynamic):
        return None
    own = canonicalize_name(str(table.get("name", "")))
    optional: dict[str, Any] = {
        canonicalize_name(name): value for name, value in dict(table.get("optional-dependencies", {})).items()
    }
    wanted, pending, seen = Wanted(), [list(table.get("dependencies", ())), *_of(optional, extras)], set(extras)
    sources = dict(dict(dict(document.get("tool", {})).get("uv", {})).get("sources", {}))
    while pending:
        for text in pending.pop(0):
            parsed = _parsed(text, place)
            if canonicalize_name(parsed.name) == own:  # "shop[web]" inside shop: one extra that includes another
                more = tuple(sorted(parsed.extras - seen))
                seen.update(more)
                pending += _of(optional, more)
            else:
                wanted = wanted.merged(_sourced(text, parsed, sources, place))
    return wanted


def _of(optional: Mapping[str, Any], extras: tuple[str, ...]) -> list[list[str]]:
    return [list(optional.get(canonicalize_name(extra), ())) for extra in extras]


def _parsed(text: object, place: str) -> Requirement:
    try:
        return Requirement(str(text))
    except InvalidRequirement as err:
        raise BuildFailed(
            f"{place} has a dependency that is not a requirement", context=f"{text!r}: {err}", hint=f"Correct {place}."
        ) from err


def _sourced(text: str, parsed: Requirement, sources: Mapping[str, Any], place: str) -> Wanted:
    if parsed.url and not parsed.url.startswith(("http://", "https://", "git+https://", "git+http://", "git+ssh://")):
        raise refused(place, text, "names a place that is neither a package nor on http(s)")
    source = next(
        (value for name, value in sources.items() if canonicalize_name(name) == canonicalize_name(parsed.name)), None
    )
    if not isinstance(source, dict):
        return Wanted((text,))
    url = _source_url(source)
    if url is None:
        return Wanted(
            (text,), notices=(f"WARNING: {place}: the source of {parsed.name} is not followed without a uv.lock",)
        )
    extras = f"[{','.join(sorted(parsed.extras))}]" if parsed.extras else ""
    marker = f" ; {parsed.marker}" if parsed.marker else ""
    return Wanted((f"{parsed.name}{extras} @ {url}{marker}",))


def _source_url(source: Mapping[str, Any]) -> str | None:
    if "git" in source:
        return git_url(str(source["git"]), next((str(source[k]) for k in ("rev", "tag", "branch") if k in source), ""))
    return str(source["url"]) if str(source.get("url", "")).startswith(("http://", "https://")) else None


def git_url(repository: str, reference: str, folder: str = "") -> str:
    """A requirement's URL for a git repository. Raises BuildFailed for one that is not on the network."""
    if not repository.startswith(("https://", "http://", "ssh://")) or any(char.isspace() for char in repository):
        raise refused("A git dependency", repository, "names a repository that is neither on http(s) nor on ssh")
    at = f"@{reference}" if reference else ""
    return f"git+{repository}{at}{f'#subdirectory={folder}' if folder else ''}"


def pipfile(document: Mapping[str, Any], place: str) -> Wanted:
    """The `[packages]` of a Pipfile that nobody has locked."""
    lines = [pipfile_line(str(name), value, place) for name, value in dict(document.get("packages", {})).items()]
    return Wanted(tuple(lines), indexes=pipfile_indexes(document.get("source", ())))


def pipfile_line(name: str, value: object, place: str, *, hashes: bool = False) -> str:
    """One entry of a Pipfile or Pipfile.lock as a requirement line, markers and hashes kept."""
    entry: dict[str, Any] = dict(value) if isinstance(value, Mapping) else {"version": value}
    if "path" in entry or "file" in entry:
        raise refused(place, f"{name} = {entry}", "installs from a path")
    extras = f"[{','.join(map(str, entry['extras']))}]" if entry.get("extras") else ""
    version = str(entry.get("version", "*"))
    if "git" in entry:
        spec = " @ " + git_url(str(entry["git"]), str(entry.get("ref", "")), str(entry.get("subdirectory", "")))
    elif version == "*":
        spec = ""
    else:
        spec = version if version[0] in "<>=!~" else f"=={version}"
    marker = f" ; {entry['markers']}" if entry.get("markers") else ""
    tail = "".join(f" --hash={one}" for one in entry.get("hashes", ())) if hashes else ""
    return f"{name}{extras}{spec}{marker}{tail}"


def _is_default(source: Mapping[str, Any]) -> bool:
    return source.get("name") == "pypi" or is_public_index(str(source.get("url", "")))


def pipfile_indexes(sources: object) -> Indexes:
    """Those that Pipenv does not add by itself: its own default is named `pypi`, and there the box's default holds.
    Old files give no name, and an address of the default that is gone."""
    entries = [dict(source) for source in sources if isinstance(source, Mapping)] if isinstance(sources, list) else []
    urls = [str(entry.get("url", "")) for entry in entries if not _is_default(entry)]
    for url in urls:
        if not url.startswith(("http://", "https://")) or "$" in url:
            raise refused("Pipfile", url, "names an index that is not on http(s), or that needs a variable")
    return Indexes(extra=tuple(urls))
