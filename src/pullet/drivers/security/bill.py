"""Engine `sbom`: the bill of materials, CycloneDX 1.6: of what is installed by cyclonedx-py, else of what is locked.

cyclonedx-py asks an interpreter for its path. It is given a script that names the folders of the environment instead:
nothing of the app runs, so nothing of it can leave itself out. It does not check its own answer against the schema: for
a hundred packages that takes ten seconds, and all the rest half a second. A test does.
"""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pullet import __version__
from pullet.analysis.security.listed import Kind
from pullet.analysis.security.materials import listed_bill
from pullet.domain.errors import AssessmentFailed
from pullet.domain.security import Coverage, EngineReport
from pullet.drivers.security.inventory import contents, listing, lists_any, unresolved
from pullet.drivers.security.workbench import Errand, Workbench, interpreter, program
from pullet.ports.assessing import Subject
from pullet.ports.common import LogSink

_OPTIONS = ("environment", "--spec-version", "1.6", "--output-format", "JSON", "--output-reproducible", "--no-validate")
_SHOWN = 100
_LARGEST = 32 << 20  # bytes


class SbomEngine:
    part = "sbom"

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    def left_out(self, subject: Subject) -> str:
        return "" if subject.python is not None or lists_any(subject) else "nothing is installed or listed"

    async def assess(self, subject: Subject, log: LogSink) -> EngineReport:  # noqa: ARG002
        """Raises AssessmentFailed."""
        if subject.python is None:
            return await self._of_lists(subject)
        there = await contents(self._workbench, subject)
        text = await self._made(subject, there.sites)
        document, components = await asyncio.to_thread(_read, text)
        wanted = len(there.installed) + len(there.missed)
        coverage = Coverage("packages", min(components, wanted), wanted, there.missed[:_SHOWN])
        tool = f"cyclonedx-py, CycloneDX {document['specVersion']}"
        return EngineReport(self.part, (), (coverage,), tool=tool, document=text)

    async def _of_lists(self, subject: Subject) -> EngineReport:
        """What has no version in any file is not in the bill, which is then not whole."""
        known = await listing(self._workbench, subject)
        packages = [each for each in known.lines if each.version and each.kind in (Kind.PINNED, Kind.FETCHED)]
        text = listed_bill(packages, __version__)
        count, missed = len({(each.name, each.version) for each in packages}), unresolved(known)
        excused = tuple((path, "lies among the tests") for path in known.among_tests)
        coverage = Coverage("packages", count, count + len(missed), missed[:_SHOWN], excused[:_SHOWN])
        return EngineReport(self.part, (), (coverage,), tool="Pullet, CycloneDX 1.6", document=text)

    async def _made(self, subject: Subject, sites: Sequence[Path]) -> str:
        async with self._workbench.folder(subject) as folder:
            names_folders = folder / "python"
            path = shlex.quote(json.dumps([str(site) for site in sites]))
            names_folders.write_text(f"#!/bin/sh\nprintf %s {path}\n")
            names_folders.chmod(0o755)
            argv = (str(program("cyclonedx-py")), *_OPTIONS, str(names_folders))
            done = await self._workbench.run(subject, Errand(argv, (*interpreter(), folder, *sites)))
        if len(done.stdout) > _LARGEST:
            raise AssessmentFailed(f"The bill of materials has more than {_LARGEST >> 20} MB")
        return done.stdout.decode("utf-8", "replace")


def _read(text: str) -> tuple[dict[str, Any], int]:
    """(document, how many components). Raises AssessmentFailed."""
    try:
        document = json.loads(text)
        if (document["bomFormat"], document["specVersion"]) != ("CycloneDX", "1.6"):
            raise ValueError(f"it is {document['bomFormat']} {document['specVersion']}"[:100])
        return document, len(document.get("components", []))
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise AssessmentFailed("The bill of materials cannot be read", context=str(err)) from err
