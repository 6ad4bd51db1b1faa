"""Which command runs an app's tests: detected, declared, understood."""

from __future__ import annotations

import pytest

from pullet.analysis.detection.repository import Repository
from pullet.analysis.testing.command import Ask, understood
from pullet.analysis.testing.detecting import detect_tests, files_with_tests
from pullet.config.app_file import find_app_file
from pullet.config.app_writing import write_app_file
from pullet.domain.errors import ConfigError
from pullet.domain.testing import BrowserSpec, Runner, SuiteSpec
from pullet.reconcile.understanding import detected_tests, understand_app
from tests.fakes.source import FakeTree


@pytest.mark.parametrize(
    ("command", "ask"),
    [
        ("pytest", Ask(Runner.PYTEST)),
        ("pytest -q tests", Ask(Runner.PYTEST, ("-q", "tests"))),
        ("python3.12 -m pytest -k 'a or (b)'", Ask(Runner.PYTEST, ("-k", "a or (b)"))),
        ("uv run py.test -x", Ask(Runner.PYTEST, ("-x",))),
        (".venv/bin/pytest", Ask(Runner.PYTEST)),
        ("poetry run python -m unittest discover -s tests", Ask(Runner.UNITTEST, ("discover", "-s", "tests"))),
        ("python manage.py test shop --keepdb", Ask(Runner.DJANGO, ("shop", "--keepdb"), "manage.py")),
        ("./backend/manage.py test", Ask(Runner.DJANGO, (), "./backend/manage.py")),
    ],
)
def test_runners_are_told_by_their_commands(command: str, ask: Ask) -> None:
    assert understood(command) == ask


@pytest.mark.parametrize(
    "command",
    [
        "make test",
        "pytest && echo done",
        "pytest; true",
        "pytest || true",
        "pytest $ARGS",
        "pytest `ls`",
        'pytest "$ARGS"',
        "pytest tests/*.py",
        "uv run --no-sync pytest",
        "CI=1 pytest",
        "python manage.py check",
        "python ../manage.py test",
        "python /srv/manage.py test",
        "manage.py test",
        "pytest 'unclosed",
        "pytest-watch",
        "",
    ],
)
def test_what_is_not_surely_a_runner_is_run_as_it_is(command: str) -> None:
    assert understood(command) == Ask(Runner.OTHER, (), command)


def told(files: dict[str, str], root: str = ".") -> tuple[str, str]:
    """The command, and the place that settled it."""
    entries = [(path, len(text)) for path, text in files.items()]
    read = {path: files[path].encode() for path in files_with_tests(entries, root)}
    found = detect_tests(Repository(list(files), read, root))
    return (found.value, str(found.evidence[0].place)) if found else ("", "")


MANAGE = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'
CASE = "from django.test import TestCase\n\nclass Cart(TestCase):\n    def test_total(self):\n        pass\n"
PLAIN = "import unittest\n\nclass Cart(unittest.TestCase):\n    def test_total(self):\n        pass\n"


@pytest.mark.parametrize(
    ("files", "command", "place"),
    [
        ({"pytest.ini": "[pytest]\naddopts = -q\n"}, "pytest", "pytest.ini:1"),
        ({"pyproject.toml": "[project]\n\n[tool.pytest.ini_options]\n"}, "pytest", "pyproject.toml:3"),
        ({"pyproject.toml": "[tool.pytest]\n"}, "pytest", "pyproject.toml:1"),
        ({"tox.ini": "[tox]\n[pytest]\n"}, "pytest", "tox.ini:2"),
        ({"setup.cfg": "[tool:pytest]\n"}, "pytest", "setup.cfg:1"),
        ({"tests/conftest.py": ""}, "pytest", "tests/conftest.py"),
        ({"tests/test_a.py": "import os\nimport pytest\n"}, "pytest", "tests/test_a.py:2"),
        ({"test_a.py": "from shop import total\n\n\ndef test_total():\n    pass\n"}, "pytest", "test_a.py:4"),
        ({"requirements-dev.txt": "mock\npytest>=8\n"}, "pytest", "requirements-dev.txt:2"),
        ({"pyproject.toml": '[dependency-groups]\ndev = [\n  "pytest>=8",\n]\n'}, "pytest", "pyproject.toml:3"),
        ({"Pipfile": '[dev-packages]\npytest = "*"\n'}, "pytest", "Pipfile:2"),
        ({"tests/__init__.py": "", "tests/test_a.py": PLAIN}, "python -m unittest", "tests/test_a.py:3"),
        ({"tests/test_a.py": PLAIN}, "python -m unittest discover -s tests", "tests/test_a.py:3"),
        ({"manage.py": MANAGE, "shop/tests.py": CASE}, "python manage.py test", "shop/tests.py:3"),
        (
            {"site/manage.py": MANAGE, "site/shop/tests.py": CASE},
            "python site/manage.py test site",
            "site/shop/tests.py:3",
        ),
        (
            {"manage.py": MANAGE, "shop/tests.py": CASE, "requirements-dev.txt": "pytest\npytest_django\n"},
            "pytest",
            "requirements-dev.txt:2",
        ),
        (
            {"manage.py": MANAGE, "shop/tests.py": CASE, "requirements-dev.txt": "pytest\n"},
            "python manage.py test",
            "shop/tests.py:3",
        ),
        ({"noxfile.py": 'session.run("pytest")\n'}, "pytest", "noxfile.py:1"),
        ({"Makefile": "test:\n\tpytest -q\n"}, "pytest", "Makefile:2"),
    ],
)  # fmt: skip
def test_commands_are_detected(files: dict[str, str], command: str, place: str) -> None:
    assert told(files) == (command, place)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"app.py": "import pytest\n", "requirements.txt": "pytest-cov-less\nnotpytest\n"},
        {"manage.py": MANAGE, "shop/tests.py": "from django.test import TestCase\n\n# Create your tests here.\n"},
        {"node_modules/x/test_a.py": "import pytest\n", ".tox/conftest.py": ""},
        {"test_a.py": "def test_(:\n"},
        {"pyproject.toml": '[tool.black]\ndescription = "we use pytest"\n'},
        {"test_\ud800.py": "import pytest\n", "tests\nconftest.py": ""},
    ],
)
def test_without_signs_there_is_no_command(files: dict[str, str]) -> None:
    assert told(files) == ("", "")


