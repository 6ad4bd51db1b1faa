"""What an interpreter's environment has, read from its folders: nothing of it is run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from packaging.utils import canonicalize_name

from pullet.drivers.listing import inside

_LINES = 100_000
_ABOUT = (".dist-info", ".data")


def installed(python: Path) -> tuple[str, ...]:
    """`name==version` of each distribution of the environment, sorted. Blocking."""
    found = (entry.name for entry in inside(_sites(python)))
    stems = (name.removesuffix(".dist-info") for name in found if name.endswith(".dist-info"))
    return tuple(sorted("==".join(stem.split("-", 1)) for stem in stems))


def modules_of(python: Path, name: str) -> tuple[str, ...]:
    """Top modules and packages that the distribution of this canonical name brings, as its RECORD says. Blocking."""
    for site_entry in inside(_sites(python)):
        stem = site_entry.name.removesuffix(".dist-info")
        if stem != site_entry.name and canonicalize_name(stem.split("-", 1)[0]) == name:
            return tuple(sorted(set(_brought(site_entry / "RECORD"))))
    return ()


def _brought(record: Path) -> Iterator[str]:
    try:
        lines = record.read_text("utf-8", "replace").splitlines()[:_LINES]
    except OSError:
        return
    for line in lines:
        first, slash, _ = line.partition(",")[0].partition("/")
        name = first.split(".", maxsplit=1)[0]
        if name.isidentifier() and (slash or first.endswith((".py", ".so"))) and not first.endswith(_ABOUT):
            yield name


def has(python: Path, module: str) -> bool:
    """Whether the environment has this module, or package. Blocking."""
    return any((site / module).is_dir() or (site / f"{module}.py").is_file() for site in _sites(python))


def _sites(python: Path) -> list[Path]:
    """The `site-packages` of the environment whose `bin` folder holds the interpreter."""
    libraries = [path for path in inside([python.parent.parent / "lib"]) if path.name.startswith("python")]
    return [site for path in libraries if (site := path / "site-packages").is_dir()]
