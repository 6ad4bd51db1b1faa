"""Engines for secrets, settings and dependencies, on the real programs and on files that were made to fool them."""

from __future__ import annotations

import random
import shutil
import string
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pullet.analysis.security.fingerprints import merged
from pullet.domain.errors import AssessmentFailed, PulletError
from pullet.domain.home import Home
from pullet.domain.security import Basis, EngineReport, Severity
from pullet.drivers.git import GitSource
from pullet.drivers.process import ProcessRunner
from pullet.drivers.security.advisories import Advisories
from pullet.drivers.security.assessor import EngineAssessor
from pullet.drivers.security.configuration import ConfigurationEngine
from pullet.drivers.security.dependencies import DependenciesEngine
from pullet.drivers.security.history import HistoryEngine
from pullet.drivers.security.secrets import SecretsEngine
from pullet.drivers.security.workbench import Limits
from pullet.ports.assessing import Engine, Subject
from tests.assessing import committed, subject_of, unheard, workbench

pytestmark = pytest.mark.real


def key(seed: int = 1) -> str:
    """Of the form of a cloud's keys, and of nobody."""
    letters = random.Random(seed)
    return "AKIA" + "".join(letters.choice(string.ascii_uppercase + "234567") for _ in range(16))


@pytest.fixture
def top() -> Iterator[Path]:
    """Where confined programs can pass."""
    folder = Path(tempfile.mkdtemp(prefix="pullet-assess-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


async def secrets_of(top: Path, subject: Subject, limits: Limits | None = None) -> EngineReport:
    """Of files and history, as an assessment tells it."""
    bench = await workbench(top / "home", limits)
    files = await SecretsEngine(bench).assess(subject, unheard)
    engine = HistoryEngine(bench, top / "memory")
    if engine.left_out(subject):
        return files
    history = await engine.assess(subject, unheard)
    findings = merged((*files.findings, *history.findings))
    return replace(files, findings=findings, coverage=(*files.coverage, *history.coverage))


def in_git(top: Path, *commits: dict[str, str | bytes], gone: str = "") -> tuple[Subject, list[str]]:
    """The subject at the last of these commits; before the last one `gone` is removed."""
    shas = []
    for number, files in enumerate(commits):
        if gone and number == len(commits) - 1:
            (top / "tree" / gone).unlink()
        subject_of(top / "tree", files)
        shas.append(committed(top / "tree"))
    names = tuple(sorted(str(path.relative_to(top / "tree")) for path in (top / "tree").iterdir() if path.is_file()))
    return Subject("shop", top / "tree", names, repository=top / "tree" / ".git", revision=shas[-1]), shas


# -- secrets -----------------------------------------------------------------------------------------------------


async def test_a_key_in_the_files_is_told_without_the_key(top: Path) -> None:
    subject, [sha] = in_git(top, {"deploy.cfg": f"aws_access_key_id = {key()}\n"})
    report = await secrets_of(top, subject)
    [finding] = report.findings
    assert (finding.basis, finding.severity, finding.cwe) == (Basis.SECRET, Severity.CRITICAL, 798)
    assert (finding.spot.path, finding.spot.line, finding.spot.commit) == ("deploy.cfg", 1, sha)
    assert finding.spot.author == "Ada"
    assert key() not in repr(report)
    assert report.assessed


async def test_a_key_that_only_the_history_has_is_for_review(top: Path) -> None:
    subject, shas = in_git(top, {"a.cfg": f"aws_key = {key()}\n"}, {"b.txt": "nothing\n"}, gone="a.cfg")
    [finding] = (await secrets_of(top, subject)).findings
    assert (finding.basis, finding.spot.commit) == (Basis.PATTERN, shas[0])
    assert "history" in finding.title


async def test_only_new_commits_are_looked_at_and_old_secrets_are_not_forgotten(top: Path) -> None:
    subject, shas = in_git(top, {"a.cfg": f"aws_key = {key()}\n"}, {"b.cfg": "nothing\n"}, gone="a.cfg")
    first = await secrets_of(top, subject)
    assert [(each.unit, each.done) for each in first.coverage] == [("files", 1), ("commits", 2)]
    (top / "tree" / "c.cfg").write_text(f"aws_key = {key(2)}\n")
    later = replace(subject, revision=committed(top / "tree"), files=("b.cfg", "c.cfg"))
    second = await secrets_of(top, later)
    assert [(each.unit, each.done) for each in second.coverage] == [("files", 2), ("commits", 1)]
    assert {finding.spot.path for finding in second.findings} == {"a.cfg", "c.cfg"}
    before = await secrets_of(top, replace(subject, revision=shas[0], files=("b.cfg",)))
    assert [finding.spot.commit for finding in before.findings] == [shas[0]]
    assert (await secrets_of(top, later)).coverage[1].done == 0


async def test_a_branch_that_was_written_anew_is_looked_at_anew(top: Path) -> None:
    subject, _ = in_git(top, {"a.cfg": f"aws_key = {key()}\n"}, {"b.cfg": "nothing\n"}, gone="a.cfg")
    await secrets_of(top, subject)
    shutil.rmtree(top / "tree" / ".git")
    again = replace(subject, revision=committed(top / "tree"))
    report = await secrets_of(top, again)
    assert (report.findings, report.coverage[1].done) == ((), 1)


async def test_a_few_files_are_looked_at_apart(top: Path) -> None:
    files = {"folder/a.cfg": f"aws_key = {key()}\n", **{f"{number}.cfg": "nothing\n" for number in range(9)}}
    subject = subject_of(top / "tree", files, only=frozenset({"folder/a.cfg"}))
    report = await SecretsEngine(await workbench(top / "home")).assess(subject, unheard)
    assert [finding.spot.path for finding in report.findings] == ["folder/a.cfg"]
    assert [(each.done, each.there) for each in report.coverage] == [(1, 1)]


@pytest.mark.parametrize(
    "silencer",
    [
        {".gitleaks.toml": "[allowlist]\npaths = ['''.*''']\n"},
        {".gitleaksignore": "a.cfg:aws-access-token:1\n"},
        {".gitattributes": "*.cfg binary -diff\n"},
    ],
)
async def test_a_repository_cannot_silence_it(top: Path, silencer: dict[str, str | bytes]) -> None:
    subject, _ = in_git(top, {"a.cfg": f"aws_key = {key()}  # gitleaks:allow\n", **silencer})
    assert [finding.cwe for finding in (await secrets_of(top, subject)).findings] == [798]


async def test_hostile_names_links_and_binaries(top: Path) -> None:
    files: dict[str, str | bytes] = {
        "a\nb.cfg": f"aws_key = {key(2)}\n",
        "blob.bin": b"\0\1\2" + f" aws_key = {key(3)} ".encode() + b"\0" * 100,
        "long.txt": "a" * (1 << 20),
    }
    subject = subject_of(top / "tree", files)
    (top / "tree" / "shadow").symlink_to("/etc/shadow")
    report = await secrets_of(top, subject)
    assert "a\nb.cfg" in {finding.spot.path for finding in report.findings}
    assert all(finding.spot.path != "shadow" for finding in report.findings)


async def test_too_little_time_is_no_pass(top: Path) -> None:
    subject = subject_of(top / "tree", {"a.cfg": "x\n"})
    with pytest.raises(AssessmentFailed, match="took longer"):
        await secrets_of(top, subject, Limits(seconds=0.001))


# -- settings ----------------------------------------------------------------------------------------------------


async def settings_of(top: Path, files: dict[str, str | bytes], *frameworks: str, **more: object) -> EngineReport:
    subject = subject_of(top / "tree", files, frameworks=frozenset(frameworks), **more)
    return await ConfigurationEngine(await workbench(top / "home")).assess(subject, unheard)


_MANAGE = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings.production")\n'
_SINGLE = _MANAGE.replace("shop.settings.production", "settings")
_MIDDLEWARE = 'MIDDLEWARE = ["django.middleware.csrf.CsrfViewMiddleware"]\n'


async def test_the_settings_that_are_served_count(top: Path) -> None:
    files: dict[str, str | bytes] = {
        "manage.py": _MANAGE,
        "shop/__init__.py": "",
        "shop/settings/__init__.py": "",
        "shop/settings/base.py": 'import os\nDEBUG = True\nSECRET_KEY = "abc" * 9\nSECRET_KEY = "constant"\n'
        + _MIDDLEWARE,
        "shop/settings/production.py": "from .base import *\nDEBUG = False\n",
        "shop/settings/local.py": "from .base import *\n",
    }
    report = await settings_of(top, files, "django")
    found = {finding.sink: finding for finding in report.findings}
    assert "DEBUG" not in found
    assert found["SECRET_KEY"].spot.path == "shop/settings/base.py"
    assert found["SECRET_KEY"].basis is Basis.CONFIGURATION
    assert "CsrfViewMiddleware" not in found
    assert report.assessed


@pytest.mark.parametrize(
    ("line", "debug"),
    [
        ("DEBUG = True", True),
        ('DEBUG = os.environ.get("DEBUG", "1") == "1"', True),
        ('DEBUG = os.environ.get("DEBUG") == "1"', False),
        ('DEBUG = bool(int(os.environ.get("DEBUG", 0)))', False),
        ('DEBUG = env.bool("DEBUG", default=True)', True),
        ('DEBUG = config("DEBUG", default=False, cast=bool)', False),
    ],
)
async def test_a_default_is_what_holds_where_no_variable_is_set(top: Path, line: str, debug: bool) -> None:
    module = f"import os\n{line}\n"
    files: dict[str, str | bytes] = {
        "manage.py": _SINGLE,
        "settings.py": module,
    }
    report = await settings_of(top, files, "django")
    assert ("DEBUG" in {finding.sink for finding in report.findings}) is debug
    given = await settings_of(top, files, "django", variables={"DEBUG": "0"})
    assert ("DEBUG" in {finding.sink for finding in given.findings}) is (line == "DEBUG = True")


@pytest.mark.parametrize(
    "bomb",
    [
        "x = " + "(" * 100_000,
        "x = " + "[" * 90 + "]" * 90 + "\n" + "x = -" + "-" * 50_000 + "1",
        "print 'python 2'\n",
        b"DEBUG = True \xff\xfe",
        "from .settings import *\nfrom settings import *\nDEBUG = True\n",
        "",
    ],
)
async def test_settings_that_were_made_to_break_their_reader(top: Path, bomb: str | bytes) -> None:
    files: dict[str, str | bytes] = {
        "manage.py": _SINGLE,
        "settings.py": bomb,
    }
    report = await settings_of(top, files, "django")
    told = {finding.sink for finding in report.findings}
    assert not report.assessed or "DEBUG" in told or bomb == ""


async def test_apps_that_are_made_by_a_call(top: Path) -> None:
    files: dict[str, str | bytes] = {
        "one.py": "from fastapi import FastAPI\napp = FastAPI(debug=True, docs_url=None)\n"
        'app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True)\n'
        'app.add_middleware(SessionMiddleware, secret_key="constant")\n',
        "two.py": "from flask import Flask\napp = Flask(__name__)\n"
        'app.config.update(SECRET_KEY="constant", DEBUG=True)\n',
        "tests/test_app.py": 'app.config["SECRET_KEY"] = "flask for tests"\n',
    }
    report = await settings_of(top, files, "fastapi", "flask")
    assert sorted((finding.rule, finding.spot.path) for finding in report.findings) == [
        ("flask/debug", "two.py"),
        ("flask/secret-key", "two.py"),
        ("starlette/cors-credentials", "one.py"),
        ("starlette/debug", "one.py"),
        ("starlette/secret-key", "one.py"),
    ]


# -- dependencies ------------------------------------------------------------------------------------------------

_RECORD = """\
id: {id}
aliases: [{alias}]
summary: A long text takes quadratic time to encode.
affected:
- package: {{name: IDNA, ecosystem: PyPI}}
  ranges:
  - type: ECOSYSTEM
    events: [{{introduced: "0"}}, {{fixed: "3.7"}}]
"""


def database(top: Path, *records: str) -> str:
    files: dict[str, str | bytes] = {
        f"vulns/idna/PYSEC-2024-{number}.yaml": text for number, text in enumerate(records)
    }
    subject_of(top / "advisories", files or {"README": "none"})
    committed(top / "advisories")
    return str(top / "advisories")


def advisories(top: Path, url: str, now: float | None = None) -> Advisories:
    source = GitSource(Home(top / "home"), ProcessRunner())
    return Advisories(top / "home" / "advisories", source, url, lambda: now or time.time())


async def dependencies_of(top: Path, known: Advisories, files: dict[str, str | bytes]) -> EngineReport:
    engine = DependenciesEngine(await workbench(top / "home"), known)
    return await engine.assess(subject_of(top / "tree", files), unheard)


async def test_a_known_vulnerability_has_its_fix(top: Path) -> None:
    one = _RECORD.format(id="PYSEC-2024-60", alias="CVE-2024-3651")
    other = _RECORD.format(id="GHSA-jjg7-2v4v-x38h", alias="CVE-2024-3651")
    known = advisories(top, database(top, one, other))
    report = await dependencies_of(
        top, known, {"requirements.txt": "flask==3.1.0\nidna==3.6.0\n", "app.py": "import idna\n"}
    )
    [finding] = report.findings
    assert (finding.fixed_in, finding.imported, str(finding.spot)) == ("3.7", True, "requirements.txt:2")
    assert finding.blocks
    assert "2 advisories" in report.data
    assert report.assessed
    assert not (await dependencies_of(top, known, {"requirements.txt": "idna==3.7\n"})).findings


async def test_what_names_no_version_is_not_assessed(top: Path) -> None:
    known = advisories(top, database(top, _RECORD.format(id="PYSEC-2024-60", alias="X")))
    report = await dependencies_of(top, known, {"requirements.txt": "idna\nflask>=2\n"})
    assert (report.assessed, report.coverage[0].there) == (False, 2)


@pytest.mark.parametrize(
    ("lock", "text"),
    [
        ("uv.lock", '[[package]]\nname = "idna"\nversion = "3.6"\nsource = { registry = "x" }\n'),
        ("poetry.lock", '[[package]]\nname = "idna"\nversion = "3.6"\n'),
        ("Pipfile.lock", '{"default": {"idna": {"version": "==3.6"}}}'),
        ("pylock.toml", '[[packages]]\nname = "idna"\nversion = "3.6"\n'),
        ("requirements-web.txt", "idna==3.6 --hash=sha256:aa\n"),
    ],
)
async def test_locks_of_all_kinds(top: Path, lock: str, text: str) -> None:
    known = advisories(top, database(top, _RECORD.format(id="PYSEC-2024-60", alias="X")))
    [finding] = (await dependencies_of(top, known, {lock: text})).findings
    assert finding.spot.path == lock


async def test_no_advisories_and_damaged_ones_are_no_pass(top: Path) -> None:
    files: dict[str, str | bytes] = {"requirements.txt": "idna==3.6\n"}
    with pytest.raises(PulletError):
        await dependencies_of(top, advisories(top, str(top / "nothing")), files)
    with pytest.raises(AssessmentFailed, match="has no advisory"):
        await dependencies_of(top, advisories(top, database(top)), files)
    with pytest.raises(AssessmentFailed, match="No repository"):
        await dependencies_of(top, advisories(top, ""), files)


async def test_old_advisories_are_no_pass(top: Path) -> None:
    url = database(top, _RECORD.format(id="PYSEC-2024-60", alias="X"))
    two_months = advisories(top, url, time.time() + 60 * 86400)
    with pytest.raises(AssessmentFailed, match="60 days old"):
        await dependencies_of(top, two_months, {"requirements.txt": "idna==3.6\n"})


async def test_a_damaged_index_is_made_anew(top: Path) -> None:
    known = advisories(top, database(top, _RECORD.format(id="PYSEC-2024-60", alias="X")))
    await known.refresh()
    (top / "home" / "advisories" / "advisories.json").write_text('{"commit": "half')
    assert (await dependencies_of(top, known, {"requirements.txt": "idna==3.6\n"})).findings


async def test_records_that_are_none_are_counted_and_hide_nothing(top: Path) -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nid: [*c, *c]\n"
    known = advisories(top, database(top, bomb, "id: [", _RECORD.format(id="PYSEC-2024-60", alias="X")))
    state = await known.refresh()
    assert (state.records, state.unread) == (1, 2)
    assert (await dependencies_of(top, known, {"requirements.txt": "idna==3.6\n"})).findings


# -- all together ------------------------------------------------------------------------------------------------


class Bad:
    part = "bad"

    def left_out(self, subject: Subject) -> str:
        return ""

    async def assess(self, subject: Subject, log: object) -> EngineReport:
        raise ZeroDivisionError("a bug")


async def test_a_bug_of_an_engine_is_a_gap_in_its_part(top: Path) -> None:
    engines: list[Engine] = [Bad(), SecretsEngine(await workbench(top / "home"))]
    subject = subject_of(top / "tree", {"a.cfg": "x\n"})
    (top / "tree" / "film.mp4").write_bytes(b"")
    with (top / "tree" / "film.mp4").open("r+b") as file:
        file.truncate(100 << 20)
    examined = await EngineAssessor(engines).examine(Subject("shop", subject.tree), unheard)
    reports = {report.part: report for report in examined.reports}
    assert "ZeroDivisionError" in reports["bad"].gap
    assert reports["secrets"].assessed
    assert reports["files"].coverage[0].missed == (("film.mp4", "100 MB, more than the limit of 20 MB"),)
    assert not reports["files"].assessed
