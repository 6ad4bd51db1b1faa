"""TOML -> checked model, with errors that name the file, the line, the key and the nearest known key."""

from __future__ import annotations

import difflib
import re
import tomllib
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pullet.domain.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)


def parse_toml(text: str, path: str) -> dict[str, Any]:
    """Raises ConfigError with line and column."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as err:
        raise ConfigError(f"{path} is not TOML", context=str(err), hint="Mend the file and commit it.") from err


def check(data: Mapping[str, Any], model: type[Model], path: str, text: str, below: Sequence[str] = ()) -> Model:
    """`data` as a `model`. `text` is the whole file and `below` the table in it that `data` is, for line numbers."""
    try:
        return model.model_validate(data)
    except ValidationError as err:
        raise _explain(path, text, err.errors(), model, tuple(below)) from err


def _explain(
    path: str, text: str, errors: Sequence[ErrorDetails], model: type[BaseModel], below: tuple[str, ...]
) -> ConfigError:
    """One error as the message, with its line; the others as context. A misspelt key explains a missing one."""
    errors = sorted(errors, key=lambda error: error["type"] != "extra_forbidden")
    first, *others = [_sentence(error, model) for error in errors]
    line = line_of(text, (*below, *_keys(errors[0])))
    return ConfigError(
        f"{path}{f':{line}' if line else ''}: {first}",
        context="\n".join(others[:10]),
        hint="Mend the file and commit it; until then what is live stays as it is.",
    )


def _sentence(error: ErrorDetails, model: type[BaseModel]) -> str:
    place = _keys(error)
    key = ".".join(place)
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(place[-1], known := known_keys(model, place[:-1]), n=1)
        return f"{key} is not known; " + (f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}")
    if error["type"] == "missing":
        return f"{key} is missing"
    message = error["msg"].removeprefix("Value error, ")
    return f"{key}: {message[:1].lower()}{message[1:]}" if key else message


def _keys(error: ErrorDetails) -> list[str]:
    return [str(part) for part in error["loc"] if part != "[key]"]


def known_keys(model: type[BaseModel], place: Sequence[str]) -> list[str]:
    """The keys that the table at `place` may have."""
    models = [model]
    for part in place:
        fields = [m.model_fields[part].annotation for m in models if part in m.model_fields]
        models = [found for annotation in fields for found in _models_in(annotation)] or models
    return [field.alias or name for m in models for name, field in m.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a field's type leads to: `X`, `X | None`, `dict[str, X]`, `list[X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (dict, list, Union, types.UnionType):
        for argument in get_args(annotation):
            yield from _models_in(argument)


def line_of(text: str, place: Sequence[str]) -> int:
    """The line (from 1) where the key is written; 0 where it is not. Good enough for a person, so no parser."""
    at = 0
    lines = text.splitlines()
    for part in place:
        written = re.compile(rf"""(^|[\s.\[{{,"']){re.escape(part)}(?=["']?\s*[.\]=])""")
        at = next((number for number in range(max(at, 1), len(lines) + 1) if written.search(lines[number - 1])), at)
    return at
