"""Locks of every kind become the same lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pullet.domain.errors import BuildFailed, Retry
from pullet.drivers.build.explain import failure, needs_build
from pullet.drivers.build.inputs import Indexes
from pullet.drivers.build.locks import Lock, from_pipfile_lock, from_uv, parse_lock
from pullet.drivers.build.poetry import from_poetry_lock
from pullet.drivers.build.resolve import check_fresh
from pullet.drivers.build.settings import (
    box_environment,
    environment_secrets,
    index_environment,
    local_places,
    network_environment,
    url_secrets,
)
from pullet.drivers.build.uv import Uv

PYTHON = (3, 12, 1)


def package(name: str, version: str = "1.0", **more: Any) -> dict[str, Any]:
    return {"name": name, "version": version, "files": [{"file": "x", "hash": "sha256:aa"}], **more}


def poetry(*packages: dict[str, Any], **roots: Any) -> tuple[str, ...]:
    pyproject = {"tool": {"poetry": {"dependencies": {"python": "^3.8", **roots}}}}
    return from_poetry_lock({"package": list(packages)}, pyproject, PYTHON, "poetry.lock").entries


def test_a_lock_survives_being_written() -> None:
    lock = Lock(("a==1 --hash=sha256:aa", "b @ https://x.example/b.whl ; os_name == 'nt'"), Indexes("https://i"), "k")
    assert parse_lock(lock.text) == lock
    assert not lock.hashed
    for text in ("", "a==1\n", lock.text + "--index-url x\n", lock.text + "-e .\n", lock.text.replace("indexes", "i")):
        assert parse_lock(text) is None


def test_uvs_output_becomes_one_line_a_package() -> None:
    text = (
        "a==1 ; sys_platform == 'linux' \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\nfile:///s/tree/lib\nb==2\n"
    )
    entries = from_uv(text, "uv.lock", local_prefix="/s/tree")
    assert entries == ("a==1 ; sys_platform == 'linux' --hash=sha256:aa --hash=sha256:bb", "b==2")
    for line in ("-e ./lib", "--index-url https://x", "./x.whl", "b @ file:///x"):
        with pytest.raises(BuildFailed):
            from_uv(line, "uv.lock")


def test_a_pipfile_lock_keeps_markers_hashes_and_extras() -> None:
    entry = {
        "version": "==1.0",
        "hashes": ["sha256:aa"],
        "markers": "os_name == 'posix'",
        "extras": ["x"],
        "index": "p",
    }
    git = {"git": "https://e.example/r.git", "ref": "abc"}
    lock = from_pipfile_lock({"default": {"b": entry, "a": git}, "develop": {"c": entry}}, "Pipfile.lock")
    assert lock.entries == (
        "a @ git+https://e.example/r.git@abc",
        "b[x]==1.0 ; os_name == 'posix' --hash=sha256:aa",
    )
    with pytest.raises(BuildFailed):
        from_pipfile_lock({"default": {"x": {"path": ".", "editable": True}}}, "Pipfile.lock")


def test_poetry_2_says_the_group_of_each_package() -> None:
    entries = poetry(
        package("a", groups=["main", "dev"], markers={"main": "os_name == 'posix'", "dev": "os_name == 'nt'"}),
        package("b", groups=["dev"]),
        package("c", groups=["main"], optional=True),
        package("d", groups=["main"], markers='python_version >= "3.8"'),
        a="*",
    )
    assert entries == (
        "a==1.0 ; os_name == 'posix' --hash=sha256:aa",
        'd==1.0 ; python_version >= "3.8" --hash=sha256:aa',
    )


def test_poetry_1_is_followed_from_the_apps_own_dependencies() -> None:
    win = {"version": "*", "markers": 'sys_platform == "win32"'}
    extra = {"version": "*", "optional": True, "markers": 'extra == "fast"'}
    entries = poetry(
        package("a", dependencies={"b": ">=1", "win": win, "Fast_Lib": extra}),
        package("b", dependencies={"a": "*"}),
        package("win"),
        package("fast-lib"),
        package("tool"),
        a={"version": "^1.0", "extras": ["fast"]},
        opt={"version": "*", "optional": True},
    )
    assert [entry.partition("==")[0] for entry in entries] == ["a", "b", "fast-lib"]


def test_poetry_with_two_versions_of_a_package_takes_the_one_for_this_python() -> None:
    old = package("n", "1.24", **{"python-versions": ">=3.8,<3.12"})
    new = package("n", "1.26", **{"python-versions": ">=3.12"})
    either = [{"version": "^1.24", "python": "<3.12"}, {"version": "^1.26", "python": ">=3.12"}]
    assert poetry(old, new, n=either) == ("n==1.26 --hash=sha256:aa",)


def test_poetry_sources() -> None:
    git = {"type": "git", "url": "https://e.example/r", "reference": "main", "resolved_reference": "abc"}
    assert poetry(package("g", source=git), g="*") == ("g @ git+https://e.example/r@abc",)
    own = {"type": "legacy", "url": "https://own.example/simple", "reference": "own"}
    lock = from_poetry_lock({"package": [package("p", source=own)]}, {"project": {"dependencies": ["p"]}}, PYTHON, "l")
    assert lock.indexes.extra == ("https://own.example/simple",)
    for source in (
        {"type": "directory", "url": "../x"},
        {"type": "file", "url": "x.whl"},
        {"type": "git", "url": "/x"},
    ):
        with pytest.raises(BuildFailed):
            poetry(package("x", source=source), x="*")


def test_locks_that_lack_a_dependency_are_out_of_date() -> None:
    with pytest.raises(BuildFailed, match=r"out of date.*newcomer"):
        poetry(package("a"), a="*", newcomer="*")
    own = {"name": "shop", "metadata": {"requires-dist": [{"name": "flask"}]}}
    check_fresh({"package": [own]}, {"project": {"name": "Shop", "dependencies": ["Flask>=2"]}}, "uv.lock")
    with pytest.raises(BuildFailed, match=r"out of date.*django"):
        check_fresh({"package": [own]}, {"project": {"name": "shop", "dependencies": ["flask", "Django"]}}, "uv.lock")


def test_a_merged_lock_keeps_the_apps_pins() -> None:
    merged = Lock(("Flask==1.0",), key="k").with_more(Lock(("flask==9", "granian==2")))
    assert merged.entries == ("Flask==1.0", "granian==2")


# Command lines and what they may know


def uv() -> Uv:
    return Uv("/uv", Path("/cache"), {"UV_DEFAULT_INDEX": "https://box", "UV_INDEX": "https://own"}, ("pw",))


def test_the_command_lines() -> None:
    scratch = Path("/s")
    compiled = uv().compile("/py", scratch, Indexes(), files=["constraints.txt"], build=False)
    assert compiled.argv == (
        *("/uv", "pip", "compile", "requirements.in", "--output-file", "lock.txt", "--python", "/py"),
        *("--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url"),
        *("--constraint", "constraints.txt", "--no-build"),
    )
    assert uv().compile("/py", scratch, Indexes(none=True), files=(), build=True).argv[-1] == "--no-index"
    assert uv().venv("/py", Path("/p/.new")).argv == (
        *("/uv", "venv", "--quiet", "--relocatable", "--no-project", "--python", "/py", "/p/.new"),
    )
    shared = uv().sync(Path("/p/.new"), scratch, Indexes(), hashed=True, build=False)
    assert shared.argv[-4:] == ("--link-mode", "hardlink", "--require-hashes", "--no-build")
    own = uv().sync(Path("/p/.new"), scratch, Indexes(), hashed=False, build=True)
    assert own.argv[-2:] == ("--link-mode", "copy")
    assert "--frozen" in uv().export("/py", scratch).argv
    for command in (compiled, shared, own):
        assert command.environment["UV_PYTHON_DOWNLOADS"] == "never"
        assert command.environment["UV_CACHE_DIR"] == "/cache"


def test_the_repositorys_index_comes_before_the_boxs_and_stays_out_of_the_argv() -> None:
    indexes = Indexes("https://me:s3cret@theirs", ("https://more",))
    command = uv().compile("/py", Path("/s"), indexes, files=(), build=False)
    assert command.environment["UV_DEFAULT_INDEX"] == "https://me:s3cret@theirs"
    assert command.environment["UV_INDEX"] == "https://more https://own"
    assert command.environment["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert {"pw", "s3cret"} <= set(command.secrets)
    assert not any("s3cret" in argument for argument in command.argv)


def test_what_passes_of_the_daemons_environment() -> None:
    environ = {
        "PIP_INDEX_URL": "https://u:p4ss@pip", "PIP_CERT": "/ca.pem", "UV_INDEX_OWN_PASSWORD": "hidden",
        "UV_CACHE_DIR": "/x",        "HTTPS_PROXY": "http://u:pr0xy@proxy", "no_proxy": "x", "SECRET": "s",
        "UV_PROJECT_ENVIRONMENT": "/x", "UV_INDEX": "",
    }  # fmt: skip
    index = index_environment(environ)
    assert index == {
        "UV_DEFAULT_INDEX": "https://u:p4ss@pip",
        "SSL_CERT_FILE": "/ca.pem",
        "UV_INDEX_OWN_PASSWORD": "hidden",
    }
    assert network_environment(environ) == {"HTTPS_PROXY": "http://u:pr0xy@proxy", "no_proxy": "x"}
    assert set(environment_secrets({**index, **network_environment(environ)})) == {"p4ss", "hidden", "pr0xy"}
    assert index_environment({"UV_INDEX_URL": "https://uv", "PIP_INDEX_URL": "https://pip"}) == {
        "UV_INDEX_URL": "https://uv"
    }
    assert url_secrets("https://token@host/x http://[bad") == ("token",)
    assert local_places({"A": "/opt/wheels file:///opt/index https://x", "B": "/ca.pem"}) == (
        *("/ca.pem", "/opt/index", "/opt/wheels"),
    )


def test_the_certificates_of_the_box_are_trusted_where_no_others_are_named(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.crt"
    assert box_environment({"A": "b"}, bundle) == {"A": "b"}
    bundle.touch()
    assert box_environment({"A": "b"}, bundle) == {"A": "b", "SSL_CERT_FILE": str(bundle)}
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "PIP_CERT"):
        assert box_environment({name: "/own"}, bundle) == {name: "/own"}


# Failures, as uv prints them

MISSING = """error: No solution found when resolving dependencies
  cause: Because flaskk was not found in the package registry and you require flaskk, we can conclude that your
         requirements are unsatisfiable."""
NO_VERSION = """error: No solution found when resolving dependencies
  cause: Because there is no version of flask==99 and you require flask==99, we can conclude that your requirements
         are unsatisfiable."""
CONFLICT = """error: No solution found when resolving dependencies
  cause: Because flask==3.0.0 depends on werkzeug>=3.0.0 and you require flask==3, we can conclude that you require
         werkzeug>=3.0.0. And because you require werkzeug<2, we can conclude that no solution exists."""
NO_GCC = """  x Failed to build `uwsgi==2.0.31`
  |-> The build backend returned an error
      error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory"""
NO_PG = "  x Failed to build `psycopg2==2.9.9`\n      Error: pg_config executable not found."
NO_NETWORK = "error: Failed to fetch: `https://index.example/simple/flask/`\n  Caused by: error sending request"


@pytest.mark.parametrize(
    ("output", "words", "hint", "retry"),
    [
        (MISSING, "no package called flaskk", "spelling", Retry.NEXT_REVISION),
        (NO_VERSION, "no version flask==99", "exists", Retry.NEXT_REVISION),
        (CONFLICT, "contradict", "Loosen", Retry.NEXT_REVISION),
        (NO_GCC, "uwsgi==2.0.31 is built from source and needs a compiler", "build-essential", Retry.NEXT_REVISION),
        (NO_PG, "psycopg2==2.9.9 is built from source and needs PostgreSQL", "psycopg2-binary", Retry.NEXT_REVISION),
        (NO_NETWORK, "could not be reached", "network", Retry.BACKOFF),
        ("Hash mismatch for `beta==1.0`", "the file of beta==1.0", "lock again", Retry.NEXT_REVISION),
        ("something else", "Could not install", "log", Retry.NEXT_REVISION),
    ],
)
def test_failures_are_told_with_what_to_do(output: str, words: str, hint: str, retry: Retry) -> None:
    error = failure(output, "Could not install")
    assert words in error.message
    assert hint in error.hint
    assert error.retry is retry


def test_a_package_without_wheels_is_told_from_one_that_does_not_exist() -> None:
    assert needs_build("Because psycopg2==2.9.9 has no usable wheels and you require psycopg2==2.9.9")
    assert not needs_build(MISSING)
