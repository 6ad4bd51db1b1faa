"""The Python interpreters of this box: found once, each asked what it is, one chosen by a request.

Without a request the newest up to 3.13 is taken: what wheels exist for most widely. A pin that the box does not have is
answered with the nearest one, and said aloud; a range that nothing satisfies is an error.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from pullet.domain.command import Command
from pullet.domain.errors import BuildFailed, CommandFailed, RuntimeFailed
from pullet.drivers.build.settings import SYSTEM_PATH
from pullet.drivers.process import ProcessRunner

CEILING = (3, 13)
"""The newest minor version that is chosen where nobody asked for a newer one."""
_OLDEST = (3, 8)  # the oldest that uv makes environments for
_NAME = re.compile(r"python3(\.\d+)?")
_PIN = re.compile(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?")
# Without ssl or zlib an interpreter was built on a box that lacked headers: it can install nothing useful.
_QUESTION = """
import json, ssl, sys, sysconfig, zlib
print(json.dumps([list(sys.version_info[:4]), getattr(sys, "_base_executable", sys.executable), sys.base_prefix,
    sys.implementation.name, sysconfig.get_config_var("SOABI") or "", sysconfig.get_platform()]))
"""


@dataclass(frozen=True)
class Interpreter:
    path: str
    """Absolute, of the base installation: never of a virtual environment."""
    version: tuple[int, int, int]
    prefix: str
    abi: str
    platform: str
    stamp: tuple[int, int] = (0, 0)
    """Modification time in nanoseconds and size of the program when it was asked."""

    @property
    def minor(self) -> tuple[int, int]:
        return self.version[:2]

    @property
    def version_text(self) -> str:
        return ".".join(map(str, self.version))

    @property
    def identity(self) -> str:
        """What an environment made with it depends on."""
        return "\0".join((self.path, self.version_text, self.abi, self.platform))


@dataclass(frozen=True)
class Choice:
    interpreter: Interpreter
    notice: str = ""
    """Said in the build log where the choice is not exactly what was asked for."""
    others: tuple[Interpreter, ...] = ()
    """Older ones that would do as well, the newest first; none where one version is asked for."""

    @property
    def all(self) -> tuple[Interpreter, ...]:
        return (self.interpreter, *self.others)


def candidates(environ: Mapping[str, str]) -> list[Path]:
    """Programs that may be interpreters: on PATH, of pyenv, of uv, and Pullet's own. pyenv's shims are not."""
    home = Path(environ.get("HOME") or "/nonexistent")
    pyenv = Path(environ.get("PYENV_ROOT") or home / ".pyenv")
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local/share")
    managed = Path(environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv/python")
    folders = [Path(part) for part in f"{environ.get('PATH', '')}:{SYSTEM_PATH}".split(":") if part.startswith("/")]
    found = [path for folder in folders if folder != pyenv / "shims" for path in _named_python(folder)]
    for tree in (pyenv / "versions", managed):
        found += _installed_below(tree)
    found.append(Path(sys.executable))
    return _distinct(found)


def _named_python(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    except OSError:
        return []


def _installed_below(tree: Path) -> list[Path]:
    try:
        return sorted(tree.glob("*/bin/python3"))
    except OSError:  # somebody else's, or no folder's name: glob lets some of that through
        return []


def _distinct(paths: Iterable[Path]) -> list[Path]:
    """One path a program. A virtual environment's link counts for itself: only the program can tell its base."""
    seen: dict[Path, Path] = {}
    for path in paths:
        if os.access(path, os.X_OK):
            key = path if (path.parent.parent / "pyvenv.cfg").exists() else path.resolve()
            seen.setdefault(key, path)
    return list(seen.values())


