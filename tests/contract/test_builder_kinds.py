"""Each kind of dependency file, on the real uv."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pullet.domain.app import AppSpec, Dependencies, DependencyKind
from pullet.domain.errors import BuildFailed
from pullet.drivers.build.paths import python_path
from tests.builds import Bench, imported, of_uv, run, text_of
from tests.packages import hash_of, source_package, wheel

pytestmark = pytest.mark.real


@pytest.fixture
def real(tmp_path: Path) -> Bench:
    return Bench(tmp_path, of_uv)


def _pipfile_lock(real: Bench, digest: str) -> AppSpec:
    entry = {"hashes": [digest], "markers": "python_version >= '3.8'", "version": "==1.0"}
    real.write("Pipfile.lock", json.dumps({"_meta": {"sources": [{"name": "pypi"}]}, "default": {"beta": entry}}))
    return AppSpec(".", None, Dependencies(DependencyKind.PIPFILE_LOCK, "Pipfile.lock", ("alpha",)), ())


async def test_a_pipfile_lock_is_followed_exactly_with_an_extra_beside_it(real: Bench) -> None:
    wheel(real.index, "beta", "2.0")
    artifact = await real.build(_pipfile_lock(real, hash_of(real.index / "beta-1.0-py3-none-any.whl")))
    assert (imported(artifact, "alpha"), imported(artifact, "beta")) == ("1.0", "1.0")


async def test_a_file_that_is_not_the_locked_one_is_not_installed(real: Bench) -> None:
    with pytest.raises(BuildFailed, match="not the one that was locked"):
        await real.build(_pipfile_lock(real, "sha256:" + "0" * 64))


async def test_a_poetry_lock_is_followed_exactly(real: Bench) -> None:
    wheel(real.index, "beta", "2.0")
    digest = hash_of(real.index / "beta-1.0-py3-none-any.whl")
    real.write("pyproject.toml", '[tool.poetry.dependencies]\npython = "^3.8"\nbeta = "*"\n')
    real.write("poetry.lock", f'[[package]]\nname = "beta"\nversion = "1.0"\nfiles = [{{hash = "{digest}"}}]\n')
    artifact = await real.build(AppSpec(".", None, Dependencies(DependencyKind.POETRY_LOCK, "poetry.lock"), ()))
    assert imported(artifact, "beta") == "1.0"


PYPROJECT = '[project]\nname = "shop"\nversion = "0"\nrequires-python = ">=3.8"\ndependencies = ["alpha"]\n'


def _uv_lock(real: Bench, config: str = "", before: str = "") -> AppSpec:
    real.write("pyproject.toml", PYPROJECT + before)
    environ = {**real.settings.environ, "UV_CACHE_DIR": str(real.folder / "developers-cache")}
    uv = [sys.executable, "-m", "uv", "lock", "--quiet", "--python", sys.executable]
    subprocess.run(uv, cwd=real.tree, env=environ, timeout=60, check=True)
    real.write("pyproject.toml", PYPROJECT + before + config)
    return AppSpec(".", None, Dependencies(DependencyKind.UV_LOCK, "uv.lock"), ())


async def test_a_uv_lock_is_followed_exactly_and_configures_nothing(real: Bench) -> None:
    spec = _uv_lock(real, f'[tool.uv]\ncache-dir = "{real.folder}/stolen"\n')
    wheel(real.index, "alpha", "2.0")
    artifact = await real.build(spec)
    assert imported(artifact, "alpha") == "1.0"
    assert not (real.folder / "stolen").exists()


async def test_a_uv_lock_that_is_out_of_date_says_what_it_lacks(real: Bench) -> None:
    spec = _uv_lock(real)
    real.write("pyproject.toml", PYPROJECT.replace('["alpha"]', '["alpha", "delta"]'))
    with pytest.raises(BuildFailed, match=r"uv\.lock is out of date.*delta"):
        await real.build(spec)


async def test_pyproject_and_pipfile_are_resolved(real: Bench) -> None:
    real.write("pyproject.toml", PYPROJECT)
    one = await real.build(AppSpec(".", None, Dependencies(DependencyKind.PYPROJECT, "pyproject.toml"), ()))
    real.write("Pipfile", '[packages]\nalpha = "*"\n')
    other = await real.build(AppSpec(".", None, Dependencies(DependencyKind.PIPFILE, "Pipfile"), ()), number=2)
    assert one.environment_digest == other.environment_digest


async def test_metadata_that_only_a_backend_knows_is_built_confined_in_a_copy(real: Bench) -> None:
    source_package(real.index, "gamma")
    run("tar", "xzf", real.index / "gamma-1.0.tar.gz", "-C", real.tree, "--strip-components=1")
    text = (real.tree / "pyproject.toml").read_text()
    real.write("pyproject.toml", text.replace('version = "1.0"', 'dynamic = ["version", "dependencies"]'))
    before = sorted(real.tree.iterdir())
    artifact = await real.build(AppSpec(".", None, Dependencies(DependencyKind.PYPROJECT, "pyproject.toml"), ()))
    assert "gamma" not in text_of(artifact.lock)
    assert real.sandbox.confined
    assert sorted(real.tree.iterdir()) == before


async def test_a_member_of_a_workspace_is_built_from_the_lock_above_it(real: Bench) -> None:
    member = '[project]\nname = "api"\nversion = "0"\nrequires-python = ">=3.8"\ndependencies = ["alpha", "lib"]\n'
    member += "[tool.uv.sources]\nlib = { workspace = true }\n"
    real.write("services/api/pyproject.toml", member)
    real.write("services/lib/pyproject.toml", member.replace('"api"', '"lib"').replace('"alpha", "lib"', '"delta"'))
    _uv_lock(real, before='[tool.uv.workspace]\nmembers = ["services/*"]\n')
    spec = AppSpec("services/api", None, Dependencies(DependencyKind.UV_LOCK, "../../uv.lock"), ())
    artifact = await real.build(spec)
    assert (imported(artifact, "alpha"), imported(artifact, "delta")) == ("1.0", "1.0")
    assert str(real.tree / "services/lib") in python_path(spec, real.tree)
