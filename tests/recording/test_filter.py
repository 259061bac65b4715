# SPDX-License-Identifier: Apache-2.0
"""What a recording does to the terminal of who looks at it (THREATS L-06, CVE-2023-28487): it draws there, and nothing else."""

from __future__ import annotations

import re
from contextlib import suppress

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyte import modes

from jitd.recording.filter import Filter
from jitd.recording.sequences import MOST_STRING, Text
from tests.table import each_row

HOSTILE = [
    b"\x1b]0;title\x07", b"\x1b]2;rm -rf /\x1b\\", b"\x1b]52;c;cm0gLXJmIC8K\x07", b"\x1b]8;;https://evil.example/\x07",
    b"\x1b]4;1;?\x07", b"\x1b]10;?\x1b\\", b"\x1b]11;?\x07", b"\x1b]50;#1\x07", b"\x1b]777;notify;a;b\x07",
    b"\x1b]1337;File=:AAAA\x07", b"\x1b]133;A\x07", b"\x1bP$q\"p\x1b\\", b"\x1bP+q544e\x1b\\",
    b"\x1bPq#0;2;0;0;0~\x1b\\", b"\x1bP1;1|17/0a\x1b\\", b"\x1b_Ga=q;AAAA\x1b\\", b"\x1b^pm\x1b\\", b"\x1bXsos\x1b\\",
    b"\x1bktitle\x1b\\", b"\x1bPtmux;\x1b\x1b]52;c;cm0=\x07\x1b\\", b"\x1b[c", b"\x1b[0c", b"\x1b[>c", b"\x1b[=c",
    b"\x1b[5n", b"\x1b[6n", b"\x1b[?6n", b"\x1b[?26n", b"\x1b[x", b"\x1b[1x", b"\x1bZ", b"\x1b[?1$p", b"\x1b[4$p",
    b"\x1b[>q", b"\x1b[>0q", b"\x1b[18t", b"\x1b[21t", b"\x1b[8;1;1t", b"\x1b[3;0;0t", b"\x1b[2t", b"\x1b[22;0t",
    b"\x1b[?1u", b"\x1b[?u", b"\x1b[>1u", b"\x1b[=1;1u", b"\x1b[<u", b"\x1b[>4;2m", b"\x1b[?4m", b"\x1b[>4n",
    b"\x1b[5i", b"\x1b[?5i", b"\x1b[4i", b"\x1b[i", b"\x05", b"\x07", b"\x0e", b"\x0f", b"\x00", b"\x7f", b"\x18",
    b"\x1a", b"\x1b(0", b"\x1b)0", b"\x1b(A", b"\x1b%@", b"\x1b%G", b"\x1b*0", b"\x1bn", b"\x1bo", b"\x1b|", b"\x1b}",
    b"\x1b~", b"\x1bN", b"\x1bO", b"\x1b F", b"\x1b G", b"\x1b#3", b"\x1b#8", b"\x1b=", b"\x1b>", b"\x1bl", b"\x1bm",
    b"\x1b[?1h", b"\x1b[?2l", b"\x1b[?3h", b"\x1b[?9h", b"\x1b[?40h", b"\x1b[?66h", b"\x1b[?69h", b"\x1b[?1000h",
    b"\x1b[?1002;1006h", b"\x1b[?1004h", b"\x1b[?1015h", b"\x1b[?1034h", b"\x1b[?2004h", b"\x1b[?2026h", b"\x1b[?2048h",
    b"\x1b[2h", b"\x1b[12h", b"\x1b[20h", b"\x1b[?1;3;9s", b"\x1b[?1r", b"\x1b[3J", b"\x1b[22J", b"\x1b[1;2;3;4;5T",
    b"\x1b[3g", b"\x1bH", b"\x1b[0q", b"\x1b[3q", b"\x1b[\"q", b"\x1b[7 q", b"\x1b[2*x", b"\x1b[1;1;9;9$x", b"\x1b[#{",
    b"\x1b[1;5s", b"\x1b[1;2;3u", b"\x1b[!x", b"\x1b[5W", b"\x1b[?5W", b"\x1b[1;2'w", b"\x1b['|", b"\x1b[1'z",
    b"\x1b[" + b"1;" * 500 + b"H", b"\x9b5n", b"\x9d0;x\x9c", b"\x90+q\x9c", b"\xc2\x9b5n", b"\xc2\x9d0;x\xc2\x9c",
    b"\xc2\x90+q\xc2\x9c", b"\xc2\x9a", b"\xc2\x85", b"\x84", b"\x8d",
]  # fmt: skip
GOOD = [
    b"text", b"\r\n", b"\t", b"\b", "ä€𝄞│".encode(), b"\x1b[1;31m", b"\x1b[38;2;1;2;3m", b"\x1b[4:3m", b"\x1b[m",
    b"\x1b[H", b"\x1b[2J", b"\x1b[5;10H", b"\x1b[K", b"\x1b[1K", b"\x1b[3A", b"\x1b[B", b"\x1b[2C", b"\x1b[D",
    b"\x1b[G", b"\x1b[4d", b"\x1b[2L", b"\x1b[M", b"\x1b[3P", b"\x1b[2@", b"\x1b[2X", b"\x1b[2;8r", b"\x1b[r", b"\x1bM",
    b"\x1bD", b"\x1bE", b"\x1b7", b"\x1b8", b"\x1b[?25l", b"\x1b[?25h", b"\x1b[?7l", b"\x1b[?7h", b"\x1b[?6h",
    b"\x1b[?6l", b"\x1b[4h", b"\x1b[4l", b"\x1b[?5h", b"\x1b[?5l", b"\x1b[J", b"\x1b[s", b"\x1b[u",
]  # fmt: skip
MORE = [
    b"\x1b[?1049h", b"\x1b[?47h", b"\x1b[?1047l", b"\x1b[?1049l", b"\x1b[2 q", b"\x1b[!p", b"\x1bc", b"\x1b[2S",
    b"\x1b[9b", b"\x1b[?J", b"\v", b"\f",
]  # fmt: skip
MANGLED = [
    b"\x1b", b"\x1b[", b"\x1b]", b"\x1bP", b"[", b";", b"?", b"5", b"n", b"\xc3", b"\xe2\x82", b"\xff", b"\x1b[1\n;1m",
    b"\x1b[1\x1b[m", b"\x1b[5\x80n",
]  # fmt: skip
streams = st.lists(
    st.one_of(st.sampled_from(HOSTILE), st.sampled_from(GOOD + MORE), st.sampled_from(MANGLED), st.binary(max_size=6)),
    max_size=25
).map(b"".join)  # fmt: skip

