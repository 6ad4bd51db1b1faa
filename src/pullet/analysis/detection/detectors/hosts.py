"""Variables from which Django's settings take the hostnames that they answer to."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from pullet.analysis.detection.detectors import django
from pullet.analysis.detection.readers import Readers
from pullet.analysis.detection.reads import reads
from pullet.analysis.detection.repository import Repository, dotted_name, literal_text
from pullet.domain.app import Confidence, Evidence
from pullet.domain.hosts import HostForm

_DETECTOR = "hosts"
_SETTINGS = {"ALLOWED_HOSTS": False, "CSRF_TRUSTED_ORIGINS": True}
"""Setting -> whether it wants origins, which begin with a scheme."""
_REDIRECT = "SECURE_SSL_REDIRECT"


def detect(repository: Repository) -> Iterable[Evidence]:
    settings = django.settings_of(repository)
    for setting, origins in _SETTINGS.items():
        value = settings.values.get(setting) if settings else None
        if settings is None or value is None:
            continue
        form = _form(resolved(value, settings.values))
        for variable in variables_in(repository, settings, setting):
            place = repository.place(settings.files[setting], value.lineno)
            wanted = HostForm.ORIGINS if origins and form is HostForm.COMMAS else form
            because = f"{setting} of the settings comes from ${variable}"
            yield Evidence(f"hosts.{variable}", wanted, place, Confidence.LIKELY, _DETECTOR, because)
    if settings is not None:
        yield from _redirect(repository, settings)


def _redirect(repository: Repository, settings: django.Settings) -> Iterator[Evidence]:
    """On a box without certificates the app would lead its visitors to an HTTPS that is not there."""
    value = settings.values.get(_REDIRECT)
    if value is None or any(isinstance(node, ast.Call) and dotted_name(node.func) == "int" for node in ast.walk(value)):
        return
    for variable in variables_in(repository, settings, _REDIRECT):
        place = repository.place(settings.files[_REDIRECT], value.lineno)
        because = f"{_REDIRECT} of the settings comes from ${variable}, and the router leads to HTTPS where it is on"
        yield Evidence(f"hosts.{variable}", HostForm.NO_REDIRECT, place, Confidence.LIKELY, _DETECTOR, because)


def resolved(value: ast.expr, values: dict[str, ast.expr]) -> ast.expr:
    """What a setting that is only a name stands for."""
    return values.get(value.id, value) if isinstance(value, ast.Name) else value


def variables_in(repository: Repository, settings: django.Settings, name: str) -> list[str]:
    """Variables that a setting is made of; `name` is that of a setting which there is."""
    path = settings.files[name]
    value, module = resolved(settings.values[name], settings.values), repository.module(path)
    readers = Readers(module or ast.Module([], []))
    return [read.name for read in reads(path, value, readers) if read.name.isidentifier() and read.name.isupper()]


def _form(value: ast.expr) -> HostForm:
    """How the setting is made of the text: split at something, cast to a list, or one element of a list."""
    for node in ast.walk(value):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "split":
            separator = literal_text(node.args[0]) if node.args else " "
            return HostForm.COMMAS if separator and "," in separator else HostForm.SPACES
        if isinstance(node, ast.Call) and _last_name(node.func) in ("Csv", "list", "tuple"):
            return HostForm.COMMAS
    return HostForm.ONE


def _last_name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else dotted_name(function)
