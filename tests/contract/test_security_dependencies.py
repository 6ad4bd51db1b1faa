"""The engines about what is installed, with the real sandbox, on environments and lists made to deceive them."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from pullet.domain.errors import AssessmentFailed
from pullet.domain.home import Home
from pullet.domain.security import Basis, EngineReport
from pullet.drivers.git import GitSource
from pullet.drivers.process import ProcessRunner
from pullet.drivers.security.advisories import Advisories
from pullet.drivers.security.assessor import EngineAssessor
from pullet.drivers.security.bill import SbomEngine
from pullet.drivers.security.dependencies import DependenciesEngine
from pullet.drivers.security.licences import LicencesEngine
from pullet.drivers.security.packages import PackagesEngine
from pullet.ports.assessing import Engine, Subject
from tests.assessing import subject_of, unheard, workbench
from tests.git_world import Repository

pytestmark = pytest.mark.real

_RECORDS = {
    "vulns/idna/PYSEC-2024-60.yaml": """\
id: PYSEC-2024-60
aliases: [CVE-2024-3651]
affected:
- package: {name: idna, ecosystem: PyPI}
  ranges:
  - type: ECOSYSTEM
    events: [{introduced: "0"}, {fixed: "3.7"}]
""",
    "vulns/pyyaml/PYSEC-2021-142.yaml": """\
id: PYSEC-2021-142
affected:
- package: {name: pyyaml, ecosystem: PyPI}
  versions: ["5.3"]
