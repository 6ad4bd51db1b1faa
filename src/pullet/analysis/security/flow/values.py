"""What an expression may hold: input of a visitor, and the constant text around it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pullet.analysis.security.flow.tables import ORIGIN

_FLOWS = 8
_STEPS = 12
_SAID = 2000  # characters


@dataclass(frozen=True)
class Flow:
    """Input on its way."""

    origin: str
    """`request.args['name']`: the same text is the same input, wherever it is read."""
    steps: tuple[int, ...]
    """Lines, the source first."""
    clean: frozenset[str] = frozenset()
    """Kinds that it is harmless for."""
    head: bool = True
    """It is how the text begins (or names the host of a URL)."""
    text: bool = False
    """It is known to be text, and no number or list."""

    def at(self, line: int) -> Flow:
        if self.steps[-1] == line or len(self.steps) >= _STEPS:
            return self
        return replace(self, steps=(*self.steps, line))


@dataclass(frozen=True)
class Value:
    flows: tuple[Flow, ...] = ()
    said: str = ""
    """Constant text that is part of it."""
    kind: str = ""
    """`request:flask`, `mapping`, `body:Login`, `path`, `sql`, `client`; empty: anything."""
    parts: tuple[tuple[object, Value], ...] | None = None
    """Of a list, tuple or dict that is written down: key or number -> value."""

    def at(self, line: int) -> Value:
        return replace(self, flows=tuple(flow.at(line) for flow in self.flows)) if self.flows else self

    def cleaned(self, kinds: frozenset[str]) -> Value:
        return replace(self, flows=tuple(replace(flow, clean=flow.clean | kinds) for flow in self.flows))

    def without(self, origins: frozenset[str]) -> Value:
        if not self.flows and self.parts is None:
            return self
        parts = None if self.parts is None else tuple((key, value.without(origins)) for key, value in self.parts)
        return replace(self, flows=tuple(flow for flow in self.flows if flow.origin not in origins), parts=parts)


NOTHING = Value()


def joined(values: Iterable[Value]) -> Value:
    """One of them, and nobody knows which."""
    given = list(values)
    if not given:
        return NOTHING
    kinds = {value.kind for value in given}
    flows = dict.fromkeys(flow for value in given for flow in value.flows)
    said = " ".join(dict.fromkeys(value.said for value in given if value.said))[:_SAID]
    parts = given[0].parts if all(value.parts == given[0].parts for value in given) else None
    return Value(tuple(flows)[:_FLOWS], said, kinds.pop() if len(kinds) == 1 else "", parts)


def texts(value: Value) -> Value:
    """What of it is known to be text."""
    return replace(value, flows=tuple(flow for flow in value.flows if flow.text))


def composed(values: Iterable[Value]) -> Value:
    """A text of these, one after the other."""
    flows: list[Flow] = []
    said, leads = "", True
    for value in values:
        flows += [replace(flow, head=flow.head and leads, text=True) for flow in value.flows]
        flows += [replace(flow, head=False, text=True) for _, part in value.parts or () for flow in part.flows]
        said += value.said + "".join(part.said for _, part in value.parts or ())
        leads = bool(value.said and not flows and ORIGIN.fullmatch(said))
    return Value(tuple(dict.fromkeys(flows))[:_FLOWS], said[:_SAID])


def element(value: Value, key: object) -> Value:
    """What is found in a container that was written down."""
    if value.parts is None:
        return NOTHING
    found = dict(value.parts).get(key)
    if found is not None:
        return found
    inner = [part for _, part in value.parts]
    return joined(inner) if inner and all(part.flows for part in inner) else NOTHING
