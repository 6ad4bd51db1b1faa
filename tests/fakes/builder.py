"""A `Builder` that installs nothing: it resolves `name` to `name==1.0` and keeps environments as folders."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from pullet.domain.app import AppSpec, DependencyKind
from pullet.domain.errors import BuildFailed
from pullet.domain.home import Home
from pullet.domain.identity import ReleaseId
from pullet.domain.release import Artifact
from pullet.domain.runtime import Capability
from pullet.ports import Asked, LogSink, PythonEnvironment


class FakeBuilder:
    def __init__(self, home: Home, known: frozenset[str] = frozenset()) -> None:
        self._home = home
        self._known = known
        """Packages that exist; empty: all do."""
        self._lent: set[str] = set()
        self.installed: list[str] = []
        """The digests of the environments made, in order."""

    async def build(
        self, release: ReleaseId, spec: AppSpec, tree: Path, previous: Artifact | None, log: LogSink
    ) -> Artifact:
        lock = self._resolve(spec, tree)
        digest = hashlib.sha256(lock.encode()).hexdigest()[:32]
        if not (self._home.pythons / digest).exists():
            (self._home.pythons / digest / "bin").mkdir(parents=True)
            (self._home.pythons / digest / "bin/python").touch()
            self.installed.append(digest)
        for command in spec.build_commands:
            log(f"$ {command}")
            if command == "false":
                raise BuildFailed(f"The build command `{command}` exited with 1")
        kept = self._home.release(release) / "requirements.lock"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(lock)
        python = str(self._home.pythons / digest / "bin/python")
        return Artifact(str(tree), python, digest, "3.12.0", str(kept))

    async def for_tests(
        self, release: ReleaseId, spec: AppSpec, tree: Path, artifact: Artifact | None, log: LogSink
    ) -> PythonEnvironment:
        base = Path(artifact.lock).read_text() if artifact else self._resolve(spec, tree)
        more = tree / spec.root / "requirements-dev.txt"
        lines = more.read_text().split() if more.is_file() else []
        if unknown := [line for line in lines if self._known and line not in self._known]:
            raise BuildFailed(f"Could not resolve the development dependencies: there is no package {unknown[0]}")
        lock = tuple(sorted({*base.split(), *(f"{line}==1.0" for line in lines)}))
        digest = hashlib.sha256(repr(lock).encode()).hexdigest()[:32]
        folder = self._home.pythons / digest / "bin"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "python").touch()
        self._lent.add(digest)
        return PythonEnvironment(folder / "python", lock, digest)

    async def asked(self, release: ReleaseId, spec: AppSpec, tree: Path) -> Asked:
        path = tree / spec.root / spec.dependencies.path
        lines = tuple(path.read_text().split()) if path.is_file() else ()
        return Asked(repr(lines), lines, python="3.12.0", pythons=("3.11.0", "3.12.0"))

    async def copy(self, tree: Path, to: Path) -> None:
        shutil.copytree(tree, to, symlinks=True)

    async def capabilities(self) -> tuple[Capability, ...]:
        return (Capability("interpreters", True, "3.11.2"),)

    async def discard(self, environment_digests_in_use: frozenset[str]) -> int:
        freed = 0
        for folder in list(self._home.pythons.iterdir()) if self._home.pythons.exists() else []:
            if folder.name not in environment_digests_in_use | self._lent:
                shutil.rmtree(folder)
                freed += 1
        return freed

    def _resolve(self, spec: AppSpec, tree: Path) -> str:
        lines: list[str] = []
        if spec.dependencies.kind not in (DependencyKind.NONE, DependencyKind.IMPORTS, DependencyKind.CONDA):
            lines = (tree / spec.root / spec.dependencies.path).read_text().split()
        unknown = [line for line in lines if self._known and line not in self._known]
        if unknown:
            raise BuildFailed(f"Could not resolve the dependencies: there is no package called {unknown[0]}")
        return "".join(f"{line}==1.0\n" for line in (*lines, *spec.dependencies.extra))
