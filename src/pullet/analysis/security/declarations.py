"""What the protected base says of its own assessment: its waivers, and what people have looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pullet.analysis.security.review import REVIEW_FILE, parse_review
from pullet.analysis.security.waivers import WAIVERS_FILE, Waiver, parse_waivers
from pullet.domain.errors import ConfigError
from pullet.domain.security import Tick

DECLARATION_FILES = (WAIVERS_FILE, REVIEW_FILE)
_Entry = TypeVar("_Entry")


@dataclass(frozen=True)
class Declarations:
    waivers: tuple[Waiver, ...] = ()
    ticks: tuple[Tick, ...] = ()
    waiver_trouble: str = ""
    """Why the waivers cannot be read; then none holds."""
    tick_trouble: str = ""


def declarations(files: Mapping[str, bytes]) -> Declarations:
    """`files`: those of DECLARATION_FILES that there are."""
    waivers, waiver_trouble = _read(parse_waivers, files.get(WAIVERS_FILE, b""))
    ticks, tick_trouble = _read(parse_review, files.get(REVIEW_FILE, b""))
    return Declarations(waivers, ticks, waiver_trouble, tick_trouble)


def unreadable(why: str) -> Declarations:
    """Where the base itself cannot be read: whatever it says does not hold."""
    return Declarations(waiver_trouble=why, tick_trouble=why)


def _read(parse: Callable[[str], tuple[_Entry, ...]], content: bytes) -> tuple[tuple[_Entry, ...], str]:
    """(entries, why there are none): a mistake in one file leaves the other as it is."""
    try:
        return parse(content.decode("utf-8", "replace")), ""
    except ConfigError as err:
        return (), str(err)
