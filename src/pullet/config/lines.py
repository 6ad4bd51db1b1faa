"""Where each key of a TOML text stands. `tomllib` gives values without lines, and errors without lines help nobody.

The text has already been accepted by `tomllib`, so the scan trusts its syntax and only follows its structure.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]

_TOKEN = re.compile(
    r'''
    (?P<string> """(?:\\.|[^\\])*?"{3,5} | \'\'\'.*?\'{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*' )
    | (?P<skip> \#[^\n]* | [ \t\r]+ )
    | (?P<newline> \n )
    | (?P<mark> [\[\]{}=,.] )
    | (?P<bare> [^\s\[\]{}=,.\#"']+ )
    ''',
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    line: int

    @property
    def key(self) -> str:
        return str(tomllib.loads(f"key = {self.text}")["key"]) if self.kind == "string" else self.text


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line (from 1) on which each table, key and list item of a valid TOML text begins."""
    scan = _Scan([*_tokens(text), _Token("newline", "\n", 0)])
    scan.document()
    return scan.lines


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for found in _TOKEN.finditer(text):
        if found.lastgroup != "skip":
            yield _Token(str(found.lastgroup), found[0], line)
        line += found[0].count("\n")


@dataclass
class _Scan:
    tokens: list[_Token]
    at: int = 0
    lines: dict[KeyPath, int] = field(default_factory=dict)
    lengths: dict[KeyPath, int] = field(default_factory=dict)
    """Items so far of each `[[list of tables]]`."""

    def take(self) -> _Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def next_is(self, text: str) -> bool:
        return self.tokens[self.at].text == text

    def skip_newlines(self) -> None:
        while self.at < len(self.tokens) and self.next_is("\n"):
            self.at += 1

    def document(self) -> None:
        table: KeyPath = ()
        self.skip_newlines()
        while self.at < len(self.tokens):
            if self.next_is("["):
                table = self.header()
            else:
                self.assignment(table)
            self.skip_newlines()

    def header(self) -> KeyPath:
        self.take()
        is_list = self.next_is("[")
        if is_list:
            self.take()
        line = self.tokens[self.at].line
        path: KeyPath = ()
        for key in self.dotted("]"):
            path = self.inside_list((*path, key))
        if is_list:
            self.take()
            path = path[:-1] if isinstance(path[-1], int) else path
            self.lengths[path] = self.lengths.get(path, 0) + 1
            self.lines.setdefault(path, line)
            path = self.inside_list(path)
        self.record(path, line)
        return path

    def inside_list(self, path: KeyPath) -> KeyPath:
        """`[a.b]` under `[[a]]` speaks of the latest item of `a`."""
        return (*path, self.lengths[path] - 1) if path in self.lengths else path

    def record(self, path: KeyPath, line: int) -> None:
        for end in range(1, len(path) + 1):
            self.lines.setdefault(path[:end], line)
        self.lines[path] = line

    def dotted(self, end: str) -> list[str]:
        keys = []
        while (token := self.take()).text != end or token.kind == "string":
            if token.kind != "mark":
                keys.append(token.key)
        return keys

    def assignment(self, table: KeyPath) -> None:
        line = self.tokens[self.at].line
        path = (*table, *self.dotted("="))
        self.record(path, line)
        self.value(path)

    def value(self, path: KeyPath) -> None:
        if self.next_is("["):
            self.items(path)
        elif self.next_is("{"):
            self.inline_table(path)
        else:
            while self.tokens[self.at].text not in (",", "]", "}", "\n"):
                self.take()

    def items(self, path: KeyPath) -> None:
        self.take()
        index = 0
        while not self.closed("]"):
            self.record((*path, index), self.tokens[self.at].line)
            self.value((*path, index))
            index += 1

    def inline_table(self, path: KeyPath) -> None:
        self.take()
        while not self.closed("}"):
            self.assignment(path)

    def closed(self, end: str) -> bool:
        while self.next_is(",") or self.next_is("\n"):
            self.take()
        if self.next_is(end):
            self.take()
            return True
        return False
