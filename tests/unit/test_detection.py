"""What small repositories are understood to be, and why."""

from __future__ import annotations

import pytest

from pullet.analysis.detection import explain, files_to_read, understand
from pullet.analysis.detection.application import Application
from pullet.analysis.detection.servers import server_of
from pullet.config.app_file import find_app_file
from pullet.domain.app import AppSpec, Confidence, DependencyKind, Place, Server, StaticMount
from pullet.domain.errors import AmbiguousApp, ConfigError, NoAppFound
from tests.unit.detection_corpus import CASES, DJANGO, FASTAPI, FLASK, MANAGE, SETTINGS, Case


def understood(files: dict[str, str]) -> AppSpec:
    """As the platform does it: choose files, read them, read pullet.toml, understand."""
    contents = {path: text.encode() for path, text in files.items()}
    entries = [(path, len(content)) for path, content in contents.items()]
    app_file = find_app_file(contents)
    declared = app_file.declared() if app_file else None
    wanted = files_to_read(entries, declared.root if declared else ".")
    return understand(list(contents), {path: contents[path] for path in wanted}, declared, "shop")


def web(files: dict[str, str]) -> str:
    process = understood(files).process("web")
    assert process is not None
    return process.command


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_a_repository_is(case: Case) -> None:
    spec = understood(case.files)
    process = spec.process("web")
    assert process is not None
    assert process.command == case.command
    assert tuple(each for each in spec.dependencies.extra if server_of(each.split("[")[0].split(">")[0])) == case.extra
    assert dict(spec.variables) == case.variables


def test_django_in_full() -> None:
    spec = understood(DJANGO)
    assert spec.build_commands == ("python manage.py collectstatic --noinput || true",)
    assert spec.release_commands == ("python manage.py migrate --noinput",)
    assert spec.static == (StaticMount("/static", "staticfiles"),)
    assert spec.dependencies.kind is DependencyKind.REQUIREMENTS


@pytest.mark.parametrize(
    ("settings", "files", "commands"),
    [
        ("STORAGES = {'staticfiles': {'BACKEND': 'whitenoise.storage.CompressedManifestStaticFilesStorage'}}", {},
         ("python manage.py collectstatic --noinput",)),
        ("if not DEBUG:\n    STATIC_ROOT = BASE_DIR / 'out'\n    STATICFILES_STORAGE = 'whitenoise.storage.Compressed"
         "ManifestStaticFilesStorage'", {}, ("python manage.py collectstatic --noinput",)),
        ("import django_heroku", {}, ("python manage.py collectstatic --noinput",)),
        ("", {"staticfiles/manifest.json": "{}"}, ()),
    ],
)  # fmt: skip
def test_a_failing_collectstatic_stops_the_build_where_pages_need_it(
    settings: str, files: dict[str, str], commands: tuple[str, ...]
) -> None:
    assert understood({**DJANGO, **files, "shop/settings.py": SETTINGS + settings}).build_commands == commands


def test_django_below_the_top_keeps_its_paths() -> None:
    files = {f"back end/{path}": text for path, text in DJANGO.items()}
    spec = understood({"requirements.txt": "django"} | files)
    assert spec.build_commands == ("python 'back end/manage.py' collectstatic --noinput || true",)
    assert spec.static == (StaticMount("/static", "back end/staticfiles"),)


@pytest.mark.parametrize(
    ("root", "folder"),
    [
        ("BASE_DIR / 'staticfiles'", "staticfiles"),
        ("os.path.join(BASE_DIR, 'a', 'b')", "a/b"),
        ("str(BASE_DIR.joinpath('a'))", "a"),
        ("BASE_DIR.parent / 'a'", None),
        ("os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'a')", "a"),
        ("Path(__file__).resolve().parents[1] / 'a'", "a"),
        ("pathlib.Path(__file__).parent / '../../x'", None),
        ("'assets'", "assets"),
        ("'/var/www/static'", None),
        ("env('STATIC_ROOT')", None),
        ("STATIC_ROOT", None),
        ("BASE_DIR", None),
    ],
)
def test_where_static_files_go(root: str, folder: str | None) -> None:
    spec = understood(DJANGO | {"shop/settings.py": SETTINGS.replace('BASE_DIR / "staticfiles"', root)})
    assert spec.static == ((StaticMount("/static", folder),) if folder else ())
    assert bool(spec.build_commands) == bool(folder)


@pytest.mark.parametrize("url", ["'https://cdn.example.org/static/'", "env('URL')", "'/'", "'../x/'", "'/a b/'"])
def test_static_urls_that_the_router_cannot_serve(url: str) -> None:
    spec = understood(DJANGO | {"shop/settings.py": SETTINGS.replace('"static/"', url)})
    assert (spec.static, len(spec.build_commands)) == ((), 1)


