"""A start command or a script, taken apart: what serves, what works beside it, what a release needs first."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import PurePosixPath
from shlex import quote

from pullet.analysis.detection.repository import Repository
from pullet.analysis.detection.vendors.commands import Purpose, purpose_of, unwrap
from pullet.analysis.detection.vendors.shell import ShellCommand, commands_of, plain, word_set
from pullet.domain.app import Place

_SCRIPTS = 3  # one that calls another that calls another
_LENGTH = 1000  # characters of a command
_SHELLS = frozenset({"sh", "bash", "ash", "dash"})


@dataclass(frozen=True)
class Found:
    command: str
    place: Place


@dataclass(frozen=True)
class Left:
    """What is not carried over."""

    command: str
    place: Place
    why: str
    done_here: bool = False
    """Pullet does the same by itself."""


@dataclass
class Mined:
    serve: list[Found] = field(default_factory=list)
    develop: list[Found] = field(default_factory=list)
    """Servers for developers, and Python programs of the app that may or may not serve."""
    unknown: list[Found] = field(default_factory=list)
    """Commands that nothing is known of."""
    work: list[Found] = field(default_factory=list)
    release: list[Found] = field(default_factory=list)
    build: list[Found] = field(default_factory=list)
    editable: list[Found] = field(default_factory=list)
    """Folders whose code is installed in place: importable, that is."""
    left: list[Left] = field(default_factory=list)


_WHY = {
    Purpose.INSTALL: "the dependencies are installed by Pullet itself",
    Purpose.NODE: "Node builds what a package.json has a script for: put other commands into `assets` of [build]",
    Purpose.NOISE: "makes no sense outside of a container, or is done by Pullet itself",
}
_SILENT = word_set("set true false : [ [[ test break continue exit return echo printf export unset local shift")


def mine(repository: Repository, script: str, path: str, line: int, folder: str = ".", root: str = ".") -> Mined:
    """Take apart a script that `path` has at `line` and that starts in `folder`.

    `repository` is the whole one; the commands found are for the app's folder, `root`.
    """
    mined = Mined()
    _Miner(repository, mined, path, root, _SCRIPTS).run(script, line, folder)
    return mined


@dataclass
class _Miner:
    repository: Repository
    mined: Mined
    path: str
    root: str
    depth: int

    def run(self, script: str, line: int, folder: str) -> None:
        for command in commands_of(script, line):
            words = unwrap(command.words)
            if words[:1] == ("cd",) and len(words) == 2:
                folder = _enter(self.repository, folder, plain(words[1]))
            elif words:
                self.one(command, words, folder)

    def one(self, command: ShellCommand, words: tuple[str, ...], folder: str) -> None:
        place = self.repository.place(self.path, command.line)
        purpose = purpose_of(words)
        text = " ".join((*command.assignments, *words))
        if purpose is Purpose.SCRIPT and self.script(words, command.line, folder):
            return
        if purpose is Purpose.INSTALL:
            self.editable(words, folder, place)
        if purpose in _WHY:
            why = "migrations are made where the code is written" if "makemigrations" in text else _WHY[purpose]
            self.leave(text, place, why if words[0] not in _SILENT else "", done_here=purpose is Purpose.INSTALL)
        elif (here := _from(self.root, folder)) is None:
            self.leave(text, place, f"runs in the folder {folder}, outside of the app's")
        elif len(text) <= _LENGTH and text.isprintable():
            self.keep(purpose, Found(_in_folder(here, command.assignments, words), place))

    def editable(self, words: tuple[str, ...], folder: str, place: Place) -> None:
        for option, target in pairwise(words):
            if option in ("-e", "--editable"):
                here = _enter(self.repository, folder, plain(target).partition("[")[0])
                inner = _enter(self.repository, here, "src")
                if (found := _from(self.root, inner)) not in (None, "."):
                    self.mined.editable.append(Found(str(found), place))

    def leave(self, text: str, place: Place, why: str, *, done_here: bool = False) -> None:
        if why:
            self.mined.left.append(Left(text[:_LENGTH], place, why, done_here))

    def keep(self, purpose: Purpose, found: Found) -> None:
        mined = self.mined
        target = {
            Purpose.SERVE: mined.serve,
            Purpose.WORK: mined.work,
            Purpose.RELEASE: mined.release,
            Purpose.BUILD: mined.build,
            Purpose.UNKNOWN: mined.unknown,
            Purpose.SCRIPT: mined.unknown,
        }.get(purpose, mined.develop)
        if found.command not in (each.command for each in target):
            target.append(found)

    def script(self, words: tuple[str, ...], line: int, folder: str) -> bool:
        """Look into what a shell is called with; False where there is nothing to be read."""
        texts = [plain(word) for word in words]
        if PurePosixPath(texts[0]).name in _SHELLS:
            if len(texts) > 2 and re.fullmatch(r"-[a-z]*c", texts[1]):
                self.run(_unquoted(words[2]), line, folder)
                return True
            texts = [text for text in texts[1:] if not text.startswith("-")]
        path = _script_path(self.repository, folder, texts[0]) if texts else None
        if path is None or self.depth == 0:
            return False
        _Miner(self.repository, self.mined, path, self.root, self.depth - 1).run(self.repository.text(path), 1, folder)
        return True


def _unquoted(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] in "\"'" and word[-1] == word[0] else word


def _script_path(repository: Repository, folder: str, name: str) -> str | None:
    for base in dict.fromkeys((folder, ".")):
        path = _normal(f"{base}/{name.removeprefix('./')}")
        if path and repository.text(path):
            return path
    # A Dockerfile copies scripts where it likes: the one of that name is meant.
    last = PurePosixPath(name).name
    found = [path for path in repository.paths if PurePosixPath(path).name == last and repository.text(path)]
    return found[0] if len(found) == 1 else None


def _enter(repository: Repository, folder: str, target: str) -> str:
    path = _normal(f"{folder}/{target}") if not target.startswith("/") else None
    return path if path and (path == "." or any(each.startswith(f"{path}/") for each in repository.paths)) else folder


def _from(root: str, folder: str) -> str | None:
    """`folder` as seen from `root`; None where it lies outside."""
    if root in (".", folder):
        return "." if root == folder else folder
    return folder.removeprefix(f"{root}/") if folder.startswith(f"{root}/") else None


def _normal(path: str) -> str | None:
    parts: list[str] = []
    for part in PurePosixPath(path).parts:
        if part == ".." and not parts:
            return None
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts) or "."


def _in_folder(folder: str, assignments: tuple[str, ...], words: tuple[str, ...]) -> str:
    """The command line that does from the app's root what these words do in `folder`."""
    words = _without_questions(words)
    plainly = " ".join((*assignments, *words))
    if folder == ".":
        return plainly
    here = quote(folder)
    if words[0] == "gunicorn" and "--chdir" not in plainly:
        return " ".join((*assignments, "gunicorn", "--chdir", here, *words[1:]))
    if words[0] == "uvicorn" and "--app-dir" not in plainly:
        return " ".join((*assignments, "uvicorn", "--app-dir", here, *words[1:]))
    if words[0] == "python" and len(words) > 1 and plain(words[1]) == "manage.py":
        return " ".join((*assignments, "python", quote(f"{folder}/manage.py"), *words[2:]))
    return f"cd {here} && {plainly}"


_SEED = re.compile(
    r"(?i)\b(seed\w*|populate\w*|init[-_]?db|initial_data|create[-_]?(db|tables|database)|loaddata)\b|_seed"
)


def is_seed(command: str) -> bool:
    """Whether it makes data for a new database, which a second run could double."""
    return bool(_SEED.search(command))


def _without_questions(words: tuple[str, ...]) -> tuple[str, ...]:
    """Nobody answers where commands run by themselves."""
    asks = {"collectstatic", "migrate"} & set(words) and any(plain(word).endswith("manage.py") for word in words)
    return (*words, "--noinput") if asks and not {"--noinput", "--no-input"} & set(words) else words
