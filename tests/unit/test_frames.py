"""Frames of attached commands: whatever way the bytes are cut, and whatever comes that is none."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullet.domain.codec import dumps, loads
from pullet.domain.errors import MalformedData
from pullet.domain.frames import (
    LIMIT,
    AttachRequest,
    Decoder,
    Frame,
    Kind,
    decode_signal,
    decode_size,
    encode_signal,
    encode_size,
)

frames = st.builds(Frame, st.sampled_from(Kind), st.binary(max_size=300))


@given(st.lists(frames, max_size=8), st.lists(st.integers(1, 40), min_size=1))
def test_frames_come_out_as_they_went_in_however_they_are_cut(sent: list[Frame], cuts: list[int]) -> None:
    data = b"".join(frame.encode() for frame in sent)
    decoder, at = Decoder(), 0
    seen: list[Frame] = []
    for number in range(len(data)):
        if at >= len(data):
            break
        size = cuts[number % len(cuts)]
        seen += decoder.feed(data[at : at + size])
        at += size
    assert seen == sent


@given(st.binary(max_size=400))
def test_noise_is_refused_or_waits_for_its_rest(noise: bytes) -> None:
    with contextlib.suppress(MalformedData):
        for frame in Decoder().feed(noise):
            assert isinstance(frame.kind, Kind)


@pytest.mark.parametrize("head", [b"\x00\0\0\0\0", b"\xff\0\0\0\0", b"\x02" + (LIMIT + 1).to_bytes(4, "big")])
def test_a_head_of_no_frame_is_refused_before_its_content_is_kept(head: bytes) -> None:
    with pytest.raises(MalformedData):
        list(Decoder().feed(head))


@given(st.integers(0, 70_000), st.integers(0, 70_000))
def test_sizes(rows: int, columns: int) -> None:
    assert decode_size(encode_size(rows, columns)) == (min(rows, 0xFFFF), min(columns, 0xFFFF))


@pytest.mark.parametrize("content", [b"", b"\0", b"12345"])
def test_no_size(content: bytes) -> None:
    with pytest.raises(MalformedData):
        decode_size(content)


@pytest.mark.parametrize("number", [1, 2, 3, 15])
def test_signals(number: int) -> None:
    assert decode_signal(encode_signal(number)) == number


@pytest.mark.parametrize("content", [b"", b"\x09", b"\x00", b"\x02\x02"])
def test_a_signal_that_nobody_may_send(content: bytes) -> None:
    with pytest.raises(MalformedData):
        decode_signal(content)


words = st.text(max_size=20)


@given(st.lists(words, max_size=5), words, st.none() | st.tuples(st.integers(0, 99), st.integers(0, 99)))
def test_a_request_is_read_as_it_was_written(argv: list[str], author: str, size: tuple[int, int] | None) -> None:
    request = AttachRequest("shop", "production", tuple(argv), author, size)
    assert loads(AttachRequest, dumps(request)) == request
