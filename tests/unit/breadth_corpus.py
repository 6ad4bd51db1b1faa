"""Small repositories of many shapes: where the app is, what it is started with, and what is installed for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.unit.detection_corpus import DJANGO, ENTRY, FASTAPI, FLASK, MANAGE, SETTINGS

TOOLS = "black==24.1\npytest>=8\npre-commit\n"


@dataclass(frozen=True)
class Shape:
    name: str
    files: dict[str, str]
    command: str
    root: str = "."
    path: str = ""
    """Of the dependency file."""
    variables: dict[str, str] = field(default_factory=dict)


def _below(folder: str, files: dict[str, str]) -> dict[str, str]:
    return {f"{folder}/{path}": text for path, text in files.items()}


API = {"requirements.txt": "fastapi\nuvicorn\n", "main.py": FASTAPI}
SITE = {"requirements.txt": "flask\ngunicorn\n", "app.py": FLASK}
DEEP = {path.replace("shop/", "core/conf/shop/"): text for path, text in DJANGO.items()}
MEMBER = '[project]\nname = "api"\nversion = "1"\ndependencies = ["fastapi", "uvicorn"]\n'
WORKSPACE = '[tool.uv.workspace]\nmembers = ["services/*"]\nexclude = ["services/old"]\n'

SHAPES = [
    Shape("two levels down", _below("services/api", API), "uvicorn main:app", "services/api", "requirements.txt"),
    Shape("three levels down", _below("a/b/c", SITE), "gunicorn --threads 4 app:app", "a/b/c", "requirements.txt"),
    Shape(
        "a front end beside it",
        _below("backend", API) | {"frontend/package.json": "{}", "package.json": "{}"},
        "uvicorn main:app",
        "backend",
        "requirements.txt",
    ),
    Shape(
        "a worker beside it",
        _below("services/api", API)
        | {"services/worker/requirements.txt": "celery", "services/worker/Procfile": "worker: celery -A x worker"},
        "uvicorn main:app",
        "services/api",
        "requirements.txt",
    ),
    Shape(
        "tools at the top",
        _below("apps/web", SITE) | {"requirements.txt": TOOLS},
        "gunicorn --threads 4 app:app",
        "apps/web",
        "requirements.txt",
    ),
    Shape(
        "a linter's pyproject at the top",
        _below("backend", API) | {"pyproject.toml": '[project]\nname = "all"\ndependencies = []\n[tool.ruff]\n'},
        "uvicorn main:app",
        "backend",
        "requirements.txt",
    ),
    Shape(
        "a part of an app is none itself",
        _below("backend", API) | _below("backend/admin", SITE),
        "uvicorn main:app",
        "backend",
        "requirements.txt",
    ),
    Shape(
        "dependencies at the top, bare imports below",
        {
            "requirements.txt": "flask\ngunicorn",
            "server/app.py": FLASK + "import models\n",
            "server/models.py": "",
        },
        "gunicorn --threads 4 app:app",
        path="requirements.txt",
        variables={"PYTHONPATH": "server"},
    ),
    Shape(
        "a package called by its bare name from elsewhere",
        {
            "requirements.txt": "fastapi\nuvicorn",
            "src/py/shop/__init__.py": "",
            "src/py/shop/main.py": FASTAPI,
            "src/py/shop/jobs.py": "from shop.main import app\n",
        },
        "uvicorn shop.main:app",
        path="requirements.txt",
        variables={"PYTHONPATH": "src/py"},
    ),
    Shape(
        "a member of a uv workspace",
        {
            "pyproject.toml": WORKSPACE,
            "uv.lock": "version = 1\n",
            "services/api/pyproject.toml": MEMBER,
            "services/api/main.py": FASTAPI,
        },
        "uvicorn main:app",
        "services/api",
        "../../uv.lock",
    ),
    Shape(
        "no member of it",
        {
            "pyproject.toml": WORKSPACE,
            "uv.lock": "version = 1\n",
            "services/old/pyproject.toml": MEMBER,
            "services/old/main.py": FASTAPI,
        },
        "uvicorn main:app",
        "services/old",
        "pyproject.toml",
    ),
    Shape(
        "manage.py three levels down",
        {"requirements.txt": "django\ngunicorn", **_below("a/b/c", {k: v for k, v in DJANGO.items() if "/" in k})}
        | {"a/b/c/manage.py": MANAGE},
        "gunicorn --threads 4 shop.wsgi:application",
        path="requirements.txt",
        variables={"PYTHONPATH": "a/b/c"},
    ),
    Shape(
        "settings of any name",
        {
            "requirements.txt": "django\ngunicorn",
            "manage.py": MANAGE.replace("shop.settings", "core.conf.production"),
            "core/conf/production.py": SETTINGS,
            "core/wsgi.py": ENTRY.replace("shop.settings", "core.conf.production"),
        },
        "gunicorn --threads 4 core.wsgi:application",
        path="requirements.txt",
    ),
    Shape(
        "asgi.py that calls who knows what",
        {
            **DJANGO,
            "requirements.txt": "django\nuvicorn",
            "shop/asgi.py": "from shop.outer import make\napplication = make()\n",
            "shop/outer.py": "def make():\n    from elsewhere import thing\n    return thing()\n",
        },
        "uvicorn shop.asgi:application",
        path="requirements.txt",
    ),
    Shape(
        "made around another",
        {
            "requirements.txt": "fastapi\nuvicorn\npython-socketio",
            "main.py": "import socketio\nsio = socketio.AsyncServer()\n"
            + FASTAPI
            + "server = socketio.ASGIApp(sio, app)\n",
        },
        "uvicorn main:server",
        path="requirements.txt",
    ),
    Shape(
        "settings given to a factory",
        {
            "requirements.txt": "flask\ngunicorn",
            "app.py": "from website.app import create_app\napp = create_app({'KEY': 1})\n",
            "website/__init__.py": "",
            "website/app.py": "from flask import Flask\ndef create_app(config=None):\n    return Flask('x')\n",
        },
        "gunicorn --threads 4 app:app",
        path="requirements.txt",
    ),
    Shape(
        "patched by gevent",
        {
            "requirements.txt": "flask\ngunicorn\ngevent",
            "wsgi.py": "from gevent import monkey\nmonkey.patch_all()\n" + FLASK,
        },
        "gunicorn --worker-class gevent wsgi:app",
        path="requirements.txt",
    ),
    Shape(
        "pins from before today's servers",
        {"requirements.txt": "flask==1.1.2\nclick==7.0\n", "app.py": FLASK},
        "gunicorn --threads 4 app:app",
        path="requirements.txt",
    ),
    Shape(
        "which environment it is",
        {
            "requirements.txt": "flask\ngunicorn",
            "app.py": FLASK,
            "gunicorn.conf.py": "from os import environ\nENV = environ.get('APP_ENV')\nif ENV == 'production': pass\n",
        },
        "gunicorn --threads 4 app:app",
        path="requirements.txt",
        variables={"APP_ENV": "production"},
    ),
    Shape(
        "a class of settings by its name",
        {
            "requirements.txt": "flask\ngunicorn",
            "app.py": "import os\n" + FLASK + "app.config.from_object(os.environ['APP_SETTINGS'])\n",
            "config.py": "class Config: ...\nclass DevConfig(Config): ...\nclass ProductionConfig(Config): ...\n",
        },
        "gunicorn --threads 4 app:app",
        path="requirements.txt",
        variables={"APP_SETTINGS": "config.ProductionConfig"},
    ),
    Shape(
        "strawberry",
        {
            "requirements.txt": "strawberry-graphql\nuvicorn",
            "app.py": "from strawberry.asgi import GraphQL\napp = GraphQL(None)\n",
        },
        "uvicorn app:app",
        path="requirements.txt",
    ),
    Shape(
        "masonite",
        {
            "requirements.txt": "masonite\ngunicorn",
            "wsgi.py": "from masonite.foundation import Application\napplication = Application('.')\n",
        },
        "gunicorn --threads 4 wsgi:application",
        path="requirements.txt",
    ),
    Shape(
        "shiny express",
        {"requirements.txt": "shiny", "app.py": "from shiny.express import ui\nui.input_text('a', 'b')\n"},
        "shiny run app.py",
        path="requirements.txt",
    ),
    Shape(
        "panel",
        {"requirements.txt": "panel", "app.py": "import panel as pn\npn.Row().servable()\n"},
        "panel serve app.py",
        path="requirements.txt",
    ),
    Shape(
        "bokeh",
        {"requirements.txt": "bokeh", "app.py": "from bokeh.io import curdoc\ncurdoc().add_root(1)\n"},
        "bokeh serve app.py",
        path="requirements.txt",
    ),
    Shape(
        "marimo",
        {"requirements.txt": "marimo", "notebook.py": "import marimo\napp = marimo.App()\n"},
        "marimo run notebook.py",
        path="requirements.txt",
    ),
]