def parse_answer(text: str) -> Interpreter | None:
    """What a program answered; None unless it is a released CPython that environments can be made for."""
    try:
        (major, minor, micro, level), path, prefix, implementation, abi, platform = json.loads(text)
        status = Path(path).stat()
    except (ValueError, TypeError, OSError):
        return None
    if implementation != "cpython" or level != "final" or (major, minor) < _OLDEST:
        return None
    real = str(Path(path).resolve())
    return Interpreter(real, (major, minor, micro), prefix, abi, platform, (status.st_mtime_ns, status.st_size))


class Interpreters:
    """Those of this box, asked once; asked again when one that is chosen has changed or none fits."""

    def __init__(self, runner: ProcessRunner, environ: Mapping[str, str], usable: Callable[[Path], bool]) -> None:
        """`usable`: whether apps can be given what is installed in a folder."""
        self._runner = runner
        self._environ = environ
        self._usable = usable
        self._found: tuple[Interpreter, ...] | None = None

    async def choose(self, request: str | None, within: Sequence[str] = ()) -> Choice:
        """Raises BuildFailed where none satisfies the request. See `choose` for `within`."""
        fresh = self._found is None
        if self._found is None:
            self._found = await self._scan()
        try:
            choice = choose(self._found, request, within)
            stale = not _unchanged(choice.interpreter)
        except BuildFailed:
            if fresh:
                raise
            stale = True
        if not stale:
            return choice
        self._found = await self._scan()
        return choose(self._found, request, within)

    async def all(self) -> tuple[Interpreter, ...]:
        """Every interpreter that apps could use, the oldest first."""
        self._found = self._found or await self._scan()
        return self._found

    async def _scan(self) -> tuple[Interpreter, ...]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._ask(path), name=f"python:{path}") for path in candidates(self._environ)]
        answers = (answer for task in tasks if (answer := task.result()) is not None)
        found = {answer.path: answer for answer in answers if self._usable(Path(answer.prefix))}
        return tuple(sorted(found.values(), key=lambda one: (one.version, one.path)))

    async def _ask(self, path: Path) -> Interpreter | None:
        command = Command((str(path), "-I", "-S", "-c", _QUESTION), environment={"PATH": SYSTEM_PATH}, timeout=20)
        try:
            return parse_answer((await self._runner.run(command)).text)
        except (CommandFailed, RuntimeFailed):
            return None  # a broken one is as good as absent


def _unchanged(interpreter: Interpreter) -> bool:
    try:
        status = Path(interpreter.path).stat()
    except OSError:
        return False
    return (status.st_mtime_ns, status.st_size) == interpreter.stamp


def choose(found: Sequence[Interpreter], request: str | None, within: Sequence[str] = ()) -> Choice:
    """The interpreter for a request such as `3.12`, `python-3.11.9`, `>=3.11,<3.13`, `^3.11`, or for none.

    `within`: ranges that another file asks for. They narrow the choice where the version asked for is not on the box.
    """
    if not found:
        raise BuildFailed(
            "No Python interpreter was found on this box that apps may run",
            hint="Install one (on Debian: apt-get install python3) where every user may run it.",
        )
    if not (wanted := _plain(request)):
        return _with_others(found)
    pin = _PIN.fullmatch(wanted)
    if pin:
        numbers = tuple(int(part) for part in pin.groups() if part is not None)
        return _by_pin(found, _narrowed(found, within), numbers, wanted)
    return _by_range(found, wanted)


def _plain(request: str | None) -> str:
    text = re.sub(r"^(c?python)?[-@]?\s*", "", (request or "").strip().lower())
    text = re.sub(r"^={2,3}\s*(?=[\d.]+(\.[*x])?$)", "", text)
    return re.sub(r"(\.[*x])+$", "", text)


def _with_others(fitting: Sequence[Interpreter]) -> Choice:
    best = _preferred(fitting)
    older = {one.minor: one for one in sorted(fitting, key=lambda each: each.version) if one.minor < best.minor}
    return Choice(best, others=tuple(older[minor] for minor in sorted(older, reverse=True)))


