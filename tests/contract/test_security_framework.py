"""The engine `framework`: the checks of a real Django, installed in an environment of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from uv import find_uv_bin

from pullet.analysis.security.fingerprints import merged
from pullet.domain.errors import AssessmentFailed
from pullet.domain.security import EngineReport, Severity
from pullet.drivers.security.configuration import ConfigurationEngine
from pullet.drivers.security.framework import FrameworkEngine
from pullet.drivers.security.workbench import Limits
from pullet.ports.assessing import Subject
from tests.assessing import subject_of, unheard, workbench

pytestmark = pytest.mark.real

_SAFE = """
import os
DEBUG = False
SECRET_KEY = os.environ.get("SECRET_KEY", "k" * 20 + "abcdefghijklmnopqrstuvwxyz-0123456789")
ALLOWED_HOSTS = ["shop.example.org"]
ROOT_URLCONF = "shop.urls"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_HSTS_SECONDS = 31536000
INSTALLED_APPS = ["django.contrib.sessions"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="pullet-checks-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        uv = find_uv_bin()
        subprocess.run((uv, "venv", "-q", "-p", sys.executable, folder / "venv"), check=True)
        subprocess.run((uv, "venv", "-q", "-p", sys.executable, folder / "bare"), check=True)
        subprocess.run((uv, "pip", "install", "-q", "-p", folder / "venv/bin/python", "django>=5.2,<5.3"), check=True)
        yield folder


_FORGED = '{"messages": [], "ran": ["all"], "failed": [], "more": 0, "key_given": true, "version": "9", "why": ""}'
_MANAGE = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'
_NAMED = {"DJANGO_SETTINGS_MODULE": "shop.settings"}


def project(place: Path, settings: str, below: str = "", **more: str) -> Subject:
    """`more`: further files, and `/` in their names is `__`."""
    files = {"shop/__init__.py": "", "shop/settings.py": settings, "shop/urls.py": "urlpatterns = []\n"}
    files |= {f"{name.replace('__', '/')}.py": text for name, text in more.items()}
    folder = Path(tempfile.mkdtemp(dir=place))
    folder.chmod(0o755)
    files = {f"{below}{name}": text for name, text in files.items()}
    return subject_of(folder, files, python=place / "venv/bin/python", frameworks=frozenset({"django"}))


async def asked(place: Path, subject: Subject) -> EngineReport:
    return await FrameworkEngine(await workbench(place / "home")).assess(subject, unheard)


async def checked(place: Path, settings: str, **more: object) -> EngineReport:
    seconds = float(str(more.pop("seconds", 60)))
    subject = replace(project(place, settings), variables=_NAMED)
    bench = await workbench(place / "home", Limits(seconds=seconds))
    report = await FrameworkEngine(bench).assess(subject, unheard)
    if more.get("beside"):
        own = await ConfigurationEngine(bench).assess(replace(subject), unheard)
        return replace(report, findings=merged((*own.findings, *report.findings)))
    return report


async def test_nothing_is_wrong_with_careful_settings(place: Path) -> None:
    report = await checked(place, _SAFE)
    assert [finding.rule for finding in report.findings] == []
    assert report.coverage[0].done == report.coverage[0].there > 20


async def test_debug_that_is_computed_is_found_and_told_once(place: Path) -> None:
    """Nobody who reads the settings can tell this one; Django can."""
    report = await checked(place, _SAFE + "\nDEBUG = bool(len(MIDDLEWARE) % 2 == 0)\n")
    assert [(finding.rule, finding.cwe, finding.severity) for finding in report.findings] == [
        ("django/security.W018", 489, Severity.HIGH)
    ]
    both = await checked(place, _SAFE + "\nDEBUG = True\n", beside=True)
    assert [finding.cwe for finding in both.findings] == [489]
    assert both.findings[0].spot.path == "shop/settings.py"


async def test_every_message_about_security_is_told(place: Path) -> None:
    report = await checked(place, 'SECRET_KEY = "short"\nDEBUG = True\nROOT_URLCONF = "shop.urls"\n')
    rules = {finding.rule.rpartition(".")[2] for finding in report.findings}
    assert {"W001", "W003", "W009", "W018"} <= rules
    assert not {"W008", "W020"} & rules  # Pullet answers for these


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("raise RuntimeError('no key')\n", "RuntimeError: no key"),
        ("import there_is_no_such_module\n", "ModuleNotFoundError"),
        ("import sys\nsys.exit(0)\n", "SystemExit"),
        ("import os\nos._exit(0)\n", "no answer"),
    ],
)
async def test_settings_that_cannot_be_loaded_are_not_assessed(place: Path, settings: str, told: str) -> None:
    with pytest.raises(AssessmentFailed) as caught:
        await checked(place, settings)
    assert told in f"{caught.value.message} {caught.value.context}"


