"""A hostname that two environments claim."""

from __future__ import annotations

from pullet.domain.fleet import EnvironmentSpec, Track, TrackKind
from pullet.domain.identity import EnvironmentKey
from pullet.planner.claims import settle_claims

ALPHA, BETA = EnvironmentKey("alpha", "production"), EnvironmentKey("beta", "production")
HOST = "www.example.org"


def claim(key: EnvironmentKey, *domains: str) -> EnvironmentSpec:
    return EnvironmentSpec(key, Track(TrackKind.BRANCH, "main"), domains)


def test_without_a_conflict_nothing_changes() -> None:
    one, other = claim(ALPHA, HOST), claim(BETA, "shop.example.org")
    assert settle_claims([one, other], {}) == {ALPHA: (one, ""), BETA: (other, "")}


def test_the_first_by_name_gets_what_nobody_has() -> None:
    settled = settle_claims([claim(BETA, HOST, "b.example.org"), claim(ALPHA, HOST)], {})
    assert settled[ALPHA][0].domains == (HOST,)
    assert settled[BETA][0].domains == ("b.example.org",)
    assert "alpha/production" in settled[BETA][1]


def test_who_is_routed_keeps_it() -> None:
    settled = settle_claims([claim(ALPHA, HOST), claim(BETA, HOST)], {HOST: BETA})
    assert settled[BETA] == (claim(BETA, HOST), "")
    assert settled[ALPHA][0].domains == ()


def test_who_gave_it_up_does_not_keep_it() -> None:
    assert settle_claims([claim(ALPHA, HOST), claim(BETA)], {HOST: BETA})[ALPHA] == (claim(ALPHA, HOST), "")
