"""After a switch: look at the first page as a visitor would. What is broken there is a warning, never a failure: the
release answers, and only its owner knows how its pages should look."""

from __future__ import annotations

from pullet.analysis.first_page import REDIRECTS, page_trouble, path_on, stylesheet_of, stylesheet_trouble
from pullet.domain.answer import Answer
from pullet.domain.errors import ProbeFailed
from pullet.ports import Visitor

_MOST_REDIRECTS = 5
_LIMIT = 3.0  # seconds an answer; the new release serves meanwhile


async def visit(visitor: Visitor, host: str) -> str:
    """What is broken about the first page of `host` or its first stylesheet; empty: nothing."""
    try:
        path, answers = "/", [await visitor.get(host, "/", _LIMIT)]
        while len(answers) <= _MOST_REDIRECTS and (target := _next(host, path, answers[-1])) is not None:
            path = target
            answers.append(await visitor.get(host, path, _LIMIT))
        if trouble := page_trouble(host, answers):
            return trouble
        sheet = stylesheet_of(answers[-1])
        sheet_path = path_on(host, sheet, path) if sheet else None
        return stylesheet_trouble(sheet_path, await visitor.get(host, sheet_path, _LIMIT)) if sheet_path else ""
    except ProbeFailed as err:
        return err.message


def _next(host: str, path: str, answer: Answer) -> str | None:
    return path_on(host, answer.location, path) if answer.status in REDIRECTS else None
