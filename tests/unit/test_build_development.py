"""Where people write down what tests need, and what is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pullet.domain.app import AppSpec, Dependencies, DependencyKind
from pullet.domain.errors import BuildFailed
from pullet.drivers.build.development import added_for_pytest, development, plain_spec
from pullet.drivers.build.inputs import TreeFiles


def spec_of(root: str = ".") -> AppSpec:
    return AppSpec(root, None, Dependencies(DependencyKind.NONE), ())


def tree(folder: Path, files: dict[str, str]) -> TreeFiles:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return TreeFiles(folder)


SETUP_PY = """
from setuptools import setup
TESTS = ["mock>=1", "pytest"]
setup(extras_require={"tests": TESTS, "docs": ["sphinx"], key: [1]}, tests_require=["scales", *MORE])
"""
SETUP_CFG = """
[options]
tests_require =
    scales
[options.extras_require]
Test =
    mock>=1  # of old
    %(other)s
docs = sphinx
"""
TOX = """
[testenv]
deps =
    pytest
    -r extra.txt
    -c constraints.txt
    -e .[web]
    py311: only-there
    {[base]deps}
    mock  # for now
"""


@pytest.mark.parametrize(
    ("files", "lines"),
    [
        ({}, ()),
        ({"requirements-dev.txt": "-r requirements.txt\nmock\n", "requirements.txt": "flask\n"}, ("flask", "mock")),
        ({"requirements/test.txt": "mock==1 --hash=sha256:aa\n"}, ("mock==1 --hash=sha256:aa",)),
        ({"dev-requirements.txt": "a\n", "requirements_test.txt": "b\n"}, ("b", "a")),
        ({"setup.py": SETUP_PY}, ("mock>=1", "pytest", "scales")),
        ({"setup.py": "import sys\nsetup(extras_require=(\n"}, ()),
        ({"setup.cfg": SETUP_CFG}, ("mock>=1", "scales")),
        ({"setup.cfg": "no section\n"}, ()),
        ({"tox.ini": TOX, "extra.txt": "more\n", "setup.py": ""}, ("pytest", "more", "mock")),
        ({"tox.ini": TOX, "requirements-dev.txt": "a\n"}, ("a",)),
        ({"Pipfile": '[dev-packages]\nmock = "*"\nlocal = {path = "."}\n"a.b" = ">=2"\n'}, ("mock", "a.b>=2")),
        ({"pyproject.toml": '[tool.uv]\ndev-dependencies = ["mock"]\n'}, ("mock",)),
        ({"pyproject.toml": '[dependency-groups]\nTests = ["a", {include-group = "x_y"}]\nx-y = ["b"]\n'}, ("a", "b")),
        ({"pyproject.toml": '[dependency-groups]\ndocs = ["sphinx"]\n'}, ()),
    ],
)
def test_every_place_is_read(tmp_path: Path, files: dict[str, str], lines: tuple[str, ...]) -> None:
    assert development(tree(tmp_path, files), spec_of()).requirements == lines


def test_poetrys_spellings_become_the_standards(tmp_path: Path) -> None:
    text = """
[tool.poetry.dev-dependencies]
old = "*"
[tool.poetry.group.test.dependencies]
a = "^1.2"
b = {version = "~2", extras = ["x"], markers = "os_name == 'posix'"}
c = {git = "https://git.example.org/c.git", rev = "abc"}
d = {path = "../d"}
[tool.poetry.group.docs.dependencies]
sphinx = "*"
"""
    wanted = development(tree(tmp_path, {"pyproject.toml": text}), spec_of())
    assert wanted.requirements == (
        "old",
        "a<2,>=1.2",
        "b[x]<3,>=2 ; os_name == 'posix'",
        "c @ git+https://git.example.org/c.git@abc",
    )
    assert "d is not followed" in wanted.notices[0]


def test_what_is_in_the_repository_is_not_sought_in_an_index(tmp_path: Path) -> None:
    text = """
[project]
name = "shop"
dependencies = ["own"]
[project.optional-dependencies]
test = ["till", "mock", "shop[more]"]
more = ["scales"]
[tool.uv.sources]
till = { workspace = true }
"""
    wanted = development(tree(tmp_path, {"pyproject.toml": text}), spec_of())
    assert wanted.requirements == ("mock", "scales")


def test_the_apps_folder_comes_before_the_top(tmp_path: Path) -> None:
    files = tree(tmp_path, {"requirements-dev.txt": "top\n", "api/requirements-dev.txt": "api\n", "web/app.py": ""})
    assert development(files, spec_of("api")).requirements == ("api",)
    assert development(files, spec_of("web")).requirements == ("top",)


def test_hashes_of_one_file_are_not_demanded_of_all(tmp_path: Path) -> None:
    wanted = development(tree(tmp_path, {"requirements-dev.txt": "--require-hashes\n--pre\nmock\n"}), spec_of())
    assert wanted.options == ("--pre",)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"requirements-dev.txt": "-r ../secret.txt\n"}, "leads out of the repository"),
        ({"requirements-dev.txt": "mock @ file:///etc\n"}, "neither a package"),
        ({"requirements-dev.txt": "${HOME}\n"}, "variable"),
        ({"tox.ini": "[testenv]\ndeps = /etc/passwd\n"}, "leads out"),
        ({"setup.cfg": "[options]\ntests_require = -e /etc\n"}, "no Python project"),
        ({"pyproject.toml": '[dependency-groups]\ndev = [{include-group = "dev"}]\n'}, "include each other"),
        ({"pyproject.toml": '[dependency-groups]\ndev = ["mock @ file:///etc"]\n'}, "neither a package"),
        ({"pyproject.toml": '[dependency-groups]\ndev = ["not a requirement"]\n'}, "not a requirement"),
    ],
)
def test_what_is_hostile_is_refused(tmp_path: Path, files: dict[str, str], why: str) -> None:
    with pytest.raises(BuildFailed, match=why):
        development(tree(tmp_path, files), spec_of())


def test_pytest_is_added_where_nobody_asks_for_it(tmp_path: Path) -> None:
    files = tree(tmp_path, {"pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = shop.settings\n"})
    assert added_for_pytest(files, spec_of(), frozenset()) == ("pytest",)
    assert added_for_pytest(files, spec_of(), frozenset({"pytest", "flask"})) == ()
    assert added_for_pytest(files, spec_of(), frozenset({"pytest", "django"})) == ("pytest-django",)
    assert added_for_pytest(files, spec_of(), frozenset({"pytest", "django", "pytest-django"})) == ()


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({}, DependencyKind.NONE),
        ({"pyproject.toml": "[tool.black]\n", "requirements.txt": ""}, DependencyKind.REQUIREMENTS),
        ({"pyproject.toml": "[project]\n", "requirements.txt": ""}, DependencyKind.PYPROJECT),
        ({"pyproject.toml": "[project]\n", "uv.lock": ""}, DependencyKind.UV_LOCK),
        ({"setup.py": ""}, DependencyKind.SETUP),
    ],
)
def test_a_library_is_described_by_the_best_of_its_files(
    tmp_path: Path, files: dict[str, str], kind: DependencyKind
) -> None:
    assert plain_spec(tree(tmp_path, files)).dependencies.kind is kind
