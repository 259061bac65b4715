# SPDX-License-Identifier: Apache-2.0
"""Frames as bytes, and the limits as numbers: PROTOCOL.md section 2 once more, and nothing imported from what it is about."""

import pytest

from jitpam.wire import framing
from jitpam.wire.faults import RemoteProtocolError
from jitpam.wire.framing import FrameReader, frame


def test_a_frame_is_four_bytes_of_length_the_greatest_first_and_the_body():
    assert frame(b"abc") == b"\0\0\0\3abc"
    assert frame(b"x" * 0x010203)[:4] == b"\0\1\2\3"


def test_64_kib_before_authentication_and_4_mib_after():
    assert (framing.LIMIT_BEFORE_AUTHENTICATION, framing.LIMIT) == (65_536, 4_194_304)
    assert FrameReader().limit == 65_536


def test_one_byte_is_a_frame_and_what_follows_stays():
    reader = FrameReader()
    reader.feed(b"\0\0\0\1x\0\0\0\2yz\0")
    assert (reader.next_frame(), reader.next_frame(), reader.next_frame()) == (b"x", b"yz", None)
    assert reader.is_empty is False
    reader.feed(b"\0\0\1w")
    assert reader.next_frame() == b"w"
    assert reader.is_empty is True


@pytest.mark.parametrize(("length", "sentence"), [(0, "a frame of no bytes"), (11, "a frame of 11 bytes, more than 10")])
def test_what_no_length_may_be_is_told(length, sentence):
    reader = FrameReader(limit=10)
    reader.feed(length.to_bytes(4, "big"))
    with pytest.raises(RemoteProtocolError) as caught:
        reader.next_frame()
    assert str(caught.value) == sentence
