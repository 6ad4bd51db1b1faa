"""YAML, JSON and TOML that strangers wrote, as one kind of tree: texts, lists and tables, each with its line.

Every scalar stays a text: no tag is resolved, nothing is constructed, `yes` and `3.10` are what they look like. What
does not parse, is too large, too deep or grows by aliases is an empty tree. Looking into a tree never raises.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from pullet.domain.toml import load_toml

SIZE_LIMIT = 64 * 1024  # characters
_NODES = 20_000  # of one document, aliases counted as often as they are used
_DEPTH = 40
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(eq=False)
class Node:
    """A text, a list or a table; an empty text where there is nothing. Remembers whether somebody looked at it."""

    value: str | list[Node] | dict[str, Node] = ""
    line: int = 0
    key: str = ""
    """Under which it was found."""
    size: int = 1
    """Nodes in it, itself included."""
    seen: bool = field(default=False, repr=False)

    def __bool__(self) -> bool:
        return bool(self.value)

    def get(self, *keys: str) -> Node:
        """What lies below; an empty node where the path leads nowhere."""
        node = self
        for key in keys:
            node = node.value.get(key, Node()) if isinstance(node.value, dict) else Node()
            node.seen = True
        return node

    @property
    def text(self) -> str:
        """Of a scalar, on one line and printable; else empty."""
        value = self.value if isinstance(self.value, str) else ""
        value = value.strip()
        return value if value.isprintable() else ""

    @property
    def lines(self) -> str:
        """Of a scalar that may have several lines, as shell scripts do; a list of texts is one, too. Without NUL."""
        if isinstance(self.value, list):
            return "\n".join(item.text for item in self.items())
        return self.value if isinstance(self.value, str) and "\0" not in self.value else ""

    def items(self) -> Iterator[Node]:
        """Of a list."""
        for item in self.value if isinstance(self.value, list) else ():
            item.seen = True
            yield item

    def entries(self) -> Iterator[tuple[str, Node]]:
        """Of a table, with printable keys."""
        for key, item in self.value.items() if isinstance(self.value, dict) else ():
            item.seen = True
            if key.isprintable():
                yield key, item

    def unseen(self, path: str = "") -> Iterator[tuple[str, Node]]:
        """The uppermost parts that nobody looked at, each with its path such as `services.0.plan`."""
        children: Iterator[tuple[str, Node]] = iter(())
        if isinstance(self.value, dict):
            children = iter(self.value.items())
        elif isinstance(self.value, list):
            children = ((str(number), item) for number, item in enumerate(self.value))
        for key, child in children:
            inner = f"{path}.{key}" if path else key
            if child.seen:
                yield from child.unseen(inner)
            elif child:
                yield inner, child

    def skip(self, *keys: str) -> None:
        """These are known to mean nothing here."""
        for key in keys:
            _see_all(self.get(key))


def _see_all(node: Node) -> None:
    node.seen = True
    children = node.value.values() if isinstance(node.value, dict) else node.value
    for child in children if not isinstance(children, str) else ():
        _see_all(child)


class _TooMuch(ValueError):
    pass


def read_yaml(text: str, limit: int = SIZE_LIMIT) -> Node:
    """The first document of a YAML stream. `limit`: characters."""
    if len(text) > limit:
        return Node()
    try:
        return _Composer(text).compose()
    except (yaml.YAMLError, ValueError, RecursionError):
        return Node()


def read_json(text: str, limit: int = SIZE_LIMIT) -> Node:
    return _plain(text, json.loads, limit)


def read_toml(text: str) -> Node:
    return _plain(text, load_toml)


class _Composer:
    """From PyYAML's events to nodes. Aliases share what they name, and count as if it were written out."""

    def __init__(self, text: str) -> None:
        self._events = yaml.parse(text, Loader=_LOADER)
        self._anchors: dict[str, Node] = {}
        self._left = _NODES

    def compose(self) -> Node:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                return self._node(next(self._events), 0)
        return Node()

    def _node(self, event: Any, depth: int) -> Node:
        if depth > _DEPTH:
            raise _TooMuch
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        node = Node("", event.start_mark.line + 1)
        if isinstance(event, yaml.ScalarEvent):
            node.value = "" if event.implicit[0] and event.value in ("null", "~") else str(event.value)
        elif isinstance(event, yaml.SequenceStartEvent):
            node.value = list(self._sequence(depth))
        else:
            node.value = self._mapping(depth)
        self._spend(1)
        inside = node.value.values() if isinstance(node.value, dict) else node.value
        node.size = 1 + (0 if isinstance(inside, str) else sum(child.size for child in inside))
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any) -> Node:
        target = self._anchors.get(event.anchor)
        if target is None:  # of nothing, or of what it lies in
            raise _TooMuch
        self._spend(target.size)
        return target

    def _spend(self, nodes: int) -> None:
        self._left -= nodes
        if self._left < 0:
            raise _TooMuch

    def _sequence(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _mapping(self, depth: int) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key, value = self._node(event, depth + 1), self._node(next(self._events), depth + 1)
            if not isinstance(key.value, str):
                continue
            if key.value == "<<":
                for each in value.value if isinstance(value.value, list) else [value]:
                    merged = (each.value if isinstance(each.value, dict) else {}) | merged
                continue
            own[key.value] = Node(value.value, key.line, key.value, value.size)
        return merged | own


def _plain(text: str, load: Callable[[str], Any], limit: int = SIZE_LIMIT) -> Node:
    """Of formats whose readers do not tell lines: keys are looked for in the order in which they were read."""
    if len(text) > limit:
        return Node()
    try:
        return _Finder(text).node(load(text), "", 0)
    except (ValueError, RecursionError):
        return Node()


class _Finder:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._left = _NODES

    def node(self, value: Any, key: str, depth: int) -> Node:
        self._left -= 1
        if depth > _DEPTH or self._left < 0:
            raise _TooMuch
        line = self._find(key)
        if isinstance(value, Mapping):
            inner = {str(name): self.node(each, str(name), depth + 1) for name, each in value.items()}
            return Node(inner, line, key)
        if isinstance(value, list):
            return Node([self.node(each, "", depth + 1) for each in value], self._line, key)
        return Node(_scalar(value), line, key)

    def _find(self, key: str) -> int:
        found = self._text.find(key, self._at) if key else -1
        if found >= 0:
            self._line += self._text.count("\n", self._at, found)
            self._at = found
        return self._line


def _scalar(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
