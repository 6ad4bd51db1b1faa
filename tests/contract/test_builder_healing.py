"""Changes of healing followed by the real builder, and the interpreter chosen by its wheels."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from pullet.domain.app import AppSpec, Dependencies, DependencyKind
from pullet.domain.errors import BuildFailed, Retry
from pullet.domain.healing import Change, ChangeKind
from pullet.domain.identity import EnvironmentKey, ReleaseId
from pullet.drivers.build.builder import UvBuilder
from pullet.drivers.build.settings import BuildSettings
from pullet.drivers.process import ProcessRunner
from tests.builds import Bench, imported, of_uv, requirements, text_of
from tests.packages import hash_of, source_package, wheel

pytestmark = pytest.mark.real
RELEASE = ReleaseId(EnvironmentKey("shop", "production"), 1)


@pytest.fixture
def real(tmp_path: Path) -> Bench:
    return Bench(tmp_path, of_uv)


def changed(spec: AppSpec, kind: ChangeKind, value: str) -> AppSpec:
    return replace(spec, changes=(*spec.changes, Change(kind, value)))


async def test_a_requirement_is_added(real: Bench) -> None:
    spec = changed(requirements("alpha\n", real), ChangeKind.REQUIREMENT, "delta<2")
    assert imported(await real.build(spec), "delta") == "1.0"


async def test_a_constraint_bounds_what_comes_along(real: Bench) -> None:
    wheel(real.index, "beta", "2.0")
    spec = requirements("alpha\n", real)
    assert imported(await real.build(spec), "beta") == "2.0"
    assert imported(await real.build(changed(spec, ChangeKind.CONSTRAINT, "beta<2"), 2), "beta") == "1.0"


async def test_a_pin_is_overridden_where_that_was_asked_for(real: Bench) -> None:
    wheel(real.index, "beta", "2.0")
    spec = changed(requirements("alpha\nbeta==2.0\n", real), ChangeKind.CONSTRAINT, "beta<2")
    assert imported(await real.build(spec), "beta") == "1.0"


async def test_a_replacement_keeps_the_version(real: Bench) -> None:
    wheel(real.index, "delta", "2.0")
    spec = changed(requirements("gone==1.0 ; python_version > '3'\n", real), ChangeKind.REPLACEMENT, "gone delta")
    assert imported(await real.build(spec), "delta") == "1.0"


async def test_a_build_constraint_reaches_the_tools_of_a_source_package(real: Bench) -> None:
    wheel(real.index, "tool", "1.0")
    wheel(real.index, "tool", "2.0")
    package = source_package(real.index, "gamma", prologue="import tool; assert tool.VERSION == '1.0', tool.VERSION")
    _with_tool(package)
    spec = requirements("gamma\n", real)
    with pytest.raises(BuildFailed):
        await real.build(spec)
    built = await real.build(changed(spec, ChangeKind.BUILD_CONSTRAINT, "tool<2"))
    assert imported(built, "gamma") == "1.0"


def _with_tool(package: Path) -> None:
    import io
    import tarfile

    with tarfile.open(package) as archive:
        members = {one.name: archive.extractfile(one).read() for one in archive if one.isfile()}  # type: ignore[union-attr]
    with tarfile.open(package, "w:gz") as archive:
        for name, data in members.items():
            text = data.replace(b"requires = []", b'requires = ["tool"]')
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))


def with_every_interpreter(real: Bench) -> None:
    """The tests' own PATH has the system's only."""
    home = {"HOME": os.environ["HOME"]} if "HOME" in os.environ else {}
    real.settings = replace(real.settings, environ={**real.settings.environ, **home})
    real.builder = UvBuilder(real.home, ProcessRunner(), real.sandbox, real.settings)


async def minors(real: Bench) -> list[tuple[int, ...]]:
    with_every_interpreter(real)
    asked = await real.builder.asked(RELEASE, requirements("", real), real.tree)
    return sorted(
        {tuple(map(int, version.split(".")[:2])) for version in asked.pythons if version < "3.14"}, reverse=True
    )


def _for_python(real: Bench, name: str, minor: tuple[int, ...]) -> None:
    plain = wheel(real.index, name, "1.0")
    tag = f"cp{minor[0]}{minor[1]}"
    plain.rename(plain.with_name(f"{name}-1.0-{tag}-none-any.whl"))


async def test_the_newest_interpreter_with_a_wheel_is_taken_and_remembered(real: Bench) -> None:
    found = await minors(real)
    if len(found) < 2:
        pytest.skip("only one Python is on this box")
    source_package(real.index, "picky", prologue="raise SystemExit('built from source')")
    _for_python(real, "picky", found[1])
    spec = requirements("picky\n", real)
    artifact = await real.build(spec)
    assert artifact.python_version.startswith(f"{found[1][0]}.{found[1][1]}.")
    assert "wheels" in artifact.python_reason
    assert any(line.startswith(f"Python {artifact.python_version}") for line in real.log)
    again = await real.build(spec, number=2, previous=artifact)
    assert (again.python, again.python_reason) == (artifact.python, artifact.python_reason)
    asked = await real.builder.asked(RELEASE, spec, real.tree)
    assert asked.python == artifact.python_version
    assert asked.installed == {"picky"}


async def test_a_pin_is_kept_even_where_an_older_one_has_wheels(real: Bench) -> None:
    found = await minors(real)
    if len(found) < 2:
        pytest.skip("only one Python is on this box")
    source_package(real.index, "picky")
    _for_python(real, "picky", found[1])
    wanted = ".".join(map(str, found[0]))
    artifact = await real.build(replace(requirements("picky\n", real), python=wanted))
    assert artifact.python_version.startswith(f"{wanted}.")


async def test_another_interpreter_is_a_change(real: Bench) -> None:
    found = await minors(real)
    if len(found) < 2:
        pytest.skip("only one Python is on this box")
    older = ".".join(map(str, found[1]))
    artifact = await real.build(changed(requirements("alpha\n", real), ChangeKind.PYTHON, older))
    assert artifact.python_version.startswith(f"{older}.")


async def test_without_any_wheel_it_is_the_interpreter_of_the_commits_time(real: Bench) -> None:
    found = await minors(real)
    if (3, 11) not in found or found[0] == (3, 11):
        pytest.skip("Python 3.11 and a newer one are needed")
    source_package(real.index, "gamma")
    spec = replace(requirements("gamma\n", real), committed=1_680_000_000.0)  # March 2023
    artifact = await real.build(spec)
    assert artifact.python_version.startswith("3.11.")


async def test_what_is_asked_for_is_told_as_it_is_written(real: Bench) -> None:
    spec = requirements("--extra-index-url https://acme.example/simple\nalpha==1.0\nbeta>=1\n", real)
    asked = await real.builder.asked(RELEASE, changed(spec, ChangeKind.REQUIREMENT, "delta"), real.tree)
    assert asked.requirements == ("alpha==1.0", "beta>=1")
    assert asked.indexes == ("https://acme.example/simple",)
    assert not asked.locked
    same = await real.builder.asked(RELEASE, spec, real.tree)
    assert same.digest == asked.digest
    other = await real.builder.asked(RELEASE, requirements("alpha==2.0\n", real), real.tree)
    assert other.digest != asked.digest


async def test_versions_as_of_a_day(real: Bench) -> None:
    """On the box's own index: only one that tells when files were uploaded can answer."""
    settings = BuildSettings(keep_unused=0, time_limit=60)
    real.builder = UvBuilder(real.home, ProcessRunner(), real.sandbox, settings)
    spec = changed(requirements("itsdangerous\n", real), ChangeKind.EXCLUDE_NEWER, "2021-01-01T00:00:00Z")
    try:
        artifact = await real.build(spec)
    except BuildFailed as err:
        if err.retry is not Retry.BACKOFF:
            raise
        pytest.skip("no package index can be reached from here")
    assert "itsdangerous==1.1.0" in text_of(artifact.lock)


async def test_a_requirement_takes_the_place_of_what_a_lock_brought_along(real: Bench) -> None:
    """As setuptools, of which a later version lost what the locked packages import."""
    locked = wheel(real.index, "beta", "2.0")
    entry = {"hashes": [hash_of(locked)], "version": "==2.0"}
    real.write("Pipfile.lock", json.dumps({"_meta": {"sources": [{"name": "pypi"}]}, "default": {"beta": entry}}))
    spec = AppSpec(".", None, Dependencies(DependencyKind.PIPFILE_LOCK, "Pipfile.lock"), ())
    assert imported(await real.build(spec), "beta") == "2.0"
    assert imported(await real.build(changed_twice(spec), 2), "beta") == "1.0"


def changed_twice(spec: AppSpec) -> AppSpec:
    return changed(changed(spec, ChangeKind.REQUIREMENT, "beta<2"), ChangeKind.REQUIREMENT, "delta")
