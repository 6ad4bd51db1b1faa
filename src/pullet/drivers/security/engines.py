"""Which engines there are, and in which order they report."""

from __future__ import annotations

from pathlib import Path

from pullet.drivers.security.advisories import Advisories
from pullet.drivers.security.assessor import EngineAssessor
from pullet.drivers.security.bandit import BanditEngine
from pullet.drivers.security.bill import SbomEngine
from pullet.drivers.security.code import CodeEngine
from pullet.drivers.security.configuration import ConfigurationEngine
from pullet.drivers.security.dependencies import DependenciesEngine
from pullet.drivers.security.flow import FlowEngine
from pullet.drivers.security.framework import FrameworkEngine
from pullet.drivers.security.history import HistoryEngine
from pullet.drivers.security.licences import LicencesEngine
from pullet.drivers.security.live.engine import LiveEngine
from pullet.drivers.security.locating import Blaming, Locating
from pullet.drivers.security.packages import PackagesEngine
from pullet.drivers.security.remembering import Memory
from pullet.drivers.security.reports import ReportsEngine
from pullet.drivers.security.secrets import SecretsEngine
from pullet.drivers.security.semgrep import SemgrepEngine
from pullet.drivers.security.workbench import Workbench


def assessor(workbench: Workbench, advisories: Advisories, memory: Path) -> EngineAssessor:
    """All engines on one bench. `memory`: a folder of Pullet's own, for what was said before."""
    engines = (
        ConfigurationEngine(workbench),
        FrameworkEngine(workbench),
        SecretsEngine(workbench),
        HistoryEngine(workbench, memory),
        DependenciesEngine(workbench, advisories),
        PackagesEngine(workbench),
        LicencesEngine(workbench),
        SbomEngine(workbench),
        FlowEngine(workbench),
        CodeEngine(workbench),
        BanditEngine(workbench),
        SemgrepEngine(workbench),
        ReportsEngine(workbench),
        LiveEngine(workbench),
    )
    return EngineAssessor(engines, (Locating(workbench), Blaming(workbench)), advisories, Memory(memory))
