"""The folders of instances come and go while they are listed."""

from pathlib import Path

from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey
from pullet.drivers.runtime.places import Places, inside

SHOP = EnvironmentKey("shop", "production")


def test_a_folder_that_goes_meanwhile_holds_nothing(tmp_path: Path) -> None:
    for name in ("1", "2", "3"):
        (tmp_path / name / "web.0").mkdir(parents=True)
    found = inside(inside([tmp_path]))
    assert next(found).parent.name == "1"
    (tmp_path / "2/web.0").rmdir()
    (tmp_path / "2").rmdir()
    assert [path.parent.name for path in found] == ["3"]


def test_instances_and_spares_are_told_apart(tmp_path: Path) -> None:
    places = Places(Home(tmp_path))
    for name in ("1/web.0", "spares/web"):
        (places.home.run / "shop/production" / name).mkdir(parents=True)
    (places.home.run / "blog/staging/4/web.0").mkdir(parents=True)
    assert [path.parent.name for path in places.instances(SHOP)] == ["1"]
    assert [path.parent.name for path in places.instances(None)] == ["4", "1"]
    assert [path.parent.name for path in places.spares(None)] == ["spares"]


def test_a_home_in_which_nothing_ran_yet_has_none(tmp_path: Path) -> None:
    assert list(Places(Home(tmp_path)).instances(None)) == []
    assert list(Places(Home(tmp_path)).instances(SHOP)) == []
