# SPDX-License-Identifier: Apache-2.0
"""Frames: whole or not at all, in pieces of any size, and no length over the limit is waited for."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitpam.wire.faults import RemoteProtocolError
from jitpam.wire.framing import LIMIT, FrameReader, frame

STRANGERS, KNOWN = 131_099, 4_194_304
"""Bytes of the largest body before authentication, a token of 96 KiB in base64, and afterwards, 4 MiB: PROTOCOL.md section 2."""
bodies = st.lists(st.binary(min_size=1, max_size=300), max_size=8)


def all_frames(reader):
    found = []
    while (body := reader.next_frame()) is not None:
        found.append(body)
    return found


@given(bodies, st.integers(1, 40))
def test_frames_come_out_as_they_went_in_whatever_the_pieces(sent, size):
    stream = b"".join(map(frame, sent))
    reader = FrameReader()
    found = []
    for at in range(0, len(stream), size):
        reader.feed(stream[at : at + size])
        found += all_frames(reader)
    assert found == sent
    assert reader.is_empty


def test_a_frame_split_at_every_byte_comes_whole():
    stream = frame(b"first") + frame(b"second")
    for at in range(len(stream) + 1):
        reader = FrameReader()
        reader.feed(stream[:at])
        before = all_frames(reader)
        reader.feed(stream[at:])
        assert before + all_frames(reader) == [b"first", b"second"]


@pytest.mark.parametrize(("limit", "length"), [
    (STRANGERS, 0), (STRANGERS, 131_100), (STRANGERS, 4_194_304), (STRANGERS, 2**31 - 1), (STRANGERS, 2**31),
    (STRANGERS, 2**32 - 1),
    (KNOWN, 0), (KNOWN, 4_194_305), (KNOWN, 2**32 - 1),
])  # fmt: skip
def test_a_length_that_may_not_be_is_refused_before_its_bytes_arrive(limit, length):
    """THREATS S-07."""
    reader = FrameReader()
    if limit == KNOWN:
        reader.limit = LIMIT
    reader.feed(struct.pack(">I", length))
    with pytest.raises(RemoteProtocolError):
        reader.next_frame()


def test_the_limit_itself_is_allowed_and_grows_when_the_peer_is_known():
    reader = FrameReader()
    reader.feed(struct.pack(">I", STRANGERS) + b"x" * STRANGERS)
    assert len(reader.next_frame()) == STRANGERS
    reader.limit = LIMIT
    reader.feed(struct.pack(">I", KNOWN) + b"x" * KNOWN)
    assert len(reader.next_frame()) == KNOWN


@pytest.mark.parametrize(("body", "whole"), [(b"a", b"\0\0\0\1a"), (b"x" * 258, b"\0\0\1\2" + b"x" * 258)])
def test_a_frame_is_four_bytes_of_length_with_the_largest_first_and_the_body(body, whole):
    assert frame(body) == whole
    reader = FrameReader()
    reader.feed(whole)
    assert reader.next_frame() == body


@pytest.mark.parametrize("piece", [b"", b"\0", b"\0\0\0"])
def test_less_than_a_length_is_waited_for(piece):
    reader = FrameReader()
    reader.feed(piece)
    assert reader.next_frame() is None
    assert reader.is_empty is (piece == b"")


def test_the_rest_of_a_frame_is_left_over():
    reader = FrameReader()
    reader.feed(frame(b"abc")[:-1])
    assert reader.next_frame() is None
    assert not reader.is_empty
