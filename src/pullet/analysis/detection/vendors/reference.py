"""The table of conventions honoured in docs/compatibility.md, from the detectors themselves."""

from __future__ import annotations

from collections.abc import Iterator

from pullet.analysis.detection.detectors import procfile
from pullet.analysis.detection.vendors import VENDORS
from pullet.domain.app import Confidence
from pullet.domain.personality import VARIABLES

_BEGIN, _END = "<!-- conventions: made by scripts/reference -->", "<!-- end of conventions -->"


def with_conventions(page: str) -> str:
    """The page with its table made anew; what stands around it stays."""
    before, _, rest = page.partition(_BEGIN)
    after = rest.partition(_END)[2]
    return f"{before}{_BEGIN}\n\n{render()}\n{_END}{after}"


def render() -> str:
    return "\n".join((*_conventions(), "", *_variables(), ""))


def _conventions() -> Iterator[str]:
    yield "| File | What it says | What becomes of it |"
    yield "|---|---|---|"
    yield f"| {_files(procfile.FILES)} | processes; `release` | processes; `release.commands`; a chain is taken apart |"
    for vendor in VENDORS:
        hint = " (hints)" if vendor.confidence is Confidence.POSSIBLE else ""
        for number, (said, becomes) in enumerate(vendor.conventions):
            yield f"| {_files(vendor.files) + hint if number == 0 else ''} | {said} | {becomes} |"


def _files(files: tuple[str, ...]) -> str:
    return ", ".join(f"`{file}`" for file in files)


def _variables() -> Iterator[str]:
    yield "| Written for | Variables that are set, where the code reads them |"
    yield "|---|---|"
    for vendor, names in VARIABLES.items():
        yield f"| {vendor} | {', '.join(f'`{name}`' for name in names)} |"
