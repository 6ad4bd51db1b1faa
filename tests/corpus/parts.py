"""What many traps have in common. Few sets of pins, so that traps share environments."""

from __future__ import annotations

FLASK_PIN = "flask==3.1.3\n"
FASTAPI_PIN = "fastapi==0.165.0\nuvicorn==0.54.0\n"
DJANGO_PIN = "django==5.2.19\n"
BOTTLE_PIN = "bottle==0.13.4\n"
GUNICORN_PIN = FLASK_PIN + "gunicorn==27.0.1\n"

GRANIAN_WSGI = "granian --interface wsgi "
GRANIAN_ASGI = "granian --interface asgi "
SHORT_GRACE = '[processes.web.health]\ngrace = "3s"\n'
"""Where the time-out itself is what is looked at: a shorter one than anybody has by default."""


def flask(text: str, before: str = "", after: str = "") -> str:
    """app.py of Flask that says `text` at `/`."""
    return f"""{before}
from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    return "{text}"

{after}
"""


def fastapi(text: str, before: str = "", after: str = "") -> str:
    return f"""{before}
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

app = FastAPI()


@app.get("/", response_class=PlainTextResponse)
def index():
    return "{text}"

{after}
"""


def wsgi(text: str, before: str = "") -> str:
    """app.py that needs nothing but a server."""
    return f"""{before}
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"{text}"]
"""


MANAGE = """#!/usr/bin/env python
import os
import sys


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
"""
SETTINGS = """import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "for development"
DEBUG = False
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["django.contrib.staticfiles"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
STATIC_URL = "static/"
"""
WSGI = """import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
application = get_wsgi_application()
"""


def django(text: str, settings: str = SETTINGS) -> dict[str, str]:
    """A Django project that says `text` at `/`."""
    return {
        "requirements.txt": DJANGO_PIN,
        "manage.py": MANAGE,
        "shop/__init__.py": "",
        "shop/settings.py": settings,
        "shop/wsgi.py": WSGI,
        "shop/urls.py": f"""from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("", lambda request: HttpResponse("{text}"))]
""",
    }
