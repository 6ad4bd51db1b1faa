"""Which environment variables an app's code reads: their names, where, what stands in for them, how much they matter.

Told from syntax trees; nothing is evaluated. A name that is computed is not known; one in a comment or in a docstring
is not read.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from pullet.analysis.detection.readers import Readers, helpers_in
from pullet.analysis.detection.reads import Read, reads
from pullet.analysis.detection.repository import Repository, literal_text
from pullet.analysis.detection.selection import EXAMPLE
from pullet.analysis.detection.settings_classes import settings_fields

_TELLING = re.compile(
    r"environ|getenv|Settings\b|\bconfig\(|\benv(?:\.\w+)?\(|\benv\[|\bEnv\b|dotenv|decouple|\bConfig\(|from_prefixed_env|dj_database"
)
_WORDS = ("env", "Env", "Settings", "config(", "Config(", "decouple", "dj_database")
"""One of them is in whatever `_TELLING` matches; to look for them takes a tenth of its time."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_LIMIT = 2_000  # reads of one repository
_EXAMPLES, _LISTED_NAMES = 3, 200
_LISTED = re.compile(r"^[ \t]{0,8}(?:export[ \t]{1,8})?([A-Z][A-Z0-9_]{0,99})[ \t]{0,8}=", re.MULTILINE)


def variables_read(repository: Repository) -> tuple[Read, ...]:
    """Every place, those nearest to the root first. Costs no more than what the budget lets be parsed."""
    trees = {
        path: tree
        for path in repository.python_files
        if _tells(repository.text(path)) and (tree := repository.module(path))
    }
    helpers = frozenset(name for tree in trees.values() for name in helpers_in(tree))
    found = (read for path, tree in trees.items() for read in _of_module(path, tree, helpers))
    named = list(islice((read for read in found if _NAME.fullmatch(read.name)), _LIMIT))
    return (*named, *_hinted(repository, {read.name for read in named}))


def _tells(text: str) -> bool:
    return any(word in text for word in _WORDS) and _TELLING.search(text) is not None


def _of_module(path: str, tree: ast.Module, helpers: frozenset[str]) -> Iterator[Read]:
    readers = Readers(tree, helpers)
    found = list(reads(path, tree, readers))
    soft = {read.name for read in found if read.optional}  # asked after before it is demanded
    yield from (replace(read, optional=True) if read.name in soft else read for read in found)
    for field in settings_fields(tree):
        has = field.default is not None
        yield Read(field.name, field.line, readers.literal(field.default), has, has, prefix=field.prefix, path=path)


def _hinted(repository: Repository, known: set[str]) -> Iterator[Read]:
    """Names that an example file lists and that the code has as texts in calls: something there may read them.

    The values are somebody's development and not looked at.
    """
    examples = sorted(path for path in repository.paths if "/" not in path and EXAMPLE.fullmatch(path))
    for example in examples[:_EXAMPLES]:
        for name in islice(dict.fromkeys(_LISTED.findall(repository.text(example))), _LISTED_NAMES):
            if name not in known and (place := _handed_over(repository, name)):
                known.add(name)
                path, line = place
                yield Read(name, line, path=path)


def _handed_over(repository: Repository, name: str) -> tuple[str, int] | None:
    for path in repository.python_files:
        text = repository.text(path)
        if f'"{name}"' in text or f"'{name}'" in text:
            for node in ast.walk(repository.module(path) or ast.Module([], [])):
                if isinstance(node, ast.Call) and any(literal_text(each) == name for each in node.args):
                    return path, node.lineno
    return None
