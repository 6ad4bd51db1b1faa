"""Variables from which Django's settings take the hostnames that they answer to."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from pullet.analysis.detection.detectors import django
from pullet.analysis.detection.repository import Repository, dotted_name, literal_text
from pullet.domain.app import Confidence, Evidence
from pullet.domain.hosts import HOSTS_VARIABLE, SETTINGS_VARIABLE, HostForm

_DETECTOR = "hosts"
_SETTINGS = {"ALLOWED_HOSTS": False, "CSRF_TRUSTED_ORIGINS": True}
"""Setting -> whether it wants origins, which begin with a scheme."""
_REDIRECT = "SECURE_SSL_REDIRECT"
_MAKES_SETTINGS = re.compile(r"^[ \t]*(?:from|import)[ \t]+(?:configurations|dynaconf)\b", re.MULTILINE)
"""Libraries whose settings are no plain module."""
_READERS = frozenset({"get", "getenv", "config", "env", "list", "str", "tuple"})
_MAPPINGS = frozenset({"os.environ", "environ", "env", "config"})


def detect(repository: Repository) -> Iterable[Evidence]:
    settings = django.settings_of(repository)
    for setting, origins in _SETTINGS.items():
        value = settings.values.get(setting) if settings else None
        if settings is None or value is None:
            continue
        for variable, form in _variables(_resolved(value, settings.values)):
            place = repository.place(settings.files[setting], value.lineno)
            wanted = HostForm.ORIGINS if origins and form is HostForm.COMMAS else form
            because = f"{setting} of the settings comes from ${variable}"
            yield Evidence(f"hosts.{variable}", wanted, place, Confidence.LIKELY, _DETECTOR, because)
    if settings is not None:
        yield from _redirect(repository, settings)
        yield from _other_hosts(repository, settings)


def _other_hosts(repository: Repository, settings: django.Settings) -> Iterator[Evidence]:
    """Hosts that are written in code cannot know where this app is served: its own are added to them."""
    written = settings.values.get("ALLOWED_HOSTS")
    if written is None or any(_MAKES_SETTINGS.search(text) for text in settings.texts):
        return
    value = _resolved(written, settings.values)
    if any(literal_text(node) == "*" for node in ast.walk(value) if isinstance(node, ast.expr)):
        return
    if not any(_variables(value)):
        place = repository.place(settings.files["ALLOWED_HOSTS"], written.lineno)
        because = "ALLOWED_HOSTS of the settings is written in code: the names of this environment are added"
        yield Evidence(f"hosts.{HOSTS_VARIABLE}", HostForm.COMMAS, place, Confidence.LIKELY, _DETECTOR, because)
        yield Evidence(f"variables.{SETTINGS_VARIABLE}", settings.module, place, Confidence.LIKELY, _DETECTOR, because)


def _redirect(repository: Repository, settings: django.Settings) -> Iterator[Evidence]:
    """On a box without certificates the app would lead its visitors to an HTTPS that is not there."""
    value = settings.values.get(_REDIRECT)
    if value is None or any(isinstance(node, ast.Call) and dotted_name(node.func) == "int" for node in ast.walk(value)):
        return
    for variable, _ in _variables(_resolved(value, settings.values)):
        place = repository.place(settings.files[_REDIRECT], value.lineno)
        because = f"{_REDIRECT} of the settings comes from ${variable}, and the router leads to HTTPS where it is on"
        yield Evidence(f"hosts.{variable}", HostForm.NO_REDIRECT, place, Confidence.LIKELY, _DETECTOR, because)


def _resolved(value: ast.expr, values: dict[str, ast.expr]) -> ast.expr:
    """What a setting that is only a name stands for."""
    return values.get(value.id, value) if isinstance(value, ast.Name) else value


def _variables(value: ast.expr) -> Iterator[tuple[str, HostForm]]:
    form = _form(value)
    for node in ast.walk(value):
        match node:
            case ast.Subscript(value=mapping, slice=key) if dotted_name(mapping) in _MAPPINGS:
                name = literal_text(key)
            case ast.Call(func=function, args=[key, *_]) if _last_name(function) in _READERS:
                name = literal_text(key)
            case _:
                continue
        if name and name.isidentifier() and name.isupper():
            yield name, form


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
