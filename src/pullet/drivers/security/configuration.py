"""Engine `configuration`: the settings that are served, of Django, Flask, FastAPI and Starlette."""

from __future__ import annotations

from pathlib import PurePosixPath

from pullet.domain.codec import from_json
from pullet.domain.errors import AssessmentFailed, MalformedData
from pullet.domain.security import Coverage, EngineReport, Finding
from pullet.drivers.security.subjects import settings_module
from pullet.drivers.security.workbench import Workbench
from pullet.ports.assessing import Subject
from pullet.ports.common import LogSink

CWES = (321, 347, 352, 489, 502, 521, 614, 644, 668, 693, 916, 942, 1004, 1021, 1275)
_MODULE = "pullet.drivers.security.asked.settings"
_KNOWN = frozenset({"django", "flask", "fastapi", "starlette", "litestar"})


class ConfigurationEngine:
    part = "configuration"

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    def left_out(self, subject: Subject) -> str:
        return "" if subject.frameworks & _KNOWN else "no framework is used whose settings Pullet reads"

    async def assess(self, subject: Subject, log: LogSink) -> EngineReport:  # noqa: ARG002
        variables = {**dict(subject.spec.variables if subject.spec else ()), **subject.variables}
        answer = await self._workbench.ask(
            subject,
            _MODULE,
            {
                "tree": str(subject.tree),
                "files": [path for path in subject.files if PurePosixPath(path).suffix == ".py"],
                "root": subject.spec.root if subject.spec else ".",
                "module": settings_module(variables),
                "variables": variables,
                "frameworks": sorted(subject.frameworks),
            },
        )
        try:
            findings = tuple(from_json(Finding, each) for each in answer["findings"])
            missed = tuple((str(name), str(why)) for name, why in answer["missed"])
            coverage = Coverage("files with settings", int(answer["read"]), int(answer["there"]), missed)
        except (MalformedData, KeyError, TypeError, ValueError) as err:
            raise AssessmentFailed("The settings' answer cannot be read", context=str(err)) from err
        return EngineReport(self.part, findings, (coverage,), tool="Pullet", checked=CWES)
