"""What an npm version range asks of Node, as a request of Pullet's own kind: `^20.1 || >=22` is `>=22`.

Only majors count: the newest release of one is the right one to build with.
"""

from __future__ import annotations

import re

_LENGTH = 200  # characters of a range
_EXACT = re.compile(r"[v=]{0,2}(\d{1,3})(?:\.(?:\d{1,5}|x|\*)){0,2}(?:-[\w.-]{1,40})?", re.IGNORECASE)
_CLAUSE = re.compile(r"(>=|<=|>|<|\^|~|=)?\s*v?(\d{1,3})((?:\.(?:\d{1,5}|x|\*)){0,2})", re.IGNORECASE)
_HYPHEN = re.compile(r"v?(\d{1,3})[\d.]*\s+-\s+v?(\d{1,3})[\d.x]*")
_LTS = {"dubnium": "10", "erbium": "12", "fermium": "14", "gallium": "16", "hydrogen": "18", "iron": "20"}
_LTS |= {"jod": "22", "krypton": "24"}


def request(text: str) -> str:
    """A request such as `22` or `>=20,<23`; empty where any Node will do, or where the text says nothing.

    Of alternatives the one with the highest versions is taken.
    """
    text = text.strip()
    if len(text) > _LENGTH:
        return ""
    if text.startswith("lts/"):
        return _LTS.get(text[4:].lower(), "")
    alternatives = [_one(part.strip()) for part in text.split("||")]
    return max(alternatives, key=_height) if all(alternatives) else ""


def _one(text: str) -> str:
    if exact := _EXACT.fullmatch(text):
        return exact[1]
    if hyphen := _HYPHEN.fullmatch(text):
        return f">={hyphen[1]},<{int(hyphen[2]) + 1}"
    clauses, rest = [], text
    while rest and (found := _CLAUSE.match(rest)):
        clauses.append(_clause(found[1] or "=", int(found[2]), found[3]))
        rest = rest[found.end() :].lstrip(" ,")
    if rest or not clauses:
        return ""
    return (
        clauses[0]
        if len(clauses) == 1
        else ",".join(clause if clause[0] in "<>" else f"=={clause}" for clause in clauses)
    )


def _clause(operator: str, major: int, rest: str) -> str:
    """Of majors alone: `>=20.9` holds for the newest 20, and so does `>20.9`; `>20` does not."""
    whole = not re.search(r"[1-9]", rest)
    if operator == ">=" or (operator == ">" and not whole):
        return f">={major}"
    if operator == ">":
        return f">={major + 1}"
    if operator == "<":
        return f"<{major}" if whole else f"<{major + 1}"
    return f"<{major + 1}" if operator == "<=" else str(major)


def _height(request: str) -> tuple[int, int]:
    lowest = int(re.findall(r"\d+", request)[0])
    return (lowest if not request.startswith("<") else 0, request.startswith(">"))
