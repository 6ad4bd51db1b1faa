"""`pullet secrets`: where values come from, and that they never show."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyrage
import pytest

from pullet.domain.secrets import SecretPlace
from pullet.drivers.sealing import TargetKey

PLACE = SecretPlace("shop", "production", "KEY")
COMMAND = (sys.executable, "-m", "pullet.cli.main", "secrets", "seal", "shop", "KEY", "--recipient")


@pytest.fixture
def key(tmp_path: Path) -> TargetKey:
    return TargetKey(tmp_path / "target.key")


def sealing(key: TargetKey, *options: str, value: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """As on a machine without a daemon."""
    return subprocess.run(
        (*COMMAND, key.recipient, *options),
        env={**os.environ, "PULLET_HOME": "/nowhere"},
        input=value,
        capture_output=True,
        timeout=30,
        check=False,
    )


def opened(key: TargetKey, line: bytes) -> str:
    name, _, sealed = line.decode().strip().partition(" = ")
    assert name == "KEY"
    return key.open(PLACE, sealed.strip('"'))


@pytest.mark.parametrize(
    ("given", "value"),
    [(b"one", "one"), (b"one\n", "one"), (b"one\r\n", "one"), (b"a\nb\n", "a\nb\n"), (b" x ", " x ")],
)
def test_a_value_from_standard_input(key: TargetKey, given: bytes, value: str) -> None:
    done = sealing(key, value=given)
    assert (done.returncode, opened(key, done.stdout)) == (0, value)
    assert b"[environments.production.secrets]" in done.stderr


def test_a_value_from_a_file(key: TargetKey, tmp_path: Path) -> None:
    (tmp_path / "value").write_text("one\n")
    assert opened(key, sealing(key, "--from-file", str(tmp_path / "value")).stdout) == "one"
    missing = sealing(key, "--from-file", str(tmp_path / "missing"))
    assert (missing.returncode, b"cannot be read" in missing.stderr) == (2, True)
    folder = sealing(key, "--from-file", str(tmp_path))
    assert (folder.returncode, b"cannot be read" in folder.stderr) == (2, True)


@pytest.mark.parametrize(
    ("given", "words"),
    [(b"", b"it is empty"), (b"\n", b"it is empty"), (b"a\0b", b"NUL"), (b"\xff", b"UTF-8"), (b"x" * 70000, b"64 KiB")],
)
def test_a_value_that_cannot_be_used(key: TargetKey, given: bytes, words: bytes) -> None:
    done = sealing(key, value=given)
    assert (done.returncode, done.stdout) == (2, b"")
    assert words in done.stderr


def test_a_name_or_a_key_that_cannot_be_used(key: TargetKey) -> None:
    done = sealing(key, "--recipient", "age1nonsense", value=b"cherry")
    assert (done.returncode, b"no public key" in done.stderr, b"cherry" in done.stderr) == (2, True, False)
    for arguments in (("shop", "LD_PRELOAD"), ("../shop", "KEY")):
        done = subprocess.run(
            (*COMMAND[:5], *arguments, "--recipient", key.recipient),
            input=b"x",
            capture_output=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stdout) == (2, b"")


def test_a_terminal_is_asked_twice_and_shows_nothing(key: TargetKey) -> None:
    master, slave = os.openpty()
    process = subprocess.Popen(
        (*COMMAND, key.recipient), stdin=slave, stdout=subprocess.PIPE, stderr=slave, start_new_session=True
    )
    os.close(slave)
    shown = b""
    for prompt in (b"KEY: ", b"confirmation: "):
        while not shown.endswith(prompt):
            shown += os.read(master, 1000)
        os.write(master, b"cherry\n")
    out, _ = process.communicate(timeout=30)
    shown += os.read(master, 1000)
    os.close(master)
    assert opened(key, out) == "cherry"
    assert b"cherry" not in shown


def test_the_key_is_printed_where_no_daemon_runs(key: TargetKey, tmp_path: Path) -> None:
    command = (sys.executable, "-m", "pullet.cli.main", "key")
    environment = {**os.environ, "PULLET_HOME": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=30)
    assert done.stdout.decode().strip() == key.recipient
    pyrage.x25519.Recipient.from_str(key.recipient)
    environment["PULLET_HOME"] = str(tmp_path / "missing")
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=30)
    assert (done.returncode, b"[not-running]" in done.stderr) == (2, True)
