"""What every `Secrets` promises."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pullet.config.fleet_edit import new_app_file, set_secret
from pullet.domain.errors import PulletError, Retry, SecretUnreadable, UsageError
from pullet.domain.home import Home
from pullet.domain.identity import EnvironmentKey
from pullet.domain.secrets import VALUE_LIMIT, SecretPlace
from pullet.drivers.secrets import TargetSecrets
from pullet.ports import Secrets
from tests.fakes.secrets import FakeSecrets

SHOP = EnvironmentKey("shop", "production")
PLACE = SecretPlace("shop", "production", "KEY")
VALUE = "correct horse\nbattery ✓ staple"


@pytest.fixture(params=["fake", "real"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Secrets, Secrets]]:
    """Two targets."""
    if request.param == "fake":
        yield FakeSecrets(), FakeSecrets("age1other")
        return
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        yield TargetSecrets(Home(Path(one))), TargetSecrets(Home(Path(other)))


@pytest.fixture
def secrets(pair: tuple[Secrets, Secrets]) -> Secrets:
    return pair[0]


def refusal(secrets: Secrets, environment: EnvironmentKey, name: str, sealed: str) -> SecretUnreadable:
    with pytest.raises(SecretUnreadable) as caught:
        secrets.open(environment, [(name, sealed)])
    return caught.value


def test_what_is_sealed_is_opened_and_may_be_published(secrets: Secrets) -> None:
    sealed = secrets.seal(PLACE, VALUE)
    assert secrets.open(SHOP, [("KEY", sealed)]) == {"KEY": VALUE}
    assert "horse" not in sealed
    assert sealed != secrets.seal(PLACE, VALUE)
    text = new_app_file("shop", "https://git.example.org/shop.git", "main")
    assert sealed in set_secret("shop", text, "production", "KEY", sealed)


def test_it_is_good_in_its_own_place_only(secrets: Secrets) -> None:
    sealed = secrets.seal(PLACE, VALUE)
    for environment, name in (
        (EnvironmentKey("thief", "production"), "KEY"),
        (EnvironmentKey("shop", "staging"), "KEY"),
        (SHOP, "PRINTED"),
    ):
        err = refusal(secrets, environment, name, sealed)
        assert name in err.message
        assert str(environment) in err.message
        assert VALUE not in str(err)
        assert secrets.recipient() in str(err)
        assert err.retry is Retry.NEXT_REVISION


def test_one_for_every_environment_is_good_in_all_of_the_app(secrets: Secrets) -> None:
    sealed = secrets.seal(SecretPlace("shop", "*", "KEY"), VALUE)
    preview = EnvironmentKey("shop", "feature-x")
    assert secrets.open(preview, [("KEY", sealed)]) == {"KEY": VALUE}
    refusal(secrets, EnvironmentKey("thief", "feature-x"), "KEY", sealed)
    refusal(secrets, preview, "OTHER", sealed)


def test_another_target_opens_nothing(pair: tuple[Secrets, Secrets]) -> None:
    ours, theirs = pair
    sealed = theirs.seal(PLACE, VALUE)
    assert ours.recipient() != theirs.recipient()
    ours.seal(PLACE, VALUE)
    assert ours.recipient() in str(refusal(ours, SHOP, "KEY", sealed))


@pytest.mark.parametrize("damage", [lambda s: s[:-4], lambda s: s + "AAAA", lambda s: "age:%%%", lambda s: "age:"])
def test_damaged_text_is_refused(secrets: Secrets, damage: object) -> None:
    assert callable(damage)
    err = refusal(secrets, SHOP, "KEY", damage(secrets.seal(PLACE, VALUE)))
    assert "KEY of shop/production" in err.message


@pytest.mark.parametrize("value", ["", "a\0b", "x" * (VALUE_LIMIT + 1), "\ud800"])
def test_values_that_no_variable_can_hold_are_refused(secrets: Secrets, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        secrets.seal(PLACE, value)
    assert not value or value not in str(caught.value)


def test_the_longest_value_passes(secrets: Secrets) -> None:
    value = "✓" * (VALUE_LIMIT // 3)
    assert secrets.open(SHOP, [("KEY", secrets.seal(PLACE, value))]) == {"KEY": value}


def test_generated_ones_are_made_once(secrets: Secrets) -> None:
    first = secrets.values(SHOP, ["A", "B"])
    assert first["A"] != first["B"]
    assert secrets.values(SHOP, ["B"]) == {"B": first["B"]}
    assert secrets.values(EnvironmentKey("shop", "staging"), ["A"])["A"] != first["A"]
    assert secrets.fresh() != secrets.fresh()


def test_those_of_an_environment_that_is_gone_are_forgotten(secrets: Secrets) -> None:
    staging = EnvironmentKey("shop", "staging")
    first, others = secrets.values(SHOP, ["A"]), secrets.values(staging, ["A"])
    secrets.forget(SHOP)
    secrets.forget(SHOP)
    assert secrets.values(SHOP, ["A"]) != first
    assert secrets.values(staging, ["A"]) == others


@pytest.mark.parametrize("place", [("Shop", "production", "K"), ("shop", "a b", "K"), ("shop", "*", "K\nX")])
def test_a_place_has_proper_names(place: tuple[str, str, str]) -> None:
    with pytest.raises(PulletError):
        SecretPlace(*place)
