"""Repositories made to hurt: detection answers, within its bounds, and never runs or believes what it reads."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pullet.analysis.detection import explain, files_to_read, understand
from pullet.analysis.detection.selection import FILE_LIMIT, SIZE_LIMIT, TOTAL_LIMIT
from pullet.domain.app import AppSpec
from pullet.domain.errors import AmbiguousApp, PulletError
from tests.unit.detection_corpus import DJANGO, FASTAPI, FLASK, MANAGE, SETTINGS

BIG = SIZE_LIMIT - 1000


def understood(files: dict[str, bytes | str]) -> AppSpec:
    contents = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    wanted = files_to_read([(path, len(content)) for path, content in contents.items()])
    return understand(list(contents), {path: contents[path] for path in wanted}, None, "shop")


BOMBS: dict[str, bytes | str] = {
    "python 2": "print 'x'\n" + FLASK,
    "NUL bytes": FLASK.encode() + b"\x00\x00",
    "UTF-16": FLASK.encode("utf-16"),
    "not text": b"\xff\xfe\xfd" * 1000,
    "a coding cookie": b"# -*- coding: rot13 -*-\n" + b"sebz synfx vzcbeg Synfx\n",
    "parentheses": FLASK + "x = " + "(" * 5_000 + ")" * 5_000,
    "unary operators": FLASK + "x = " + "-" * BIG + "1",
    "attributes": FLASK + "x = a" + ".a" * (BIG // 2),
    "additions": FLASK + "STATIC_ROOT = a" + "+a" * (BIG // 2),
    "nested blocks": FLASK + "".join(" " * depth + "if x:\n" for depth in range(99)) + " " * 99 + "pass\n",
    "nested lists": FLASK + "x = " + "[" * 190 + "]" * 190,
    "nested f-strings": FLASK + "x = " + "f'{" * 100,
    "many statements": FLASK + "x = 1\n" * 20_000,
    "one long line": FLASK + "import " * (BIG // 7),
    "import lines": "import (\n" * (BIG // 9) + FLASK,
    "spaces": FLASK + "def f(" + " " * BIG,
    "blank lines": FLASK + "\n" * BIG,
    "a number": FLASK + "x = " + "9" * 10_000,
    "an escape": FLASK + "x = '\\d \\N'\n",
    "URLs of URLs": "x = " + "'sqlite:///' + (" * 150 + "'a'" + ")" * 150 + "\n" + FLASK,
    "reads": FLASK + "import os\n" + "os.environ.get('DATABASE_URL', 'sqlite:///x')\n" * 3_000,
    "names in a circle": FLASK + "import sqlite3\na = b\nb = a\nsqlite3.connect(a)\nMEDIA_ROOT = a\n",
    "names of names": "\n".join(f"N{n} = N{n + 1} / N{n + 1}" for n in range(60)) + "\nSTATIC_ROOT = N0\n" + SETTINGS,
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("place", ["other.py", "shop/settings.py", "wsgi.py", "setup.py", "conftest.py"])
def test_one_bad_file_hides_nothing_else(bomb: str, place: str) -> None:
    spec = understood({**DJANGO, place: BOMBS[bomb]})
    assert spec.process("web") is not None
    assert explain(spec)


@pytest.mark.parametrize("content", BOMBS.values(), ids=list(BOMBS))
@pytest.mark.parametrize(
    "place",
    [
        *("Procfile", "app.json", "runtime.txt", ".python-version", "Pipfile", "Pipfile.lock", "pyproject.toml"),
        *("setup.cfg", "requirements.txt", "app.py", "manage.py"),
    ],
)
def test_bad_content_anywhere_is_an_answer_or_a_clear_error(place: str, content: bytes | str) -> None:
    try:
        assert understood({"main.py": FASTAPI, place: content}).processes
    except PulletError as err:
        assert err.hint


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"env": ' * 10_000,
        '{"env": []}',
        '{"env": {"A": {"value": [1]}}}',
        '{"formation": {"web": 3}}',
        "[1]",
        "NaN",
    ],
)
def test_app_json_of_any_shape(text: str) -> None:
    assert understood({"app.py": FLASK, "app.json": text}).variables == ()


@pytest.mark.parametrize(
    "text",
    [
        "project = 3",
        "[project]\ndependencies = 3",
        "[project]\ndependencies = [[1], {a = 2}]",
        "tool = []",
        "[tool]\npoetry = 1",
        "[tool.poetry]\ndependencies = [1]",
        "[tool.poetry.dependencies]\nuvicorn = [{extras = 3}]\npython = {}",
    ],
)
def test_pyproject_of_any_shape(text: str) -> None:
    assert understood(
        {"app.py": FLASK, "pyproject.toml": text, "Pipfile": text.replace("project", "packages")}
    ).processes


def test_five_thousand_files_stay_within_the_bounds() -> None:
    entries = [(f"{'a/' * (n % 5)}m{n}.py", 50_000) for n in range(5_000)] + [("requirements.txt", 10), ("app.py", 60)]
    wanted = files_to_read(entries)
    sizes = dict(entries)
    assert len(wanted) <= FILE_LIMIT
    assert sum(sizes[path] for path in wanted) <= TOTAL_LIMIT
    assert {"requirements.txt", "app.py"} <= set(wanted)


def test_what_is_read_and_what_is_not() -> None:
    wanted = [
        "pyproject.toml",
        "Procfile",
        "requirements-prod.txt",
        "requirements/base.txt",
        "my app/main.py",
        "src/shop/config/settings/production.py",
        "backend/Pipfile",
    ]
    unwanted = [
        "node_modules/x/app.py",
        ".venv/lib/site.py",
        "venv/app.py",
        "shop/migrations/0001_initial.py",
        "tests/app.py",
        "test_app.py",
        "conftest.py",
        "uv.lock",
        "shop/README.md",
        "a/b/c/d/e/f/app.py",
        "../app.py",
        "a\nb.py",
        ".git/hooks/x.py",
    ]
    chosen = files_to_read([(path, 100) for path in wanted + unwanted] + [("big.py", SIZE_LIMIT + 1)])
    assert set(chosen) == set(wanted)


def test_a_root_below_the_top_is_searched_instead_of_the_rest() -> None:
    entries = [("pullet.toml", 1), ("app.py", 1), ("a/tests/b/app.py", 1), ("a/tests/b/Pipfile", 1), ("c/app.py", 1)]
    assert set(files_to_read(entries, "a/tests/b")) == {"pullet.toml", "a/tests/b/app.py", "a/tests/b/Pipfile"}


def test_modules_that_lead_in_circles() -> None:
    files: dict[str, bytes | str] = {
        "wsgi.py": "from main import app\napp = app",
        "main.py": "from server import app",
        "server.py": "from wsgi import app",
        "app.py": FLASK,
    }
    assert understood(files).processes[0].command == "granian --interface wsgi app:app"


def test_settings_that_import_each_other() -> None:
    files = {
        **DJANGO,
        "shop/settings.py": "from shop.settings import *\nfrom .other import *\n",
        "shop/other.py": "from .settings import *\n",
    }
    assert understood({**files}).processes


def test_settings_modules_that_lead_out_of_the_repository() -> None:
    for name in ("../../etc/passwd", "a b", "x" * 500 + "..y", ""):
        assert understood({**DJANGO, "manage.py": MANAGE.replace("shop.settings", name)}).build_commands == ()


def test_a_requirements_file_may_not_include_its_way_out() -> None:
    texts = {f"requirements{n}.txt": f"-r requirements{n + 1}.txt\n-r /etc/passwd\n-r ../../x\n" for n in range(50)}
    assert understood(
        {"app.py": FLASK, "requirements.txt": "-r requirements0.txt\n-r requirements.txt", **texts}
    ).processes


_NAMES = st.sampled_from(
    ["app.py", "main.py", "wsgi.py", "manage.py", "Procfile", "app.json", "pyproject.toml", "s/app.py"]
)
_PARTS = st.lists(
    st.sampled_from(
        [
            FLASK,
            FASTAPI,
            MANAGE,
            SETTINGS,
            "from app import app\n",
            "def create_app(",
            "):\n",
            "    return ",
            "app",
            "=",
            "\x00",
            "web: x\n",
            "[project]\n",
            "{",
            '"env"',
            "import ",
        ]
    )
    | st.text(max_size=8),
    max_size=8,
).map("".join)


def test_how_much_is_parsed_is_bounded_whichever_folders_are_tried() -> None:
    large = FLASK + "#" * 190_000
    files: dict[str, bytes | str] = {
        f"d{n}/{name}": text for n in range(5) for name, text in (("app.py", large), ("requirements.txt", ""))
    }
    with pytest.raises(AmbiguousApp, match="Found 2 web apps"):
        understood(files)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(_NAMES, _PARTS, max_size=4))
def test_any_small_repository_is_an_answer_or_a_clear_error(files: dict[str, str]) -> None:
    try:
        spec = understood({**files})
    except PulletError as err:
        assert err.message and err.hint
    else:
        assert spec.processes  # a worker alone is an app too
        assert spec == understood(dict(reversed(list({**files}.items()))))
