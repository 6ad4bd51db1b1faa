"""The tests of `manage.py test` with a real Django, installed in an environment of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from uv import find_uv_bin

from pullet.domain.home import Home
from pullet.domain.testing import Column, Status, SuiteSpec
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime.sandbox import detect_sandbox
from pullet.drivers.testing.conductor import run_column
from pullet.drivers.testing.cpython import CPython
from pullet.ports import Suite
from pullet.reconcile.suites import as_asked
from tests.assessing import unheard
from tests.testing import ends, folder_of

pytestmark = pytest.mark.real

_FILES = {
    "manage.py": """
import os, sys
print("settings are read")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
""",
    "shop/__init__.py": "",
    "shop/settings.py": """
SECRET_KEY = "for tests"
INSTALLED_APPS = ["cart"]
ROOT_URLCONF = "cart.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3",
                         "TEST": {"NAME": "test.sqlite3"}}}
""",
    "cart/__init__.py": "",
    "cart/models.py": """
from django.db import models
class Item(models.Model):
    name = models.CharField(max_length=9)
""",
    "cart/migrations/__init__.py": "",
    "cart/migrations/0001_initial.py": """
from django.db import migrations, models
class Migration(migrations.Migration):
    initial = True
    operations = [migrations.CreateModel("Item", [("id", models.AutoField(primary_key=True)),
                                                  ("name", models.CharField(max_length=9))])]
""",
    "cart/urls.py": """
from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("", lambda request: HttpResponse("hello"))]
""",
    "cart/tests.py": """
import os, time
from django.test import SimpleTestCase, TestCase, TransactionTestCase
from cart.models import Item

class Plain(SimpleTestCase):
    def test_page(self):
        self.assertContains(self.client.get("/"), "hello")

    def test_no_database(self):
        Item.objects.count()

class Items(TestCase):
    @classmethod
    def setUpTestData(cls):
        Item.objects.create(name="scales")

    def test_one(self):
        Item.objects.create(name="till")
        self.assertEqual(Item.objects.count(), 2)

    def test_rolled_back(self):
        self.assertEqual(Item.objects.count(), 1)

    def test_wrong(self):
        self.assertEqual(Item.objects.count(), 7)

class NoData(TestCase):
    @classmethod
    def setUpTestData(cls):
        raise RuntimeError("no data")

    def test_one(self):
        pass

class Committed(TransactionTestCase):
    def test_empty(self):
        self.assertEqual(Item.objects.count(), 0)
        Item.objects.create(name="kept")

    def test_empty_again(self):
        self.assertEqual(Item.objects.count(), 0)

    def test_hangs(self):
        time.sleep(60)

    def test_ends_it_all(self):
        os._exit(0)
""",
}
_ENDS = {
    "cart.tests.Plain.test_page": Status.PASS,
    "cart.tests.Plain.test_no_database": Status.FAIL,
    "cart.tests.Items.test_one": Status.PASS,
    "cart.tests.Items.test_rolled_back": Status.PASS,
    "cart.tests.Items.test_wrong": Status.FAIL,
    "cart.tests.NoData.test_one": Status.ERROR,
    "cart.tests.Committed.test_empty": Status.PASS,
    "cart.tests.Committed.test_empty_again": Status.PASS,
    "cart.tests.Committed.test_hangs": Status.TIMEOUT,
    "cart.tests.Committed.test_ends_it_all": Status.CRASH,
}


@pytest.fixture(scope="module", params=["django>=5.2,<5.3", "django>=4.2,<4.3"])
def python(request: pytest.FixtureRequest) -> Iterator[Path]:
    """An interpreter that has Django."""
    folder = Path(tempfile.mkdtemp(prefix="pullet-django-", dir="/tmp"))
    folder.chmod(0o711)
    uv, program = find_uv_bin(), folder / "v/bin/python"
    try:
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder / "v")], check=True, timeout=60)
        install = [uv, "pip", "install", "-q", "--python", str(program), request.param]
        subprocess.run(install, check=True, timeout=300)
        yield program
    finally:
        shutil.rmtree(folder)


async def run_suite(python: Path, files: Mapping[str, str], command: str, **more: object) -> Column:
    with folder_of(files) as folder:
        runner = ProcessRunner()
        sandbox = await detect_sandbox(Home(folder / "home"), runner)
        sandbox.hand_over(folder / "top", "shop")
        spec = replace(SuiteSpec(command), **{"limit": 20.0, **more})  # type: ignore[arg-type]
        suite = as_asked(Suite("shop", folder / "top", python=python), spec)
        return await run_column(CPython(runner, sandbox, folder / "scratch"), suite, unheard)


@pytest.mark.parametrize("shards", [1, 2])
async def test_every_test_ends_as_django_says(python: Path, shards: int) -> None:
    column = await run_suite(python, _FILES, "python manage.py test", limit=2.0, shards=shards)
    assert (column.trouble, ends(column)) == ("", _ENDS)
    paths = {result.case.path for result in column.results}
    assert paths == {"cart/tests.py"}
    assert all(result.case.line for result in column.results)


async def test_labels_and_options_are_djangos_own(python: Path) -> None:
    column = await run_suite(python, _FILES, "python manage.py test cart.tests.Items --exclude-tag slow -k one")
    assert (column.trouble, ends(column)) == ("", {"cart.tests.Items.test_one": Status.PASS})


async def test_a_module_that_cannot_be_imported_is_an_error(python: Path) -> None:
    files = {**_FILES, "cart/tests.py": "import there_is_no_such_module\n"}
    column = await run_suite(python, files, "python manage.py test")
    assert ends(column) == {"cart.tests": Status.ERROR}
    assert "there_is_no_such_module" in column.results[0].message


async def test_a_database_that_cannot_be_made_is_trouble(python: Path) -> None:
    broken = "def __getattr__(name):\n    raise RuntimeError('no migrations today')\n"
    files = {**_FILES, "cart/migrations/0001_initial.py": broken}
    column = await run_suite(python, files, "python manage.py test")
    assert not column.green
    assert "no migrations today" in column.trouble


async def test_settings_that_fail_are_trouble(python: Path) -> None:
    column = await run_suite(python, {**_FILES, "shop/settings.py": "1 / 0\n"}, "python manage.py test")
    assert not column.green
    assert "division by zero" in column.trouble
