"""Frozen values to JSON and back, for the store, for `release.json` and for the API.

One generic codec instead of a hand-written pair for every type. It is strict: an unknown key, a missing key without a
default, or a value of another type is an error that says where. A missing key *with* a default takes the default, so
what an older Pullet wrote stays readable after a field was added.

Understood: str, int, float, bool, None, enums, dataclasses, `tuple[X, ...]`, `tuple[X, Y]`, `frozenset[X]`, and
`X | None`. Anything else in an annotation is a bug and raises TypeError.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from pullet.domain.errors import MalformedData, PulletError

T = TypeVar("T")
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_SCALARS = (str, int, float, bool)


def to_json(value: object) -> Json:
    """The JSON value for a frozen value. Sets are sorted, so equal values give equal texts."""
    if isinstance(value, Enum):
        return to_json(value.value)
    if value is None or isinstance(value, _SCALARS):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, frozenset):
        return sorted((to_json(item) for item in value), key=json.dumps)
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no JSON form")


def from_json(kind: type[T], data: object) -> T:
    """The value of type `kind` that `data` stands for. Raises MalformedData with the path of what does not fit."""
    value: T = _decode(kind, data, kind.__name__)
    return value


def dumps(value: object) -> str:
    """As text, on one line, ASCII only: safe for any encoding, whatever a hostile repository put into a name."""
    return json.dumps(to_json(value), allow_nan=False, separators=(",", ":"))


def loads(kind: type[T], text: str | bytes) -> T:
    """Raises MalformedData for text that is no JSON or not the JSON of a `kind`."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise MalformedData(f"The text of a {kind.__name__} is not JSON", context=str(err)) from err
    return from_json(kind, data)


def _decode(kind: Any, data: object, at: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _decode_optional(kind, data, at)
    if origin is tuple:
        return _decode_tuple(get_args(kind), data, at)
    if origin is frozenset:
        return frozenset(_items(get_args(kind)[0], _expect(list, data, at), at))
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, data, at)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _decode_enum(kind, data, at)
    if kind in _SCALARS:
        return _decode_scalar(kind, data, at)
    raise TypeError(f"{at}: the codec does not know {kind!r}")


def _decode_optional(kind: Any, data: object, at: str) -> Any:
    others = [member for member in get_args(kind) if member is not types.NoneType]
    if len(others) != 1:
        raise TypeError(f"{at}: the codec knows no union but `X | None`, not {kind!r}")
    return None if data is None else _decode(others[0], data, at)


def _decode_tuple(members: tuple[Any, ...], data: object, at: str) -> tuple[Any, ...]:
    items = _expect(list, data, at)
    if len(members) == 2 and members[1] is Ellipsis:
        return tuple(_items(members[0], items, at))
    if len(items) != len(members):
        raise MalformedData(f"{at}: {len(members)} items were expected, {len(items)} found")
    return tuple(
        _decode(member, item, f"{at}[{index}]") for index, (member, item) in enumerate(zip(members, items, strict=True))
    )


def _items(kind: Any, items: list[object], at: str) -> list[Any]:
    return [_decode(kind, item, f"{at}[{index}]") for index, item in enumerate(items)]


def _decode_dataclass(kind: Any, data: object, at: str) -> Any:
    found = _expect(dict, data, at)
    expected = _fields(kind)
    for key in found:
        if key not in expected:
            raise MalformedData(f"{at}: {key!r} is not known", context=f"Known: {', '.join(expected)}")
    for name, (_, required) in expected.items():
        if required and name not in found:
            raise MalformedData(f"{at}: {name!r} is missing")
    values = {name: _decode(expected[name][0], item, f"{at}.{name}") for name, item in found.items()}
    try:
        return kind(**values)
    except PulletError as err:  # the value's own check, e.g. a name that is no DNS label
        raise MalformedData(f"{at}: {err.message}", hint=err.hint) from err


@cache
def _fields(kind: Any) -> Mapping[str, tuple[Any, bool]]:
    """Field name -> (type, whether it must be present)."""
    hints = get_type_hints(kind)
    missing = dataclasses.MISSING
    return {
        field.name: (hints[field.name], field.default is missing and field.default_factory is missing)
        for field in dataclasses.fields(kind)
    }


def _decode_enum(kind: type[Enum], data: object, at: str) -> Enum:
    for member in kind:
        if type(member.value) is type(data) and member.value == data:
            return member
    known = ", ".join(repr(member.value) for member in kind)
    raise MalformedData(f"{at}: {_shown(data)} is none of {known}")


def _decode_scalar(kind: type, data: object, at: str) -> object:
    if kind is float and type(data) is int:
        return float(data)  # 1 and 1.0 are the same number in JSON
    return _expect(kind, data, at)


def _expect(kind: type[T], data: object, at: str) -> T:
    if type(data) is kind:  # not isinstance: True is no int here
        return data
    raise MalformedData(f"{at}: {_WORDS[kind]} was expected, not {_shown(data)}")


_WORDS: Mapping[type, str] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


def _shown(data: object) -> str:
    text = json.dumps(data, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
