"""Small repositories, as texts by path, and the web command that each should get."""

from __future__ import annotations

from dataclasses import dataclass, field

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"
MANAGE = """import os, sys
def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
"""
SETTINGS = """from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
INSTALLED_APPS = ["django.contrib.staticfiles"]
WSGI_APPLICATION = "shop.wsgi.application"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
"""
ENTRY = """import os
from django.core.wsgi import get_wsgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
application = get_wsgi_application()
"""
DJANGO = {
    "requirements.txt": "django>=5\n",
    "manage.py": MANAGE,
    "shop/__init__.py": "",
    "shop/settings.py": SETTINGS,
    "shop/wsgi.py": ENTRY,
    "shop/asgi.py": ENTRY.replace("wsgi", "asgi"),
}
WITHOUT_ENTRY = {path: text for path, text in DJANGO.items() if path not in ("shop/wsgi.py", "shop/asgi.py")}


@dataclass(frozen=True)
class Case:
    name: str
    files: dict[str, str]
    command: str
    extra: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)


GRANIAN = ("granian>=2.8,<3",)
UVICORN = ("uvicorn[standard]>=0.20",)
CASES = [
    Case(
        "django, wsgi.py without settings",
        {
            **WITHOUT_ENTRY,
            "shop/wsgi.py": "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n",
        },
        "granian --interface wsgi shop.wsgi:application",
        GRANIAN,
        {"DJANGO_SETTINGS_MODULE": "shop.settings"},
    ),
    Case(
        "django without wsgi.py",
        WITHOUT_ENTRY,
        "granian --interface wsgi --factory django.core.wsgi:get_wsgi_application",
        GRANIAN,
        {"DJANGO_SETTINGS_MODULE": "shop.settings"},
    ),
    Case(
        "django, wsgi.py elsewhere with other settings",
        {**WITHOUT_ENTRY, "deploy/wsgi.py": ENTRY.replace("shop.settings", "shop.production")},
        "granian --interface wsgi deploy.wsgi:application",
        GRANIAN,
    ),
    Case(
        "flask with gunicorn",
        {"requirements.txt": "flask\ngunicorn==23.0\n", "app.py": FLASK},
        "gunicorn --threads 4 app:app",
    ),
    Case(
        "flask without a server",
        {"requirements.txt": "flask", "app.py": FLASK},
        "granian --interface wsgi app:app",
        GRANIAN,
    ),
    Case(
        "fastapi with uvicorn",
        {"requirements.txt": "fastapi\nuvicorn[standard]", "main.py": FASTAPI},
        "uvicorn main:app",
    ),
    Case(
        "fastapi[standard] brings uvicorn",
        {"requirements.txt": "fastapi[standard]>=0.115", "main.py": FASTAPI},
        "uvicorn main:app",
    ),
    Case(
        "gunicorn cannot serve ASGI",
        {"requirements.txt": "fastapi\ngunicorn", "main.py": FASTAPI},
        "uvicorn main:app",
        UVICORN,
    ),
    Case(
        "hypercorn",
        {"requirements.txt": "quart\nHypercorn", "main.py": "import quart as q\napp: q.Quart = q.Quart(__name__)"},
        "hypercorn main:app",
    ),
    Case("waitress", {"requirements.txt": "flask\nwaitress", "app.py": FLASK}, "waitress-serve app:app"),
    Case(
        "granian",
        {"requirements.txt": "litestar\ngranian~=2.8", "app.py": "from litestar import Litestar\napp = Litestar([])"},
        "granian --interface asgi app:app",
    ),
    Case(
        "daphne",
        {
            "requirements.txt": "starlette\ndaphne",
            "app.py": "from starlette.applications import Starlette\napp = Starlette()",
        },
        "daphne app:app",
    ),
    Case(
        "an included requirements file",
        {
            "requirements.txt": "-r requirements/base.txt",
            "requirements/base.txt": "gunicorn\n-r ../requirements.txt\n-r base.txt",
            "app.py": FLASK,
        },
        "gunicorn --threads 4 app:app",
    ),
    Case(
        "pyproject",
        {
            "pyproject.toml": '[project]\nname="x"\ndependencies = ["flask", "gunicorn>=22; os_name == \'posix\'"]',
            "app.py": FLASK,
        },
        "gunicorn --threads 4 app:app",
    ),
    Case(
        "poetry",
        {
            "pyproject.toml": '[tool.poetry.dependencies]\nuvicorn = {extras=["standard"], version="*"}',
            "main.py": FASTAPI,
        },
        "uvicorn main:app",
    ),
    Case("pipfile", {"Pipfile": "[packages]\ngunicorn = '*'", "app.py": FLASK}, "gunicorn --threads 4 app:app"),
    Case(
        "setup.py",
        {"setup.py": 'setup(install_requires=[\n"gunicorn>=20", "flask"])', "app.py": FLASK},
        "gunicorn --threads 4 app:app",
    ),
    Case(
        "setup.cfg",
        {"setup.cfg": "[options]\ninstall_requires =\n    gunicorn>=20\n", "app.py": FLASK},
        "gunicorn --threads 4 app:app",
    ),
    Case(
        "aliases",
        {"app.py": "import flask as f\nserver = f.Flask('x')"},
        "granian --interface wsgi app:server",
        GRANIAN,
    ),
    Case(
        "renamed import",
        {"app.py": "from fastapi.applications import FastAPI as Base\napp = Base()"},
        "uvicorn app:app",
        UVICORN,
    ),
    Case(
        "a subclass",
        {"app.py": "from flask import Flask\nclass Shop(Flask):\n    pass\napp = Shop('x')"},
        "granian --interface wsgi app:app",
        GRANIAN,
    ),
    Case(
        "assigned in a try",
        {"app.py": "from flask import Flask\ntry:\n    app = Flask('x')\nexcept Exception:\n    raise"},
        "granian --interface wsgi app:app",
        GRANIAN,
    ),
    Case(
        "two names for one object",
        {"app.py": "from flask import Flask\napplication = app = Flask('x')"},
        "granian --interface wsgi app:app",
        GRANIAN,
    ),
    Case(
        "dash",
        {"app.py": "import dash\napp = dash.Dash(__name__)\nserver = app.server"},
        "granian --interface wsgi app:server",
        GRANIAN,
    ),
    Case(
        "pyramid",
        {"app.py": "import pyramid.config as p\nwith p.Configurator() as c:\n    app = c.make_wsgi_app()"},
        "granian --interface wsgi app:app",
        GRANIAN,
    ),
    Case(
        "plain WSGI",
        {"wsgi.py": "def application(environ, start_response):\n    return []"},
        "granian --interface wsgi wsgi:application",
        GRANIAN,
    ),
    Case(
        "plain WSGI with other names",
        {"app.py": "def app(env, start_response):\n    return []"},
        "granian --interface wsgi app:app",
        GRANIAN,
    ),
    Case(
        "plain ASGI",
        {"app.py": "async def app(scope, receive, send):\n    pass"},
        "uvicorn app:app",
        UVICORN,
    ),
    Case(
        "an ASGI class",
        {"app.py": "class App:\n    async def __call__(self, scope, receive, send):\n        pass\napp = App()"},
        "uvicorn app:app",
        UVICORN,
    ),
    Case(
        "a factory with gunicorn",
        {
            "requirements.txt": "gunicorn",
            "app.py": "from flask import Flask\ndef create_app(config=None):\n    app = Flask('x')\n    return app",
        },
        "gunicorn --threads 4 'app:create_app()'",
    ),
    Case(
        "a factory with uvicorn",
        {
            "requirements.txt": "uvicorn",
            "main.py": "from fastapi import FastAPI\ndef make_app() -> FastAPI:\n    return FastAPI()",
        },
        "uvicorn --factory main:make_app",
    ),
    Case(
        "a factory with waitress",
        {
            "requirements.txt": "waitress",
            "shop/__init__.py": "def create_app():\n    from flask import Flask\n    return Flask('x')",
        },
        "waitress-serve --call shop:create_app",
    ),
    Case(
        "a factory with granian",
        {"app.py": "from flask import Flask\ndef create_app():\n    return Flask('x')"},
        "granian --interface wsgi --factory app:create_app",
        GRANIAN,
    ),
    Case(
        "a factory called in the same module",
        {"app.py": "from flask import Flask\ndef create_app(name):\n    return Flask(name)\napp = create_app('x')"},
        "granian --interface wsgi app:app",
        GRANIAN,
    ),
    Case(
        "a factory called in wsgi.py",
        {
            "wsgi.py": "from shop import create_app\napp = create_app('production')",
            "shop/__init__.py": "from flask import Flask\ndef create_app(env):\n    app = Flask('x')\n    return app",
        },
        "granian --interface wsgi wsgi:app",
        GRANIAN,
    ),
    Case(
        "a factory behind a package",
        {
            "run.py": "from shop import create_app\napp = create_app()",
            "shop/__init__.py": "from .factory import create_app",
            "shop/factory.py": "from flask import Flask\ndef create_app():\n    return Flask('x')",
        },
        "granian --interface wsgi run:app",
        GRANIAN,
    ),
    Case(
        "wsgi.py hands an object on",
        {"wsgi.py": "from shop.web import app as application", "shop/__init__.py": "", "shop/web.py": FLASK},
        "granian --interface wsgi wsgi:application",
        GRANIAN,
    ),
    Case(
        "main imports app",
        {"main.py": FASTAPI + "from api import app as inner\napp.mount('/x', inner)", "api.py": FASTAPI},
        "uvicorn main:app",
        UVICORN,
    ),
    Case(
        "only under the main guard",
        {"app.py": FLASK, "main.py": "from app import app\nif __name__ == '__main__':\n    app = None"},
        "granian --interface wsgi main:app",
        GRANIAN,
    ),
    Case(
        "src layout",
        {"pyproject.toml": "[project]\nname='x'", "src/shop/__init__.py": "", "src/shop/app.py": FLASK},
        "granian --interface wsgi shop.app:app",
        GRANIAN,
        {"PYTHONPATH": "src"},
    ),
    Case(
        "a package",
        {
            "requirements.txt": "",
            "shop/__init__.py": "",
            "shop/main.py": "from shop.db import x\n" + FASTAPI,
            "shop/db.py": "",
        },
        "uvicorn shop.main:app",
        UVICORN,
    ),
    Case(
        "a folder without __init__",
        {"requirements.txt": "", "app/main.py": "from app.db import x\n" + FASTAPI, "app/db.py": ""},
        "uvicorn app.main:app",
        UVICORN,
    ),
    Case(
        "a folder whose modules import each other by bare name",
        {"requirements.txt": "", "backend/main.py": "import db\n" + FASTAPI, "backend/db.py": ""},
        "uvicorn main:app",
        UVICORN,
        {"PYTHONPATH": "backend"},
    ),
    Case(
        "a folder that is no Python name",
        {"requirements.txt": "", "my-app/main.py": FASTAPI},
        "uvicorn main:app",
        UVICORN,
        {"PYTHONPATH": "my-app"},
    ),
    Case(
        "a folder with a space",
        {"requirements.txt": "", "my app/main.py": FASTAPI},
        "uvicorn main:app",
        UVICORN,
        {"PYTHONPATH": "my app"},
    ),
    Case(
        "app.py before other names", {"app.py": FLASK, "tools.py": FLASK}, "granian --interface wsgi app:app", GRANIAN
    ),
    Case(
        "near the top before deep",
        {"main.py": FASTAPI, "admin/main.py": FASTAPI},
        "uvicorn main:app",
        UVICORN,
    ),
    Case(
        "the own server decides",
        {"requirements.txt": "uvicorn", "app.py": FLASK, "main.py": FASTAPI},
        "uvicorn main:app",
    ),
    Case(
        "Procfile",
        {"Procfile": "web: gunicorn app:app --bind 0.0.0.0:$PORT\n", "app.py": FLASK, "requirements.txt": "gunicorn"},
        "gunicorn app:app --bind 0.0.0.0:$PORT",
    ),
    Case(
        "Procfile with a server that nobody lists",
        {"Procfile": "web: FOO=1 gunicorn app:app\n", "app.py": FLASK},
        "FOO=1 gunicorn app:app",
        ("gunicorn>=20.1",),
    ),
    Case(
        "Procfile settles two candidates",
        {"Procfile": "web: python main.py", "app.py": FLASK, "main.py": FASTAPI},
        "python main.py",
    ),
    Case("django", DJANGO, "granian --interface wsgi shop.wsgi:application", GRANIAN),
    Case(
        "django with gunicorn",
        DJANGO | {"requirements.txt": "django\ngunicorn"},
        "gunicorn --threads 4 shop.wsgi:application",
    ),
    Case("django with uvicorn only", DJANGO | {"requirements.txt": "django\nuvicorn"}, "uvicorn shop.asgi:application"),
    Case(
        "django with channels",
        DJANGO | {"requirements.txt": "django\nchannels[daphne]"},
        "daphne shop.asgi:application",
    ),
    Case(
        "django with ASGI_APPLICATION",
        DJANGO | {"shop/settings.py": SETTINGS + "ASGI_APPLICATION = 'x'"},
        "uvicorn shop.asgi:application",
        UVICORN,
    ),
    Case(
        "django in a folder",
        {"requirements.txt": "django"}
        | {f"backend/{path}": text for path, text in DJANGO.items() if path != "requirements.txt"},
        "granian --interface wsgi shop.wsgi:application",
        GRANIAN,
        {"PYTHONPATH": "backend"},
    ),
    Case(
        "streamlit",
        {
            "requirements.txt": "streamlit\n",
            "streamlit_app.py": "import streamlit as st\nst.title('x')\n",
            "helpers.py": "import streamlit as st\n",
            "pages/more.py": "import streamlit as st\n",
        },
        "streamlit run streamlit_app.py",
    ),
    Case(
        "tornado",
        {
            "requirements.txt": "tornado\n",
            "server.py": "import tornado.web, tornado.ioloop\n"
            "def main():\n    tornado.web.Application([]).listen(8888)\n"
            "if __name__ == '__main__':\n    main()\n",
        },
        "python server.py",
    ),
    Case(
        "aiohttp in a package",
        {
            "requirements.txt": "aiohttp\n",
            "shop/__init__.py": "",
            "shop/__main__.py": "from aiohttp import web\nfrom .views import make\n"
            "if __name__ == '__main__':\n    web.run_app(make())\n",
            "shop/views.py": "from aiohttp import web\ndef make():\n    return web.Application()\n",
        },
        "python -m shop",
    ),
    Case(
        "gradio",
        {"requirements.txt": "gradio\n", "app.py": "import gradio as gr\ngr.Interface(str, 'text', 'text').launch()\n"},
        "python app.py",
    ),
    Case(
        "dash without a server object",
        {
            "requirements.txt": "dash\n",
            "app.py": "from dash import Dash, html\napp = Dash(__name__)\n"
            "if __name__ == '__main__':\n    app.run(debug=True)\n",
        },
        "python app.py",
    ),
    Case(
        "FastHTML by tuple and star",
        {
            "requirements.txt": "python-fasthtml\n",
            "main.py": "from fasthtml.common import *\napp, rt = fast_app()\n"
            "@rt('/')\ndef get(): return P('x')\nserve()\n",
        },
        "uvicorn main:app",
        UVICORN,
    ),
    Case(
        "an application wins over a script that runs it",
        {
            "requirements.txt": "flask\ngunicorn\n",
            "app.py": FLASK,
            "run.py": "from app import app\nimport flask\nif __name__ == '__main__':\n    app.run()\n",
        },
        "gunicorn --threads 4 run:app",
    ),
    Case(
        "the standard library's server",
        {
            "server.py": "import http.server\nif __name__ == '__main__':\n"
            "    http.server.HTTPServer(('', 8000), http.server.SimpleHTTPRequestHandler).serve_forever()\n",
        },
        "python server.py",
    ),
]
