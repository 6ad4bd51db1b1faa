"""What the builder on uv promises besides: sharing, confinement, limits, refusals, and convergence after a kill."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import stat
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pullet.domain.errors import BuildFailed, DiskFull, PulletError
from pullet.drivers.build.builder import UvBuilder
from pullet.drivers.process import ProcessRunner
from tests.builds import Bench, appears, garbage, imported, of_uv, requirements, run
from tests.packages import source_package, wheel

pytestmark = pytest.mark.real


@pytest.fixture
def real(tmp_path: Path) -> Bench:
    return Bench(tmp_path, of_uv)


@dataclass
class Counted(ProcessRunner):
    started: int = 0

    async def run(self, command, *, log=None):  # type: ignore[no-untyped-def]
        self.started += 1
        return await super().run(command, log=log)


async def test_a_code_only_commit_starts_no_process(real: Bench) -> None:
    runner = Counted()
    real.builder = UvBuilder(real.home, runner, real.sandbox, real.settings)
    first = await real.build(requirements("alpha\n", real))
    before = runner.started
    real.write("app.py", "changed = True\n")
    second = await real.build(requirements("alpha\n", real), number=2, previous=first)
    assert runner.started == before
    assert second.environment_digest == first.environment_digest


async def test_what_is_installed_runs_compiled_and_from_its_final_place(real: Bench) -> None:
    artifact = await real.build(requirements("alpha\n", real))
    folder = Path(artifact.python).parent.parent
    assert run(folder / "bin/alpha") == "alpha 1.0\n"
    (compiled,) = folder.glob("lib/python3*/site-packages/alpha/__pycache__/__init__.*.pyc")
    assert compiled.read_bytes()[4:8] == b"\x01\0\0\0"  # by hash, not checked: PEP 552
    for path in (real.home.pythons, folder, folder / "lib", compiled):
        assert path.stat().st_mode & stat.S_IROTH  # an app's own user reads it


async def test_a_resolution_is_kept_until_the_requirements_change(real: Bench) -> None:
    first = await real.build(requirements("alpha\n", real))
    wheel(real.index, "alpha", "2.0", requires=("beta",))
    wheel(real.index, "beta", "2.0")
    again = await real.build(requirements("alpha\n", real), number=2)
    assert again.environment_digest == first.environment_digest
    more = await real.build(requirements("alpha\ndelta\n", real), number=3, previous=again)
    assert (imported(more, "alpha"), imported(more, "beta"), imported(more, "delta")) == ("1.0", "1.0", "1.0")
    fresh = await real.build(requirements("alpha\n", real), app="other")
    assert imported(fresh, "alpha") == "2.0"


async def test_apps_share_wheels_but_not_what_was_built(real: Bench) -> None:
    source_package(real.index, "gamma")
    spec = requirements("alpha\n", real)
    shared = [await real.build(spec, app=app) for app in ("one", "two")]
    assert shared[0].environment_digest == shared[1].environment_digest
    assert not real.sandbox.confined
    spec = requirements("gamma\n", real)
    built = [await real.build(spec, app=app) for app in ("one", "two")]
    assert built[0].environment_digest != built[1].environment_digest
    assert imported(built[0], "gamma") == "1.0"
    assert {confinement.app for _, confinement in real.sandbox.confined} == {"one", "two"}


async def test_source_builds_are_confined_to_their_own_folders(real: Bench) -> None:
    source_package(real.index, "gamma")
    await real.build(requirements("gamma\n", real))
    shared_cache = str(real.home.cache / "uv")
    for command, confinement in real.sandbox.confined:
        assert command.environment["UV_CACHE_DIR"] != shared_cache
        assert command.environment["UV_CACHE_DIR"] in confinement.writable
        assert command.environment["HOME"] in confinement.writable
        assert all(Path(path).is_relative_to(real.home.root) for path in confinement.writable)


async def test_a_variable_of_the_repository_brings_nothing_into_the_sandbox(real: Bench) -> None:
    spec = requirements("", real, "true")
    (real.tree / "site").mkdir()
    beside = replace(spec.dependencies, path="../requirements.txt")
    variables = (("X", "/root/.ssh /"), ("NETRC", "/etc/shadow"))
    await real.build(replace(spec, root="site", dependencies=beside, variables=variables))
    *_, (_, confinement) = real.sandbox.confined
    assert not {"/", "/root/.ssh", "/etc/shadow"} & {*confinement.readable, *confinement.writable}
    inside = [path for path in confinement.readable if Path(path).is_relative_to(real.tree)]
    assert inside == []  # it would be read-only there


async def test_a_failing_source_build_names_the_package_and_shows_its_words(real: Bench) -> None:
    source_package(real.index, "gamma", prologue='raise SystemExit("gamma wants a flux capacitor")')
    with pytest.raises(BuildFailed, match="gamma") as caught:
        await real.build(requirements("gamma\n", real))
    assert "flux capacitor" in caught.value.context


async def test_a_wheel_cannot_run_code_while_it_is_installed(real: Bench, tmp_path: Path) -> None:
    evil = tmp_path / "it-ran"
    wheel(real.index, "pth", "1.0", more={"pth.pth": f"import pathlib; pathlib.Path({str(evil)!r}).touch()\n"})
    await real.build(requirements("pth\n", real))
    assert not evil.exists()


async def test_a_build_that_never_ends_is_ended(real: Bench) -> None:
    real.builder = UvBuilder(real.home, ProcessRunner(), real.sandbox, replace(real.settings, time_limit=3))
    with pytest.raises(BuildFailed, match="did not end within 3 s"):
        await real.build(requirements("", real, "echo begun; sleep 600"))
    assert "begun" in real.log


async def test_build_commands_see_the_environment_the_tree_and_placeholders(real: Bench) -> None:
    real.write("src/inner.py", "HERE = True\n")
    spec = requirements("alpha\n", real, "alpha > out.txt", "python -c 'import inner, alpha, os; os.environ[\"KEY\"]'")
    await real.build(
        replace(spec, secrets_required=("KEY",), secrets_sealed=(("PIN", "age:x"),), variables=(("MODE", "x"),))
    )
    assert (real.tree / "out.txt").read_text() == "alpha 1.0\n"
    command, confinement = real.sandbox.confined[0]
    assert str(real.tree) in confinement.writable
    assert str(real.home.pythons) in confinement.readable
    assert command.environment["MODE"] == "x"
    assert command.environment["PIN"] == command.environment["KEY"] != "age:x"
    assert not [name for name in command.environment if name.startswith("UV_")]


async def test_an_extra_is_added_within_the_apps_own_pins(real: Bench) -> None:
    wheel(real.index, "beta", "2.0")
    spec = requirements("beta==1.0\n", real)
    dependencies = replace(spec.dependencies, extra=("alpha>=1",))
    artifact = await real.build(replace(spec, dependencies=dependencies))
    assert (imported(artifact, "alpha"), imported(artifact, "beta")) == ("1.0", "1.0")


async def test_a_killed_build_leaves_only_garbage_that_the_next_removes(real: Bench) -> None:
    spec = requirements("alpha\n", real, "touch begun; sleep 600")
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _BUILD_IN_A_CHILD,
        str(real.folder),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        await appears(real.tree / "begun")
    finally:
        child.send_signal(signal.SIGKILL)
        await child.wait()
        os.killpg(int((real.tree / "pid").read_text()), signal.SIGKILL)  # it outlives its parent, as it would there
    (real.home.pythons / ".new-half/lib").mkdir(parents=True)  # as a kill within the install leaves it
    assert len(garbage(real)) > 1
    await real.build(replace(spec, build_commands=()))
    await real.builder.discard(frozenset())
    assert not garbage(real)
    assert not real.environments()


_BUILD_IN_A_CHILD = """
import asyncio, pathlib, sys
from pullet.domain.app import *
from pullet.domain.home import Home
from pullet.domain.identity import *
from pullet.drivers.build.builder import UvBuilder
from pullet.drivers.build.settings import BuildSettings
from pullet.drivers.process import ProcessRunner
from tests.fakes.confinement import Unconfined

