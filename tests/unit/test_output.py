"""The log of a process: whatever the pieces it comes in, no secret is in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullet.domain.secrets import shown_forms
from pullet.drivers.process import _Capture
from pullet.drivers.runtime.output import LINE_LIMIT, Lines, Log

SECRETS = ["hunter2", "hunter2-and-more", "✓" * 500]


def written(path: Path, text: bytes, step: int, secrets: list[str]) -> str:
    log = Log(str(path), 10 << 20, secrets)
    for start in range(0, len(text), step):
        log.feed(text[start : start + step])
    log.flush()
    log.close()
    return path.read_text(errors="replace")


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("step", [1, 100, 1 << 16])
def test_a_secret_where_an_endless_line_is_cut_is_not_cut_in_two(tmp_path: Path, secret: str, step: int) -> None:
    size = len(secret.encode())
    for ahead in (LINE_LIMIT - size, LINE_LIMIT - size + 1, LINE_LIMIT - size // 2, LINE_LIMIT - 1, LINE_LIMIT):
        path = tmp_path / f"{ahead}.log"
        text = written(path, b"x" * ahead + secret.encode() + b"y" * (3 * LINE_LIMIT), step, SECRETS)
        assert text.count("***") == 1
        assert secret[:4] not in text
        assert secret[-4:] not in text
        assert text.count("y") == 3 * LINE_LIMIT
        assert text.count("x") == ahead


@given(
    parts=st.lists(st.sampled_from([*SECRETS, "x", "\n", "hunt", "er2", "x" * 90]), max_size=60),
    cuts=st.lists(st.integers(1, 50), min_size=1, max_size=20),
)
def test_any_stream_in_any_pieces_is_whole_and_keeps_its_secrets(parts: list[str], cuts: list[int]) -> None:
    secrets = sorted((secret.encode() for secret in SECRETS), key=len, reverse=True)
    stream = "".join(parts).encode()
    lines, got, rest, turn = Lines(64, secrets), [], stream, 0
    while rest:
        got += lines.feed(rest[: cuts[turn % len(cuts)]])
        rest, turn = rest[cuts[turn % len(cuts)] :], turn + 1
    got += lines.end()
    assert b"".join(got) == stream.replace(b"\n", b"")
    assert all(len(line) <= 64 + 2 * lines.longest for line in got)
    longest = secrets[0]
    assert sum(line.count(longest) for line in got) == sum(line.count(longest) for line in stream.split(b"\n"))


def test_a_key_of_many_lines_is_known_by_each(tmp_path: Path) -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n"
    text = written(tmp_path / "log", f"{key}{key!r} end\n".encode(), 7, list(shown_forms(key)))
    assert "MIIE" not in text
    assert "hkiG" not in text
    assert " end" in text


def test_what_a_step_prints_is_cut_like_this_too() -> None:
    seen: list[str] = []
    capture = _Capture(100, seen.append, ("hunter2",))
    for piece in (b"x" * ((1 << 16) - 3), b"hunt", b"er2", b"y" * 100, b"\nlast"):
        capture.feed(piece)
    capture.close()
    assert "hunt" not in "".join(seen)
    assert "".join(seen).endswith("last")
    assert (len(capture.kept), capture.dropped) == (100, (1 << 16) - 3 + 7 + 100 + 5 - 100)
