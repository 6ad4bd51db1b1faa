"""Which interpreter answers which request."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from packaging.version import Version

from pullet.domain.errors import BuildFailed
from pullet.drivers.build.interpreters import Interpreter, candidates, choose, parse_answer, specifiers


def found(*versions: str) -> list[Interpreter]:
    parts = [tuple(int(part) for part in version.split(".")) for version in versions]
    return [Interpreter(f"/python{a}.{b}.{c}", (a, b, c), "/usr", f"cpython-{a}{b}", "linux") for a, b, c in parts]


BOX = found("3.9.18", "3.11.2", "3.11.7", "3.12.1", "3.13.0", "3.14.1")


@pytest.mark.parametrize(
    ("request_", "version"),
    [
        (None, "3.13.0"),
        ("", "3.13.0"),
        ("3", "3.13.0"),
        ("3.12", "3.12.1"),
        ("3.11", "3.11.7"),
        ("3.11.2", "3.11.2"),
        ("3.12.x", "3.12.1"),
        ("3.12.*", "3.12.1"),
        ("==3.11.*", "3.11.7"),
        ("==3.12.1", "3.12.1"),
        ("python-3.11.7", "3.11.7"),
        ("cpython@3.9", "3.9.18"),
        ("cpython-3.9", "3.9.18"),
        (">=3.8", "3.13.0"),
        (">=3.11,<3.13", "3.12.1"),
        (">=3.14", "3.14.1"),
        ("^3.11", "3.13.0"),
        ("~3.11", "3.11.7"),
        ("~=3.11.2", "3.11.7"),
        ("<3.10 || >=3.14", "3.9.18"),
        (">=3.11, !=3.13.*", "3.12.1"),
        (">= 3.9 <3.12", "3.11.7"),
    ],
)
def test_a_request_that_the_box_has_is_met_in_silence(request_: str | None, version: str) -> None:
    choice = choose(BOX, request_)
    assert (choice.interpreter.version_text, choice.notice) == (version, "")


@pytest.mark.parametrize(
    ("request_", "version", "loud"),
    [
        ("3.12.9", "3.12.1", False),
        ("python-3.11.9", "3.11.7", False),
        ("==3.11.9", "3.11.7", False),
        ("3.10", "3.11.7", True),
        ("3.10.4", "3.11.7", True),
        ("3.15", "3.14.1", True),
    ],
)
def test_an_absent_pin_gets_the_nearest_and_is_told(request_: str, version: str, loud: bool) -> None:
    choice = choose(BOX, request_)
    assert choice.interpreter.version_text == version
    assert "is not on this box" in choice.notice
    assert choice.notice.startswith("WARNING") == loud


@pytest.mark.parametrize("request_", ["2.7", "python-2.7.18", ">=3.15", "4", "<3.9", "==3.10.*,<3.11"])
def test_what_nothing_satisfies_is_an_error_that_lists_what_there_is(request_: str) -> None:
    with pytest.raises(BuildFailed) as caught:
        choose(BOX, request_)
    assert "3.11.7" in caught.value.context


@pytest.mark.parametrize("request_", ["pypy3.10", "latest", "; rm -rf /", ">=banana"])
def test_nonsense_is_an_error(request_: str) -> None:
    with pytest.raises(BuildFailed, match="is not a Python version"):
        choose(BOX, request_)


def test_a_box_without_python_says_what_to_install() -> None:
    with pytest.raises(BuildFailed, match="No Python interpreter"):
        choose([], None)


def test_only_newer_ones_give_the_oldest_of_them() -> None:
    assert choose(found("3.14.1", "3.15.0"), None).interpreter.version_text == "3.14.1"


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("^1.2", "1.9", "2.0"),
        ("^0.3", "0.3.9", "0.4"),
        ("~1.2.3", "1.2.9", "1.3"),
        ("*", "9", ""),
        ("1.2", "1.2", "1.3"),
    ],
)
def test_poetrys_spelling_of_ranges(text: str, inside: str, outside: str) -> None:
    assert Version(inside) in specifiers(text)
    assert not outside or Version(outside) not in specifiers(text)


def answer(path: str, *, level: str = "final", implementation: str = "cpython", minor: int = 12) -> str:
    return json.dumps([[3, minor, 1, level], path, "/usr", implementation, "cpython-312", "linux-x86_64"])


def test_answers_of_programs_that_are_no_use_are_dropped(tmp_path: Path) -> None:
    good = answer(sys.executable)
    assert parse_answer(good) is not None
    for text in ("", "[]", "nonsense", answer(str(tmp_path / "absent")), answer(sys.executable, level="beta")):
        assert parse_answer(text) is None
    assert parse_answer(answer(sys.executable, implementation="pypy")) is None
    assert parse_answer(answer(sys.executable, minor=7)) is None


def test_pyenvs_shims_are_no_candidates_but_its_versions_are(tmp_path: Path) -> None:
    for path in ("shims/python3.12", "versions/3.12.1/bin/python3", "bin/python3.9"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("#!/bin/sh\n")
        (tmp_path / path).chmod(0o755)
    environ = {"PATH": f"{tmp_path}/shims:{tmp_path}/bin", "PYENV_ROOT": str(tmp_path)}
    mine = {str(path.relative_to(tmp_path)) for path in candidates(environ) if path.is_relative_to(tmp_path)}
    assert mine == {"versions/3.12.1/bin/python3", "bin/python3.9"}


@pytest.mark.parametrize("root", ["x" * 5000, "/proc/1/mem/x", "/dev/null"])
def test_a_setting_that_names_no_folder_costs_nothing_else(root: str) -> None:
    """A folder that may not be read is refused by the same kind of error."""
    assert Path(sys.executable).resolve() in [path.resolve() for path in candidates({"PYENV_ROOT": root})]
