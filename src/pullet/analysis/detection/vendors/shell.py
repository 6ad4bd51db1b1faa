"""Simple commands of a shell script, read and never run: no expansion, no branches; every line counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass


def word_set(text: str) -> frozenset[str]:
    """A set that is written as people write words."""
    return frozenset(text.split())


SIZE_LIMIT = 64 * 1024  # characters of one script
_COMMANDS = 300
_TOKEN = re.compile(
    r"""(?P<blank>(?:[ \t\r]|\\\n)+)
    |(?P<comment>\#[^\n]*)
    |(?P<end>&&|\|\||;;|[;&|\n()])
    |(?P<word>(?:\\.|'[^']{0,4000}'|"(?:\\.|[^"\\]){0,4000}"|\$\([^()\n]{0,400}\)|\$\{[^}\n]{0,200}\}|`[^`\n]{0,400}`
        |[<>]&\d?|[^\s'"\\;&|()`])+)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_KEYWORDS = word_set("if then else elif fi while until do done for case esac in ! { } time function")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_REDIRECTION = re.compile(r"\d?(<|>>?|<<-?|&>)(&\d|[^\s<>&]*)")
_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})")
_LITERAL = re.compile(r"[\w./:@,+-]{1,200}")
_ROOTS = re.compile(
    # where vendors and most Dockerfiles put a repository
    r"""(?<![\w.$}/~-])/(?:app|code|srv/app|usr/src/app|home/site/wwwroot|opt/render/project/src|workspace)(?=[/\s"']|$)"""
)


@dataclass(frozen=True)
class ShellCommand:
    """One simple command."""

    words: tuple[str, ...]
    """As written, with quotes; without redirections."""
    line: int
    assignments: tuple[str, ...] = ()
    """`NAME=value` before the first word."""
    background: bool = False
    piped: bool = False
    """What it prints goes to another command."""

    def __str__(self) -> str:
        return " ".join((*self.assignments, *self.words))


def commands_of(script: str, first_line: int = 1) -> Iterator[ShellCommand]:
    """The simple commands of a script, in order, with the literal variables that it sets for itself filled in."""
    known: dict[str, str] = {}
    for count, (words, line, end, in_pipe) in enumerate(_split(script[:SIZE_LIMIT], first_line)):
        if count == _COMMANDS:
            return
        _learn(words, known)
        filled = [_fill(word, known) for word in words]
        assignments, rest = _assignments(list(_without_redirections(_without_keywords(filled))))
        if rest and not in_pipe:
            yield ShellCommand(rest, line, assignments, background=end == "&", piped=end == "|")


def plain(word: str) -> str:
    """A word without its quotes."""
    return re.sub(r"""["']|\\(?=.)""", "", word)


def _split(script: str, line: int) -> Iterator[tuple[list[str], int, str, bool]]:
    """Words of each command, its line, what ended it, and whether it reads from a pipe."""
    words: list[str] = []
    start, before = line, ""
    for token in _TOKEN.finditer(script):
        text = token.group()
        if token.lastgroup == "word":
            start = start if words else line
            words.append(text)
        elif token.lastgroup == "end":
            if words:
                yield words, start, text, before == "|"
            before, words = text, []
        line += text.count("\n")
    if words:
        yield words, start, "", before == "|"


def _without_keywords(words: list[str]) -> list[str]:
    while words and words[0] in _KEYWORDS:
        words = words[1:]
    return words


def _without_redirections(words: list[str]) -> Iterator[str]:
    target_follows = False
    for word in words:
        found = _REDIRECTION.fullmatch(word)
        if target_follows or found:
            target_follows = bool(found) and not (found and found[2]) and not target_follows
            continue
        yield word


def _assignments(words: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    count = 0
    while count < len(words) and _ASSIGNMENT.fullmatch(words[count]):
        count += 1
    return tuple(words[:count]), tuple(words[count:])


def _learn(words: list[str], known: dict[str, str]) -> None:
    names = words[1:] if words[0] in ("export", "readonly", "local", "declare") else words
    found = [_ASSIGNMENT.fullmatch(word) for word in names]
    for match in found:
        if match and all(found):
            value = plain(match[2])
            if _LITERAL.fullmatch(value):
                known[match[1]] = value
            else:
                known.pop(match[1], None)


def _fill(word: str, known: Mapping[str, str]) -> str:
    if not word.startswith("'"):
        word = _VARIABLE.sub(lambda match: known.get(match[1] or match[2], match[0]), word)
    return _ROOTS.sub(".", word)
