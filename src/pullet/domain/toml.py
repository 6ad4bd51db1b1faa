"""Reading TOML that a stranger wrote."""

from __future__ import annotations

import tomllib
from typing import Any

_DOTS_IN_A_LINE = 1_000


class TooDeep(ValueError):
    """Nested beyond any honest file."""


def load_toml(text: str) -> dict[str, Any]:
    """`tomllib.loads`, in time and stack that the length of the text bounds. Raises ValueError.

    tomllib takes quadratic time for a key of many dots and recurses for each bracket.
    """
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > _DOTS_IN_A_LINE:
            raise TooDeep(f"more than {_DOTS_IN_A_LINE} dots in line {number}")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise TooDeep("too many brackets within brackets") from None