async def test_settings_that_never_end_are_not_assessed(place: Path) -> None:
    with pytest.raises(AssessmentFailed, match="longer than 2 s"):
        await checked(place, "while True:\n    pass\n", seconds=2)


async def test_what_the_app_prints_is_no_answer(place: Path) -> None:
    report = await checked(place, _SAFE + f"\nprint('{_FORGED}')\nDEBUG = True\n")
    assert [finding.rule for finding in report.findings] == ["django/security.W018"]
    assert report.coverage[0].there > 20


async def test_an_answer_that_the_app_writes_where_the_answer_belongs_is_refused(place: Path) -> None:
    forging = f"import os\nfor each in range(3, 64):\n    try:\n        os.write(each, b'{_FORGED}')\n"
    forging += "    except OSError:\n        pass\nos._exit(0)\n"
    with pytest.raises(AssessmentFailed, match="no answer"):
        await checked(place, forging)


async def test_checks_that_an_app_takes_away_are_missed(place: Path) -> None:
    removing = "from django.core.checks.registry import registry\nregistry.deployment_checks.clear()\n"
    subject = project(place, _SAFE + "\nINSTALLED_APPS += ['shop']\n", shop__models=removing)
    report = await asked(place, replace(subject, variables=_NAMED))
    assert not report.assessed
    assert "django.core.checks.security.base.check_debug" in dict(report.coverage[0].missed)


async def test_a_check_that_fails_is_missed_and_the_others_are_told(place: Path) -> None:
    failing = (
        "from django.core import checks\n@checks.register()\ndef ours(**given):\n    raise OSError('no network')\n"
    )
    subject = project(place, _SAFE + "\nDEBUG = True\nINSTALLED_APPS += ['shop']\n", shop__models=failing)
    report = await asked(place, replace(subject, variables=_NAMED))
    assert [finding.rule for finding in report.findings] == ["django/security.W018"]
    assert report.coverage[0].missed == (("shop.models.ours", "OSError: no network"),)
    assert not report.assessed


async def test_thousands_of_hints_do_not_crowd_out_what_matters(place: Path) -> None:
    chatty = "from django.core import checks\n@checks.register()\ndef ours(**given):\n"
    chatty += "    return [checks.Info('a hint', id='shop.I001')] * 5000\n"
    subject = project(place, _SAFE + "\nDEBUG = True\nINSTALLED_APPS += ['shop']\n", shop__models=chatty)
    report = await asked(place, replace(subject, variables=_NAMED))
    assert [finding.rule for finding in report.findings] == ["django/security.W018"]
    assert "3001 more" in report.coverage[1].missed[0][1]


async def test_silencing_a_check_hides_nothing(place: Path) -> None:
    report = await checked(place, _SAFE + "\nDEBUG = True\nSILENCED_SYSTEM_CHECKS = ['security.W018']\n")
    assert [finding.rule for finding in report.findings] == ["django/security.W018"]


async def test_a_log_that_cannot_be_written_is_no_reason_not_to_look(place: Path) -> None:
    logging = "LOGGING = {'version': 1, 'handlers': {'f': {'class': 'logging.FileHandler', 'filename': '/nowhere/a'}}}"
    assert (await checked(place, f"{_SAFE}\n{logging}\n")).assessed


