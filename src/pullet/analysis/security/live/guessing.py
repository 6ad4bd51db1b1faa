"""Whether a login gets tired of wrong passwords."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pullet.analysis.security.live.exchanges import Exchange
from pullet.analysis.security.live.rules import Hit

TRIES = 12
_TIRED = re.compile(r"too many|try again (?:later|in)|locked|temporarily|captcha|rate limit", re.IGNORECASE)
_SLOW = 1.0  # seconds more than at first


def guessed(tries: Sequence[Exchange]) -> Iterator[Hit]:
    """Judges the answers to `TRIES` wrong logins in a row."""
    if inconclusive(tries) or _refuses(tries) or _slows(tries):
        return
    yield Hit("guessing", tries[0], f"{len(tries)} tries, all answered {tries[-1].status}", tries[0].request.path)


def inconclusive(tries: Sequence[Exchange]) -> str:
    """Why the tries tell nothing; empty where they do."""
    if len(tries) < TRIES or not all(each.status for each in tries):
        return "not every try was answered"
    if tries[0].status in {403, 404, 405, 415} or tries[0].status >= 500:
        return f"the first try already was answered with {tries[0].status}: the form was not understood"
    return ""


def _refuses(tries: Sequence[Exchange]) -> bool:
    first, last = tries[0], tries[-1]
    tired = _TIRED.search(last.text) and not _TIRED.search(first.text)
    return last.status in {403, 423, 429, 503} or bool(tired)


def _slows(tries: Sequence[Exchange]) -> bool:
    return tries[-1].seconds - tries[0].seconds > _SLOW