HARMLESS = re.compile(
    rb"""(?:
      [\x08-\x0d\x20-\x7e] | [\xc3-\xf4][\x80-\xbf]+ | \xc2[\xa0-\xbf]
    | \x1b[78DEM]
    | \x1b\[[0-9;]*[@A-IL-MPSXZ`abdefsu]
    | \x1b\[[0-9]*T
    | \x1b\[[0-9;]*r
    | \x1b\[[0-9;:]*m
    | \x1b\[\??[0-2]?[JK]
    | \x1b\[4[hl]
    | \x1b\[\?(?:5|6|7|25|47|1047|1048|1049)(?:;(?:5|6|7|25|47|1047|1048|1049))*[hl]
    | \x1b\[[0-6]?\ q
    )*""",
    re.VERBOSE,
)
"""All that may ever reach a viewer's terminal, said a second time."""


class Viewer(pyte.Screen):
    """A viewer's terminal, and what it was made to do beside drawing."""

    def __init__(self) -> None:
        self.done: list[str] = []
        super().__init__(80, 24)
        self.stream = pyte.ByteStream(self)

    def write_process_input(self, data: str) -> None:
        self.done.append(f"sent {data!r}")

    def report_device_status(self, mode: int = 0, **more: object) -> None:
        self.done.append(f"sent status {mode}")

    def report_device_attributes(self, mode: int = 0, **more: object) -> None:
        self.done.append(f"sent attributes {mode}")

    def cursor_to_line(self, line: int | None = None) -> None:
        if self.margins is None:  # where pyte wants some, in origin mode
            self.cursor.y = min((line or 1), self.lines) - 1
        else:
            super().cursor_to_line(line)

    def set_title(self, param: str) -> None:
        self.done.append("title")

    def set_icon_name(self, param: str) -> None:
        self.done.append("icon")

    def bell(self, *_: object) -> None:
        self.done.append("bell")

    def resize(self, *size: int, **more: int) -> None:
        self.done.append("resized")

    def define_charset(self, *_: object) -> None:
        self.done.append("charset")

    def see(self, data: bytes) -> Viewer:
        self.stream.feed(data)
        return self

    @property
    def picture(self) -> tuple[object, ...]:
        """All that one can see."""
        cells = [[self.buffer[y][x] for x in range(self.columns)] for y in range(self.lines)]
        return cells, self.cursor.x, self.cursor.y, self.cursor.hidden


def filtered(data: bytes) -> bytes:
    return Filter().feed(data)


@each_row("hostile", HOSTILE)
def test_what_does_more_than_draw_is_dropped_and_what_stands_around_it_is_not(hostile: bytes) -> None:
    out = filtered(b"before" + hostile + b"\nAFTER")
    assert out.startswith(b"before") and out.endswith(b"\nAFTER") and HARMLESS.fullmatch(out)
    rest = out.removeprefix(b"before").removesuffix(b"\nAFTER")
    assert b"\x1b" not in rest and not Viewer().see(out).done


def test_the_viewer_of_these_tests_would_tell() -> None:
    told = set()
    for hostile in HOSTILE:
        viewer = Viewer()
        with suppress(TypeError, UnboundLocalError):  # pyte knows some of them by half
            viewer.see(hostile)
        told |= {word.split()[0] for word in viewer.done}
    assert {"sent", "title", "icon", "bell"} <= told


@given(streams)
@settings(max_examples=400)
def test_whatever_a_command_writes_nothing_but_drawing_reaches_the_viewer_and_nothing_is_ever_sent_back(data: bytes) -> None:
    """THREATS L-06."""
    out = filtered(data)
    assert HARMLESS.fullmatch(out)
    assert Viewer().see(out).done == []


