"""Shapes of repositories: folders, workspaces, and apps that list no dependencies."""

from __future__ import annotations

import pytest

from pullet.analysis.detection import explain
from pullet.analysis.diagnosis.permanent import told_from_imports
from pullet.domain.app import DependencyKind
from pullet.domain.errors import AmbiguousApp, NoAppFound
from tests.unit.breadth_corpus import API, SHAPES, SITE, TOOLS, Shape
from tests.unit.detection_corpus import FASTAPI, FLASK
from tests.unit.test_detection import understood, web


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_shapes(shape: Shape) -> None:
    spec = understood(shape.files)
    process = spec.process("web")
    assert process is not None
    assert (spec.root, process.command, spec.dependencies.path) == (shape.root, shape.command, shape.path)
    assert dict(spec.variables) == shape.variables


def test_two_apps_in_folders_are_for_the_owner_to_choose() -> None:
    files = {f"apps/web/{path}": text for path, text in SITE.items()}
    files |= {f"apps/admin/{path}": text for path, text in API.items()}
    with pytest.raises(AmbiguousApp) as raised:
        understood(files)
    assert "apps/admin and apps/web" in raised.value.message
    assert 'root = "apps/admin"' in raised.value.hint


def test_why_the_root_is_below() -> None:
    spec = understood({f"api/{path}": text for path, text in API.items()} | {"requirements.txt": TOOLS})
    row = next(row for row in explain(spec) if row.setting == "app.root")
    assert (row.value, row.where) == ("api", "api/requirements.txt")
    assert "those at the top are not a web app's" in row.why


def test_a_template_for_repositories_is_no_app() -> None:
    files = {"cookiecutter.json": "{}", "{{cookiecutter.name}}/requirements.txt": "flask"}
    with pytest.raises(NoAppFound, match="template"):
        understood(files | {"{{cookiecutter.name}}/app.py": FLASK, "tasks.py": FLASK})


def requirements(code: str, **more: str) -> tuple[str, ...]:
    files = {"app.py": FLASK + code} | {path.replace("__", "/") + ".py": text for path, text in more.items()}
    spec = understood(files)
    assert spec.dependencies.kind is DependencyKind.IMPORTS
    return tuple(sorted(each for each in spec.dependencies.extra if not each.startswith("granian")))


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("import os, json, distutils\n", ()),
        ("import yaml\nfrom PIL import Image\n", ("PyYAML", "pillow")),
        ("import redis.asyncio\n", ("redis",)),
        ("import models\n", ()),
        ("import requets\n", ()),  # a name that anybody may have registered
        ("try:\n    import ujson\nexcept ImportError:\n    ujson = None\n", ()),
        ("try:\n    import ujson\nexcept ImportError as e:\n    raise SystemExit from e\n", ("ujson",)),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas\n", ()),
        ("def late():\n    import pandas\n", ("pandas",)),
        ("from .models import x\n", ()),
        ("from pydantic import EmailStr\n", ("email-validator", "pydantic")),
        ("INSTALLED_APPS = ['rest_framework', 'corsheaders']\n", ("django-cors-headers", "djangorestframework")),
    ],
)
def test_dependencies_of_imports(code: str, wanted: tuple[str, ...]) -> None:
    assert requirements(code, models="x = 1\n") == tuple(sorted((*wanted, "flask")))


def test_a_folder_named_as_what_it_imports() -> None:
    spec = understood({"fastapi/main.py": FASTAPI})
    assert spec.dependencies.extra == ("fastapi", "uvicorn[standard]>=0.20")


def test_imports_are_explained() -> None:
    spec = understood({"app.py": FLASK + "import yaml\nimport requets\n"})
    rows = {row.setting: row for row in explain(spec)}
    assert rows["dependencies.imports"].value == "flask && PyYAML"
    assert rows["dependencies.imports"].where == "app.py:1, app.py:3"
    assert rows["dependencies.unknown"].value == "requets"
    assert "not installed" in rows["dependencies.unknown"].why
    assert told_from_imports(spec) == "flask\nPyYAML\ngranian>=2.8,<3\n"


