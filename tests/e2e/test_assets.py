"""A page whose style sheet is built by Node, from a repository that says nothing of Pullet."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.e2e.pullet import Pullet
from tests.e2e.repositories import Repository

pytestmark = pytest.mark.e2e

APP = """
from pathlib import Path

from flask import Flask

app = Flask(__name__)
STYLE = Path(__file__).with_name("static") / "app.css"


@app.get("/")
def page():
    return STYLE.read_text()
"""
BUILD = """
const fs = require("fs");
fs.mkdirSync("../static", {recursive: true});
fs.writeFileSync("../static/app.css", `body { color: ${require("colours").main} }`);
"""
PACKAGE = {"private": True, "scripts": {"build": "node build.js"}, "dependencies": {"colours": "file:./colours"}}
LOCK = {
    "lockfileVersion": 3,
    "requires": True,
    "packages": {
        "": {"dependencies": {"colours": "file:./colours"}},
        "colours": {"version": "1.0.0"},
        "node_modules/colours": {"resolved": "colours", "link": True},
    },
}


def files(colour: str) -> dict[str, str]:
    return {
        "requirements.txt": "flask\n",
        "app.py": APP,
        ".gitignore": "node_modules/\nstatic/\n",
        "frontend/package.json": json.dumps(PACKAGE, indent=1),
        "frontend/package-lock.json": json.dumps(LOCK),
        "frontend/build.js": BUILD,
        "frontend/colours/package.json": json.dumps({"name": "colours", "version": "1.0.0"}),
        "frontend/colours/index.js": f'exports.main = "{colour}";\n',
    }


def test_a_page_gets_the_style_sheet_that_node_builds(
    pullet: Pullet, new_repository: Callable[[Pullet], Repository]
) -> None:
    repository = new_repository(pullet)
    repository.commit(files("green"))
    pullet.up(repository)
    assert pullet.get(repository.name) == (200, "body { color: green }")
    assert "frontend/package.json:4" in pullet.do("explain", repository.name).text
    trees = f"releases/{repository.name}/*/*/tree/frontend"
    assert list(pullet.home.glob(f"{trees}/package.json"))
    assert not list(pullet.home.glob(f"{trees}/node_modules"))

    repository.commit({"frontend/build.js": "console.error('no such colour'); process.exit(1);\n"})
    broken = pullet.run("sync", repository.name)
    assert broken.code == 1
    assert "`npm run build` failed" in broken.text
    assert "no such colour" in broken.text
    assert pullet.get(repository.name) == (200, "body { color: green }")

    repository.commit({"frontend/build.js": BUILD.replace("color", "background")})
    pullet.wait_for(repository.name, "body { background: green }")
    assert pullet.do("down", repository.name)