def test_settings_in_several_files() -> None:
    base = SETTINGS.replace(".parent.parent", ".parent.parent.parent")
    files = {path: text for path, text in DJANGO.items() if path != "shop/settings.py"} | {
        "shop/settings/__init__.py": "",
        "shop/settings/base.py": base,
        "shop/settings/production.py": "from .base import *\nSTATIC_ROOT = BASE_DIR / 'collected'\n",
        "shop/settings/local.py": "from shop.settings.base import *\n",
        "manage.py": MANAGE.replace("shop.settings", "shop.settings.local"),
        "shop/wsgi.py": "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'shop.settings.production'\n"
        + DJANGO["shop/wsgi.py"],
    }
    spec = understood(files)
    assert spec.static == (StaticMount("/static", "collected"),)
    assert dict(spec.variables) == {"DJANGO_SETTINGS_MODULE": "shop.settings.production"}


def test_a_manage_py_of_somebody_else() -> None:
    spec = understood({"manage.py": "print('hello')", "app.py": FLASK})
    assert (spec.release_commands, spec.build_commands) == ((), ())


def test_no_migrations_without_a_database() -> None:
    spec = understood(DJANGO | {"shop/settings.py": "ROOT_URLCONF = 'x'\n"})
    assert spec.release_commands == ()


def test_procfile_in_full() -> None:
    procfile = "# comment\nweb: gunicorn x:y\n\nworker: celery -A x worker\nrelease: ./release.sh\n-bad: x\nbeat:\n"
    spec = understood(DJANGO | {"Procfile": procfile})
    assert [process.name for process in spec.processes] == ["web", "worker"]
    assert spec.release_commands == ("./release.sh",)
    release = next(found for found in spec.decisions if found.subject == "release.commands")
    assert [found.value for found in release.runners_up] == ["python manage.py migrate --noinput"]


@pytest.mark.parametrize(
    ("files", "python"),
    [
        ({}, None),
        ({".python-version": "3.12.4\n", "runtime.txt": "python-3.11.2"}, "3.12"),
        ({".python-version": "# comment\ncpython-3.13.0rc1"}, "3.13"),
        ({"runtime.txt": "python-3.11.2\n"}, "3.11"),
        ({"runtime.txt": "latest"}, None),
        ({"pyproject.toml": "[project]\nname='x'\nrequires-python = '>=3.11, <3.14'"}, ">=3.11,<3.14"),
        ({"pyproject.toml": "[tool.poetry.dependencies]\npython = '^3.11'"}, ">=3.11,<4"),
        ({"pyproject.toml": "[tool.poetry.dependencies]\npython = '~3.11.2'"}, ">=3.11,<3.12"),
        ({"Pipfile": "[requires]\npython_version = '3.10'"}, "3.10"),
        ({"setup.py": "setup(python_requires='>=3.9')"}, ">=3.9"),
        ({"setup.cfg": "[options]\npython_requires = >=3.9\n"}, ">=3.9"),
        ({"pyproject.toml": "[project]\nrequires-python = 3"}, None),
    ],
)
def test_which_python(files: dict[str, str], python: str | None) -> None:
    assert understood({"app.py": FLASK} | files).python == python


@pytest.mark.parametrize(
    ("files", "path", "kind"),
    [
        (["uv.lock", "pyproject.toml", "requirements.txt"], "uv.lock", DependencyKind.UV_LOCK),
        (["poetry.lock", "pyproject.toml", "requirements.txt"], "poetry.lock", DependencyKind.POETRY_LOCK),
        (["Pipfile.lock", "Pipfile", "requirements.txt"], "Pipfile.lock", DependencyKind.PIPFILE_LOCK),
        (["requirements.txt", "pyproject.toml"], "requirements.txt", DependencyKind.REQUIREMENTS),
        (
            ["requirements/base.txt", "requirements/production.txt"],
            "requirements/production.txt",
            DependencyKind.REQUIREMENTS,
        ),
        (["pyproject.toml", "Pipfile", "setup.py"], "pyproject.toml", DependencyKind.PYPROJECT),
        (["Pipfile", "setup.py"], "Pipfile", DependencyKind.PIPFILE),
        (["setup.py"], "setup.py", DependencyKind.SETUP),
        (["uv.lock"], "", DependencyKind.IMPORTS),
        ([], "", DependencyKind.IMPORTS),
    ],
)
def test_which_dependency_file(files: list[str], path: str, kind: DependencyKind) -> None:
    texts = {file: "[project]\nname = 'x'\n" if file == "pyproject.toml" else "" for file in files}
    dependencies = understood({"app.py": FLASK} | texts).dependencies
    assert (dependencies.path, dependencies.kind) == (path, kind)


def test_a_pyproject_for_tools_is_no_dependency_file() -> None:
    assert understood({"app.py": FLASK, "pyproject.toml": "[tool.ruff]\n"}).dependencies.kind is DependencyKind.IMPORTS


