"""How long to wait before trying again."""

from __future__ import annotations


def backoff(failures: int, jitter: float, *, first: float = 1.0, longest: float = 300.0) -> float:
    """Seconds before the next try after `failures` (at least 1) in a row.

    Doubles from `first` to `longest`. `jitter` in [0, 1) spreads it over the upper half, so that many waiters which
    failed together do not come back together.
    """
    ceiling = min(longest, first * 2.0 ** min(failures - 1, 32))
    return ceiling * (0.5 + jitter / 2)