async def test_settings_that_make_a_folder_are_looked_at_in_a_copy(place: Path) -> None:
    making = (
        "from pathlib import Path\nTOP = Path(__file__).parent.parent\n(TOP / 'logs' / 'today').mkdir(parents=True)\n"
    )
    subject = project(place, f"{_SAFE}\n{making}DEBUG = True\n", shop__apps__more="")
    subject = replace(subject, variables=_NAMED, python_path=(str(subject.tree),))
    report = await asked(place, subject)
    assert [finding.rule for finding in report.findings] == ["django/security.W018"]
    assert report.assessed
    assert not (subject.tree / "logs").exists()
    assert list((place / "home/scratch").iterdir()) == []


async def test_a_copy_that_would_be_too_large_is_not_made(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pullet.drivers.security.framework._COPIED", 10)
    with pytest.raises(AssessmentFailed, match="could not run") as caught:
        await checked(place, f"{_SAFE}\nimport os\nos.mkdir('logs')\n")
    assert "OSError" in str(caught.value.context) or "PermissionError" in str(caught.value.context)


async def test_a_key_in_the_code_is_told_once(place: Path) -> None:
    both = await checked(place, _SAFE + "\nSECRET_KEY = 'django-insecure-key'\n", beside=True)
    assert [(finding.cwe, finding.spot.path) for finding in both.findings] == [(321, "shop/settings.py")]


async def test_a_user_whom_everybody_is_taken_for(place: Path) -> None:
    models = "from django.contrib.auth.models import AbstractUser\nclass Person(AbstractUser):\n"
    models += "    def is_authenticated(self):\n        return True\n"
    apps = "INSTALLED_APPS += ['django.contrib.auth', 'django.contrib.contenttypes', 'shop']\n"
    subject = project(place, f"{_SAFE}\n{apps}AUTH_USER_MODEL = 'shop.Person'\n", shop__models=models)
    report = await asked(place, replace(subject, variables=_NAMED))
    assert ("django/auth.C010", 287) in [(finding.rule, finding.cwe) for finding in report.findings]


@pytest.mark.parametrize("below", ["", "backend/", "src/"])
async def test_settings_that_only_the_project_itself_names_are_found(place: Path, below: str) -> None:
    """As `django-admin startproject` writes it: no variable is set."""
    report = await asked(place, project(place, _SAFE + "\nDEBUG = True\n", below, manage=_MANAGE))
    assert [finding.rule for finding in report.findings] == ["django/security.W018"]
    assert report.tool.startswith("Django 5.2")


async def test_settings_that_were_fitted_are_checked_as_the_app_wrote_them(place: Path) -> None:
    subject = replace(project(place, _SAFE), variables={"PULLET_SETTINGS_MODULE": "shop.settings"})
    assert (await asked(place, subject)).assessed


async def test_settings_that_nobody_can_tell_are_not_assessed(place: Path) -> None:
    engine = FrameworkEngine(await workbench(place / "home"))
    named = 'import os\nos.environ["DJANGO_SETTINGS_MODULE"] = os.environ["STAGE"]\n'
    with pytest.raises(AssessmentFailed, match="which settings are served") as caught:
        await engine.assess(project(place, _SAFE, manage=named), unheard)
    assert "[variables]" in caught.value.hint
    with pytest.raises(AssessmentFailed, match="which settings are served"):
        await engine.assess(project(place, _SAFE, manage="#" * (3 << 20)), unheard)


async def test_code_that_django_does_not_start_is_excused(place: Path) -> None:
    subject = project(place, _SAFE, wsgi="from flask import Flask\napp = Flask(__name__)\n")
    report = await asked(place, subject)
    assert report.assessed
    assert report.coverage[0].excused


async def test_an_environment_without_django_is_not_assessed(place: Path) -> None:
    subject = replace(project(place, _SAFE), variables=_NAMED, python=place / "bare/bin/python")
    with pytest.raises(AssessmentFailed) as caught:
        await asked(place, subject)
    assert "No module named 'django'" in str(caught.value.context)


async def test_it_is_left_out_where_it_cannot_run(place: Path) -> None:
    engine = FrameworkEngine(await workbench(place / "home"))
    subject = subject_of(place, {}, frameworks=frozenset({"flask"}))
    assert "no framework" in engine.left_out(subject)
    django = replace(subject, frameworks=frozenset({"django"}))
    assert "installed" in engine.left_out(django)
    assert "settings" in engine.left_out(replace(django, python=place / "venv/bin/python"))
