"""Every command line of uv that Pullet uses, as a value. Building one starts nothing and reads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pullet.domain.command import Command
from pullet.drivers.build.inputs import NO_INDEXES, Indexes
from pullet.drivers.build.settings import SYSTEM_PATH, url_secrets

CONSTRAINTS, OVERRIDES, BUILD_CONSTRAINTS = "constraints.txt", "overrides.txt", "build-constraints.txt"
_OPTIONS = {CONSTRAINTS: "--constraint", OVERRIDES: "--override", BUILD_CONSTRAINTS: "--build-constraint"}
_NEVER = "9999-01-01T00:00:00Z"
_BUILDABLE = "2021-06-01T00:00:00Z"
"""Source packages are built with setuptools 40.8 or later, whatever their age; that of this day, 57, still knows all
that packages without a pyproject.toml do."""
_OUTPUT_LIMIT = 16 << 20  # bytes; a resolution is read from standard output, hashes and all


@dataclass(frozen=True)
class Uv:
    """The program, the cache it may use, and what it may know of the world."""

    binary: str
    cache: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """Index, proxy and certificate settings, and HOME."""
    secrets: tuple[str, ...] = ()

    def compile(
        self,
        python: str,
        scratch: Path,
        indexes: Indexes,
        *,
        files: Sequence[str],
        build: bool,
        exclude_newer: str = "",
        always: Sequence[str] = (),
    ) -> Command:
        """Resolve `requirements.in` of the scratch folder, preferring what `lock.txt` has; the lock is printed.

        `files`: which of constraints.txt, overrides.txt and build-constraints.txt are there.
        `always`: packages in any version, whatever `exclude_newer` says.
        """
        argv = ["pip", "compile", "requirements.in", "--output-file", "lock.txt", "--python", python]
        argv += ["--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url"]
        for file in files:
            argv += [_OPTIONS[file], file]
        argv += _as_of(exclude_newer, always) if exclude_newer else []
        argv += [] if build else ["--no-build"]
        return self._command(argv, scratch, indexes)

    def export(self, python: str, project: Path, groups: Sequence[str] = (), extras: Sequence[str] = ()) -> Command:
        """What the project's uv.lock pins, as requirement lines with hashes; the lock is never changed.

        `groups`, `extras`: of the project, besides what it needs itself.
        """
        argv = ["export", "--frozen", "--no-default-groups" if groups else "--no-dev"]
        argv += ["--no-emit-local", "--no-header", "--no-annotate"]
        argv += ["--format", "requirements.txt", "--python", python]
        argv += [word for name in groups for word in ("--group", name)]
        argv += [word for name in extras for word in ("--extra", name)]
        return self._command(argv, project)

    def venv(self, python: str, target: Path) -> Command:
        """An empty environment that may be renamed: its console scripts find their interpreter beside themselves."""
        return self._command(
            ["venv", "--quiet", "--relocatable", "--no-project", "--python", python, str(target)], target.parent
        )

    def sync(
        self, target: Path, scratch: Path, indexes: Indexes, *, hashed: bool, build: bool, files: Sequence[str] = ()
    ) -> Command:
        """Install `lock.txt` of the scratch folder into the environment. A source build gets copies, not links into the
        cache that its next build may write to. `files`: build-constraints.txt where it is there."""
        argv = ["pip", "sync", "lock.txt", "--python", str(target / "bin/python"), "--no-compile-bytecode"]
        argv += ["--allow-empty-requirements", "--link-mode", "copy" if build else "hardlink"]
        argv += ["--require-hashes"] if hashed else []
        for file in files:
            argv += [_OPTIONS[file], file]
        argv += [] if build else ["--no-build"]
        return self._command(argv, scratch, indexes)

    def install_wheel(self, python: str, requirement: str, target: Path) -> Command:
        """One package, as a wheel and without what it depends on, into a folder that is no environment."""
        argv = ["pip", "install", "--python", python, "--target", str(target), "--no-deps", "--no-build", requirement]
        return self._command(argv, target)

    def pip(self, words: Sequence[str], folder: Path) -> Command:
        """`uv pip` with these words, run in `folder`."""
        return self._command(["pip", *words], folder)

    def _command(
        self,
        argv: Sequence[str],
        folder: Path,
        indexes: Indexes = NO_INDEXES,
    ) -> Command:
        environment = {
            "PATH": SYSTEM_PATH,
            "LANG": "C.UTF-8",
            **index_settings(self.environment, indexes),
            "UV_CACHE_DIR": str(self.cache),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_NO_PROGRESS": "1",
            "NO_COLOR": "1",
        }
        offered = ("--no-index",) if indexes.none else ()
        named = " ".join((indexes.default or "", *indexes.extra, *indexes.find_links))
        return Command(
            (self.binary, *argv, *offered),
            cwd=folder,
            environment=environment,
            output_limit=_OUTPUT_LIMIT,
            secrets=(*self.secrets, *url_secrets(named)),
        )


def _as_of(moment: str, always: Sequence[str]) -> list[str]:
    """Also uv's own build requirement is of that time, but never older than uv itself needs."""
    exempt = [f"{name}={_NEVER}" for name in always]
    exempt += [f"setuptools={_BUILDABLE}"] if moment < _BUILDABLE else []
    return ["--exclude-newer", moment, *(word for each in exempt for word in ("--exclude-newer-package", each))]


def index_settings(environment: Mapping[str, str], indexes: Indexes) -> dict[str, str]:
    """The box's settings with the repository's on top, as variables: arguments would show credentials to everybody."""
    settings = dict(environment)
    if indexes.default:
        settings.pop("UV_INDEX_URL", None)
        settings["UV_DEFAULT_INDEX"] = indexes.default
    if indexes.extra:
        settings["UV_INDEX"] = " ".join((*indexes.extra, *settings.get("UV_INDEX", "").split()))
        # As pip does, which is what whoever wrote that line has tried: the best version of all indexes named.
        settings.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    if indexes.find_links:
        own = [part for part in settings.get("UV_FIND_LINKS", "").split(",") if part]
        settings["UV_FIND_LINKS"] = ",".join((*indexes.find_links, *own))
    return settings
