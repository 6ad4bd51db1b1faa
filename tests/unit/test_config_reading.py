"""Errors in configuration files name the file, the line, the key and what to write instead."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from pullet.config.lines import KeyPath, key_lines
from pullet.config.reading import Section, nearest_key, read_toml_model
from pullet.config.values import Duration, Folder, Size, parse_duration, parse_folder, parse_size
from pullet.domain.errors import ConfigError


class Kitchen(Section):
    ovens: int = Field(1, ge=1, le=9, examples=[2])
    heat: Duration = Field(5.0, examples=["5s"])
    room: Size | None = Field(None, examples=["512M"])
    shelf: Folder = "."


class House(Section):
    name: str = Field("hut", examples=["villa"])
    kitchens: dict[str, Kitchen] = Field(default_factory=dict)
    guests: list[str] = Field(default_factory=list, examples=[["ann"]])
    variables: dict[str, str] = Field(default_factory=dict)
    cellar: Kitchen = Kitchen()


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read_toml_model(text, "house.toml", House)
    return caught.value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nam = 'x'", "house.toml:1: nam: unknown key; did you mean name?"),
        ("\n[kitchens.main]\novns = 2", "house.toml:3: kitchens.main.ovns: unknown key; did you mean ovens?"),
        ("[cellar]\nzzz = 1", "house.toml:2: cellar.zzz: unknown key"),
        ("[kitchens.main]\novens = '2'", 'house.toml:2: kitchens.main.ovens: expected a whole number, not "2"'),
        (
            "[kitchens.a]\n[kitchens.b]\novens = 0",
            "house.toml:3: kitchens.b.ovens: expected a number of at least 1, not 0",
        ),
        ("guests = [\n'a',\n7]", "house.toml:3: guests.1: expected a text in quotes, not 7"),
        ("cellar = 3", "house.toml:1: cellar: expected a table, not 3"),
        (
            "kitchens.x.heat = 5",
            'house.toml:1: kitchens.x.heat: expected a duration with a unit (ms, s, m, h, d) such as "30s", not 5',
        ),
        (
            "[kitchens.x]\nroom = '5 GB'",
            'house.toml:2: kitchens.x.room: expected a size with a unit (K, M, G, T) such as "512M", not "5 GB"',
        ),
        ("[variables]\nPASSWORD = 12345", "house.toml:2: variables.PASSWORD: expected a text in quotes"),
        ("a = 1\nb = = 2", "house.toml:2:5: not valid TOML: Invalid value"),
        ("a = '", 'house.toml:1:6: not valid TOML: Expected "\'"'),
        ("name = 'a'\nname = 'b'", "house.toml:2:11: not valid TOML: Cannot overwrite a value"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    assert refusal(text).message == message


def test_a_wrong_value_comes_with_an_example_and_an_unknown_key_with_the_known_ones() -> None:
    assert refusal("[cellar]\novens = true").hint == "For example: ovens = 2"
    assert refusal("[cellar]\noven = 2").hint == "Keys that exist here: ovens, heat, room, shelf."


def test_further_problems_follow_in_the_order_of_the_file() -> None:
    error = refusal("[kitchens.b]\novns = 1\n[kitchens.a]\nheat = 1\n[cellar]\nx = 2")
    assert error.message.startswith("house.toml:2:")
    assert [line.split(":")[1] for line in error.context.splitlines()] == ["4", "6"]


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 50_000,
        "a" + ".a" * 100_000 + " = 1",
        "a=1\n" * 200_000,
        "x = " + "9" * 5000,
        "a\x00 = 1",
        "\ufeffa",
    ],
)
def test_hostile_texts_are_refused_not_followed(text: str) -> None:
    assert refusal(text).code == "config-invalid"


def test_one_table_of_a_larger_file() -> None:
    text = "[project]\nname = 'x'\n[tool.house]\nnam = 'y'\n"
    with pytest.raises(ConfigError, match=r"pyproject.toml:4: nam: unknown key; did you mean name\?"):
        read_toml_model(text, "pyproject.toml", House, table=("tool", "house"))
    assert read_toml_model("[project]\n", "pyproject.toml", House, table=("tool", "house")) == House()


def test_lines_of_keys_in_every_shape_toml_has() -> None:
    text = '''# comment with [a] and "quote
top."dotted key".x = 1
multi = """
[not.a.table]
"""
list = [
  1, # one
  { deep = 2,
    more = [3] },
]
[[people]]
name = 'a'
[[people]]
name = 'b'
[people.address]
street = "]"
[ spaced . out ]
"" = 0
'''
    lines = key_lines(text.replace("{ deep = 2,\n    more", "{ deep = 2, more"))
    expected: dict[KeyPath, int] = {
        ("top", "dotted key", "x"): 2,
        ("multi",): 3,
        ("list", 0): 7,
        ("list", 1, "deep"): 8,
        ("list", 1, "more", 0): 8,
        ("people", 0, "name"): 11,
        ("people", 1, "name"): 13,
        ("people", 1, "address", "street"): 15,
        ("spaced", "out", ""): 17,
    }
    assert {path: lines[path] for path in expected} == expected


_KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), max_size=6)
_VALUES = st.recursive(
    st.integers(0, 9) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(_KEYS, _VALUES, max_size=4))
def test_every_key_of_any_document_has_its_line(document: dict[str, object]) -> None:
    import tomlkit

    text = tomlkit.dumps(document)
    values = tomllib.loads(text)
    lines = key_lines(text)
    for key in values:
        assert (key,) in lines
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())


def test_nearest_key() -> None:
    assert nearest_key("INSTANCE", ["instances", "memory"]) == "instances"
    assert nearest_key("zebra", ["instances", "memory"]) is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("5s", 5.0), ("500ms", 0.5), ("2m", 120.0), ("1.5h", 5400.0), ("7d", 604800.0), ("0s", 0.0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "5 s", "5S", "1e3s", "٥s", "5s\n", "inf s", "9" * 400 + "s"])
def test_texts_that_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="a duration"):
        parse_duration(text)


def test_sizes() -> None:
    assert (parse_size("512M"), parse_size("1G"), parse_size("1.5K"), parse_size("2MiB")) == (
        512 << 20,
        1 << 30,
        1536,
        2 << 20,
    )
    for text in ("512", "-1M", "1m", "1 G", "", "1E"):
        with pytest.raises(ValueError, match="a size"):
            parse_size(text)


@pytest.mark.parametrize(("text", "folder"), [(".", "."), ("./a//b/", "a/b"), ("a b", "a b"), ("..a", "..a")])
def test_folders(text: str, folder: str) -> None:
    assert parse_folder(text) == folder


@pytest.mark.parametrize(
    "text", ["", "/etc", "..", "a/../b", "a\\..\\b", "C:/x", "a\x00b", "a\nb", ".git", ".git/hooks"]
)
def test_folders_do_not_lead_out_of_the_repository(text: str) -> None:
    with pytest.raises(ValueError, match="inside the repository"):
        parse_folder(text)


@given(st.text())
def test_a_folder_that_is_accepted_stays_inside(text: str) -> None:
    try:
        folder = parse_folder(text)
    except ValueError:
        return
    assert not folder.startswith("/") and ".." not in folder.split("/")
