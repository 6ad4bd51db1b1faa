"""What each security engine finds of the labelled pairs, alone and together.

    python -m bench.security_recall [--misses]

Recall: pairs whose vulnerable side has a finding of the pair's CWE. Precision: of the answers "this side has it", those
that were given of a vulnerable side. Both are counted of all that is reported, and of what holds a release back; and of
each engine once more, of the pairs whose class it looks for at all.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pullet.domain.errors import PulletError
from pullet.domain.security import EngineReport, Finding, Severity
from pullet.drivers.security.bandit import BanditEngine
from pullet.drivers.security.code import CodeEngine
from pullet.drivers.security.configuration import ConfigurationEngine
from pullet.drivers.security.flow import FlowEngine
from pullet.drivers.security.secrets import SecretsEngine
from pullet.drivers.security.workbench import Workbench
from pullet.ports.assessing import Engine
from tests.assessing import subject_of, unheard, workbench
from tests.assessing.pairs import FRAMEWORKS, Pair, pairs

ENGINES: Sequence[Callable[[Workbench], Engine]] = (
    CodeEngine,
    FlowEngine,
    ConfigurationEngine,
    SecretsEngine,
    BanditEngine,
)
"""Those that are measured; one that reads a folder's files can be added as it is."""
_FAIL_ON = Severity.HIGH


@dataclass(frozen=True)
class Answer:
    """What an engine says of one pair."""

    pair: Pair
    vulnerable: tuple[Finding, ...]
    fixed: tuple[Finding, ...]
    checked: frozenset[int]
    """CWEs that it looks for at all."""

    def hit(self, counts: Callable[[Finding], bool]) -> bool:
        return any(finding.cwe in self.pair.cwes and counts(finding) for finding in self.vulnerable)

    def false(self, counts: Callable[[Finding], bool]) -> bool:
        return any(finding.cwe in self.pair.cwes and counts(finding) for finding in self.fixed)


def reported(finding: Finding) -> bool:
    return bool(finding.rule)


def blocks(finding: Finding) -> bool:
    return finding.blocks and finding.severity.at_least(_FAIL_ON)


async def answers(engine: Engine, labelled: Sequence[Pair], top: Path) -> list[Answer]:
    found = []
    for pair in labelled:
        reports = [await _report(engine, pair, files, top) for files in (pair.vulnerable, pair.fixed)]
        checked = frozenset(cwe for report in reports for cwe in report.checked)
        found.append(Answer(pair, reports[0].findings, reports[1].findings, checked))
    return found


async def _report(engine: Engine, pair: Pair, files: Mapping[str, str], top: Path) -> EngineReport:
    subject = subject_of(top / "tree", files, frameworks=frozenset({pair.framework}))
    try:
        if engine.left_out(subject):
            return EngineReport(engine.part)
        report = await engine.assess(subject, unheard)
    except PulletError as err:
        raise SystemExit(f"{engine.part} on {pair.title}: {err}") from err
    finally:
        shutil.rmtree(subject.tree)
    if not report.assessed:
        print(f"{engine.part} on {pair.title}: not assessed: {report.gap or report.coverage}", file=sys.stderr)
    return report


def together(each: Sequence[Sequence[Answer]]) -> list[Answer]:
    return [
        replace(
            first,
            vulnerable=tuple(finding for answer in (first, *rest) for finding in answer.vulnerable),
            fixed=tuple(finding for answer in (first, *rest) for finding in answer.fixed),
            checked=first.checked.union(*(answer.checked for answer in rest)),
        )
        for first, *rest in zip(*each, strict=True)
    ]


def own(given: Sequence[Answer]) -> list[Answer]:
    """Of pairs whose class the engine looks for at all."""
    checked = frozenset(cwe for answer in given for cwe in answer.checked)
    return [answer for answer in given if answer.pair.cwes & checked]


def figures(given: Sequence[Answer], counts: Callable[[Finding], bool]) -> str:
    """`recall precision`, as cells of a table."""
    hits = sum(answer.hit(counts) for answer in given)
    false = sum(answer.false(counts) for answer in given)
    precision = f"{hits / (hits + false):.2f}" if hits + false else "-"
    return f"{hits}/{len(given)} ({hits / len(given):.2f}) | {precision}"


def table(title: str, rows: Iterable[tuple[str, Sequence[Answer]]]) -> str:
    head = f"| {title} | reported: recall | precision | blocks: recall | precision |\n|---|---|---|---|---|"
    lines = [f"| {name} | {figures(given, reported)} | {figures(given, blocks)} |" for name, given in rows]
    return "\n".join((head, *lines, ""))


async def measure(labelled: Sequence[Pair], top: Path) -> dict[str, list[Answer]]:
    bench = await workbench(top / "home")
    engines = [make(bench) for make in ENGINES]
    return {engine.part: await answers(engine, labelled, top) for engine in engines}


def main() -> None:
    top = Path(tempfile.mkdtemp(dir="/tmp"))
    top.chmod(0o711)  # as root programs run as another user, who has to get there
    try:
        found = asyncio.run(measure(pairs(), top))
    finally:
        shutil.rmtree(top)
    every = together(list(found.values()))
    print(table("engine", (*found.items(), ("together", every))))
    print(table("engine, of what it looks for", ((name, own(given)) for name, given in found.items())))
    print(table("framework", ((name, [each for each in every if each.pair.framework == name]) for name in FRAMEWORKS)))
    classes = sorted({min(each.pair.cwes) for each in every})
    print(table("CWE", ((str(cwe), [each for each in every if min(each.pair.cwes) == cwe]) for cwe in classes)))
    if "--misses" in sys.argv:
        print("\n".join(f"missed: {each.pair.title}" for each in every if not each.hit(reported)))
        print("\n".join(f"false: {each.pair.title}" for each in every if each.false(reported)))


if __name__ == "__main__":
    main()
