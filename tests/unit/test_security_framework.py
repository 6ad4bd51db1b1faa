"""What Django's own checks mean, which settings they are asked of, and what the app finds around it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pullet.analysis.security.fingerprints import merged
from pullet.analysis.security.framework import CWES, coverage, framework_findings
from pullet.analysis.security.settings.checks import DEBUG, SECRET_KEY
from pullet.analysis.security.settings.modules import Setting
from pullet.analysis.security.settings.values import Value
from pullet.analysis.security.weaknesses import weakness
from pullet.domain.app import AppSpec, Dependencies, DependencyKind
from pullet.domain.personality import ENTROPY, Personality
from pullet.domain.security import Severity
from pullet.drivers.security.asked.served import served
from pullet.drivers.security.inside_app import inside_app
from pullet.drivers.security.subjects import settings_module, variables
from pullet.ports.assessing import Subject

_BASE = "django.core.checks.security.base"
_SPEC = AppSpec("backend", None, Dependencies(DependencyKind.NONE), ())


def message(name: str, text: str = "Told. More of it.", thing: str = "", hint: str = "") -> dict[str, str]:
    return {"id": name, "message": text, "hint": hint, "object": thing}


def subject(*files: str, **given: object) -> Subject:
    told: dict[str, object] = {"files": files, "spec": _SPEC, "python": Path("/env/bin/python"), **given}
    return Subject("shop", Path("/tree"), **told)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "cwe", "severity"),
    [
        ("security.W003", 352, Severity.HIGH),
        ("security.W018", 489, Severity.HIGH),
        ("auth.C010", 287, Severity.HIGH),
        ("caches.W002", 552, Severity.MEDIUM),
        ("security.W999", 16, Severity.LOW),
    ],
)
def test_a_message_about_security_is_a_finding(name: str, cwe: int, severity: Severity) -> None:
    [found] = framework_findings([message(name, hint="Do this.")])
    assert (found.rule, found.cwe, found.severity, found.title) == (f"django/{name}", cwe, severity, "Told")
    assert found.blocks
    assert found.fix


def test_what_no_table_knows_is_mended_as_django_says() -> None:
    assert framework_findings([message("security.W999", hint="Do this.")])[0].fix == "Do this."


@pytest.mark.parametrize("name", ["models.W042", "urls.E004", "security.W007", "security.W008", "security.W020", ""])
def test_what_is_not_about_security_or_answered_for_is_none(name: str) -> None:
    assert framework_findings([message(name)]) == []


def test_two_classes_with_the_same_defect_are_two() -> None:
    told = [message("auth.C010", thing="shop.Person"), message("auth.C010", thing="shop.Machine")]
    labelled = [replace(each, engines=("framework",)) for each in framework_findings(told)]
    assert len({each.fingerprint for each in merged(labelled)}) == 2


def test_a_weak_key_is_one_in_the_code_or_one_that_was_given() -> None:
    weak = [message("security.W009")]
    assert framework_findings(weak)[0].cwe == 321
    assert framework_findings(weak, key_given=True)[0].cwe == 326


def test_what_reading_the_settings_found_already_is_told_once() -> None:
    here = Setting(Value(True), "shop/settings.py", 3, 3)
    own = [replace(each.finding(here, here.path), engines=("configuration",)) for each in (DEBUG, SECRET_KEY)]
    theirs = framework_findings([message("security.W018"), message("security.W009")])
    both = merged((*own, *(replace(each, engines=("framework",)) for each in theirs)))
    assert [(each.rule, each.engines) for each in both] == [
        ("django/debug", ("configuration", "framework")),
        ("django/secret-key", ("configuration", "framework")),
    ]


def test_every_class_of_it_is_known() -> None:
    assert all(weakness(cwe).name for cwe in CWES)


def test_what_every_django_checks_and_was_not_checked_is_missed() -> None:
    [checks] = coverage([f"{_BASE}.check_debug"], [(f"{_BASE}.check_sts", "OSError: no")], 0)
    assert not checks.complete
    assert checks.done == 1
    missed = dict(checks.missed)
    assert missed[f"{_BASE}.check_sts"] == "OSError: no"
    assert "taken it out" in missed[f"{_BASE}.check_secret_key"]
    assert f"{_BASE}.check_debug" not in missed


def test_messages_that_were_not_told_are_missed() -> None:
    assert not coverage([], [], 3)[1].complete


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("manage.py", 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")', [("shop.settings", "")]),
        ("manage.py", "os.environ['DJANGO_SETTINGS_MODULE'] = 'shop.settings'", [("shop.settings", "")]),
        ("a/b/wsgi.py", 'setdefault("DJANGO_SETTINGS_MODULE", "b.settings")', [("b.settings", "a")]),
        ("manage.py", 'setdefault("DJANGO_SETTINGS_MODULE", "not.there")', []),
        ("manage.py", 'setdefault("DJANGO_SETTINGS_MODULE", name)', []),
        ("other.py", 'setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")', []),
    ],
)
def test_the_settings_that_are_served(path: str, text: str, found: list[tuple[str, str]]) -> None:
    files = {path: text, "shop/settings.py": "", "a/b/settings.py": ""}
    assert list(dict.fromkeys(served(files, ".", files.get))) == found


def test_modules_for_servers_know_better_than_manage() -> None:
    named = 'setdefault("DJANGO_SETTINGS_MODULE", "{}")'
    files = {"manage.py": named.format("dev"), "shop/wsgi.py": named.format("live"), "dev.py": "", "live.py": ""}
    assert next(served(files, ".", files.get)) == ("live", "")


def test_fitted_settings_are_looked_at_as_the_app_wrote_them() -> None:
    assert settings_module({"PULLET_SETTINGS_MODULE": "shop.settings"}) == "shop.settings"
    assert settings_module({}) == ""


def test_the_app_finds_what_it_imports() -> None:
    def paths(given: Subject) -> list[str]:
        return inside_app(given, "pullet_checks.py").environment["PYTHONPATH"].split(":")

    assert paths(subject("backend/manage.py")) == ["/tree/backend"]
    assert paths(subject("backend/src/shop/urls.py")) == ["/tree/backend", "/tree/backend/src"]
    assert paths(subject("backend/src/__init__.py", "backend/src/urls.py")) == ["/tree/backend"]
    assert paths(subject(python_path=("/tree/backend", "/tree/common"))) == ["/tree/backend", "/tree/common"]
    told = subject(spec=replace(_SPEC, variables=(("PYTHONPATH", "lib"),)))
    assert paths(told) == ["/tree/backend/lib", "/tree/backend"]


def test_the_app_finds_its_own_environment_and_no_stage() -> None:
    errand = inside_app(subject(), "pullet_checks.py", given={"DJANGO_SETTINGS_MODULE": "shop.settings"})
    assert errand.environment["VIRTUAL_ENV"] == "/env"
    assert errand.environment["PATH"].startswith("/env/bin:")
    assert errand.environment["DJANGO_SETTINGS_MODULE"] == "shop.settings"
    assert not errand.network


def test_settings_find_what_another_platform_would_set() -> None:
    spec = replace(_SPEC, personality=Personality("Upsun", ((ENTROPY, ENTROPY),)))
    assert len(variables(subject(spec=spec))[ENTROPY]) >= 50
