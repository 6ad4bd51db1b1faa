"""Fleet files: what they mean, how mistakes are named, and edits that keep everything else."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullet.config import fleet_edit as edit
from pullet.config.fleet_file import parse_fleet_file
from pullet.domain.errors import ConfigError, NotFound
from pullet.domain.fleet import (
    AppFleetSpec,
    EnvironmentSpec,
    Hold,
    PreviewSpec,
    ProcessOverride,
    SourceSpec,
    Track,
    TrackKind,
)
from pullet.domain.identity import EnvironmentKey

WHOLE = """\
# the shop
[source]
url = "https://git.example.org/acme/shop.git"     # ours
interval = "15s"
verify = ["ssh-ed25519 AAAA... release@acme"]

[environments.production]
branch = "main"                                    # follows main
domains = ["shop.example.org"]
variables = { LOG_LEVEL = "info" }
secrets = { STRIPE_KEY = "age:abc" }
processes.web.instances = 2
processes.web.memory = "512M"

[environments.staging]
tag = ">=1.2,<2"
clone_data_from = "production"
suspended = true

[environments.staging.rollback]
revision = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
release = 3
skip = ["bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"]

[previews]
branches = ["*"]
clone_data_from = "staging"
expire_after = "7d"
limit = 10
"""
HOLD = Hold("c" * 40, ("d" * 40,), 4, "digest")


def test_everything_that_a_file_can_say() -> None:
    assert parse_fleet_file("shop", WHOLE) == AppFleetSpec(
        "shop",
        SourceSpec("https://git.example.org/acme/shop.git", 15.0, ("ssh-ed25519 AAAA... release@acme",)),
        (
            EnvironmentSpec(
                EnvironmentKey("shop", "production"),
                Track(TrackKind.BRANCH, "main"),
                domains=("shop.example.org",),
                variables=(("LOG_LEVEL", "info"),),
                secrets=(("STRIPE_KEY", "age:abc"),),
                processes=(("web", ProcessOverride(2, 512 << 20)),),
            ),
            EnvironmentSpec(
                EnvironmentKey("shop", "staging"),
                Track(TrackKind.TAG, ">=1.2,<2"),
                suspended=True,
                hold=Hold("a" * 40, ("b" * 40,), 3),
                clone_data_from="production",
            ),
        ),
        PreviewSpec(("*",), "staging", 7 * 86400.0, 10),
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('url = "h', 'urll = "h', "shop.toml:3: source.urll: unknown key; did you mean url?"),
        ("[previews]", "[preview]", "shop.toml:25: preview: unknown key; did you mean previews?"),
        ("instances = 2", "instancs = 2", "shop.toml:12: environments.production.processes.web.instancs: unknown key;"),
        ('"512M"', "512", "shop.toml:13: environments.production.processes.web.memory: expected a size with a unit"),
        ('"15s"', '"15"', "shop.toml:4: source.interval: expected a duration with a unit"),
        (
            "suspended = true",
            'suspended = "yes"',
            "shop.toml:18: environments.staging.suspended: expected true or fals",
        ),
        (
            'branch = "main"',
            'branch = "main"\ncommit = "' + "a" * 40 + '"',
            "shop.toml:7: environments.production: expected one of branch, tag and commit",
        ),
        ('branch = "main"', 'branch = "--upload-pack=x"', "shop.toml:8: environments.production.branch: expected the"),
        ('"https://git', '"--upload-pack=x', "shop.toml:3: source.url: expected the URL or the path of a git repos"),
        ('"age:abc"', '"plain"', "shop.toml:11: environments.production.secrets.STRIPE_KEY: expected a sealed value"),
        ("STRIPE_KEY =", "LD_PRELOAD =", "LD_PRELOAD: expected another name: the C library obeys"),
        (
            "STRIPE_KEY =",
            "LOG_LEVEL =",
            "shop.toml:10: environments.production.variables.LOG_LEVEL: LOG_LEVEL is set as a variable and as a secret",
        ),
        ('LOG_LEVEL = "info"', 'LOG_LEVEL = "\\u0000"', "variables.LOG_LEVEL: expected a text without NUL"),
        ('LOG_LEVEL = "info"', '"A=B" = "info"', 'variables."A=B": expected a variable name'),
        (
            '"shop.example.org"',
            '"Shop.example.org/x"',
            "shop.toml:9: environments.production.domains.0: expected a",
        ),
        (
            '"shop.example.org"',
            '"a.example.org",\n"a.example.org"',
            "shop.toml:10: environments.production.domains.1: a.example.org is claimed twice",
        ),
        (
            'clone_data_from = "production"',
            'clone_data_from = "productoin"',
            "17: environments.staging.clone_data_from: there is no environment 'productoin'; did you mean production?",
        ),
        (
            "[previews]",
            '[environments."../x"]\nbranch = "x"\n[previews]',
            'shop.toml:25: environments."../x": expected up to 40 lower-case letters',
        ),
        ("[source]", "[source", "shop.toml:2:8: not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_the_nearest_key(old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_fleet_file("shop", WHOLE.replace(old, new, 1))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"age:abc"', '"hunter2"'),
        ('"age:abc"', '"hunter2'),
        ('LOG_LEVEL = "info"', 'LOG_LEVEL = "hunter2\\u0000"'),
        ('LOG_LEVEL = "info"', 'LOG_LEVEL = "hunter2'),
        ('"https://git.', '" https://hunter2@git.'),
    ],
)
def test_what_may_be_secret_is_not_repeated(old: str, new: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_fleet_file("shop", WHOLE.replace(old, new, 1))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        WHOLE + "a" + ".a" * 100_000 + " = 1",
        WHOLE + "limit2 = " + "9" * 5000,
        WHOLE + "x = " + "[" * 50_000,
        WHOLE.replace('["shop.example.org"]', "[" + '"a.b",' * 40_000 + "]"),
        WHOLE + "".join(f"a{number} = 1\n" for number in range(20_000)),
    ],
)
def test_a_hostile_file_is_refused_not_followed(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^shop\.toml:"):
        parse_fleet_file("shop", text)


def test_a_name_that_no_app_can_have_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"x\.toml: '\.\./x' cannot be a name"):
        parse_fleet_file("../x", WHOLE, "x.toml")


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_fleet_file("shop", text)


def changed(text: str, environment: str = "production") -> EnvironmentSpec:
    """The edited environment, once it is sure that nothing else has changed and no comment is lost."""
    before, after = (
        {spec.key.name: spec for spec in parse_fleet_file("shop", one).environments} for one in (WHOLE, text)
    )
    assert {name: spec for name, spec in before.items() if name != environment} == {
        name: spec for name, spec in after.items() if name != environment
    }
    assert all(comment in text for comment in ("# the shop", "# ours", "# follows main"))
    assert tomllib.loads(text)["previews"] == tomllib.loads(WHOLE)["previews"]
    return after[environment]


ORIGINAL = parse_fleet_file("shop", WHOLE).environments[0]


def test_edits_change_what_they_say_and_nothing_else() -> None:
    assert changed(edit.set_suspended("shop", WHOLE, "production", True)) == replace(ORIGINAL, suspended=True)
    assert changed(edit.set_rollback("shop", WHOLE, "production", HOLD)) == replace(ORIGINAL, hold=HOLD)
    assert changed(edit.set_domains("shop", WHOLE, "production", ["a.example.org"])).domains == ("a.example.org",)
    assert changed(edit.set_domains("shop", WHOLE, "production", [])).domains == ()
    many = [f"www{number}.example.org" for number in range(2000)]
    assert changed(edit.set_domains("shop", WHOLE, "production", many)).domains == tuple(many)
    assert changed(edit.set_source_branch("shop", WHOLE, "production", "next")).track.value == "next"
    assert changed(edit.unset_variable("shop", WHOLE, "production", "LOG_LEVEL")).variables == ()
    assert dict(changed(edit.set_instances("shop", WHOLE, "production", "web", 5)).processes)["web"] == (
        ProcessOverride(5, 512 << 20)
    )
    worker = changed(edit.set_instances("shop", WHOLE, "production", "worker", 1))
    assert dict(worker.processes) == {"web": ProcessOverride(2, 512 << 20), "worker": ProcessOverride(1)}
    assert "staging" not in edit.remove_environment("shop", edit_previews_away(), "staging")


def edit_previews_away() -> str:
    return WHOLE[: WHOLE.index("[previews]")]


def test_secrets_are_set_and_unset_wherever_they_are_written() -> None:
    inline = edit.set_secret("shop", WHOLE, "production", "OTHER", "age:def")
    assert changed(inline).secrets == (("OTHER", "age:def"), ("STRIPE_KEY", "age:abc"))
    assert changed(edit.unset_secret("shop", inline, "production", "OTHER")) == ORIGINAL
    table = edit.set_secret("shop", WHOLE, "staging", "KEY", "age:def")
    assert changed(table, "staging").secrets == (("KEY", "age:def"),)
    assert "\n[environments.staging.secrets]\nKEY = " in table
    assert changed(edit.unset_secret("shop", table, "staging", "KEY"), "staging").secrets == ()
    dotted = 'source.url = "/x"\nenvironments.a.branch = "b"\nenvironments.a.secrets.K = "age:x"\n'
    both = edit.set_secret("shop", edit.set_secret("shop", dotted, "a", "L", "age:y"), "a", "K", "age:z")
    assert parse_fleet_file("shop", both).environments[0].secrets == (("K", "age:z"), ("L", "age:y"))
    flat = '[source]\nurl = "/x"\n[environments]\na = { branch = "b" }\n'
    assert parse_fleet_file("shop", edit.set_secret("shop", flat, "a", "K", "age:x")).environments[0].secrets
    with pytest.raises(NotFound):
        edit.unset_secret("shop", WHOLE, "production", "NOTHING")
    with pytest.raises(ConfigError, match="as a variable and as a secret"):
        edit.set_secret("shop", WHOLE, "production", "LOG_LEVEL", "age:def")


def test_edits_can_be_taken_back() -> None:
    suspended = edit.set_suspended("shop", WHOLE, "production", True)
    assert changed(edit.set_suspended("shop", suspended, "production", False)) == ORIGINAL
    held = edit.set_rollback("shop", WHOLE, "production", HOLD)
    assert changed(edit.clear_rollback("shop", held, "production")) == ORIGINAL
    assert changed(edit.clear_rollback("shop", WHOLE, "production")) == ORIGINAL


def test_following_something_else_makes_the_environment_where_needed() -> None:
    text = edit.set_track("shop", WHOLE, "staging", Track(TrackKind.COMMIT, "e" * 40))
    assert changed(text, "staging").track == Track(TrackKind.COMMIT, "e" * 40)
    text = edit.set_source_branch("shop", WHOLE, "qa", "qa")
    assert changed(text, "qa").track == Track(TrackKind.BRANCH, "qa")


def test_a_new_file_is_short_and_whole() -> None:
    text = edit.new_app_file("shop", "/srv/shop", "main")
    assert text == '[source]\nurl = "/srv/shop"\n\n[environments.production]\nbranch = "main"\n'
    for step in range(3):
        text = edit.set_rollback("shop", text, "production", replace(HOLD, release=step + 1))
        text = edit.set_variable("shop", text, "production", f"N{step}", "1")
        text = edit.set_suspended("shop", text, "production", True)
    (environment,) = parse_fleet_file("shop", text).environments
    assert (environment.hold, environment.suspended) == (replace(HOLD, release=3), True)
    assert [name for name, _ in environment.variables] == ["N0", "N1", "N2"]


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_value_of_a_variable_survives(value: str) -> None:
    text = edit.set_variable("shop", WHOLE, "production", "ANY", value)
    assert dict(changed(text).variables) == {"ANY": value, "LOG_LEVEL": "info"}


def test_an_edit_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(NotFound, match="no environment 'qa'") as caught:
        edit.set_suspended("shop", WHOLE, "qa", True)
    assert "production, staging" in caught.value.hint
    with pytest.raises(ConfigError):
        edit.set_variable("shop", WHOLE, "production", "A B", "1")
    with pytest.raises(ConfigError):
        edit.remove_environment("shop", WHOLE, "production")  # staging's data comes from it
    with pytest.raises(ConfigError):
        edit.set_suspended("shop", "[source]", "production", True)
