"""The environment that an app's tests run in: the release's own, and what its development asks for."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pullet.domain.app import AppSpec, Dependencies, DependencyKind
from pullet.domain.errors import BuildFailed
from pullet.domain.identity import EnvironmentKey, ReleaseId
from pullet.domain.release import Artifact
from pullet.domain.testing import SuiteSpec
from pullet.ports import PythonEnvironment
from tests.builds import Bench, of_uv, requirements
from tests.packages import hash_of, wheel

pytestmark = pytest.mark.real
RELEASE = ReleaseId(EnvironmentKey("shop", "production"), 1)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path, of_uv)
    wheel(bench.index, "pytest", "9.0", requires=("pluggy",))
    for name in ("pluggy", "mock", "scales"):
        wheel(bench.index, name, "1.0")
    return bench


async def lent(bench: Bench, spec: AppSpec, artifact: Artifact | None = None) -> PythonEnvironment:
    return await bench.builder.for_tests(RELEASE, spec, bench.tree, artifact, bench.log.append)


async def released(bench: Bench, spec: AppSpec) -> tuple[Artifact, PythonEnvironment]:
    artifact = await bench.build(spec)
    return artifact, await lent(bench, spec, artifact)


async def test_what_the_release_has_stays_as_it_is(bench: Bench) -> None:
    spec = requirements("alpha\n", bench)
    artifact = await bench.build(spec)
    wheel(bench.index, "beta", "2.0")
    wheel(bench.index, "alpha", "2.0")
    bench.write("requirements-dev.txt", "-r requirements.txt\nmock\nbeta>=1.5\n")
    environment = await lent(bench, spec, artifact)
    assert environment.lock == ("alpha==1.0", "beta==1.0", "mock==1.0", "pluggy==1.0", "pytest==9.0")
    assert any("Tests want beta>=1.5; they run with beta 1.0" in line for line in bench.log)
    assert environment.python.is_relative_to(bench.home.pythons)
    assert environment.digest != artifact.environment_digest


async def test_the_second_time_nothing_is_resolved(bench: Bench) -> None:
    bench.write("requirements-dev.txt", "mock\n")
    artifact, first = await released(bench, requirements("alpha\n", bench))
    wheel(bench.index, "mock", "2.0")
    bench.log.clear()
    assert await lent(bench, requirements("alpha\n", bench), artifact) == first
    assert bench.log == []
    bench.write("requirements-dev.txt", "mock\nscales\n")
    more = await lent(bench, requirements("alpha\n", bench), artifact)
    assert {"mock==1.0", "scales==1.0"} <= set(more.lock)  # what is asked for anew moves nothing else


async def test_of_a_dependency_that_cannot_be_had_the_name_is_told(bench: Bench) -> None:
    bench.write("requirements-test.txt", "nothing-like-it\n")
    with pytest.raises(BuildFailed, match=r"(?s)development dependencies: .*nothing-like-it"):
        await released(bench, requirements("alpha\n", bench))


async def test_of_a_contradiction_to_the_release_both_sides_are_told(bench: Bench) -> None:
    wheel(bench.index, "beta", "2.0")
    wheel(bench.index, "strict", "1.0", requires=("beta==2.0",))
    bench.write("requirements-dev.txt", "strict\n")
    with pytest.raises(BuildFailed, match="contradict each other") as caught:
        await released(bench, requirements("alpha\nbeta==1.0\n", bench))
    assert "strict" in caught.value.context


async def test_a_development_file_cannot_lead_out_of_the_repository(bench: Bench) -> None:
    bench.write("requirements-dev.txt", "-r ../../etc/passwd\n")
    with pytest.raises(BuildFailed, match="leads out of the repository"):
        await released(bench, requirements("alpha\n", bench))


async def test_pytest_comes_only_where_the_tests_are_its_own(bench: Bench) -> None:
    spec = requirements("alpha\n", bench)
    spec = replace(spec, tests=SuiteSpec("python -m unittest"))
    _, environment = await released(bench, spec)
    assert environment.lock == ("alpha==1.0", "beta==1.0")


async def test_settings_of_pytest_django_bring_it(bench: Bench) -> None:
    for name in ("django", "pytest_django"):
        wheel(bench.index, name, "4.0")
    bench.write("pytest.ini", "[pytest]\nDJANGO_SETTINGS_MODULE = shop.settings\n")
    _, environment = await released(bench, requirements("django\n", bench))
    assert "pytest_django==4.0" in environment.lock


async def test_groups_and_extras_of_a_project_count(bench: Bench) -> None:
    bench.write(
        "pyproject.toml",
        '[project]\nname = "shop"\nversion = "1"\ndependencies = ["beta"]\n'
        '[project.optional-dependencies]\ntests = ["mock"]\ndocs = ["no-such-docs"]\n'
        '[dependency-groups]\ndev = [{include-group = "lint"}, "shop[tests]"]\nlint = ["scales"]\n',
    )
    spec = AppSpec(".", None, Dependencies(DependencyKind.PYPROJECT, "pyproject.toml"), ())
    _, environment = await released(bench, spec)
    assert environment.lock == ("beta==1.0", "mock==1.0", "pluggy==1.0", "pytest==9.0", "scales==1.0")


UV_LOCK = """\
version = 1
requires-python = ">=3.9"

