"""Sealed secrets: the target's key, hostile texts, and what is said when one cannot be opened."""

from __future__ import annotations

import base64
import shutil
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullet.config.fleet_file import parse_fleet_file
from pullet.domain.errors import SecretUnreadable, StoreError, UsageError
from pullet.domain.secrets import SecretPlace, name_trouble, shown_forms
from pullet.drivers.sealing import TargetKey, seal

PLACE = SecretPlace("shop", "production", "KEY")
IDENTITY = pyrage.x25519.Identity.generate()


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> TargetKey:
    path = tmp_path_factory.mktemp("home") / "target.key"
    path.write_text(f"# created by age-keygen\n{IDENTITY}\n")
    return TargetKey(path)


def encrypted(text: bytes) -> str:
    return "age:" + base64.b64encode(pyrage.encrypt(text, [IDENTITY.to_public()])).decode()


def complaint(key: TargetKey, sealed: str) -> str:
    with pytest.raises(SecretUnreadable) as caught:
        key.open(PLACE, sealed)
    assert "KEY of shop/production" in caught.value.message
    assert key.recipient in caught.value.context
    assert caught.value.__cause__ is None
    return str(caught.value)


@given(value=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=300))
def test_any_text_survives_and_the_fleet_file_takes_it(key: TargetKey, value: str) -> None:
    sealed = seal(key.recipient, PLACE, value)
    assert key.open(PLACE, sealed) == value
    text = f'[source]\nurl = "/x"\n[environments.production]\nbranch = "main"\nsecrets.KEY = "{sealed}"\n'
    assert parse_fleet_file("shop", text).environments[0].secrets == (("KEY", sealed),)


@given(text=st.text(max_size=200))
def test_any_text_that_nobody_sealed_is_refused(key: TargetKey, text: str) -> None:
    complaint(key, text)
    complaint(key, f"age:{text}")
    complaint(key, "age:" + base64.b64encode(b"age-encryption.org/v1\n" + text.encode("utf-8", "replace")).decode())


@given(position=st.integers(0, 400), flip=st.integers(1, 255))
def test_a_changed_byte_is_noticed(key: TargetKey, position: int, flip: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(seal(key.recipient, PLACE, "hunter2").removeprefix("age:")))
    raw[position % len(raw)] ^= flip
    assert "hunter2" not in complaint(key, "age:" + base64.b64encode(raw).decode())


@pytest.mark.parametrize(
    "text",
    [
        b"hunter2",
        b"hunter2\n",
        b"pullet-secret/1 shop production KEY",
        b"pullet-secret/2 shop production KEY\nhunter2",
        b"pullet-secret/1 shop production OTHER\nhunter2",
        b"pullet-secret/1 * production KEY\nhunter2",
        b"pullet-secret/1 ../x production KEY\nhunter2",
        b"pullet-secret/1 shop production KEY\n",
        b"pullet-secret/1 shop production KEY\nhunter2\0",
        b"pullet-secret/1 shop production KEY\nhunter2\xff",
        b"pullet-secret/1 shop production KEY\n" + b"x" * (70 << 10),
        b"\xff\xfe",
    ],
)
def test_what_does_not_say_where_it_belongs_is_refused_and_not_shown(key: TargetKey, text: bytes) -> None:
    said = complaint(key, encrypted(text))
    assert "hunter2" not in said
    assert len(said) < 1000


def test_the_age_tools_own_alphabet_and_a_hand_made_header_are_understood(key: TargetKey) -> None:
    assert key.open(PLACE, encrypted(b"pullet-secret/1 shop * KEY\ntwo\nlines\n")) == "two\nlines\n"


@pytest.mark.skipif(shutil.which("age") is None, reason="the age program is not on this box")
def test_the_age_program_seals_what_pullet_opens(key: TargetKey) -> None:
    done = subprocess.run(
        ("age", "-r", key.recipient),
        input=b"pullet-secret/1 shop production KEY\nx",
        capture_output=True,
        check=True,
        timeout=20,
    )
    assert key.open(PLACE, "age:" + base64.b64encode(done.stdout).decode()) == "x"


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "target.key"
    (tmp_path / "target.key.new").write_text("cut short by a kill")
    first = TargetKey(path).recipient
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert first.startswith("age1")
    assert TargetKey(path).recipient == first
    assert [each.name for each in tmp_path.iterdir()] == ["target.key"]
    path.chmod(0o644)
    assert TargetKey(path).recipient == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_of_many_that_make_it_at_once_all_get_the_same(tmp_path: Path) -> None:
    keys = [TargetKey(tmp_path / "target.key") for _ in range(12)]
    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(lambda key: key.recipient, keys))) == 1


@pytest.mark.parametrize("content", ["", "# nothing\n", "AGE-SECRET-KEY-1HUNTER2\n", "\n\n"])
def test_a_damaged_key_is_told_and_stays(tmp_path: Path, content: str) -> None:
    path = tmp_path / "target.key"
    path.write_text(content)
    with pytest.raises(StoreError) as caught:
        _ = TargetKey(path).recipient
    assert "HUNTER2" not in str(caught.value)
    with pytest.raises(StoreError):
        TargetKey(path).open(PLACE, "age:abcd")
    assert path.read_text() == content


def test_opening_makes_no_key(tmp_path: Path) -> None:
    with pytest.raises(SecretUnreadable, match="is not there"):
        TargetKey(tmp_path / "target.key").open(PLACE, "age:abcd")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("recipient", ["", "age1", "ssh-ed25519 AAAA", "AGE-SECRET-KEY-1"])
def test_only_a_public_key_of_age_is_sealed_to(recipient: str) -> None:
    with pytest.raises(UsageError):
        seal(recipient, PLACE, "x")


@pytest.mark.parametrize("name", ["LD_PRELOAD", "MALLOC_ARENA_MAX", "TMPDIR", "A-B", "", "1A", "A" * 201])
def test_names_that_cannot_be_secret(name: str) -> None:
    assert name_trouble(name)
    with pytest.raises(UsageError):
        SecretPlace("shop", "production", name)


def test_the_forms_in_which_a_value_turns_up() -> None:
    forms = shown_forms('a"long/first line\nshort\nthe "second" line ✓')
    for form in ('the "second" line ✓', 'a\\"long/first line\\nshort', "a%22long%2Ffirst", "\\u2713"):
        assert any(form in each for each in forms), form
    assert "short" not in forms
    assert shown_forms("plain") == ("plain",)