def test_an_imported_driver_brings_its_service() -> None:
    code = "import os, psycopg2\npsycopg2.connect(os.environ['DATABASE_URL'])\n"
    assert [service.name for service in understood({"app.py": FLASK + code}).services] == ["db"]


def test_a_server_that_is_imported_serves() -> None:
    assert web({"main.py": FASTAPI + "import uvicorn\n"}) == "uvicorn main:app"


CONDA = """name: shop
channels: [conda-forge]
dependencies:
  - python=3.11
  - flask=2.3
  - numpy >=1.24,<2
  - libgdal
  - pip
  - pip:
      - gunicorn==23.0
      - -e .
"""


def test_what_conda_lists() -> None:
    spec = understood({"app.py": FLASK + "import yaml\n", "environment.yml": CONDA})
    assert (spec.dependencies.kind, spec.dependencies.path) == (DependencyKind.CONDA, "environment.yml")
    assert spec.dependencies.extra == ("flask==2.3.*", "numpy>=1.24,<2", "gunicorn==23.0")
    assert spec.python == "3.11"
    assert web({"app.py": FLASK, "environment.yml": CONDA}) == "gunicorn --threads 4 app:app"
    unknown = next(row for row in explain(spec) if row.setting == "dependencies.unknown")
    assert (unknown.value, unknown.where) == ("libgdal", "environment.yml:7")


def test_conda_beside_another_list_says_nothing() -> None:
    files = {"app.py": FLASK, "environment.yml": CONDA, "requirements.txt": "flask"}
    assert understood(files).dependencies.path == "requirements.txt"


TWO = {"requirements.txt": "fastapi\nuvicorn", "shop/main.py": FASTAPI, "admin/main.py": FASTAPI}


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("README.md", "# Shop\n\n```\npip install -r requirements.txt\nuvicorn shop.main:app --reload\n```\n"),
        ("Makefile", "test:\n\tpytest\nrun:\n\tpython shop/main.py\n"),
        ("justfile", "serve:\n    python -m shop.main\n"),
    ],
)
def test_a_hint_settles_a_tie(file: str, text: str) -> None:
    spec = understood(TWO | {file: text})
    assert web(TWO | {file: text}) == "uvicorn shop.main:app"
    row = next(row for row in explain(spec) if row.setting == "application")
    assert f"which {file}:" in row.why
    assert row.instead_of == ("asgi admin.main:app (admin/main.py:2)",)


@pytest.mark.parametrize("text", ["", "uvicorn other:app", "uvicorn shop.main:app admin.main:app", "see shop.main:app"])
def test_a_hint_that_says_nothing(text: str) -> None:
    with pytest.raises(AmbiguousApp):
        understood(TWO | {"README.md": text})


def test_a_hint_never_outweighs_code() -> None:
    files = {"requirements.txt": "flask\ngunicorn", "app.py": FLASK, "old/thing.py": FLASK}
    assert web(files | {"README.md": "python old/thing.py"}) == "gunicorn --threads 4 app:app"


PROJECT = """[project]
name = "shop"
dependencies = ["aiohttp"]
[project.scripts]
shop = "shop.cli:main"
"""


@pytest.mark.parametrize(
    ("code", "command"),
    [
        (
            "def main():\n    web.run_app(web.Application())\n",
            'python -c "import sys; from shop.cli import main; sys.exit(main())"',
        ),
        (
            "@main.command()\ndef serve():\n    web.run_app(web.Application())\n",
            'python -c "import sys; from shop.cli import main; sys.exit(main())" serve',
        ),
    ],
)
def test_a_program_of_the_project_that_serves(code: str, command: str) -> None:
    files = {
        "pyproject.toml": PROJECT,
        "src/shop/__init__.py": "",
        "src/shop/cli.py": f"from aiohttp import web\n{code}",
    }
    assert web(files) == command


def test_a_program_of_the_project_that_does_not_serve() -> None:
    files = {"pyproject.toml": PROJECT, "shop/cli.py": "import aiohttp\ndef main():\n    print('hello')\n"}
    with pytest.raises(NoAppFound):
        understood(files)