def test_only_the_apps_own_folder_counts() -> None:
    files = {"api/tests/test_a.py": PLAIN, "conftest.py": ""}
    assert told(files, "api") == ("python -m unittest discover -s tests", "api/tests/test_a.py:3")


def test_of_many_files_few_are_read() -> None:
    entries = [(f"tests/unit/part{number}/test_{number}.py", 100) for number in range(20_000)]
    assert len(files_with_tests([*entries, ("pytest.ini", 10**9), ("tests/test_big.py", 10**9)])) == 30


FLASK = {"app.py": "from flask import Flask\napp = Flask(__name__)\n", "requirements.txt": "flask\ngunicorn\n"}


def tree(files: dict[str, str]) -> FakeTree:
    return FakeTree({path: text.encode() for path, text in files.items()})


async def test_an_app_knows_its_tests_and_why() -> None:
    spec = await understand_app(tree({**FLASK, "tests/conftest.py": ""}), "shop", tests=True)
    assert (spec.tests, spec.gates) == (SuiteSpec("pytest"), ())
    assert next(each for each in spec.decisions if each.subject == "gates.tests.command").value == "pytest"


async def test_what_is_declared_wins() -> None:
    text = '[gates.tests]\ncommand = "make test"\nlimit = "5s"\ntimeout = "2m"\nshards = 2\nnetwork = true\n'
    text += 'junit = "out/**/*.xml"\n'
    text += '[gates.browser]\ntests = "web"\non = ["node", "firefox", "node"]\nlimit = "1s"\ntimeout = "1m"\n'
    spec = await understand_app(tree({**FLASK, "tests/conftest.py": "", "pullet.toml": text}), "shop", tests=True)
    assert spec.gates == ("tests", "browser")
    assert spec.tests == SuiteSpec("make test", 5.0, 120.0, 2, True, "out/**/*.xml")
    assert spec.browser == BrowserSpec("web", ("node", "firefox"), "", 1.0, 60.0)
    assert not [each for each in spec.decisions if each.subject == "gates.tests.command"]


async def test_a_gate_without_a_command_takes_the_one_that_was_detected() -> None:
    spec = await understand_app(
        tree({**FLASK, "test_a.py": PLAIN, "pullet.toml": "[gates.tests]\n"}), "shop", tests=True
    )
    assert (spec.gates, spec.tests.command) == (("tests",), "python -m unittest")


async def test_a_library_has_tests_too() -> None:
    found = await detected_tests(tree({"pyproject.toml": "[tool.pytest.ini_options]\n"}))
    assert found is not None
    assert found.value == "pytest"


@pytest.mark.parametrize(
    "line",
    [
        'junit = "/etc/*.xml"',
        'junit = "../*.xml"',
        'junit = "**/**/**/*.xml"',
        "shards = 0",
        'limit = "0s"',
        'command = "a\\nb"',
    ],
)
def test_what_makes_no_sense_is_refused(line: str) -> None:
    with pytest.raises(ConfigError):
        find_app_file({"pullet.toml": f"[gates.tests]\n{line}\n".encode()})
    with pytest.raises(ConfigError, match="chromium"):
        find_app_file({"pullet.toml": b'[gates.browser]\non = ["opera"]\n'})


async def test_init_proposes_the_gate() -> None:
    spec = await understand_app(tree({**FLASK, "tests/conftest.py": ""}), "shop", tests=True)
    text = write_app_file(spec)
    assert '# [gates.tests]\n# command = "pytest"\n' in text
    assert "# tests/conftest.py: tests/conftest.py is pytest's" in text
    declared = find_app_file(
        {"pullet.toml": text.replace("# [gates", "[gates").replace("# command", "command").encode()}
    )
    assert declared is not None
    assert declared.gates.suite().command == "pytest"
    without = write_app_file(await understand_app(tree(FLASK), "shop", tests=True))
    assert "gates.tests" not in without
