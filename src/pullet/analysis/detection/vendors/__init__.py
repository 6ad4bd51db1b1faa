"""Other platforms' files: each is read into evidence like any other, and tells which platform the code is for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from pullet.analysis.detection.repository import Repository
from pullet.analysis.detection.vendors import (
    azure,
    compose,
    digitalocean,
    dockerfile,
    fly,
    personality,
    railway,
    render,
    scalingo,
    upsun,
)
from pullet.analysis.detection.vendors.documents import Node, read_json, read_toml, read_yaml
from pullet.analysis.detection.vendors.reading import Reading
from pullet.domain.app import Confidence, Evidence


@dataclass(frozen=True)
class Vendor:
    name: str
    """As people call it; also what evidence names as its detector."""
    files: tuple[str, ...]
    """Relative to the top of the repository or to the app's folder."""
    read: Callable[[Reading], None]
    conventions: tuple[tuple[str, str], ...]
    """What is honoured and what it becomes, for docs/compatibility.md."""
    confidence: Confidence = Confidence.LIKELY


VENDORS: tuple[Vendor, ...] = (
    Vendor("Render", render.FILES, render.read, render.CONVENTIONS),
    Vendor("Upsun", upsun.FILES, upsun.read, upsun.CONVENTIONS),
    Vendor("DigitalOcean", digitalocean.FILES, digitalocean.read, digitalocean.CONVENTIONS),
    Vendor("Railway", railway.FILES, railway.read, railway.CONVENTIONS),
    Vendor("Fly", fly.FILES, fly.read, fly.CONVENTIONS),
    Vendor("Azure", azure.FILES, azure.read, azure.CONVENTIONS),
    Vendor("Scalingo", scalingo.FILES[:1], scalingo.read, scalingo.CONVENTIONS),
    Vendor("Heroku", scalingo.FILES[1:], scalingo.read, scalingo.CONVENTIONS, Confidence.POSSIBLE),
    Vendor("Dockerfile", dockerfile.FILES, dockerfile.read, dockerfile.CONVENTIONS, Confidence.POSSIBLE),
    Vendor("Compose", compose.FILES, compose.read, compose.CONVENTIONS, Confidence.POSSIBLE),
)
"""In order of precedence."""


def detect(repository: Repository) -> Iterator[Evidence]:
    found = list(readings(repository))
    yield from chain.from_iterable(evidence for _, _, evidence in found)
    yield from personality.detect(repository, [(vendor.name, path) for vendor, path, _ in found])


def readings(repository: Repository) -> Iterator[tuple[Vendor, str, list[Evidence]]]:
    """What each file there is says: (vendor, path from the top, evidence)."""
    for vendor in VENDORS:
        for path in _there(repository, vendor):
            reading = Reading(repository, vendor.name, path, _document(repository, path), vendor.confidence)
            vendor.read(reading)
            yield vendor, path, reading.evidence()


def _there(repository: Repository, vendor: Vendor) -> Iterator[str]:
    """Paths from the top of the repository: the app's own folder first."""
    folders = dict.fromkeys(("" if repository.root == "." else f"{repository.root}/", ""))
    for folder in folders:
        for file in vendor.files:
            if repository.top.text(f"{folder}{file}"):
                yield f"{folder}{file}"


def _document(repository: Repository, path: str) -> Node:
    text = repository.top.text(path)
    if path.endswith((".yaml", ".yml")):
        return read_yaml(text)
    if path.endswith(".json"):
        return read_json(text)
    return read_toml(text) if path.endswith(".toml") else Node()
