"""The advisory database as a real git repository: damaged, empty, old or half done never looks like all is well."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from pullet.domain.errors import AssessmentFailed, PulletError
from pullet.domain.home import Home
from pullet.drivers.git import GitSource
from pullet.drivers.process import ProcessRunner
from pullet.drivers.security import advisory_index
from pullet.drivers.security.advisories import Advisories
from tests.git_world import Repository

pytestmark = pytest.mark.real

_DAY = 86400.0


def record(name: str, package: str, fixed: str = "2.0") -> str:
    return f"""\
id: {name}
details: A long story.
affected:
- package: {{name: {package}, ecosystem: PyPI}}
  ranges:
  - type: ECOSYSTEM
    events: [{{introduced: "0"}}, {{fixed: "{fixed}"}}]
"""


def vulns(*packages: str) -> dict[str, bytes | str]:
    """One record a package."""
    return {f"vulns/{name}/PYSEC-2024-{n}.yaml": record(f"PYSEC-2024-{n}", name) for n, name in enumerate(packages)}


class Box:
    """Advisories of one box, with a clock that one can set."""

    def __init__(self, folder: Path, files: Mapping[str, bytes | str]) -> None:
        self.folder = folder
        self.now = time.time()
        self.repository = Repository(folder / "database")
        self.repository.commit(dict(files))
        self.advisories = self.opened()

    def opened(self, url: str = "") -> Advisories:
        """As another process would have them."""
        source = GitSource(Home(self.folder / "home"), ProcessRunner())
        where = url or str(self.repository.path)
        return Advisories(self.folder / "kept", source, where, lambda: self.now, 14 * _DAY)

    @property
    def index(self) -> Path:
        return self.folder / "kept" / "advisories.sqlite"

    def ids(self, *packages: str) -> set[str]:
        found = self.opened().look_up(packages).advisories
        return {advisory.id for each in found.values() for advisory in each}


async def test_a_new_commit_is_indexed_and_an_old_one_only_noted(tmp_path: Path) -> None:
    box = Box(tmp_path, vulns("django", "flask"))
    first = await box.advisories.refresh()
    assert (first.records, first.unread) == (2, 0)
    assert box.ids("django", "unheard-of") == {"PYSEC-2024-0"}
    made = box.index.stat().st_ino
    box.now += 60
    again = await box.advisories.refresh()
    assert (again.polled - first.polled, box.index.stat().st_ino) == (60, made)
    box.repository.commit(
        {**vulns("django", "flask"), "vulns/django/PYSEC-2025-1.yaml": record("PYSEC-2025-1", "django")}
    )
    assert (await box.advisories.refresh()).records == 3
    assert box.ids("django") == {"PYSEC-2024-0", "PYSEC-2025-1"}


async def test_json_records_of_osv_are_read_too_and_other_files_are_not(tmp_path: Path) -> None:
    osv = '{"id": "GHSA-x", "affected": [{"package": {"ecosystem": "PyPI", "name": "a"}, "versions": ["1"]}]}'
    files = {"osv/GHSA-x.json": osv, "triage/false.yaml": "a: b", "LICENSE": "x", ".github/workflows/a.yaml": "on: x"}
    box = Box(tmp_path, files)
    state = await box.advisories.refresh()
    assert (state.records, state.unread, box.ids("a")) == (1, 0, {"GHSA-x"})


async def test_a_box_that_is_new_asks_once_and_then_not_on_any_road(tmp_path: Path) -> None:
    box = Box(tmp_path, vulns("django"))
    with pytest.raises(AssessmentFailed, match="no advisories on this box"):
        box.advisories.state()
    await box.advisories.ensure()
    assert box.advisories.polled_within(60)
    gone = box.repository.path.rename(tmp_path / "gone")
    await box.advisories.ensure()
    assert box.advisories.state().records == 1
    gone.rename(box.repository.path)


async def test_an_empty_repository_is_no_clean_bill(tmp_path: Path) -> None:
    box = Box(tmp_path, {"README.md": "moved elsewhere"})
    with pytest.raises(AssessmentFailed, match="no advisory that can be read"):
        await box.advisories.refresh()
    assert not box.index.exists()


async def test_a_repository_that_cannot_be_reached_keeps_what_there_was(tmp_path: Path) -> None:
    box = Box(tmp_path, vulns("django"))
    await box.advisories.refresh()
    (box.repository.path / "HEAD").unlink()
    box.now += 60
    with pytest.raises(PulletError):
        await box.opened().refresh()
    assert box.ids("django") == {"PYSEC-2024-0"}
    assert not box.advisories.polled_within(60)


async def test_a_repository_that_lost_most_of_its_records_is_not_believed(tmp_path: Path) -> None:
    box = Box(tmp_path, vulns("a", "b", "c", "d", "e"))
    await box.advisories.refresh()
    box.repository.commit(vulns("a", "b"))
    with pytest.raises(AssessmentFailed, match="lost most of its advisories: 2 of 5"):
        await box.advisories.refresh()
    assert len(box.ids("a", "b", "c", "d", "e")) == 5
    box.repository.commit(vulns("a", "b", "c"))
    assert (await box.advisories.refresh()).records == 3


@pytest.mark.parametrize(("days", "what"), [(13, ""), (15, "newest advisory is 15 days old"), (60, "60 days old")])
async def test_advisories_grow_too_old_to_say_anything(tmp_path: Path, days: int, what: str) -> None:
    box = Box(tmp_path, vulns("django"))
    await box.advisories.refresh()
    box.now += days * _DAY
    if not what:
        assert "the newest 13 days old" in box.advisories.told()
        return
    with pytest.raises(AssessmentFailed, match=what) as failure:
        box.advisories.told()
    assert "settings.toml" in failure.value.hint
    with pytest.raises(AssessmentFailed, match="newest advisory"):
        await box.advisories.refresh()  # a poll that brings nothing new does not make them younger


async def test_they_are_too_old_where_nobody_answered_for_long_whatever_the_commits_say(tmp_path: Path) -> None:
    box = Box(tmp_path, vulns("django"))
    await box.advisories.refresh()
    with sqlite3.connect(box.index) as database:
        database.execute("UPDATE state SET committed = ?", (box.now + 15 * _DAY,))
    database.close()
    with pytest.raises(AssessmentFailed, match="15 days ahead of this box's clock"):
        box.advisories.state()
    box.now += 15 * _DAY
    with pytest.raises(AssessmentFailed, match="last answer from their repository is 15 days old"):
        box.advisories.state()


async def test_what_cannot_be_read_is_told_for_the_packages_that_it_may_be_about(tmp_path: Path) -> None:
    bomb = "id: PYSEC-1\na0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    bomb += "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
    files: dict[str, bytes | str] = {
        **vulns("django"),
        "vulns/Big_One/PYSEC-2024-7.yaml": record("PYSEC-2024-7", "big-one") + "#" + "x" * (1 << 20),
        "vulns/bomb/PYSEC-2024-8.yaml": bomb,
        "vulns/bytes/PYSEC-2024-9.yaml": b"\xff\xfe",
        "vulns/line\nbreak/PYSEC-2024-10.yaml": "?",
    }
    box = Box(tmp_path, files)
    state = await box.advisories.refresh()
    assert (state.records, state.unread) == (1, 4)
    assert box.opened().look_up(["django"]).unread == []
    ((path, why),) = box.opened().look_up(["django", "big-one"]).unread
    assert (path, why) == ("vulns/Big_One/PYSEC-2024-7.yaml", "it is larger than 1 MiB")
    assert len(box.opened().look_up(["bomb", "bytes"]).unread) == 2


async def test_a_record_of_nobody_knows_which_package_concerns_all(tmp_path: Path) -> None:
    box = Box(tmp_path, {**vulns("django"), "GHSA-flat.json": "{"})
    await box.advisories.refresh()
    assert [path for path, _ in box.opened().look_up(["django"]).unread] == ["GHSA-flat.json"]


async def test_a_damaged_index_is_made_anew(tmp_path: Path) -> None:
    box = Box(tmp_path, vulns("django"))
    await box.advisories.refresh()
    box.index.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    with pytest.raises(AssessmentFailed, match="no advisories on this box"):
        box.opened().state()
    await box.opened().ensure()
    assert box.ids("django") == {"PYSEC-2024-0"}


async def test_an_index_that_is_damaged_within_says_so_once_and_is_made_anew(tmp_path: Path) -> None:
    box = Box(tmp_path, vulns("django"))
    await box.advisories.refresh()
    with sqlite3.connect(box.index) as database:
        database.execute("UPDATE package SET records = '[{}]'")
    database.close()
    with pytest.raises(AssessmentFailed, match="is damaged"):
        box.ids("django")
    await box.opened().ensure()
    assert box.ids("django") == {"PYSEC-2024-0"}


async def test_an_interrupted_update_leaves_the_former_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box(tmp_path, vulns("django"))
    await box.advisories.refresh()
    box.repository.commit(vulns("django", "flask"))

    def breaks(path: Path, *_: object) -> None:
        path.write_bytes(b"half")
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(advisory_index, "_fill", breaks)
        with pytest.raises(AssessmentFailed, match="cannot be kept"):
            await box.opened().refresh()
    assert box.ids("django", "flask") == {"PYSEC-2024-0"}
    assert [path.name for path in box.index.parent.iterdir()] == [box.index.name]
    assert (await box.opened().refresh()).records == 2


async def test_another_repository_has_nothing_to_say_of_this_one(tmp_path: Path) -> None:
    box = Box(tmp_path, vulns("django"))
    await box.advisories.refresh()
    other = Repository(tmp_path / "other")
    other.commit(vulns("flask"))
    moved = box.opened(str(other.path))
    with pytest.raises(AssessmentFailed, match="no advisories on this box"):
        moved.state()
    assert (await moved.refresh()).records == 1
    assert set(moved.look_up(["django", "flask"]).advisories) == {"flask"}


async def test_a_url_works_as_a_path_does_and_none_is_told(tmp_path: Path) -> None:
    box = Box(tmp_path, vulns("django"))
    assert (await box.opened(box.repository.path.as_uri()).refresh()).records == 1
    with pytest.raises(AssessmentFailed, match="No repository of advisories is configured"):
        await Advisories(tmp_path / "none", GitSource(Home(tmp_path), ProcessRunner()), "", time.time).refresh()
