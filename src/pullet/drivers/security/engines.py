"""Which engines there are, and in which order they report."""

from __future__ import annotations

from pullet.drivers.security.assessor import EngineAssessor
from pullet.drivers.security.code import CodeEngine
from pullet.drivers.security.configuration import ConfigurationEngine
from pullet.drivers.security.locating import Blaming, Locating
from pullet.drivers.security.secrets import SecretsEngine
from pullet.drivers.security.workbench import Workbench


def assessor(workbench: Workbench) -> EngineAssessor:
    """All engines on one bench."""
    engines = (ConfigurationEngine(workbench), SecretsEngine(workbench), CodeEngine(workbench))
    return EngineAssessor(engines, (Locating(workbench), Blaming(workbench)))
