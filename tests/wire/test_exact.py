# SPDX-License-Identifier: Apache-2.0
r"""What programs read in place of what people are shown: UTF-8 as it is, any other byte as ``\xNN``, and a backslash doubled."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitpam.wire.exact import exact
from jitpam.wire.shown import shown

EXACT = [
    (b"", ""),
    (b"plain", "plain"),
    ("é€𝄞".encode(), "é€𝄞"),
    (b"\x1b[31m\n", "\x1b[31m\n"),  # what is not shown to people is written for programs
    ("\u202e".encode(), "\u202e"),
    (b"\\", "\\\\"),
    (b"\\x41", "\\\\x41"),
    (b"\x80", "\\x80"),
    (b"\xc3", "\\xc3"),
    (b"\xff", "\\xff"),
    (b"a\\\xe9\xff\xc3\xa9b", "a\\\\\\xe9\\xfféb"),
]


@pytest.mark.parametrize(("value", "text"), EXACT)
def test_what_people_are_shown_is_written_for_programs_so(value, text):
    assert exact(shown(value)) == text


@pytest.mark.parametrize("text", ["\\", "\\q", "a\\", "\\x4", "\\é"])
def test_a_text_that_was_never_shown_has_its_backslashes_doubled(text):
    assert exact(text) == text.replace("\\", "\\\\")


def test_in_a_row_each_text_is_written_so_and_all_else_stays():
    row = {"argv": ["a", "\\xff"], "runs": [{"path": "\\\\", "pid": 7}], "ended": None, "is_lease": True, "left": 0}
    assert exact(row) == {
        "argv": ["a", "\\xff"], "runs": [{"path": "\\\\", "pid": 7}], "ended": None, "is_lease": True, "left": 0,
    }  # fmt: skip
    assert exact({"\\x1b": ["\\x1b", ["\\x1b"]]}) == {"\\x1b": ["\x1b", ["\x1b"]]}, "names of fields stay as they are"


@given(st.lists(st.one_of(st.binary(max_size=4), st.text(max_size=3).map(lambda text: text.encode("utf-8", "replace")))))
def test_a_program_gets_back_the_bytes_that_went_in(pieces):
    value = b"".join(pieces)

    def piece(found):
        return b"\\" if found[0] == b"\\\\" else bytes([int(found[1], 16)])

    assert re.sub(rb"\\(?:\\|x([0-9a-f]{2}))", piece, exact(shown(value)).encode()) == value