def test_app_json_gives_hints() -> None:
    app_json = """{"env": {"LOG": "info", "MODE": {"value": "fast"}, "SECRET_KEY": {"generator": "secret"}, "a b": "x"},
    "scripts": {"dokku": {"predeploy": "python seed.py"}}, "formation": {"web": {"quantity": 3}}}"""
    spec = understood({"app.py": FLASK, "app.json": app_json})
    assert dict(spec.variables) == {"LOG": "info", "MODE": "fast"}
    assert (spec.secrets_generated, spec.release_commands) == (("SECRET_KEY",), ("python seed.py",))
    assert spec.processes[0].instances == 3


def test_a_secret_key_that_is_read_is_generated() -> None:
    spec = understood({"app.py": FLASK + "import os\napp.secret_key = os.environ['SECRET_KEY']\n"})
    assert spec.secrets_generated == ("SECRET_KEY",)


def test_pullet_toml_wins_and_says_so() -> None:
    config = """[app]
python = "3.13"
[processes.web]
instances = 3
memory = "256M"
health = { path = "/up", timeout = "2s" }
[release]
commands = []
[variables]
"LOG" = "x"
[static]
"/a.b/c/" = "out"
"""
    spec = understood(DJANGO | {"pullet.toml": config, "runtime.txt": "python-3.11.1"})
    process = spec.process("web")
    assert process is not None
    assert (process.instances, process.memory, process.command.split()[0]) == (3, 256 << 20, "granian")
    assert (process.health.path, process.health.declared, process.health.timeout) == ("/up", True, 2.0)
    assert spec.release_commands == ()
    assert dict(spec.variables) == {"LOG": "x"}
    assert StaticMount("/a.b/c", "out") in spec.static
    python = next(found for found in spec.decisions if found.subject == "app.python")
    assert python.evidence[0].confidence is Confidence.CERTAIN
    assert python.evidence[0].place == Place("pullet.toml", 2)
    assert python.runners_up[0].place == Place("runtime.txt", 1)


def test_a_declared_command_needs_no_detection_and_gets_its_server() -> None:
    spec = understood({"pullet.toml": "[processes.web]\ncommand = 'uvicorn x:y'\n"})
    assert (spec.processes[0].command, spec.dependencies.extra) == ("uvicorn x:y", ("uvicorn[standard]>=0.20",))


def test_a_declared_process_without_command() -> None:
    with pytest.raises(ConfigError, match=r"pullet.toml:2: processes.worker: no command"):
        understood({"app.py": FLASK, "pullet.toml": "[processes.worker]\ninstances = 2"})


def test_only_a_worker() -> None:
    spec = understood({"pullet.toml": "[processes.worker]\ncommand = 'python w.py'", "requirements.txt": "uvicorn"})
    assert [process.name for process in spec.processes] == ["worker"]


def test_a_declared_root() -> None:
    files = {"pullet.toml": "[app]\nroot = 'services/a'", "app.py": FLASK, "services/a/main.py": FASTAPI}
    spec = understood(files | {"services/a/requirements.txt": "uvicorn", "services/b/main.py": FASTAPI})
    assert (spec.root, spec.processes[0].command) == ("services/a", "uvicorn main:app")
    assert spec.dependencies.path == "requirements.txt"
    assert (explain(spec)[0].setting, explain(spec)[0].where) == ("app.root", "pullet.toml:2")


def test_the_one_folder_with_an_app_is_the_root() -> None:
    files = {"frontend/package.json": "{}", "backend/requirements.txt": "gunicorn", "backend/app.py": FLASK}
    spec = understood(files | {"README.md": "", "tools/setup.py": "", "tools/x.py": "pass"})
    assert (spec.root, spec.processes[0].command) == ("backend", "gunicorn --threads 4 app:app")
    (row,) = [row for row in explain(spec) if row.setting == "app.root"]
    assert row.where == "backend/requirements.txt"


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"app.py": FLASK, "main.py": FASTAPI}, ["app:app", "main:app", "app.py:2", "main.py:2"]),
        ({"one/app.py": FLASK, "two/app.py": FLASK}, ["one.app:app", "two.app:app"]),
        ({"app.py": "from flask import Flask\na = Flask('a')\nb = Flask('b')"}, ["app:a", "app:b"]),
    ],
)
def test_two_candidates_are_named_with_the_line_that_settles_it(files: dict[str, str], named: list[str]) -> None:
    with pytest.raises(AmbiguousApp) as caught:
        understood(files)
    assert all(name in str(caught.value) for name in named)
    assert '[processes.web]\ncommand = "granian --interface' in caught.value.hint


