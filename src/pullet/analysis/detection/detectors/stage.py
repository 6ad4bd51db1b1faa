"""The variable that tells an app which kind of environment it runs in: production, where its code knows that word or
has a class of settings of that name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pullet.analysis.detection.application import module_name
from pullet.analysis.detection.reads import Read
from pullet.analysis.detection.repository import Repository
from pullet.domain.app import Confidence, Evidence

_NAME = re.compile(r"(?:[A-Z]{2,20}_)?(?:ENV|ENVIRONMENT|STAGE|RUN_?MODE|APP_MODE)|FLASK_CONFIG|APP_CONFIG|CONFIG_NAME")
_CLASS_OF = re.compile(r"(?:[A-Z]{2,20}_)?(?:SETTINGS|CONFIG|CONFIG_CLASS|CONFIG_OBJECT|CONFIG_TYPE|SETTINGS_CLASS)")
_PRODUCTION = re.compile(r"^class (Prod\w{0,60})\b", re.MULTILINE)
_WORDS = ("production", "prod", "PRODUCTION", "PROD")


def asked_by(repository: Repository, reads: Sequence[Read]) -> Iterator[Evidence]:
    """Only where nothing stands in for it: a default is the owner's choice."""
    defaults = {read.name for read in reads if read.has_default}
    for read in reads:
        text = repository.text(read.path)
        word = next((word for word in _WORDS if re.search(rf"""["']{word}["']""", text)), "")
        if _CLASS_OF.fullmatch(read.name) and "from_object(" in text and read.name not in defaults:
            defaults.add(read.name)
            yield from _class(repository, read)
        elif word and _NAME.fullmatch(read.name) and read.name not in defaults:
            defaults.add(read.name)
            because = f"{read.path} compares ${read.name} with that word"
            place = repository.place(read.path, read.line)
            yield Evidence(f"variables.{read.name}", word, place, Confidence.POSSIBLE, "stage", because)


def _class(repository: Repository, read: Read) -> Iterator[Evidence]:
    """`shop.config.ProductionConfig`, of the configuration nearest to the root."""
    for path in repository.python_files:
        found = _PRODUCTION.search(repository.text(path)) if re.search(r"(config|settings)\w*(/|\.py)", path) else None
        module = module_name(
            path, "src" if path.startswith("src/") and "src/__init__.py" not in repository.paths else "."
        )
        if found and module:
            because = f"{read.path} configures itself by ${read.name}, and {path} has the class {found[1]}"
            place = repository.place(read.path, read.line)
            value = f"{module}.{found[1]}"
            yield Evidence(f"variables.{read.name}", value, place, Confidence.POSSIBLE, "stage", because)
            return
