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
    if any(line.count(".") > _DOTS_IN_A_LINE for line in text.split("\n")):
        raise TooDeep("a line with too many dots")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise TooDeep("too many brackets within brackets") from None