folder = pathlib.Path(sys.argv[1])
environ = {"PATH": "/usr/bin:/bin", "UV_OFFLINE": "1", "UV_FIND_LINKS": str(folder / "index")}
builder = UvBuilder(Home(folder / "home"), ProcessRunner(), Unconfined(), BuildSettings(environ=environ))
spec = AppSpec(".", None, Dependencies(DependencyKind.REQUIREMENTS, "requirements.txt"), (),
    build_commands=("echo $$ > pid; touch begun; sleep 600",))
release = ReleaseId(EnvironmentKey("shop", "production"), 1)
asyncio.run(builder.build(release, spec, folder / "tree", None, lambda line: None))
"""


async def test_a_build_that_was_cancelled_can_be_repeated(real: Bench) -> None:
    spec = requirements("alpha\n", real, "touch begun; sleep 600")
    task = asyncio.create_task(real.build(spec), name="build")
    await appears(real.tree / "begun")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not garbage(real)
    assert await real.build(replace(spec, build_commands=()))


@pytest.mark.parametrize(
    "line",
    ["-e ../../x", "-r /etc/passwd", "-r ../outside.txt", "file:///etc", "beta @ file:///etc/x.whl", "/etc", "-c ~/x"],
)
async def test_requirements_that_lead_out_of_the_tree_are_refused(real: Bench, line: str) -> None:
    with pytest.raises(PulletError, match=r"requirements\.txt:2") as caught:
        await real.build(requirements(f"alpha\n{line}\n", real))
    assert isinstance(caught.value, BuildFailed)


async def test_a_link_out_of_the_tree_is_refused(real: Bench) -> None:
    spec = requirements("-r more.txt\n", real)
    (real.folder / "outside.txt").write_text("alpha\n")
    (real.tree / "more.txt").symlink_to(real.folder / "outside.txt")
    with pytest.raises(BuildFailed, match="link that leads out"):
        await real.build(spec)


async def test_an_index_of_the_repository_is_shown_at_every_build(real: Bench) -> None:
    spec = requirements("--find-links https://packages.invalid/\nalpha\n", real)
    for number in (1, 2):
        await real.build(spec, number=number)  # offline: the box's own folder has it
    assert len([line for line in real.log if "https://packages.invalid/" in line]) == 2


async def test_a_full_disk_is_told_as_such(real: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pullet.drivers.build.resolve.write_file", full)
    with pytest.raises(DiskFull):
        await real.build(requirements("alpha\n", real))


async def test_a_tree_made_to_hurt_whoever_copies_it(real: Bench) -> None:
    os.mkfifo(real.tree / "pipe")
    with (real.tree / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    to = real.home.releases / "one"
    await real.builder.copy(real.tree, to)
    assert not (to / "pipe").exists()
    assert (to / "sparse").stat().st_blocks * 512 < 1 << 20
    deep = os.open(real.tree, os.O_RDONLY)
    for _ in range(400):  # deeper than a copy goes
        os.mkdir("d", dir_fd=deep)
        inner = os.open("d", os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = inner
    os.close(deep)
    with pytest.raises(BuildFailed, match="could not use its files"):
        await real.builder.copy(real.tree, real.home.releases / "two")