[[package]]
name = "shop"
version = "0.1.0"
source = {{ virtual = "." }}
dependencies = [{{ name = "beta" }}]

[package.dev-dependencies]
dev = [{{ name = "mock" }}]

[package.metadata]
requires-dist = [{{ name = "beta" }}]

[package.metadata.requires-dev]
dev = [{{ name = "mock" }}]

[[package]]
name = "beta"
version = "1.0"
source = {{ registry = "{index}" }}
wheels = [{{ path = "beta-1.0-py3-none-any.whl", hash = "{beta}" }}]

[[package]]
name = "mock"
version = "1.0"
source = {{ registry = "{index}" }}
wheels = [{{ path = "mock-1.0-py3-none-any.whl", hash = "{mock}" }}]
"""


async def test_a_uv_lock_is_followed_for_its_groups_too(bench: Bench) -> None:
    hashes = {name: hash_of(bench.index / f"{name}-1.0-py3-none-any.whl") for name in ("beta", "mock")}
    for name in hashes:
        wheel(bench.index, name, "2.0")
    bench.write("uv.lock", UV_LOCK.format(index=bench.index, **hashes))
    bench.write(
        "pyproject.toml",
        '[project]\nname = "shop"\nversion = "0.1.0"\nrequires-python = ">=3.9"\ndependencies = ["beta"]\n'
        '[dependency-groups]\ndev = ["mock"]\n',
    )
    spec = AppSpec(".", None, Dependencies(DependencyKind.UV_LOCK, "uv.lock"), ())
    artifact, environment = await released(bench, spec)
    assert environment.lock == ("beta==1.0", "mock==1.0", "pluggy==1.0", "pytest==9.0")
    assert "mock" not in Path(artifact.lock).read_text()


@pytest.mark.parametrize("grouped", [True, False])
async def test_a_poetry_lock_is_followed_for_its_groups_too(bench: Bench, grouped: bool) -> None:
    for name in ("beta", "mock"):
        wheel(bench.index, name, "2.0")
    bench.write(
        "pyproject.toml",
        '[tool.poetry]\nname = "shop"\nversion = "1"\n[tool.poetry.dependencies]\npython = "^3.9"\nbeta = "*"\n'
        '[tool.poetry.group.dev.dependencies]\nmock = "^1.0"\n',
    )
    entries = (
        f'[[package]]\nname = "{name}"\nversion = "1.0"\noptional = false\npython-versions = "*"\n'
        + (f'groups = ["{group}"]\n' if grouped else "")
        + f'files = [{{file = "x", hash = "{hash_of(bench.index / f"{name}-1.0-py3-none-any.whl")}"}}]\n'
        for name, group in (("beta", "main"), ("mock", "dev"))
    )
    bench.write("poetry.lock", "\n".join(entries))
    spec = AppSpec(".", None, Dependencies(DependencyKind.POETRY_LOCK, "poetry.lock"), ())
    artifact, environment = await released(bench, spec)
    assert environment.lock == ("beta==1.0", "mock==1.0", "pluggy==1.0", "pytest==9.0")
    assert "mock" not in Path(artifact.lock).read_text()


async def test_a_tree_without_a_release_gets_one_of_its_own(bench: Bench) -> None:
    bench.write("requirements-dev.txt", "mock\n")
    environment = await lent(bench, requirements("alpha\n", bench))
    assert environment.lock == ("alpha==1.0", "beta==1.0", "mock==1.0", "pluggy==1.0", "pytest==9.0")


async def test_it_is_spared_for_two_days(bench: Bench) -> None:
    spec = requirements("alpha\n", bench)
    artifact, environment = await released(bench, spec)
    await bench.builder.discard(frozenset({artifact.environment_digest}))
    assert environment.python.exists()
    (note,) = (bench.home.cache / "for-tests").iterdir()
    long_ago = time.time() - 49 * 3600
    os.utime(note, (long_ago, long_ago))
    await bench.builder.discard(frozenset({artifact.environment_digest}))
    assert not environment.python.exists()
    assert await lent(bench, spec, artifact) == environment  # made anew


async def test_the_release_is_left_as_it_was(bench: Bench) -> None:
    bench.write("requirements-dev.txt", "mock\n")
    spec = requirements("alpha\n", bench)
    artifact = await bench.build(spec)
    before = _content(Path(artifact.python).parent.parent)
    await lent(bench, spec, artifact)
    assert _content(Path(artifact.python).parent.parent) == before


def _content(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(str(path).encode() + path.read_bytes() for path in files)).hexdigest()
