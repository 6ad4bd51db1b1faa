"""How often something clean would be held back: blocking findings in ten popular packages, as they are published.

    python -m bench.security_noise [--apps] [--list]

Their source distributions are assessed as repositories: with tests, documentation and examples, without an environment.
`--apps`: of eight others, that answer requests themselves, so that there is input to follow.
Aim: under 0.5 blocking findings per thousand lines of Python. Each is looked at; what it turned out to be
stands in `bench/security_noise.toml`, and one that stands nowhere makes the command end with 1.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.sdists import lines_of, scratch, unpacked
from pullet.analysis.security.fingerprints import merged
from pullet.domain.home import Home
from pullet.domain.security import Finding, Severity
from pullet.drivers.git import GitSource
from pullet.drivers.process import ProcessRunner
from pullet.drivers.runtime.sandbox import detect_sandbox
from pullet.drivers.security.advisories import Advisories
from pullet.drivers.security.engines import assessor
from pullet.drivers.security.folder import FolderSubjects
from pullet.drivers.security.workbench import Workbench
from tests.assessing import committed, unheard

PACKAGES = (
    "click==8.3.1",
    "fastapi==0.121.2",
    "flask==3.1.2",
    "httpx==0.28.1",
    "itsdangerous==2.2.0",
    "jinja2==3.1.6",
    "requests==2.32.5",
    "rich==14.2.0",
    "starlette==0.50.0",
    "werkzeug==3.1.3",
)
APPS = (
    "django-allauth==65.21.1",
    "django-oscar==4.2.1",
    "djangorestframework==3.18.3",
    "fastapi-users==15.0.5",
    "flask-admin==2.2.1",
    "flask-appbuilder==5.3.0",
    "mezzanine==6.1.1",
    "wagtail==8.0.1",
)
_FAIL_ON = Severity.HIGH
_LABELS = Path(__file__).with_suffix(".toml")


def labels() -> Mapping[str, str]:
    """`package rule file:line` -> `true: why` or `false: why`."""
    found: Mapping[str, str] = tomllib.loads(_LABELS.read_text())["labels"]
    return found


async def measure(names: Sequence[str], listed: bool, top: Path) -> bool:
    """Whether everything that blocks has a label."""
    (top / "home").mkdir(mode=0o711)
    runner, home = ProcessRunner(), Home(top / "home")
    bench = Workbench(runner, await detect_sandbox(home, runner), home.scratch)
    source = GitSource(home, runner)
    told, lines = labels(), 0
    said: list[str] = []
    for name in names:
        tree = await asyncio.to_thread(unpacked, name, top)
        await asyncio.to_thread(committed, tree)
        subject = await FolderSubjects(bench).describe(tree, "measured")
        engines = assessor(bench, Advisories(top / "none", source, "", time.time), top / "memory" / tree.name)
        examined = await engines.examine(subject, unheard)
        found = merged(finding for report in examined.reports for finding in report.findings)
        lines += lines_of(tree)
        said += show(name, found, lines_of(tree), told, listed)
    await source.close()
    kloc, false = lines / 1000, sum(label.startswith("false") for label in said)
    print(f"together: {len(said)} blocking in {kloc:.1f} KLOC, {len(said) / kloc:.3f} per KLOC; {false} of them false")
    return all(said)


def show(name: str, found: Sequence[Finding], lines: int, told: Mapping[str, str], listed: bool) -> list[str]:
    """The label of each that blocks; empty where it has none."""
    blocking = [finding for finding in found if finding.blocks and finding.severity.at_least(_FAIL_ON)]
    print(f"{name}: {lines / 1000:.1f} KLOC, {len(blocking)} blocking, {len(found) - len(blocking)} for review")
    said = []
    for finding in blocking:
        place = f"{name.partition('==')[0]} {finding.rule} {finding.spot}"
        said.append(told.get(place, ""))
        print(f"    {finding.severity} {place}: {finding.title}\n      {said[-1] or 'NO LABEL'}")
    for finding in found if listed else ():
        print(f"    {finding.severity} {finding.basis} {finding.rule} {finding.spot} {finding.title}")
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--apps", action="store_true", help="packages that answer requests, instead of the ten")
    parser.add_argument("--list", action="store_true", help="also what is for review")
    given = parser.parse_args()
    with scratch("pullet-noise-") as top:
        sys.exit(not asyncio.run(measure(APPS if given.apps else PACKAGES, given.list, top)))


if __name__ == "__main__":
    main()
