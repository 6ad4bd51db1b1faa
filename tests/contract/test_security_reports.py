"""Imported reports, read in the sandbox."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pullet.drivers.security.reports import ReportsEngine
from tests.assessing import subject_of, unheard, workbench

pytestmark = pytest.mark.real

REPORT = json.dumps(
    {
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "opengrep"}},
                "results": [{"ruleId": "cwe-89", "message": {"text": "SQL"}}],
            }
        ],
    }
)


@pytest.fixture
def top() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(dir="/tmp"))
    made.chmod(0o711)
    (made / "tree").mkdir()
    yield made
    shutil.rmtree(made)


async def test_a_report_gives_findings_and_one_that_cannot_be_read_is_missed(top: Path) -> None:
    files: dict[str, str | bytes] = {
        ".pullet/reports/a.sarif": REPORT,
        ".pullet/reports/deep.json": "[" * 200_000,
        ".pullet/reports/half.json": REPORT[:40],
        ".pullet/reports/other.json": "{}",
        ".pullet/reports/binary.json": b"\xff\xfe\x00",
        "elsewhere/b.sarif": REPORT,
    }
    subject = subject_of(top / "tree", files)
    report = await ReportsEngine(await workbench(top / "home")).assess(subject, unheard)
    assert [(each.rule, each.cwe) for each in report.findings] == [("opengrep/cwe-89", 89)]
    (coverage,) = report.coverage
    assert (coverage.done, coverage.there) == (1, 5)
    assert len(coverage.missed) == 4
    assert not report.assessed
    assert report.tool == "opengrep"


async def test_without_reports_there_is_nothing_to_say(top: Path) -> None:
    engine = ReportsEngine(await workbench(top / "home"))
    assert "no report" in engine.left_out(subject_of(top / "tree", {"a.sarif": REPORT}))
