"""Django settings written for one other place: what they say of it is fitted to this one while they are loaded.

Three things only, by drivers/inside/pullet_settings.py: ALLOWED_HOSTS in code that names other hosts, TLS demanded of a
database that is on this box, and a redirect to HTTPS, which is the router's to make where it has a certificate.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from pullet.analysis.detection.detectors import django
from pullet.analysis.detection.detectors.hosts import resolved, variables_in
from pullet.analysis.detection.names import DEMANDS_TLS
from pullet.analysis.detection.repository import Repository, literal_text
from pullet.domain.app import Confidence, Evidence, Place
from pullet.domain.hosts import HOSTS_VARIABLE, SETTINGS_VARIABLE, HostForm

_DETECTOR = "Django"
_NO_MODULE = re.compile(r"^[ \t]*(?:from|import)[ \t]+(?:configurations|dynaconf)\b", re.MULTILINE)
"""Libraries whose settings are no plain module, to be left alone."""
_HEROKU = re.compile(r"\bdjango_(?:on_)?heroku\.settings\(")


def detect(repository: Repository) -> Iterable[Evidence]:
    settings = django.settings_of(repository)
    if settings is None or any(_NO_MODULE.search(text) for text in settings.texts):
        return
    hosts = list(_other_hosts(repository, settings))
    reasons = [
        *hosts,
        *_tls(repository, settings),
        *_redirect(repository, settings),
    ]
    for place, because in reasons[:1]:
        yield Evidence(f"variables.{SETTINGS_VARIABLE}", settings.module, place, Confidence.LIKELY, _DETECTOR, because)
    for place, because in hosts:
        yield Evidence(f"hosts.{HOSTS_VARIABLE}", HostForm.COMMAS, place, Confidence.LIKELY, _DETECTOR, because)


def _other_hosts(repository: Repository, settings: django.Settings) -> Iterator[tuple[Place, str]]:
    """Hosts that are written in code cannot know where this app is served."""
    written = settings.values.get("ALLOWED_HOSTS")
    if written is None:
        return
    value = resolved(written, settings.values)
    if any(literal_text(node) == "*" for node in ast.walk(value) if isinstance(node, ast.expr)):
        return
    if not variables_in(repository, settings, "ALLOWED_HOSTS"):
        place = repository.place(settings.files["ALLOWED_HOSTS"], written.lineno)
        yield place, "ALLOWED_HOSTS of the settings is written in code: the names of this environment are added"


def _tls(repository: Repository, settings: django.Settings) -> Iterator[tuple[Place, str]]:
    for path, text in zip(settings.paths, settings.texts, strict=True):
        if found := (DEMANDS_TLS.search(text) or _HEROKU.search(text)):
            place = repository.place(path, text.count("\n", 0, found.start()) + 1)
            yield place, f"{found[0].rstrip('(')} demands TLS of the database: not of one on this box"


def _redirect(repository: Repository, settings: django.Settings) -> Iterator[tuple[Place, str]]:
    written = settings.values.get("SECURE_SSL_REDIRECT")
    if written is None or (isinstance(written, ast.Constant) and not written.value):
        return
    if not variables_in(repository, settings, "SECURE_SSL_REDIRECT"):
        place = repository.place(settings.files["SECURE_SSL_REDIRECT"], written.lineno)
        yield place, "SECURE_SSL_REDIRECT of the settings leads to HTTPS: the router does that where it can"
