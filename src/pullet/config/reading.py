"""From the text of a TOML file to a checked model, or to a ConfigError that a reader can act on.

    pullet.toml:7: processes.web.instnces: unknown key; did you mean instances?

Every message has file, line and key. Models derive from `Section`: unknown keys are errors, nothing is converted
silently (`"2"` is not a number), and each field's description and example come back in the error.
"""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from pullet.config.lines import KeyPath, key_lines
from pullet.domain.errors import ConfigError
from pullet.domain.toml import TooDeep, load_toml

_TEXT_LIMIT = 256 * 1024  # characters; the largest honest file seen has 20 KB
_PROBLEMS_SHOWN = 10
_PROBLEMS_READ = 500
_KEY_SHOWN = 300  # characters; more than any valid key has
_PRIVATE = frozenset({"variables", "secrets", "url"})  # what is written there is never repeated in a message
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SYNTAX = re.compile(r"(?P<what>.*?) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL)


class Section(BaseModel):
    """A table of a configuration file."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


ModelT = TypeVar("ModelT", bound=BaseModel)


class _Problem(NamedTuple):
    missing: bool
    """Told last: a misspelt key explains it."""
    line: int
    text: str
    hint: str


def read_toml_model(text: str, path: str, model_class: type[ModelT], table: tuple[str, ...] = ()) -> ModelT:
    """Read `text` (the file `path`, which errors name) as `model_class`; raises ConfigError.

    `table` reads one table of a larger file only, such as `("tool", "pullet")` of pyproject.toml. An absent
    one is empty.
    """
    value: object = parse_toml(text, path)
    for key in table:
        value = value.get(key, {}) if isinstance(value, Mapping) else {}
    try:
        return model_class.model_validate(value)
    except ValidationError as err:
        lines = key_lines(text)
        errors = err.errors(include_url=False)[:_PROBLEMS_READ]
        problems = [_problem(error, value, model_class, lines, table) for error in errors]
        raise _config_error(path, sorted(set(problems))) from None  # pydantic's own text would repeat private values


def parse_toml(text: str, path: str) -> dict[str, Any]:
    """The plain values of a TOML text; raises ConfigError with line and column for what is not TOML."""
    if len(text) > _TEXT_LIMIT:
        raise ConfigError(f"{path}: larger than {_TEXT_LIMIT // 1024} KB", hint="Configuration is a page, not a book.")
    try:
        return load_toml(text)
    except TooDeep as err:
        raise ConfigError(
            f"{path}: nested too deeply: {err}", hint="Write tables with [headers], and long lists on several lines."
        ) from None
    except ValueError as err:
        raise _syntax_error(text, path, str(err)) from err


def config_error(text: str, path: str, keys: KeyPath, what: str, hint: str = "") -> ConfigError:
    """A ConfigError for something that only a comparison of several values shows, at the line of `keys`."""
    return ConfigError(f"{path}:{line_of(key_lines(text), keys)}: {dotted(keys)}: {what}", hint=hint)


def line_of(lines: Mapping[KeyPath, int], keys: KeyPath) -> int:
    """The line of the key, or of the nearest table around it that the file has."""
    return next((lines[keys[:end]] for end in range(len(keys), 0, -1) if keys[:end] in lines), 1)


def nearest_key(word: str, known: Iterable[str]) -> str | None:
    """The known key that was probably meant."""
    lower = {key.lower(): key for key in known}
    close = difflib.get_close_matches(word.lower()[:100], lower, n=1, cutoff=0.6)
    return lower[close[0]] if close else None


def dotted(keys: KeyPath) -> str:
    """A key path as TOML writes it.

    >>> dotted(("static", "/static"))
    'static."/static"'
    """
    parts = (str(key) if isinstance(key, int) or _BARE.fullmatch(key) else _quoted(key) for key in keys)
    return ".".join(part if len(part) <= _KEY_SHOWN else f"{part[:_KEY_SHOWN]}…" for part in parts)


def _quoted(text: str) -> str:
    return '"' + "".join(char if char.isprintable() and char not in '"\\' else repr(char)[1:-1] for char in text) + '"'


def _syntax_error(text: str, path: str, message: str) -> ConfigError:
    """The line itself is not repeated: it may hold a secret, and no key can be trusted to say so."""
    found = _SYNTAX.fullmatch(message)
    what = found["what"] if found else message[:200]
    line = int(found["line"] or text.count("\n") + 1) if found else 1
    length = len("".join(text.splitlines()[line - 1 : line]))
    column = int(found["column"]) if found and found["column"] else length + 1
    return ConfigError(f"{path}:{line}:{column}: not valid TOML: {what}")


def _config_error(path: str, problems: Sequence[_Problem]) -> ConfigError:
    first, *others = problems
    more = [f"{path}:{problem.line}: {problem.text}" for problem in others]
    if len(more) > _PROBLEMS_SHOWN:
        more = [*more[:_PROBLEMS_SHOWN], f"and {len(more) - _PROBLEMS_SHOWN} more"]
    return ConfigError(f"{path}:{first.line}: {first.text}", context="\n".join(more), hint=first.hint)


def _problem(
    error: ErrorDetails, value: object, model: type[BaseModel], lines: Mapping[KeyPath, int], table: tuple[str, ...]
) -> _Problem:
    keys = _keys(error, value)
    line = line_of(lines, (*table, *keys))
    label = dotted(keys) or ".".join(table) or "the file"
    kind = error["type"]
    if kind == "extra_forbidden":
        return _Problem(False, line, *_unknown(keys, label, _fields(model, keys[:-1])))
    field = _field(model, keys)
    if kind == "missing":
        return _Problem(True, line, f"{label}: missing", _hint(field, keys))
    return _Problem(False, line, f"{label}: expected {_expected(error)}{_given(error, keys)}", _hint(field, keys))


def _keys(error: ErrorDetails, value: Any) -> KeyPath:
    """pydantic's location less what is not a key of the file: names of union members, `[key]` for a bad key."""
    keys: KeyPath = ()
    for part in error["loc"]:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            if error["type"] != "missing" or part != error["loc"][-1]:
                continue
        keys = (*keys, part)
    return keys


def _unknown(keys: KeyPath, label: str, fields: Mapping[str, FieldInfo]) -> tuple[str, str]:
    nearest = nearest_key(str(keys[-1]), fields)
    guess = f"; did you mean {nearest}?" if nearest else ""
    return f"{label}: unknown key{guess}", f"Keys that exist here: {', '.join(fields)}."


_WORDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "a text in quotes",
    "bool_type": "true or false",
    "list_type": "a list in brackets",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than_equal": "a number of at most {le}",
    "string_too_short": "a text that is not empty",
    "string_too_long": "a text of at most {max_length} characters",
    "too_short": "at least {min_length} in the list",
    "too_long": "at most {max_length} in the list",
    "literal_error": "{expected}",
    "enum": "{expected}",
}


