"""Where the files of instances are."""

from pathlib import Path

from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey
from pullet.drivers.runtime.places import Places

SHOP = EnvironmentKey("shop", "production")


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
