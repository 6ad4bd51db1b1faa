"""Start to first 200 of small apps, cold and out of a warm spare: `python -m bench.start PYTHON`.

PYTHON is an environment that has flask, django, fastapi, gunicorn, uvicorn and granian. Milliseconds, from the call of
`start` to the first 200 on the unix socket.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pullet.domain.app import Process
from pullet.domain.errors import ProbeFailed
from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey, InstanceId, ReleaseId
from pullet.domain.runtime import Instance, StartRequest, Workplace
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime import cgroups
from pullet.drivers.runtime.prober import HttpProber
from pullet.drivers.runtime.runtime import ShimRuntime
from pullet.drivers.runtime.sandbox import detect_sandbox
from pullet.drivers.runtime.supervisor import ShimSupervisor

FLASK = "from flask import Flask\napp = Flask(__name__)\n@app.get('/')\ndef home(): return 'hello'\n"
FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\nasync def home(): return {'hello': 'world'}\n"
DJANGO = """
import os, sys
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
parts = ['admin', 'auth', 'contenttypes', 'sessions', 'messages', 'staticfiles']
if not settings.configured:
    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=['*'], SECRET_KEY='x', STATIC_URL='/static/',
        INSTALLED_APPS=['django.contrib.' + each for each in parts],
        MIDDLEWARE=['django.contrib.sessions.middleware.SessionMiddleware',
            'django.contrib.auth.middleware.AuthenticationMiddleware',
            'django.contrib.messages.middleware.MessageMiddleware'],
        TEMPLATES=[{'BACKEND': 'django.template.backends.django.DjangoTemplates', 'APP_DIRS': True, 'OPTIONS': {
            'context_processors': ['django.template.context_processors.request',
                'django.contrib.auth.context_processors.auth',
                'django.contrib.messages.context_processors.messages']}}],
        DATABASES={'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}})
app = get_wsgi_application()
from django.contrib import admin
urlpatterns = [path('', lambda request: HttpResponse('hello')), path('admin/', admin.site.urls)]
"""
CASES = (
    ("Flask, gunicorn gthread", FLASK, "gunicorn --threads 4 main:app"),
    ("Django, gunicorn gthread", DJANGO, "gunicorn --threads 4 main:app"),
    ("FastAPI, uvicorn", FASTAPI, "uvicorn main:app"),
    ("Flask, granian", FLASK, "granian --interface wsgi main:app"),
    ("FastAPI, granian", FASTAPI, "granian --interface asgi main:app"),
)


def request(home: Home, python: str, number: int, source: str, command: str) -> StartRequest:
    release = ReleaseId(EnvironmentKey("bench", "production"), number)
    tree = home.tree(release)
    tree.mkdir(parents=True)
    (tree / "main.py").write_text(source)
    place = Workplace(release, str(tree), python, environment_digest="one")
    return StartRequest(InstanceId(release, "web", 0), place, Process("web", command))


async def first_answer(instance: Instance) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if await HttpProber().probe(instance.socket, "localhost", "/", 5) == 200:
                return
        except ProbeFailed:
            await asyncio.sleep(0.002)
    raise TimeoutError(instance.socket)


async def measure(runtime: ShimRuntime, asked: StartRequest) -> tuple[float, bool]:
    began = time.perf_counter()
    instance = await runtime.start(asked)
    await first_answer(instance)
    return 1000 * (time.perf_counter() - began), instance.warm


async def one_case(runtime: ShimRuntime, requests: Sequence[StartRequest]) -> None:
    cold: list[float] = []
    warm: list[float] = []
    memory = 0
    for asked in requests:
        took, was_warm = await measure(runtime, asked)
        (warm if was_warm else cold).append(took)
        if len(cold) >= 5:
            await runtime.prepare_spare(asked)
            await spare_ready(runtime)
            memory = max([memory, *(spare.memory for spare in await runtime.spares())])
        await runtime.stop(asked.id, 5)
    print(f"cold {show(cold)}   warm {show(warm)}   spare {memory >> 20} MB")


async def spare_ready(runtime: ShimRuntime) -> None:
    async with asyncio.timeout(10):
        while not all(spare.ready for spare in await runtime.spares()):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


def show(values: list[float]) -> str:
    return f"{min(values):.0f}-{max(values):.0f} (median {statistics.median(values):.0f})" if values else "-"


async def main(python: str) -> None:
    for name, source, command in CASES:
        with tempfile.TemporaryDirectory() as folder:
            home, runner, groups = Home(Path(folder)), ProcessRunner(), cgroups.detect()
            sandbox = await detect_sandbox(home, runner)
            runtime = ShimRuntime(home, runner, ShimSupervisor(runner, groups), sandbox, groups)
            requests = [request(home, python, number, source, command) for number in range(1, 11)]
            print(f"{name:28}", end="", flush=True)
            try:
                await one_case(runtime, requests)
            finally:
                for asked in requests:
                    await runtime.stop(asked.id, 0)
                await runtime.discard_spares(requests[0].id.release.environment)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