def test_two_folders_are_named() -> None:
    with pytest.raises(AmbiguousApp, match="a and b") as caught:
        understood({f"{root}/{file}": text for root in "ab" for file, text in (("app.py", FLASK), ("Pipfile", ""))})
    assert caught.value.hint.endswith('[app]\nroot = "a"')


@pytest.mark.parametrize("files", [{}, {"README.md": "x"}, {"lib.py": "def f(): pass"}, {"a/requirements.txt": ""}])
def test_nothing_to_run(files: dict[str, str]) -> None:
    with pytest.raises(NoAppFound) as caught:
        understood(files)
    assert "Procfile" in caught.value.context and "pullet.toml" in caught.value.hint


def test_a_file_that_does_not_parse_is_named() -> None:
    with pytest.raises(NoAppFound, match=r"Could not parse app\.py"):
        understood({"app.py": "print 'python 2'\nfrom flask import Flask\napp = Flask('x')"})


def test_every_decision_is_explained() -> None:
    files = DJANGO | {"Procfile": "worker: celery\n", "runtime.txt": "python-3.11.1", ".python-version": "3.12"}
    rows = {row.setting: row for row in explain(understood(files))}
    assert rows["app.python"].instead_of == ("3.11 (runtime.txt:1)",)
    command = rows["processes.web.command"]
    assert (command.where, "no dependency serves WSGI, so granian is added" in command.why) == ("shop/wsgi.py:4", True)
    assert rows["application"].instead_of == ("asgi shop.asgi:application (shop/asgi.py:4)",)
    assert all(row.value and row.where and row.why for row in rows.values())
    assert next(iter(rows)) == "app.python"


@pytest.mark.parametrize(
    "application",
    [
        Application("wsgi", "a.b", "app"),
        Application("asgi", "a", "create_app", True, "my in folder"),
        Application("asgi", "a", "x"),
    ],
)
def test_applications_survive_being_text(application: Application) -> None:
    assert Application.parse(str(application)) == application


@pytest.mark.parametrize(
    ("command", "server"),
    [
        ("gunicorn x:y", Server.GUNICORN),
        ("exec /venv/bin/uvicorn x:y", Server.UVICORN),
        ("A=1 B=2 python3 -m gunicorn x:y", Server.GUNICORN),
        ("waitress-serve x:y", Server.WAITRESS),
        ("python main.py", None),
        ("echo 'unclosed", None),
        ("", None),
    ],
)
def test_which_server_a_command_starts(command: str, server: Server | None) -> None:
    assert server_of(command) == server


CLICK = "import click\n@click.command('init-db')\ndef init_db_command():\n    pass\n"
FACTORY = "from flask import Flask\ndef create_app(test_config=None):\n    app = Flask(__name__)\n    return app\n"


@pytest.mark.parametrize(
    ("files", "release", "first"),
    [
        (
            {"requirements.txt": "flask\nflask-migrate", "app.py": FLASK, "migrations/env.py": ""},
            "FLASK_APP=app:app flask db upgrade",
            "",
        ),
        ({"requirements.txt": "flask\nflask-migrate", "app.py": FLASK}, "", ""),
        ({"requirements.txt": "fastapi\nalembic", "main.py": FASTAPI, "alembic.ini": ""}, "alembic upgrade head", ""),
        ({"requirements.txt": "fastapi", "main.py": FASTAPI, "alembic.ini": ""}, "", ""),
        ({"shop/__init__.py": FACTORY, "shop/db.py": CLICK}, "", "FLASK_APP=shop:create_app flask init-db"),
        (
            {"app.py": FLASK + "@app.cli.command()\ndef create_tables():\n    pass\n"},
            "",
            "FLASK_APP=app:app flask create-tables",
        ),
        ({"app.py": FLASK + "@app.cli.command('drop-db')\ndef drop():\n    pass\n"}, "", ""),
        ({"app.py": FLASK, "create_db.py": "from app import db\ndb.create_all()\n"}, "", "python create_db.py"),
        ({"app.py": FLASK, "create_db.py": "print('no tables')\n"}, "", ""),
        (
            {"main.py": FASTAPI, "pyproject.toml": "[project]\nname='x'\nscripts = {init_db = 'shop.db:init'}\n"},
            "",
            'python -c "from shop.db import init; init()"',
        ),
        (
            {"app.py": FLASK, "shop/db.py": CLICK, "Procfile": "web: flask init-db && gunicorn app:app"},
            "",
            "flask init-db",
        ),
        ({"app.py": FLASK, "shop/db.py": CLICK, "pullet.toml": "[release]\nfirst = []"}, "", ""),
        (DJANGO, "python manage.py migrate --noinput", ""),
    ],
)
def test_how_tables_come_about(files: dict[str, str], release: str, first: str) -> None:
    spec = understood(files)
    assert ("\n".join(spec.release_commands), "\n".join(spec.first_commands)) == (release, first)
