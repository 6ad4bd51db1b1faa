"""The archive of a suite, and the bytecode that is kept for it."""

from __future__ import annotations

import base64
import zipfile
from pathlib import Path

import pytest

from pullet.domain.errors import TestsFailed
from pullet.drivers.testing.pyodide import files
from pullet.drivers.testing.pyodide.dependencies import wanted
from pullet.drivers.testing.pyodide.files import Bytecode, description, pack, unwanted


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    for path in (
        "shop.py",
        "tests/test_shop.py",
        "tests/data.txt",
        ".venv/lib/x.py",
        "__pycache__/shop.pyc",
        "env/pyvenv.cfg",
    ):
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(path)
    return top


def packed(top: Path, bytecode: Bytecode) -> tuple[files.Packed, dict[str, bytes]]:
    archive = top.parent / "suite.zip"
    result = pack(top, archive, {"pullet/own/x": "y"}, bytecode)
    with zipfile.ZipFile(archive) as made:
        return result, {name: made.read(name) for name in made.namelist()}


def test_environments_and_caches_stay_out(top: Path) -> None:
    result, made = packed(top, Bytecode(top.parent / "kept"))
    assert set(made) == {"pullet/own/x", "suite/shop.py", "suite/tests/test_shop.py", "suite/tests/data.txt"}
    assert result.uncompiled == ("tests/test_shop.py", "shop.py")


def test_links_are_followed_inside_only(top: Path) -> None:
    (top.parent / "secret").write_text("secret")
    (top / "out.py").symlink_to(top.parent / "secret")
    (top / "in.py").symlink_to("shop.py")
    (top / "folder").symlink_to(top.parent)
    (top / "round").symlink_to("round")
    _, made = packed(top, Bytecode(top.parent / "kept"))
    assert made["suite/in.py"] == b"shop.py"
    assert b"secret" not in made.values()
    assert not any(name.startswith(("suite/out", "suite/folder", "suite/round")) for name in made)


def test_too_much_is_refused(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_COUNT", 2)
    with pytest.raises(TestsFailed, match="more than 2 files"):
        packed(top, Bytecode(top.parent / "kept"))


def test_kept_bytecode_is_of_that_path_and_content(top: Path) -> None:
    bytecode = Bytecode(top.parent / "kept")
    first, _ = packed(top, bytecode)
    data = base64.b64encode(b"code").decode()
    name = "test_shop.cpython-314-pytest-9.2.0.pyc"
    bytecode.keep({"say": "bytecode", "files": {"tests/test_shop.py": {name: data}}}, first.digests)
    second, made = packed(top, bytecode)
    assert second.uncompiled == ("shop.py",)
    assert made[f"suite/tests/__pycache__/{name}"] == b"code"
    (top / "tests/test_shop.py").write_text("other")
    assert packed(top, bytecode)[0].uncompiled == ("tests/test_shop.py", "shop.py")


@pytest.mark.parametrize(
    "told",
    [
        {"other.py": {"other.cpython-314.pyc": "YQ=="}},
        {"shop.py": {"../../shop.cpython-314.pyc": "YQ=="}},
        {"shop.py": {"shop.py": "YQ=="}},
        {"shop.py": {"shop.cpython-314.pyc": "not base64"}},
        {"shop.py": {"shop.cpython-314.pyc": 5}},
        {"shop.py": ["shop.cpython-314.pyc"]},
        ["shop.py"],
        None,
    ],
)
def test_bytecode_that_was_not_asked_for_or_is_none_is_not_kept(top: Path, told: object) -> None:
    bytecode = Bytecode(top.parent / "kept")
    first, _ = packed(top, bytecode)
    bytecode.keep({"say": "bytecode", "files": told}, first.digests)
    assert not (top.parent / "kept").exists() or not list((top.parent / "kept").iterdir())


def test_the_project_itself_is_described_as_installed(top: Path) -> None:
    (top / "pyproject.toml").write_text(
        '[project]\nname = "Shop_Till"\n[project.entry-points.pytest11]\ntill = "shop"\n'
    )
    name, own = description(top, ["shop-till==2.1"])
    assert name == "Shop_Till"
    assert own["pullet/own/Shop_Till-2.1.dist-info/METADATA"].endswith("Name: Shop_Till\nVersion: 2.1\n")
    assert own["pullet/own/Shop_Till-2.1.dist-info/entry_points.txt"] == "[pytest11]\ntill = shop\n"


@pytest.mark.parametrize(
    "text", ["", "[project", 'project = "x"', "[project]\nname = '../../x'", "[project]\nname = 5"]
)
def test_a_project_without_a_proper_name_is_none(top: Path, text: str) -> None:
    (top / "pyproject.toml").write_text(text)
    assert description(top, []) == ("", {})


def test_what_is_not_wanted_in_a_browser(top: Path) -> None:
    (top / "pyproject.toml").write_text("""
[project]
dependencies = ["orjson; sys_platform != 'emscripten'", "click", "uvloop; sys_platform == 'linux'", "no requirement !!"]
[project.optional-dependencies]
fast = ["click; sys_platform != 'emscripten'"]
[dependency-groups]
dev = ["Ruff; platform_system != 'Emscripten'", {include-group = "other"}]
""")
    assert unwanted(top) == ("orjson", "uvloop", "ruff")


def test_the_app_itself_and_what_works_with_processes_is_not_fetched() -> None:
    lock = ("Shop_Till==1.0", "pytest-xdist==3.0", "click==8.1", "coverage==7.0")
    assert wanted(lock, ["shop-till"]) == ("click==8.1",)