""",
    "vulns/broken/PYSEC-2024-99.yaml": "?",
}


class Bench:
    def __init__(self, top: Path) -> None:
        self.top = top
        database = Repository(top / "database")
        database.commit(dict(_RECORDS))
        source = GitSource(Home(top / "mirrors"), ProcessRunner())
        self.advisories = Advisories(top / "kept", source, str(database.path), time.time)

    def subject(self, files: Mapping[str, str | bytes], python: Path | None = None) -> Subject:
        (self.top / "tree").mkdir(exist_ok=True)
        return subject_of(self.top / "tree", files, python=python)

    def environment(self, packages: Mapping[str, str | Mapping[str, str | bytes]]) -> Path:
        """One whose packages are nothing but what they say of themselves: folder -> METADATA, or files."""
        site = self.top / "environment" / "lib" / "python3.11" / "site-packages"
        site.mkdir(parents=True)
        for folder, told in packages.items():
            files = {"METADATA": told} if isinstance(told, str) else told
            (site / folder).mkdir()
            for name, data in files.items():
                (site / folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
        return self.top / "environment" / "bin" / "python"

    async def dependencies(self, subject: Subject) -> EngineReport:
        return await DependenciesEngine(await workbench(self.top / "home"), self.advisories).assess(subject, unheard)

    async def packages(self, subject: Subject) -> EngineReport:
        return await PackagesEngine(await workbench(self.top / "home")).assess(subject, unheard)

    async def licences(self, subject: Subject) -> EngineReport:
        return await LicencesEngine(await workbench(self.top / "home")).assess(subject, unheard)

    async def bill(self, subject: Subject) -> EngineReport:
        return await SbomEngine(await workbench(self.top / "home")).assess(subject, unheard)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Path(tempfile.mkdtemp(dir="/tmp"))
    made.chmod(0o711)
    yield Bench(made)
    shutil.rmtree(made)


def said(name: str, version: str, more: str = "") -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}\n"


def missed(report: EngineReport) -> dict[str, str]:
    return {name: why for coverage in report.coverage for name, why in coverage.missed}


async def test_a_locked_version_is_matched_and_its_place_told(bench: Bench) -> None:
    subject = bench.subject({"requirements.txt": "# pins\nidna==3.6\nflask==3.1.0\n", "app.py": "import idna\n"})
    report = await bench.dependencies(subject)
    (finding,) = report.findings
    assert (finding.rule, str(finding.spot), finding.fixed_in) == (
        "advisory/PYSEC-2024-60",
        "requirements.txt:2",
        "3.7",
    )
    assert (finding.basis, finding.imported, finding.blocks) == (Basis.ADVISORY, True, True)
    assert report.assessed
    assert (report.coverage[0].done, report.coverage[0].there) == (2, 2)
    assert report.data.startswith("2 advisories, the newest 0 days old")


async def test_what_is_installed_counts_not_what_is_listed(bench: Bench) -> None:
    python = bench.environment(
        {
            "idna-3.7.dist-info": said("idna", "3.7"),
            "PyYAML-5.3.dist-info": {
                "METADATA": said("PyYAML", "5.3"),
                "RECORD": "yaml/__init__.py,,\nPyYAML-5.3.dist-info/RECORD,,\n",
            },
        }
    )
    subject = bench.subject({"requirements.txt": "idna==3.6\npyyaml\n", "app.py": "import yaml\n"}, python)
    report = await bench.dependencies(subject)
    (finding,) = report.findings
    assert (finding.sink, finding.imported, str(finding.spot)) == ("pyyaml", True, "requirements.txt:2")
    assert not finding.blocks  # there is no version without it
    assert report.assessed


async def test_whether_the_code_imports_it_is_known_only_where_all_code_could_be_read(bench: Bench) -> None:
    files = {"METADATA": said("PyYAML", "5.3"), "top_level.txt": "_yaml\nyaml\n"}
    python = bench.environment({"PyYAML-5.3.dist-info": files})
    report = await bench.dependencies(bench.subject({"app.py": "import json\n"}, python))
    assert [finding.imported for finding in report.findings] == [False]
    report = await bench.dependencies(bench.subject({"app.py": "import json\n", "odd.py": "def ("}, python))
    assert [finding.imported for finding in report.findings] == [None]


async def test_without_a_version_nothing_is_assessed(bench: Bench) -> None:
    files = {"requirements.txt": "flask\nidna==3.7\ngit+https://example.org/a.git\n-r gone.txt\n???\n"}
    report = await bench.dependencies(bench.subject(files))
    assert not report.assessed
    assert (report.coverage[0].done, report.coverage[0].there) == (1, 5)
    assert missed(report)["flask"] == "requirements.txt:1 names no version of it, and nothing is installed"
    assert "`gone.txt` is not in the repository" in missed(report)


async def test_a_project_without_a_lock_is_not_assessed_and_with_one_it_is(bench: Bench) -> None:
    project = {"pyproject.toml": '[project]\ndependencies = ["idna"]\n', "setup.py": "setup(install_requires=x())"}
    report = await bench.dependencies(bench.subject(project))
    assert sorted(missed(report)) == ["idna", "it would have to be run to tell what it needs"]
    locked = {**project, "uv.lock": '[[package]]\nname = "idna"\nversion = "3.6"\n'}
    report = await bench.dependencies(bench.subject(locked))
    assert report.assessed
    assert [str(finding.spot) for finding in report.findings] == ["uv.lock:2"]


async def test_what_test_data_list_is_excused_by_name(bench: Bench) -> None:
    files = {"requirements.txt": "idna==3.7\n", "tests/data/requirements.txt": "idna==3.6\nflask\n"}
    report = await bench.dependencies(bench.subject(files))
    assert not report.findings
    assert report.coverage[0].excused == (("tests/data/requirements.txt", "lies among the tests"),)


async def test_included_files_are_read_once_though_they_include_each_other(bench: Bench) -> None:
    files = {"requirements.txt": "-r pins/base.in\n", "pins/base.in": "-r ../requirements.txt\nidna==3.6\n"}
    report = await bench.dependencies(bench.subject(files))
    assert [str(finding.spot) for finding in report.findings] == ["pins/base.in:2"]
    assert report.assessed


async def test_a_record_that_nobody_can_read_matters_to_its_package_only(bench: Bench) -> None:
    assert (await bench.dependencies(bench.subject({"requirements.txt": "idna==3.7\n"}))).assessed
    report = await bench.dependencies(bench.subject({"requirements.txt": "broken==1.0\n"}))
    assert not report.assessed
    assert missed(report) == {"vulns/broken/PYSEC-2024-99.yaml": "it is no advisory that can be read"}


async def test_advisories_that_are_too_old_are_a_gap(bench: Bench) -> None:
    await bench.advisories.refresh()
    source = GitSource(Home(bench.top / "mirrors"), ProcessRunner())
    bench.advisories = Advisories(bench.top / "kept", source, bench.advisories.url, lambda: time.time() + 60 * 86400)
    subject = bench.subject({"requirements.txt": "idna==3.6\n"})
    with pytest.raises(AssessmentFailed, match="60 days old, more than 14"):
        await bench.dependencies(subject)
    engine = DependenciesEngine(await workbench(bench.top / "home"), bench.advisories)
    (_, report) = (await EngineAssessor([engine]).examine(subject, unheard)).reports
    assert not report.assessed
    assert report.gap.startswith("The newest advisory is 60 days old, more than 14.")
    assert "settings.toml" in report.gap
    assert "\n" not in report.gap


async def test_packages_that_hide_what_they_are_are_missed_not_passed(bench: Bench) -> None:
    python = bench.environment(
        {
            "idna-3.6.dist-info": said("idna", "3.7"),  # says it is mended
            "nothing.dist-info": {},
            "bare-1.0.dist-info": {},  # its folder says enough
            "line\nbreak-1.0.dist-info": said("line\nbreak", "1.0"),
            "huge-1.0.dist-info": "Name: huge\n" + "x" * (5 << 20),
            "old-2.0.egg-info": {"PKG-INFO": said("old", "2.0")},
        }
    )
    report = await bench.dependencies(bench.subject({}, python))
    assert not report.assessed
    assert (report.coverage[0].done, report.coverage[0].there) == (2, 6)
    assert missed(report)["idna-3.6.dist-info"] == "it calls itself idna 3.7"
    assert missed(report)["huge-1.0.dist-info"] == "more than 4 MB"


async def test_links_out_of_the_environment_are_not_followed(bench: Bench) -> None:
    python = bench.environment({"a-1.0.dist-info": {}})
    site = python.parent.parent / "lib" / "python3.11" / "site-packages"
    (site / "a-1.0.dist-info" / "METADATA").symlink_to("/etc/passwd")
    report = await bench.dependencies(bench.subject({}, python))
    assert "root:" not in repr(report)
    assert "a-1.0.dist-info" in missed(report)


async def test_an_interpreter_without_an_environment_is_a_gap(bench: Bench) -> None:
    with pytest.raises(AssessmentFailed, match="no environment with site-packages"):
        await bench.dependencies(bench.subject({"requirements.txt": "idna==3.6"}, bench.top / "bin" / "python"))


async def test_an_environment_that_sees_the_systems_packages_is_not_fully_assessed(bench: Bench) -> None:
    python = bench.environment({"idna-3.7.dist-info": said("idna", "3.7")})
    (python.parent.parent / "pyvenv.cfg").write_text("include-system-site-packages = true\n")
    report = await bench.dependencies(bench.subject({}, python))
    assert list(missed(report)) == ["pyvenv.cfg"]


async def test_an_empty_environment_says_nothing_of_what_is_locked(bench: Bench) -> None:
    report = await bench.dependencies(bench.subject({"requirements.txt": "idna==3.6\n"}, bench.environment({})))
    assert [finding.sink for finding in report.findings] == ["idna"]


async def test_a_wheel_in_the_repository_is_never_unpacked(bench: Bench) -> None:
    bomb = bench.top / "bomb.whl"
    with (
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("idna/data.py", "w", force_zip64=True) as file,
    ):
        for _ in range(1024):
            file.write(b"\0" * (1 << 20))
    name = "wheels/idna-3.6-py3-none-any.whl"
    subject = bench.subject({name: bomb.read_bytes(), "requirements.txt": f"./{name}\n"})
    begun = time.monotonic()
    report = await bench.dependencies(subject)
    assert time.monotonic() - begun < 10  # a gigabyte takes longer, and more memory than there is
    assert [finding.sink for finding in report.findings] == ["idna"]  # its name says what it is


async def test_ten_thousand_requirements_with_hostile_names(bench: Bench) -> None:
    lines = "".join(f"package-{number}==1.{number}\n" for number in range(10_000))
    files = {"requirements.txt": lines, "a\nb/requirements.txt": "idna==3.6\n", "requirements\udcff.txt": "x==1\n"}
    begun = time.monotonic()
    report = await bench.dependencies(bench.subject(files))
    assert time.monotonic() - begun < 30
    assert report.coverage[0].done == 10_002
    assert [finding.spot.path for finding in report.findings] == ["a\nb/requirements.txt"]


async def test_packages_of_files_and_of_the_environment(bench: Bench) -> None:
    python = bench.environment({"reqests-1.0.dist-info": said("reqests", "1.0")})
    subject = bench.subject({"requirements.txt": "flask\n--extra-index-url https://u:p4ss@example.org/\n"}, python)
    report = await bench.packages(subject)
    assert {finding.rule for finding in report.findings} == {
        "packages/lookalike",
        "packages/extra-index",
        "packages/unpinned",
    }
    assert not any(finding.blocks for finding in report.findings)
    assert "p4ss" not in repr(report)
    assert report.assessed
    assert report.coverage[0].excused[0][0] == "yanked releases"
    broken = await bench.packages(bench.subject({"requirements.txt": "???"}, python))
    assert not broken.assessed


async def test_licences_of_what_is_installed(bench: Bench) -> None:
    python = bench.environment(
        {
            "free-1.0.dist-info": said("free", "1.0", "License-Expression: MIT"),
            "strong-1.0.dist-info": said("strong", "1.0", "License: GPLv3"),
            "odd-1.0.dist-info": said("odd", "1.0"),
        }
    )
    report = await bench.licences(bench.subject({"uv.lock": ""}, python))
    assert {finding.rule: finding.code for finding in report.findings} == {
        "licences/copyleft": "strong==1.0",
        "licences/unknown": "odd",
    }
    assert report.assessed


async def test_the_bill_of_materials_is_cyclonedx_of_all_that_is_installed(bench: Bench) -> None:
    subject = bench.subject({}, Path(sys.executable))
    report = await bench.bill(subject)
    document = json.loads(report.document)
    names = {component["name"].lower() for component in document["components"]}
    assert {"cyclonedx-bom", "ruff", "pytest"} <= names
    assert next(each for each in document["components"] if each["name"] == "ruff")["purl"].startswith("pkg:pypi/ruff@")
    assert report.assessed
    assert report.coverage[0].done == len(document["components"])


async def test_nothing_of_the_environment_runs_for_its_bill(bench: Bench) -> None:
    python = bench.environment({"idna-3.7.dist-info": said("idna", "3.7")})
    site = python.parent.parent / "lib" / "python3.11" / "site-packages"
    (site / "evil.pth").write_text("import sys; sys.path.clear(); print('ran')\n")
    python.parent.mkdir()
    python.write_text("#!/bin/sh\necho '[]'\n")
    python.chmod(0o755)
    report = await bench.bill(bench.subject({}, python))
    assert [each["name"] for each in json.loads(report.document)["components"]] == ["idna"]


async def test_the_bill_is_valid_by_cyclonedx_own_schema(bench: Bench) -> None:
    python = bench.environment(
        {
            "idna-3.7.dist-info": said("idna", "3.7", "License-Expression: BSD-3-Clause\nRequires-Dist: flask>=3"),
            "flask-3.1.0.dist-info": said("flask", "3.1.0", "License: whatever\nProject-URL: Home, no url at all"),
        }
    )
    report = await bench.bill(bench.subject({}, python))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(report.document) is None
    broken = report.document.replace('"specVersion"', '"specVersions"')
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken) is not None


async def test_where_nothing_is_installed_the_bill_has_what_is_locked(bench: Bench) -> None:
    report = await bench.bill(bench.subject({"requirements.txt": "idna==3.7\nflask>=3\n"}))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(report.document) is None
    assert [each["name"] for each in json.loads(report.document)["components"]] == ["idna"]
    assert not report.assessed, "a bill without all of it is not whole"
    report = await bench.bill(bench.subject({"requirements.txt": "idna==3.7\nflask==3.1.0\n"}))
    assert (report.assessed, report.coverage[0].there) == (True, 2)


async def test_a_package_that_breaks_the_bill_leaves_a_gap(bench: Bench) -> None:
    python = bench.environment({"bare-1.0.dist-info": {}, "idna-3.7.dist-info": said("idna", "3.7")})
    with pytest.raises(AssessmentFailed, match="cyclonedx-py"):
        await bench.bill(bench.subject({}, python))


async def test_what_has_nothing_to_look_at_is_left_out(bench: Bench) -> None:
    there = await workbench(bench.top / "home")
    engines: list[Engine] = [PackagesEngine(there), SbomEngine(there)]
    nothing = bench.subject({"app.py": ""})
    assert all(engine.left_out(nothing) for engine in engines)
    listed = replace(nothing, files=("requirements.txt",))
    assert not any(engine.left_out(listed) for engine in engines)


async def test_names_that_are_compiled_into_pins_are_assessed(bench: Bench) -> None:
    files = {"requirements.in": "idna\nflask>=3\n", "requirements.txt": "idna==3.7\nflask==3.1.0\n"}
    assert (await bench.dependencies(bench.subject(files))).assessed
    assert not (await bench.packages(bench.subject(files))).findings
