"""environment.yml of conda, where no other file lists dependencies: its pip section, and what PyPI has by that name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pullet.analysis.detection.detectors.imports import Found
from pullet.analysis.detection.repository import Repository
from pullet.analysis.detection.vendors.documents import Node, read_yaml
from pullet.analysis.diagnosis.names import is_known_distribution

FILES = ("environment.yml", "environment.yaml")
_SPEC = re.compile(
    r"(?:[\w.-]{1,60}::)?([A-Za-z0-9][A-Za-z0-9._-]{0,80})[ \t]{0,9}([=<>!~][=<>!~\d.,* ]{0,60})?(?:=\w+)?"
)
_TOOLS = frozenset({"python", "pip", "setuptools", "wheel", "conda"})
_LINES = 300


def listed(repository: Repository) -> tuple[Found, ...]:
    return tuple(_listed(repository))


def python_of(repository: Repository) -> tuple[str, str, int] | None:
    """(`3.11`, path, line) of the Python that it names."""
    for path, node in _entries(repository):
        found = _SPEC.fullmatch(node.text.strip())
        if found and found[1] == "python" and (series := re.match(r"={1,2}\s?(3\.\d{1,2})", found[2] or "")):
            return series[1], path, node.line
    return None


def _listed(repository: Repository) -> Iterator[Found]:
    for path, node in _entries(repository):
        for one in node.get("pip").items():
            if one.text and not one.text.startswith("-"):
                yield Found(one.text, one.text, path, one.line)
        found = _SPEC.fullmatch(node.text.strip())
        if found and found[1] not in _TOOLS:
            known = is_known_distribution(found[1])
            yield Found(found[1], f"{found[1]}{_version(found[2] or '')}" if known else "", path, node.line)


def _entries(repository: Repository) -> Iterator[tuple[str, Node]]:
    path = next((path for path in FILES if repository.text(path)), "")
    if path:
        document = read_yaml(repository.text(path))
        yield from ((path, node) for node in list(document.get("dependencies").items())[:_LINES])


def _version(text: str) -> str:
    """Conda's `=2.3` means any 2.3."""
    text = text.replace(" ", "")
    single = re.fullmatch(r"=(\d+(?:\.\d+)*)(?:\.\*)?", text)
    return f"=={single[1]}.*" if single else text
