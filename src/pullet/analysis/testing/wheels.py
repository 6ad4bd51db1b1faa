"""Which of a package's wheels runs in Pyodide."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename


@dataclass(frozen=True)
class Offer:
    """One package of a lock, and what is to be had of it."""

    name: str
    version: str
    wheel: Mapping[str, Any] | None
    """The entry of the best wheel; None: none fits."""
    source: bool
    """Whether it can be built."""
    program: bool
    """It is a program of the box packed as a wheel: no Python code could import its machine code."""


def fitting_tags(python: str, abi: str) -> Sequence[Tag]:
    """Of wheels that Pyodide with this Python (`3.14.2`) and this ABI (`2026_0`) takes, the best first."""
    major, minor = (int(part) for part in python.split(".")[:2])
    platforms = [f"pyemscripten_{abi}_wasm32", f"pyodide_{abi}_wasm32"]
    own = cpython_tags((major, minor), [f"cp{major}{minor}"], platforms)
    return (*own, *compatible_tags((major, minor), f"cp{major}{minor}", platforms))


def offers(lock: Mapping[str, Any], tags: Sequence[Tag]) -> Iterator[Offer]:
    """Of a lock in the standard's form (PEP 751) that lists every wheel there is."""
    ranks = {tag: rank for rank, tag in enumerate(tags)}
    for package in lock.get("packages", ()):
        wheels = [(entry, tuple(_tags(entry))) for entry in package.get("wheels", ())]
        ranked = [(min(ranks.get(tag, len(ranks)) for tag in own), entry) for entry, own in wheels if own]
        fit = [(rank, entry) for rank, entry in ranked if rank < len(ranks)]
        best = min(fit, key=lambda pair: pair[0])[1] if fit else None
        program = bool(wheels) and all(_is_program(own) for _, own in wheels)
        source = "sdist" in package or not wheels
        yield Offer(canonicalize_name(package["name"]), str(package.get("version", "")), best, source, program)


def _tags(entry: Mapping[str, Any]) -> Iterator[Tag]:
    try:
        yield from parse_wheel_filename(file_name(entry))[3]
    except InvalidWheelFilename:
        return


def file_name(entry: Mapping[str, Any]) -> str:
    """Of an entry for a wheel or a source archive."""
    place = str(entry.get("name") or entry.get("url") or entry.get("path") or "")
    return place.partition("#")[0].rstrip("/").rpartition("/")[2]


def _is_program(tags: Iterable[Tag]) -> bool:
    return all(tag.abi == "none" and tag.platform != "any" and tag.interpreter.startswith("py") for tag in tags)


def as_pure(found: Sequence[Offer]) -> str:
    """A lock of these wheels for an installer that knows no Pyodide: each is called a wheel for any platform, which
    decides nothing but whether it is installed."""
    lines = ['lock-version = "1.0"', 'created-by = "pullet"']
    for offer in found:
        assert offer.wheel is not None
        name = f"{offer.name.replace('-', '_')}-{offer.version}-py3-none-any.whl"
        place = "url" if "url" in offer.wheel else "path"
        digests = ", ".join(f"{_text(kind)} = {_text(value)}" for kind, value in offer.wheel["hashes"].items())
        wheel = f"{{ name = {_text(name)}, {place} = {_text(offer.wheel[place])}, hashes = {{ {digests} }} }}"
        lines += ["", "[[packages]]", f"name = {_text(offer.name)}", f"version = {_text(offer.version)}"]
        lines.append(f"wheels = [{wheel}]")
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    """TOML's basic string is JSON's."""
    return json.dumps(value, ensure_ascii=False)


def needed_by(annotated: str) -> Mapping[str, tuple[str, ...]]:
    """What asks for each package, from lines as `idna==3.1 # via httpx, yarl`; itself alone named in a file: nobody."""
    found: dict[str, tuple[str, ...]] = {}
    for line in annotated.splitlines():
        pinned, _, via = line.partition("# via ")
        name = canonicalize_name(pinned.partition("==")[0].strip())
        if "==" in pinned:
            askers = (each.strip() for each in via.split(","))
            found[name] = tuple(each for each in askers if each and not each.startswith("-"))
    return found


def chain(name: str, needs: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """From a package up to what the app itself asks for."""
    way = [name]
    while (above := needs.get(way[-1], ())) and above[0] not in way:
        way.append(above[0])
    return tuple(way)
