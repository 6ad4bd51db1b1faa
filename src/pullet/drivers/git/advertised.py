"""Refs as a remote advertises them -> `Refs`. Pure: names come from outside and are believed only when well formed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pullet.domain.refs import Refs

_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|[/.]$|^[/.]")  # git-check-ref-format(1)
_HEADS, _TAGS = "refs/heads/", "refs/tags/"


@dataclass(frozen=True)
class Advertised:
    """One line of an advertisement."""

    name: str
    sha: str
    peeled: str | None = None
    """What an annotated tag points at."""
    target: str | None = None
    """The ref that a symbolic ref (HEAD) names."""


def is_sha(text: str) -> bool:
    return _SHA.fullmatch(text) is not None


def is_ref_name(name: str) -> bool:
    return bool(name) and not _FORBIDDEN.search(name)


def collect(lines: Iterable[Advertised]) -> Refs:
    """Branches and tags with well-formed names; everything else is left out."""
    heads: dict[str, str] = {}
    tags: dict[str, str] = {}
    default = None
    for line in lines:
        if line.name == "HEAD":
            default = _short(line.target, _HEADS) if line.target else default
        elif is_sha(line.sha) and is_ref_name(line.name):
            if branch := _short(line.name, _HEADS):
                heads[branch] = line.sha
            elif tag := _short(line.name, _TAGS):
                tags[tag] = line.peeled or line.sha
    return Refs(heads, tags, default)


def _short(name: str, prefix: str) -> str | None:
    return name.removeprefix(prefix) if name.startswith(prefix) else None


def parse_ls_remote(output: bytes) -> tuple[Refs, dict[str, str]]:
    """`git ls-remote --symref`: `sha TAB name`, `name^{}` for what a tag points at, `ref: target TAB HEAD`.

    With the refs, what each tag's own object id leads to.
    """
    symbolic: dict[str, str] = {}
    direct: dict[str, str] = {}
    for line in output.decode("utf-8", "surrogateescape").split("\n"):
        value, _, name = line.partition("\t")
        if value.startswith("ref: "):
            symbolic[name] = value.removeprefix("ref: ")
        elif name:
            direct[name] = value
    found = [
        Advertised(name, sha, direct.get(f"{name}^{{}}")) for name, sha in direct.items() if not name.endswith("^{}")
    ]
    peeled = {line.sha: line.peeled or line.sha for line in found if line.name.startswith(_TAGS)}
    return collect([*found, Advertised("HEAD", "", target=symbolic.get("HEAD"))]), peeled


def parse_ls_refs(packets: Iterable[bytes]) -> Refs:
    """The answer to protocol v2's ls-refs, gitprotocol-v2(5): `sha SP name [SP symref-target:…] [SP peeled:…]`."""
    return collect(_ls_refs_line(packet.decode("utf-8", "surrogateescape").rstrip("\n")) for packet in packets)


def _ls_refs_line(line: str) -> Advertised:
    sha, name, *attributes = line.split(" ") + [""] * (line.count(" ") == 0)
    values = dict(attribute.partition(":")[::2] for attribute in attributes)
    return Advertised(name, sha, values.get("peeled"), values.get("symref-target"))