def _expected(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    if error["type"] == "value_error":
        return str(context["error"])
    words = _WORDS.get(error["type"])
    return words.format_map(context) if words else error["msg"]


def _given(error: ErrorDetails, keys: KeyPath) -> str:
    """What stands there instead: shown where short, never shown where it may be a secret."""
    value = error["input"]
    if _PRIVATE.intersection(map(str, keys)) or error["type"] == "too_long":
        return ""
    if isinstance(value, str):
        return f", not {_quoted(value)}" if len(value) <= 60 else ", not such a long text"
    if isinstance(value, bool):
        return f", not {str(value).lower()}"
    if isinstance(value, int | float):
        return f", not {value}" if abs(value) < 1 << 63 else ""
    if error["type"] == "value_error":  # a table may be right as a table, and what is in it wrong
        return ""
    return ", not a table" if isinstance(value, dict) else ", not a list" if isinstance(value, list) else ""


def _hint(field: FieldInfo | None, keys: KeyPath) -> str:
    if field is None or not field.examples:
        return ""
    name = next((key for key in reversed(keys) if isinstance(key, str)), "")
    return f"For example: {dotted((name,))} = {toml_value(field.examples[0])}"


def toml_value(value: object) -> str:
    """A plain value as TOML writes it on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Mapping):
        items = ", ".join(f"{dotted((key,))} = {toml_value(item)}" for key, item in value.items())
        return f"{{ {items} }}" if items else "{}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return str(value)


def fields_by_key(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The model's fields by the key that the file uses."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def model_inside(annotation: object) -> type[BaseModel] | None:
    """The section that a field's type leads to, through dicts, lists, unions and annotations."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (dict, list, Union, types.UnionType, Annotated):
        return next((model for part in reversed(get_args(annotation)) if (model := model_inside(part))), None)
    return None


def is_open_table(annotation: object) -> bool:
    """Whether the keys of this field are the user's own (`[processes.<name>]`)."""
    if get_origin(annotation) in (Union, types.UnionType, Annotated):
        return any(map(is_open_table, get_args(annotation)))
    return get_origin(annotation) is dict


def _fields(model: type[BaseModel], keys: KeyPath) -> dict[str, FieldInfo]:
    """The keys that a table may have."""
    inner = model_inside(field.annotation) if keys and (field := _field(model, keys)) else model
    return fields_by_key(inner) if inner else {}


def _field(model: type[BaseModel], keys: KeyPath) -> FieldInfo | None:
    """The field that the innermost key belongs to; keys of the user's own choice are passed over."""
    fields, field = fields_by_key(model), cast("FieldInfo | None", None)
    rest = list(keys)
    while rest:
        field = fields.get(str(rest.pop(0)), field)
        if field is None:
            return None
        if rest and (isinstance(rest[0], int) or is_open_table(field.annotation)):
            rest.pop(0)
        inner = model_inside(field.annotation)
        fields = fields_by_key(inner) if inner else {}
    return field
