"""Reading logs that rotate, truncate and hold anything; writing step logs with an end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pullet.domain.errors import RuntimeFailed
from pullet.telemetry.logs import LINE_LIMIT, StepLog, follow, plain, tail


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "output.log"


def append(log: Path, data: bytes) -> None:
    with log.open("ab") as file:
        file.write(data)


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]52;c;ZXZpbA==\x1b\\text", "text"),
        ("\x1bP+q544e\x1b\\text", "text"),
        ("\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("\x1bcreset", "reset"),
        ("a\x00b\x08c\x7f", "abc"),
        ("\u202egnp.exe", "gnp.exe"),
        ("one\ttab é 漢", "one\ttab é 漢"),
        ("\x1b", ""),
        ("\udcff", "?"),
    ],
)
def test_nothing_that_a_terminal_acts_on_is_left(hostile: str, shown: str) -> None:
    assert plain(hostile) == shown


@given(st.text())
def test_plain_text_is_plain(text: str) -> None:
    once = plain(text)
    assert not any((ord(c) < 32 and c != "\t") or 0x7F <= ord(c) < 0xA0 for c in once)
    assert plain(once) == once


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    older=st.lists(st.text("ab é", max_size=6), max_size=5),
    newer=st.lists(st.text("ab é", max_size=6), max_size=5),
    unfinished=st.sampled_from(["", "rest"]),
    lines=st.integers(0, 12),
)
def test_tail_is_the_end_of_both_files(
    tmp_path: Path, older: list[str], newer: list[str], unfinished: str, lines: int
) -> None:
    (tmp_path / "output.log.1").write_text("".join(f"{line}\n" for line in older))
    (tmp_path / "output.log").write_text("".join(f"{line}\n" for line in newer) + unfinished)
    whole = [*older, *newer, *([unfinished] if unfinished else [])]
    assert list(tail(tmp_path / "output.log", lines)) == (whole[-lines:] if lines else [])


def test_tail_of_long_and_hostile_lines(log: Path) -> None:
    assert tail(log, 5) == ()
    append(log, b"first\n" + b"x" * 10_000_000 + b"\n\xff\xfe\x00 bad\r\nlast")
    first, giant, bad, last = tail(log, 10)
    assert (first, bad, last) == ("first", "\ufffd\ufffd bad", "last")
    assert giant == "x" * LINE_LIMIT + f" … ({10_000_000 - LINE_LIMIT} bytes more)"


@pytest.mark.parametrize("length", [65535, 65536, 65537, 131072])
def test_tail_over_the_edges_of_blocks(log: Path, length: int) -> None:
    append(log, b"one\n" + b"\n" * (length - 9) + b"two\n" + b"three\n")
    assert tail(log, 2) == ("two", "three")
    assert tail(log, length)[0] == "one"


def test_a_log_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RuntimeFailed):
        tail(tmp_path, 1)


async def take(lines: AsyncIterator[str], count: int) -> list[str]:
    async with asyncio.timeout(10):
        return [await anext(lines) for _ in range(count)]


async def test_following_from_the_last_lines_on(log: Path) -> None:
    append(log, b"one\ntwo\nthr")
    lines = follow(log, 1)
    assert await take(lines, 1) == ["two"]
    append(log, b"ee\nfour\n")
    assert await take(lines, 2) == ["three", "four"]


async def test_following_what_is_not_there_yet(log: Path) -> None:
    lines = follow(log)
    waiting = asyncio.ensure_future(take(lines, 1))
    await asyncio.sleep(0)
    append(log, b"one\n")
    assert await waiting == ["one"]


async def test_following_through_a_rotation_loses_nothing(log: Path) -> None:
    append(log, b"zero\n")
    lines = follow(log, 1)
    assert await take(lines, 1) == ["zero"]
    append(log, b"one\ntwo\nunfinished")
    log.rename(log.with_name("output.log.1"))
    append(log, b"three\n")
    assert await take(lines, 4) == ["one", "two", "unfinished", "three"]
    append(log, b"four\n")
    assert await take(lines, 1) == ["four"]


async def test_following_through_a_truncation(log: Path) -> None:
    append(log, b"one\ntwo\nrest")
    lines = follow(log, 2)
    assert await take(lines, 2) == ["one", "two"]
    append(log, b" of\nit\n")
    assert await take(lines, 2) == ["rest of", "it"]
    os.truncate(log, 0)
    append(log, b"new\n")
    assert await take(lines, 1) == ["new"]


async def test_following_a_line_without_end(log: Path) -> None:
    log.touch()
    lines = follow(log)
    waiting = asyncio.ensure_future(take(lines, 2))
    await asyncio.sleep(0)
    append(log, b"x" * 1_000_000 + b"\nnext\n")
    giant, following = await waiting
    assert giant.endswith(f"({1_000_000 - LINE_LIMIT} bytes more)")
    assert following == "next"


async def test_following_ends_with_its_reader(log: Path) -> None:
    append(log, b"one\n")
    lines = follow(log, 1)
    assert await take(lines, 1) == ["one"]
    assert hasattr(lines, "aclose")
    await lines.aclose()  # an open file would be a ResourceWarning, which is an error here


def test_a_step_log_is_plain_and_ends_somewhere(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "build.log"
    with StepLog(path, limit=300) as sink:
        sink("\x1b[32mok\x1b[0m\ntwo\x00")
        sink("10 %\r50 %\r100 %\r")
        assert path.read_text() == "ok\ntwo\n100 %\n"
        for _ in range(100):
            sink("x" * 50)
        sink("y")
        sink.close()
    lines = path.read_text().splitlines()
    assert lines[3:6] == ["x" * 50] * 3
    assert lines[6:] == ["... 98 lines (4949 bytes) more were dropped"]
    assert path.stat().st_size <= 300


def test_a_step_that_is_done_again_goes_on_in_its_log(tmp_path: Path) -> None:
    for word in ("one", "two"):
        with StepLog(tmp_path / "x.log") as sink:
            sink(word)
    assert (tmp_path / "x.log").read_text() == "one\ntwo\n"


def test_a_step_log_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RuntimeFailed):
        StepLog(tmp_path / "file" / "x.log")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the box has no /dev/full")
def test_a_line_that_finds_no_room_ends_nothing() -> None:
    with StepLog(Path("/dev/full")) as sink:
        sink("x")
        sink("y")
