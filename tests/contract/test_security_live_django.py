"""The engine `live` and the routes of a real Django, installed in an environment of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from uv import find_uv_bin

from pullet.drivers.security.live.client import Bounds
from pullet.drivers.security.live.engine import LiveEngine
from tests.assessing import subject_of, unheard, workbench

pytestmark = pytest.mark.real

_SETTINGS = """
DEBUG = {debug}
SECRET_KEY = "for tests"
ROOT_URLCONF = "shop.urls"
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
                  "django.contrib.messages", "django.contrib.admin"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.clickjacking.XFrameOptionsMiddleware"]
TEMPLATES = [{{"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {{}}}}]
"""
_URLS = """
from django.http import Http404, HttpResponse
from django.urls import include, path, re_path
from django.views import View

class Orders(View):
    def get(self, request): return HttpResponse("<a href=/orders/7/lines/b>one</a>")
    def post(self, request): return HttpResponse("made")

def line(request, pk, name):
    if pk != 7: raise Http404
    return HttpResponse("<p>line</p>")

def year(request, year): return HttpResponse(str(int(year)), content_type="text/plain")
def front(request): return HttpResponse("<a href=/orders/>orders</a>")
def broken(request): raise RuntimeError("no")

urlpatterns = [
    path("", front),
    path("orders/", include([path("", Orders.as_view()), path("<int:pk>/lines/<slug:name>", line)])),
    re_path(r"^years/(?P<year>[0-9]{4})/$", year),
    path("broken", broken),
]
"""
_WSGI = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
"""
_SERVE = """
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server
from shop.wsgi import application
WSGIRequestHandler.log_message = lambda *_: None
make_server("127.0.0.1", int(sys.argv[1]), application).serve_forever()
"""


@pytest.fixture(scope="module")
def python() -> Iterator[Path]:
    """An interpreter that has Django."""
    folder = Path(tempfile.mkdtemp(prefix="pullet-live-", dir="/tmp"))
    folder.chmod(0o711)
    uv = find_uv_bin()
    program = folder / "v/bin/python"
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder / "v")], check=True, timeout=60)
    install = [uv, "pip", "install", "-q", "--python", str(program), "django>=5,<6"]
    installed = subprocess.run(install, check=False, capture_output=True, text=True, timeout=200)
    if installed.returncode:
        shutil.rmtree(folder)
        pytest.skip(f"no package index gives Django: {installed.stderr[-200:]}")
    yield program
    shutil.rmtree(folder)


@pytest.fixture
def top() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(dir="/tmp"))
    made.chmod(0o711)
    (made / "tree").mkdir()
    yield made
    shutil.rmtree(made)


@contextmanager
def served(python: Path, tree: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {"PATH": os.environ["PATH"]}
    with subprocess.Popen(
        [python, "-c", _SERVE, str(port)], cwd=tree, env=environment, stderr=subprocess.DEVNULL
    ) as run:
        try:
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            run.terminate()


@pytest.mark.parametrize("debug", [True, False])
async def test_a_django_app_is_asked_for_its_routes_and_judged_by_its_error_pages(
    python: Path, top: Path, debug: bool
) -> None:
    files: dict[str, str | bytes] = {
        "shop/__init__.py": "",
        "shop/settings.py": _SETTINGS.format(debug=debug),
        "shop/urls.py": _URLS,
        "shop/wsgi.py": _WSGI,
    }
    subject = subject_of(top / "tree", files, python=python, frameworks=frozenset({"django"}))
    with served(python, top / "tree") as url:
        there = subject_of(top / "tree", files, python=python, frameworks=subject.frameworks, url=url)
        report = await LiveEngine(await workbench(top / "home"), Bounds(rate=200.0)).assess(there, unheard)
    assert report.gap == ""
    routes = next(each for each in report.coverage if each.unit == "routes")
    assert (routes.done, routes.there) == (3, 5)
    assert dict(routes.missed) == {"GET /broken": "answers 500", "GET /years/{year:int}/": "404 with sample values"}
    assert [name for name, _ in routes.excused] == ["POST /orders/"]
    rules = {finding.rule.removeprefix("live/") for finding in report.findings}
    assert "server-error" in rules
    assert ("django-debug" in rules) is debug
    assert {"nosniff", "framing", "host-header"}.isdisjoint(rules)
