"""Folders come and go while they are listed."""

import shutil
import threading
from pathlib import Path

from pullet.drivers.listing import below, inside


def test_a_folder_that_goes_meanwhile_holds_nothing(tmp_path: Path) -> None:
    for name in ("1", "2", "3"):
        (tmp_path / name / "web.0").mkdir(parents=True)
    found = inside(inside([tmp_path]))
    assert next(found).parent.name == "1"
    (tmp_path / "2/web.0").rmdir()
    (tmp_path / "2").rmdir()
    assert [path.parent.name for path in found] == ["3"]


def test_what_stays_is_found_while_others_come_and_go(tmp_path: Path) -> None:
    stays = tmp_path / "shop" / "production" / "db"
    stays.mkdir(parents=True)
    end = threading.Event()

    def come_and_go() -> None:
        while not end.is_set():
            (tmp_path / "blog" / "production" / "db").mkdir(parents=True, exist_ok=True)
            shutil.rmtree(tmp_path / "blog")

    busy = threading.Thread(target=come_and_go)
    busy.start()
    try:
        assert all(stays in list(below(tmp_path, 3)) for _ in range(300))
    finally:
        end.set()
        busy.join()


def test_so_many_levels_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    assert list(below(tmp_path, 2)) == [tmp_path / "a" / "b"]
    assert list(below(tmp_path / "none", 2)) == []