@given(streams, st.lists(st.integers(0, 40), max_size=12))
@settings(max_examples=300)
def test_it_does_not_matter_how_the_bytes_are_split(data: bytes, sizes: list[int]) -> None:
    filter, out, left = Filter(), b"", data
    for size in [*sizes, *[1] * 30]:
        out += filter.feed(left[:size])
        left = left[size:]
        assert HARMLESS.fullmatch(out), "each piece is whole"
    out += filter.feed(left)
    whole = Filter()
    assert out == whole.feed(data)
    assert filter.restore() == whole.restore()


@given(st.lists(st.sampled_from(GOOD), max_size=40).map(b"".join))
@settings(max_examples=300)
def test_what_only_draws_looks_as_it_looked(data: bytes) -> None:
    assert Viewer().see(filtered(data)).picture == Viewer().see(data).picture


@given(streams)
@settings(max_examples=300)
def test_in_the_end_the_terminal_is_as_it_was(data: bytes) -> None:
    filter = Filter()
    out = filter.feed(data)
    last = filter.restore()
    assert HARMLESS.fullmatch(last)
    viewer = Viewer()
    usual = set(viewer.mode)
    viewer.see(out + last)
    assert viewer.mode == usual and viewer.margins in (None, pyte.screens.Margins(0, 23))
    assert viewer.cursor.attrs == pyte.screens.Char(" ") and not viewer.cursor.hidden
    for mode in (b"1049", b"1047", b"47"):
        changes = re.findall(rb"\x1b\[\?(?:[0-9;]*;)?" + mode + rb"(?:;[0-9;]*)?([hl])", out + last)
        assert not changes or changes[-1] == b"l"
    assert filter.restore() == b"", "once"


def test_text_alone_leaves_nothing_to_restore() -> None:
    filter = Filter()
    assert filter.feed("just text ä\r\n".encode()) == "just text ä\r\n".encode()
    assert filter.restore() == b""


def test_the_modes_that_these_tests_look_at_are_those_of_the_viewer() -> None:
    viewer = Viewer().see(b"\x1b[?7l\x1b[?25l\x1b[4h\x1b[?6h\x1b[?5h\x1b[2;5r")
    assert modes.IRM in viewer.mode and modes.DECOM in viewer.mode and modes.DECAWM not in viewer.mode and viewer.margins


def test_line_drawing_is_drawn_without_switching_the_viewers_terminal() -> None:
    assert filtered(b"\x1b(0lqqk\x1b(Bq") == "┌──┐q".encode()
    assert filtered(b"\x1b)0a\x0eq\x0fq") == "a─q".encode()
    assert filtered(b"\x1b7\x1b(0q\x1b8q\x1b(0q\x1bcq") == b"\x1b7\xe2\x94\x80\x1b8q\xe2\x94\x80\x1b[m\x1b[H\x1b[2Jq"


@pytest.mark.parametrize("opener", [b"\x1b]0;", b"\x1b_", b"\x1b^", b"\x1bX", b"\x1bk", b"\x1b]"])
def test_a_string_without_an_end_hides_no_second_line(opener: bytes) -> None:
    """A command could draw a veil over all that follows; on the screen of who looks afterwards it cannot."""
    assert filtered(opener + b"hidden\r\nshown") == b"\r\nshown"


def test_a_string_without_end_or_line_hides_so_much_and_no_more() -> None:
    for opener in (b"\x1bP", b"\x1b]"):
        out = filtered(opener + b"h" * MOST_STRING + b"shown")
        assert out == b"shown"
    assert filtered(b"\x1bP" + b"\n" * MOST_STRING + b"shown") == b"shown"


def test_a_sequence_that_is_broken_off_takes_no_text_with_it() -> None:
    assert filtered("\x1b[5ä n\x1bör".encode()) == "ä nör".encode()
    assert filtered(b"\x1b[5\x18n\x1b[5\x1b[mn") == b"n\x1b[mn"


def test_numbers_are_bounded() -> None:
    assert filtered(b"\x1b[99999999999999999999A\x1b[5;123456H") == b"\x1b[9999A\x1b[5;9999H"
    assert filtered(b"x\x1b[99999b\x1b[1;2;3b") == b"x\x1b[999b\x1b[999b"


def test_a_filter_keeps_no_more_than_a_sequence() -> None:
    filter = Filter()
    for _ in range(100):
        filter.feed(b"\x1b[" + b"1;" * 5000)
    assert len(filter._sequences._collected) <= 300
    assert filter.feed(b"Hx") == b"x"


@given(streams)
def test_text_to_be_searched_has_no_controls(data: bytes) -> None:
    assert all(char == "\n" or char >= " " for char in Text().feed(data))


def test_text_to_be_searched_is_what_one_reads() -> None:
    assert Text().feed(b"\x1b[31mer\x1b[1mror\x1b[m\x1b]0;x\x07: no\x1b[5;1Hnext\r\n") == "error: no\nnext\n"
