"""Labelled pairs: a defect of one class, and the same code without it.

One text a framework, written like a diff, so that the two sides differ in nothing but the defect: a line begins with
`-` (vulnerable side), `+` (fixed side) or a space (both). `## name CWE-n,m path` begins a pair, `@@ path` another
file of it. Several CWEs: any of them is the right answer. `<<name>>` stands for a made-up secret that no file here
contains.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FRAMEWORKS = ("django", "flask", "fastapi")
_HEAD = re.compile(r"## (?P<name>[a-z0-9-]+) CWE-(?P<cwes>[0-9,]+) (?P<path>\S+)")
_SECRETS = {
    "<<aws-key>>": "AKIA" + "Q3EG7YX5" + "LZ2RM4TB",
    "<<aws-secret>>": "wJ9r" + "Kz2PqX7vNc4TbY8m" + "LdF5sHgA1eUoRi3Wx6Zk",
    "<<random-key>>": "h7Kq2z" + "Vx9Lm4Rt8Wp3" + "Ys6Nd1Bf5Gj0Ce",
}


@dataclass(frozen=True)
class Pair:
    framework: str
    name: str
    cwes: frozenset[int]
    vulnerable: Mapping[str, str]
    """Path -> text."""
    fixed: Mapping[str, str]

    @property
    def title(self) -> str:
        return f"{self.framework}/{self.name}"


def pairs() -> tuple[Pair, ...]:
    """All, in the order of their files."""
    texts = ((name, Path(__file__).with_name(f"{name}.txt").read_text()) for name in FRAMEWORKS)
    return tuple(pair for name, text in texts for pair in read(name, text))


def read(framework: str, text: str) -> Iterator[Pair]:
    """Raises ValueError for a line that is none of a pair."""
    for block in re.split(r"^(?=## )", text, flags=re.MULTILINE):
        if block:
            yield _pair(framework, block)


def _pair(framework: str, block: str) -> Pair:
    head, _, body = block.partition("\n")
    found = _HEAD.fullmatch(head)
    if found is None:
        raise ValueError(f"{framework}: {head!r} begins no pair")
    cwes = frozenset(map(int, found["cwes"].split(",")))
    sides = ({path: _side(lines, sign) for path, lines in _files(found["path"], body)} for sign in "-+")
    return Pair(framework, found["name"], cwes, next(sides), next(sides))


def _files(path: str, body: str) -> Iterator[tuple[str, list[str]]]:
    for number, part in enumerate(re.split(r"^@@ ", body, flags=re.MULTILINE)):
        name, _, text = (path, "", part) if number == 0 else part.partition("\n")
        yield name, text.splitlines()


def _side(lines: list[str], sign: str) -> str:
    wrong = [line for line in lines if line[:1] not in ("", " ", "-", "+")]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is on neither side")
    text = "".join(f"{line[1:]}\n" for line in lines if line[:1] in ("", " ", sign))
    for name, secret in _SECRETS.items():
        text = text.replace(name, secret)
    return text