def _narrowed(found: Sequence[Interpreter], within: Sequence[str]) -> Sequence[Interpreter]:
    """Those that every range holds; all of them where that leaves none, or a range is not one."""
    try:
        ranges = [specifiers(text) for text in within]
    except InvalidSpecifier:
        return found
    return [one for one in found if all(Version(one.version_text) in each for each in ranges)] or found


def _preferred(found: Sequence[Interpreter]) -> Interpreter:
    """The newest up to the ceiling; where all are newer, the oldest of them."""
    ordinary = [one for one in found if one.minor <= CEILING]
    return max(ordinary, key=lambda one: one.version) if ordinary else min(found, key=lambda one: one.version)


def _by_pin(found: Sequence[Interpreter], near: Sequence[Interpreter], pin: tuple[int, ...], wanted: str) -> Choice:
    """`near`: those that may stand in for a version that is not there."""
    exact = [one for one in found if one.version[: len(pin)] == pin]
    if exact:
        return Choice(_preferred(exact))
    same_major = [one for one in near if one.version[0] == pin[0]]
    if len(pin) == 1 or not same_major:
        raise _nothing_fits(found, wanted)
    same_minor = [one for one in near if one.minor == pin[:2]]
    if same_minor:
        best = max(same_minor, key=lambda one: one.version)
        return Choice(best, f"Python {wanted} is not on this box; using {best.version_text}, the same minor version.")
    newer = [one for one in same_major if one.minor > pin[:2]]
    nearest = min(newer, key=_newest_patch) if newer else max(same_major, key=lambda one: one.version)
    return Choice(
        nearest, f"WARNING: Python {wanted} is not on this box; using {nearest.version_text}, the nearest one there is."
    )


def _newest_patch(one: Interpreter) -> tuple[int, int, int]:
    return (*one.minor, -one.version[2])


def _by_range(found: Sequence[Interpreter], wanted: str) -> Choice:
    try:
        allowed = [specifiers(part) for part in wanted.split("||")]
    except InvalidSpecifier as err:
        raise BuildFailed(
            f"{wanted!r} is not a Python version", hint='Ask for one like "3.12" or ">=3.11,<3.13".'
        ) from err
    fitting = [one for one in found if any(Version(one.version_text) in each for each in allowed)]
    if not fitting:
        raise _nothing_fits(found, wanted)
    return _with_others(fitting)


def specifiers(text: str) -> SpecifierSet:
    """A version range in the standard's or in Poetry's spelling (`^3.11`, `~3.11`, `3.11.*`, `*`).

    Raises InvalidSpecifier for anything else.
    """
    closed = re.sub(r"([<>=!~^])\s+", r"\1", text.strip())
    parts = [part for part in re.split(r"[\s,]+", closed) if part not in {"", "*"}]
    return SpecifierSet(",".join(map(_standard, parts)))


def _standard(part: str) -> str:
    shape = re.fullmatch(r"(\^|~|=)?(\d+(?:\.\d+)*)(\.\*)?", part)
    if shape is None:
        return part
    sign, version, wildcard = shape.groups()
    if sign in {None, "="}:
        return f"=={version}{wildcard or ''}"
    numbers = [int(number) for number in version.split(".")]
    return f">={version},<{_upper(numbers, caret=sign == '^')}"


def _upper(numbers: list[int], *, caret: bool) -> str:
    if caret:
        place = next((index for index, number in enumerate(numbers) if number), len(numbers) - 1)
    else:
        place = min(1, len(numbers) - 1)
    return ".".join(map(str, [*numbers[:place], numbers[place] + 1]))


def _nothing_fits(found: Sequence[Interpreter], wanted: str) -> BuildFailed:
    present = ", ".join(sorted({one.version_text for one in found}, key=Version))
    return BuildFailed(
        f"No Python on this box satisfies {wanted!r}",
        context=f"Found: {present}",
        hint="Ask for one of these in .python-version or requires-python, or install the one that the app needs where "
        "every user may run it.",
    )
