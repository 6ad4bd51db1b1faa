"""Small apps that the benchmarks deploy: the same files go to Pullet, to supervisord and to uWSGI."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.start import DJANGO

_FLASK = """
from flask import Flask
from version import VERSION
app = Flask(__name__)
@app.get("/")
def home(): return VERSION
"""
_FASTAPI = """
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from version import VERSION
app = FastAPI()
@app.get("/")
async def home(): return PlainTextResponse(VERSION)
"""
_DJANGO = "from version import VERSION\n" + DJANGO.replace("HttpResponse('hello')", "HttpResponse(VERSION)")


@dataclass(frozen=True)
class App:
    name: str
    source: str
    packages: tuple[str, ...]
    """Pinned, as a careful team has them."""
    command: str

    @property
    def files(self) -> dict[str, str]:
        return {
            "app.py": self.source,
            "version.py": "VERSION = 'v0'\n",
            "requirements.txt": "\n".join(self.packages) + "\n",
            "Procfile": f"web: {self.command}\n",
        }


FLASK = App("flask", _FLASK, ("flask==3.1.2", "gunicorn==23.0.0"), "gunicorn --threads 4 app:app")
FASTAPI = App("fastapi", _FASTAPI, ("fastapi==0.121.0", "uvicorn==0.38.0"), "uvicorn app:app")
DJANGO_APP = App("django", _DJANGO, ("django==5.2.8", "gunicorn==23.0.0"), "gunicorn --threads 4 app:app")
APPS = (FLASK, FASTAPI, DJANGO_APP)


class Repository:
    """A repository on this disk that a benchmark pushes to."""

    def __init__(self, folder: Path, files: dict[str, str]) -> None:
        self.folder = folder
        self._count = 0
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit(files)

    def git(self, *arguments: str) -> str:
        return git(self.folder, *arguments)

    def commit(self, files: dict[str, str]) -> str:
        """One commit; returns its id."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=change")
        return self.git("rev-parse", "HEAD")

    def push_version(self) -> str:
        """A code-only commit; returns what the app answers from then on."""
        self._count += 1
        self.commit({"version.py": f"VERSION = 'v{self._count}'\n"})
        return f"v{self._count}"


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=Bench", "-c", "user.email=bench@example.org", "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.strip()
