"""Which branches become environments, and what their names are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullet.domain.fleet import AppFleetSpec, EnvironmentSpec, PreviewSpec, SourceSpec, Track, TrackKind
from pullet.domain.identity import EnvironmentKey, preview_name
from pullet.planner.previews import LastDeployment, Previews, preview_environments

SHA = "a" * 40
PRODUCTION = EnvironmentSpec(
    EnvironmentKey("shop", "production"),
    Track(TrackKind.BRANCH, "main"),
    domains=("shop.example.org",),
    variables=(("LOG_LEVEL", "info"),),
)
APP = AppFleetSpec(
    "shop", SourceSpec("/shop"), (PRODUCTION,), PreviewSpec(("*",), clone_data_from="production", expire_after=100)
)


def previews(*branches: str, app: AppFleetSpec = APP, existing: tuple[str, ...] = (), now: float = 0) -> Previews:
    keys = [EnvironmentKey("shop", name) for name in existing]
    return preview_environments(app, dict.fromkeys(branches, SHA), keys, lambda _: None, now)


def names(found: Previews) -> list[str]:
    return [each.key.name for each in found.environments]


def limited(count: int) -> AppFleetSpec:
    assert APP.previews is not None
    return replace(APP, previews=replace(APP.previews, limit=count))


def test_every_branch_that_nothing_follows_gets_one() -> None:
    found = previews("main", "login", "feature/x")
    assert [each.track.value for each in found.environments] == ["feature/x", "login"]
    assert all(each.preview and each.clone_data_from == "production" for each in found.environments)


def test_it_is_like_the_environment_whose_data_it_copies_but_for_the_hostnames() -> None:
    [login] = previews("login").environments
    assert (login.variables, login.domains) == (PRODUCTION.variables, ())


def test_patterns_choose() -> None:
    app = replace(APP, previews=PreviewSpec(("feature/*", "fix-?")))
    assert [each.track.value for each in previews("feature/x", "fix-1", "fix-10", "docs", app=app).environments] == [
        "feature/x",
        "fix-1",
    ]


def test_without_previews_none() -> None:
    assert previews("login", app=replace(APP, previews=None)) == Previews()


def test_the_limit_holds_and_what_exists_stays() -> None:
    found = previews("a", "b", "c", app=limited(2), existing=("c",))
    assert names(found) == ["c", "a"]
    assert found.passed_over == (("b", "the limit of 2 previews is reached"),)


def test_a_branch_called_as_an_environment_is_told_so() -> None:
    found = previews("production")
    assert names(found) == []
    assert found.passed_over == (("production", "shop/production is the name of another environment"),)


def test_no_commit_for_too_long() -> None:
    last = LastDeployment(SHA, started=1000.0)
    heads = {"login": SHA}
    assert len(preview_environments(APP, heads, (), lambda _: last, 1100.0).environments) == 1
    assert preview_environments(APP, heads, (), lambda _: last, 1101.0).environments == ()
    newer = LastDeployment("b" * 40, started=1000.0)
    assert len(preview_environments(APP, heads, (), lambda _: newer, 9000.0).environments) == 1


@pytest.mark.parametrize("branch", ["../x", "-rf", "x" * 200, "ветка", "日本", "a..b", "A", "--", ".", "UPPER/lower"])
def test_odd_branches_have_safe_names(branch: str) -> None:
    [spec] = previews(branch).environments
    assert len(spec.key.localhost.split(".")[0]) <= 63
    assert spec.track.value == branch


@given(st.text(min_size=1, max_size=60), st.from_regex(r"[a-z](-?[a-z0-9]){0,19}", fullmatch=True))
def test_any_branch_of_any_app_fits_into_a_hostname(branch: str, app: str) -> None:
    key = EnvironmentKey(app, preview_name(app, branch))
    assert len(key.localhost.removesuffix(".localhost")) <= 63


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=12), unique=True, max_size=30))
def test_branches_have_names_of_their_own_or_are_told_why_not(branches: list[str]) -> None:
    found = previews(*branches, app=limited(1000))
    assert len(set(names(found))) == len(found.environments)
    assert len(found.environments) + len(found.passed_over) == len([each for each in branches if each != "main"])
