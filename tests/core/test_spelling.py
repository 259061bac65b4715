# SPDX-License-Identifier: Apache-2.0
"""Bytes as texts, and back."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jitd.core.spelling import spelled, unspelled

PIECES = [b"\\", b"x41", b"\\x41", b"\xff", b"\xc3", "ä".encode(), b"n", b"\n", b"\0", b"u0041"]
TRICKY = st.lists(st.sampled_from(PIECES)).map(b"".join)


@given(st.binary() | TRICKY)
@example(b"\\x41")
@example(b"\xff" * 1000)
def test_the_text_of_bytes_is_that_of_no_others(value: bytes) -> None:
    assert unspelled(spelled(value)) == value


@pytest.mark.parametrize("text", ["\\", "\\n", "\\x4", "\\x4G", "\\xFF", "\\u0041", "\\\\\\", "a\\'"])
def test_what_is_no_spelling_has_no_bytes(text: str) -> None:
    with pytest.raises(ValueError, match="backslash"):
        unspelled(text)


def test_what_is_no_character_has_no_bytes() -> None:
    with pytest.raises(ValueError):
        unspelled("\ud800")
