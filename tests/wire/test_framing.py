# SPDX-License-Identifier: Apache-2.0
"""Frames: whole or not at all, in pieces of any size, and no length over the limit is waited for."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitpam.wire.faults import RemoteProtocolError
from jitpam.wire.framing import LIMIT, LIMIT_BEFORE_AUTHENTICATION, FrameReader, frame

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


@pytest.mark.parametrize("length", [0, LIMIT_BEFORE_AUTHENTICATION + 1, LIMIT + 1, 2**31 - 1, 2**31, 2**32 - 1])
def test_a_length_that_may_not_be_is_refused_before_its_bytes_arrive(length):
    """THREATS S-07."""
    reader = FrameReader()
    reader.feed(struct.pack(">I", length))
    with pytest.raises(RemoteProtocolError):
        reader.next_frame()


def test_the_limit_itself_is_allowed_and_grows_when_the_peer_is_known():
    reader = FrameReader()
    reader.feed(frame(b"x" * LIMIT_BEFORE_AUTHENTICATION))
    assert len(reader.next_frame()) == LIMIT_BEFORE_AUTHENTICATION
    reader.limit = LIMIT
    reader.feed(frame(b"x" * LIMIT))
    assert len(reader.next_frame()) == LIMIT


def test_the_rest_of_a_frame_is_left_over():
    reader = FrameReader()
    reader.feed(frame(b"abc")[:-1])
    assert reader.next_frame() is None
    assert not reader.is_empty
