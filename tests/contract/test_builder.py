"""What every `Builder` promises."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from pullet.domain.app import AppSpec, Dependencies, DependencyKind
from pullet.domain.errors import BuildFailed
from pullet.domain.identity import EnvironmentKey, ReleaseId
from pullet.domain.testing import SuiteSpec
from tests.builds import Bench, of_fake, of_uv, requirements, text_of


@pytest.fixture(params=[of_fake, pytest.param(of_uv, marks=pytest.mark.real)])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return Bench(tmp_path, request.param)


async def test_an_artifact_names_its_tree_interpreter_and_lock(bench: Bench) -> None:
    artifact = await bench.build(requirements("alpha\n", bench))
    assert artifact.tree == str(bench.tree)
    assert Path(artifact.python).parent.parent.name == artifact.environment_digest
    assert "alpha==1.0" in text_of(artifact.lock)


async def test_equal_dependencies_share_one_environment(bench: Bench) -> None:
    one = await bench.build(requirements("alpha\n", bench))
    other = await bench.build(requirements("alpha\n", bench), number=2, previous=one)
    assert one.environment_digest == other.environment_digest
    assert bench.environments() == {one.environment_digest}


async def test_other_dependencies_get_another_environment(bench: Bench) -> None:
    one = await bench.build(requirements("alpha\n", bench))
    other = await bench.build(requirements("alpha\ndelta\n", bench), number=2, previous=one)
    assert one.environment_digest != other.environment_digest


async def test_an_app_without_dependencies_builds(bench: Bench) -> None:
    artifact = await bench.build(AppSpec(".", None, Dependencies(DependencyKind.NONE), ()))
    assert artifact.environment_digest in bench.environments()


async def test_an_unknown_package_is_named(bench: Bench) -> None:
    with pytest.raises(BuildFailed, match="nothing-like-it"):
        await bench.build(requirements("nothing-like-it\n", bench))


async def test_a_build_command_that_fails_fails_the_build(bench: Bench) -> None:
    with pytest.raises(BuildFailed, match="`false` exited with 1"):
        await bench.build(requirements("", bench, "false"))
    assert "$ false" in bench.log


async def test_discard_removes_what_no_release_uses(bench: Bench) -> None:
    one = await bench.build(requirements("alpha\n", bench))
    other = await bench.build(requirements("delta\n", bench), number=2)
    assert await bench.builder.discard(frozenset({other.environment_digest})) > 0
    assert bench.environments() == {other.environment_digest}
    assert await bench.builder.discard(frozenset({other.environment_digest})) == 0
    assert await bench.build(requirements("alpha\n", bench)) == one


async def test_builds_at_once_make_an_environment_once(bench: Bench) -> None:
    spec = requirements("alpha\n", bench)
    builds = [bench.build(spec, number=n) for n in range(1, 4)]
    digests = {artifact.environment_digest for artifact in await asyncio.gather(*builds)}
    assert bench.environments() == digests
    assert len(digests) == 1


async def test_what_is_asked_for_can_be_told_of_any_tree(bench: Bench) -> None:
    release = ReleaseId(EnvironmentKey("shop", "production"), 1)
    asked = await bench.builder.asked(release, requirements("alpha==1.0\nbeta\n", bench), bench.tree)
    assert asked.requirements == ("alpha==1.0", "beta")
    assert asked.python in asked.pythons
    (bench.tree / "requirements.txt").unlink()
    other = await bench.builder.asked(release, AppSpec(".", None, LISTED, ()), bench.tree)
    assert other.requirements == ()
    assert other.digest != asked.digest


async def test_tests_get_what_the_release_has_and_more(bench: Bench) -> None:
    release = ReleaseId(EnvironmentKey("shop", "production"), 1)
    spec = replace(requirements("beta\n", bench), tests=SuiteSpec("python -m unittest"))
    artifact = await bench.build(spec)
    bench.write("requirements-dev.txt", "delta\n")
    environment = await bench.builder.for_tests(release, spec, bench.tree, artifact, bench.log.append)
    assert environment.lock == ("beta==1.0", "delta==1.0")
    assert environment.python.exists()
    assert await bench.builder.for_tests(release, spec, bench.tree, artifact, bench.log.append) == environment
    await bench.builder.discard(frozenset())
    assert bench.environments() == {environment.digest}  # which no release names
    bench.write("requirements-dev.txt", "nothing-like-it\n")
    with pytest.raises(BuildFailed, match=r"(?s)development dependencies.*nothing-like-it"):
        await bench.builder.for_tests(release, spec, bench.tree, artifact, bench.log.append)


LISTED = Dependencies(DependencyKind.REQUIREMENTS, "requirements.txt")


async def test_a_copy_has_the_files_and_keeps_links_as_they_are(bench: Bench, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (bench.tree / "inner").mkdir()
    (bench.tree / "inner/run.sh").write_text("#!/bin/sh\n")
    (bench.tree / "inner/run.sh").chmod(0o755)
    (bench.tree / "data").symlink_to(outside)
    made = bench.home.releases / "shop/trial/1/tree"
    await bench.builder.copy(bench.tree, made)
    assert (made / "inner/run.sh").stat().st_mode & 0o111
    assert (made / "data").readlink() == outside
    (made / "inner/run.sh").write_text("other")
    assert (bench.tree / "inner/run.sh").read_text() == "#!/bin/sh\n"
