# SPDX-License-Identifier: Apache-2.0
"""The screen of a recorded run, and the pictures of it: as another terminal draws them, and bounded."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator
from xml.etree import ElementTree

import pyte
import pytest

from jitd.audit.pack import verify
from jitd.recording import stills
from jitd.recording.form import Frame, Kind
from jitd.recording.screen import MOST_COLUMNS, MOST_MARKS, MOST_ROWS, Screen
from jitd.recording.stills import MOST_FIRST, MOST_LAST, MOST_STILLS, Still, svg
from tests.recording.tape import header

ROWS, COLUMNS = 6, 20
SVG = "{http://www.w3.org/2000/svg}"


def drawn(data: bytes, rows: int = ROWS, columns: int = COLUMNS) -> list[str]:
    screen = Screen(rows, columns)
    screen.feed(data)
    return lines(screen)


def lines(screen: Screen) -> list[str]:
    return ["".join(cell.text for cell in row).rstrip() for row in screen.rows]


@pytest.mark.parametrize(
    ("data", "first"),
    [
        (b"one\r\ntwo", ["one", "two"]),
        (b"12345678901234567890abc", ["12345678901234567890", "abc"]),
        (b"12345678901234567890\rX", ["X2345678901234567890", ""]),
        (b"\x1b[?7l12345678901234567890abc", ["1234567890123456789c", ""]),
        ("日本語".encode() * 4, ["日本語日本語日本語日", "本語"]),
        ("日本\rx".encode(), ["x 本", ""]),
        (b"a\tb\x1b[Zc", ["a       c", ""]),
        (b"abc\x1b[2D\x1b[@x", ["axbc", ""]),
        (b"abcd\x1b[3D\x1b[2P", ["ad", ""]),
        (b"a\r\nb\x1b[1;1H\x1b[L", ["", "a"]),
        (b"a\r\nb\x1b[1;1H\x1b[M", ["b", ""]),
        (b"a\x1b[5b", ["aaaaaa", ""]),
        (b"one\x1b[?1049htwo", ["   two", ""]),
        (b"one\x1b[?1049htwo\x1b[?1049l!", ["one!", ""]),
        (b"\x1b(0lqk\x1b(B", ["┌─┐", ""]),
        (b"ab\x1b]0;title\x07cd", ["abcd", ""]),
        (b"one\x1b7\x1b[5;5Htwo\x1b8!", ["one!", ""]),
        (b"1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7", ["2", "3"]),
        (b"\x1b[2;3r1\r\n2\r\n3\r\n4", ["1", "3"]),
    ],
)
def test_the_screen_is_as_a_terminal_has_it(data: bytes, first: list[str]) -> None:
    assert drawn(data)[:2] == first


WORDS = [
    *("a", "bc", "word ", "e\u0301", "\r", "\n", "\r\n", "\b", "\t", "\x1bD", "\x1bM"),
    *(f"\x1b[{n}{final}" for n in ("", 1, 2, 3, 30) for final in "ABCDEFG@PXd"),
    *(f"\x1b[{n}{final}" for n in (0, 1, 2) for final in "JK"),
    *("\x1b[3;5H", "\x1b[H", "\x1b[99;40H", "\x1b[31;1m", "\x1b[m", "\x1b[38;5;200;48;2;1;2;3m"),
    *("\x1b[4h", "\x1b[4l", "\x1b[?7l", "\x1b[?7h"),
]
"""What both terminals know in the same way, on a screen so wide that nothing wraps. pyte restores a cursor only once, is a column
to the right of the screen before it wraps, forgets to return the carriage at ESC E and to move the cursor at CSI r, keeps
deleted lines that it never wrote, and raises an error at CSI ? 6 h without margins and at half of a wide character.
"""


@pytest.mark.parametrize("hundred", range(10))
def test_another_terminal_draws_the_same(hundred: int) -> None:
    """pyte is the other one."""
    for seed in range(100 * hundred, 100 * hundred + 100):
        chance = random.Random(seed)
        data = "".join(chance.choice(WORDS) for _ in range(chance.randint(1, 50)))
        other = pyte.Screen(MOST_COLUMNS, ROWS)
        pyte.Stream(other).feed(data)
        expected = [unicodedata.normalize("NFC", line.rstrip()) for line in other.display]
        assert [unicodedata.normalize("NFC", line) for line in drawn(data.encode(), ROWS, MOST_COLUMNS)] == expected, repr(data)


def test_whatever_is_output_the_screen_stays_in_its_size() -> None:
    chance = random.Random(1)
    screen = Screen(10**6, 10**6)
    assert (len(screen.rows), len(screen.rows[0])) == (MOST_ROWS, MOST_COLUMNS)
    for n in range(300):
        if n % 50 == 0:
            screen.resize(chance.choice([0, 1, 5, 10**4]), chance.choice([0, 1, 2, 10**4]))
        screen.feed(bytes(chance.choice(b"\x1b[]()0;?123 ABCHJKLMPSTXmrhl\xe6\x97\xa5\r\n\x07ab") for _ in range(200)))
        assert len({len(row) for row in screen.rows}) == 1
        assert all(len(cell.text) <= 1 + MOST_MARKS for row in screen.rows for cell in row)


def test_what_asks_for_much_draws_little() -> None:
    """THREATS L-26: a command must not make the daemon work or remember more than a screen for a few bytes."""
    screen = Screen(2, 8)
    screen.feed(b"a" + "\u0301".encode() * 100_000)
    assert len(screen.rows[0][0].text) == 1 + MOST_MARKS
    screen.feed(b"\x1b[2J\x1b[Hx\x1b[999999999b\x1b[999999999@\x1b[999999999L\x1b[999999999;999999999H\x1b[999999999S")
    assert (len(screen.rows), {len(row) for row in screen.rows}) == (2, {8})


# --- pictures ------------------------------------------------------------------------------------------------------------


def out(at: float, data: bytes) -> Frame:
    return Frame(int(at * 1e6), Kind.OUTPUT, data)


def chosen(*frames: Frame, rows: int = ROWS) -> list[Still]:
    def again() -> Iterator[Frame]:
        return iter(frames)

    return stills.stills(header(rows=rows, columns=COLUMNS), again)


def text(still: Still) -> list[str]:
    return ["".join(cell.text for cell in row).rstrip() for row in still.rows]


def test_a_picture_is_taken_where_a_screen_stood_and_the_last_screen_is_one() -> None:
    found = chosen(
        *(out(0, b"1"), out(0.1, b"2"), out(1, b"3\r\n4"), out(1.1, b"\r\n5\r\n6"), out(3, b"\x1b[2J\x1b[Hend")),
    )
    assert [text(still)[0] for still in found] == ["12", "123", "end"]
    assert [still.at for still in found] == [100_000, 1_100_000, 3_000_000]


def test_a_change_of_one_line_is_no_new_picture() -> None:
    found = chosen(*(out(n, b"\rstep %d" % n) for n in range(100)))
    assert [text(still)[0] for still in found] == ["step 0", "step 99"]


def test_a_long_run_has_few_pictures_from_all_of_it() -> None:
    found = chosen(*(out(n, b"\x1b[2J\x1b[H%d\r\n%d\r\n%d" % (n, n, n)) for n in range(1000)))
    assert len(found) <= MOST_STILLS and text(found[-1])[0] == "999"
    gaps = [(after.at - before.at) / 1e6 for before, after in zip(found, found[1:], strict=False)]
    assert max(gaps) < 300


def test_nothing_output_is_no_picture() -> None:
    assert chosen() == [] == chosen(Frame(5, Kind.INPUT, b"typed"))


def test_of_a_huge_output_the_beginning_and_the_end_are_drawn() -> None:
    some = b"x" * 60_000 + b"\r\n"
    n = (MOST_FIRST + MOST_LAST) // len(some) + 40
    found = chosen(*(out(n_, some) for n_ in range(n)), out(n, b"\x1b[2J\x1b[Hlast"))
    assert text(found[-1])[0] == "last" and found[-1].is_after_skip and not found[0].is_after_skip


HOSTILE = [
    b"<script>alert(1)</script>",
    b"]]></text><a href='http://example.test'>&lt;",
    "\u202eevil\u2066 \u200b\u200d \ue000 \U000e0041".encode(),
    "שלום مرحبا".encode(),
    b"\x00\x01\x1b]8;;http://example.test\x07link\x1b]8;;\x07\x9b31m\xff\xfe",
    b'\x1b[38;5;999999m\x1b[38;2;999;-1;<m\x1b[31"onload=x m',
]


@pytest.mark.parametrize("data", HOSTILE)
def test_a_picture_has_text_and_rectangles_alone(data: bytes) -> None:
    """THREATS L-26."""
    screen = Screen(ROWS, 60)
    screen.feed(data)
    picture = svg(Still(0, screen.rows), 'K7QM-2XVD.1 after 0.0 s <"')
    assert picture.isascii()
    for part in ElementTree.fromstring(picture).iter():
        assert part.tag.removeprefix(SVG) in ("svg", "title", "rect", "g", "text")
        assert not [name for name in part.attrib if name.startswith("on") or "href" in name or name == "style"]
        assert all(char.isprintable() for char in part.text or "" if char != "\n"), part.text
    found: list[verify.Finding] = []
    verify._check_forms({"recordings/K7QM-2XVD-1.svg": picture.encode()}, found.append)
    assert found == [], "verify.py takes it for a picture"


def test_a_picture_in_which_each_cell_has_a_colour_of_its_own_stays_small() -> None:
    screen = Screen(MOST_ROWS, MOST_COLUMNS)
    screen.feed(b"".join(b"\x1b[38;2;%d;%d;9;4;9mx" % (n % 256, n // 256) for n in range(MOST_ROWS * MOST_COLUMNS)))
    assert len(svg(Still(0, screen.rows), "t")) < stills.MOST_STYLED + 1024


def test_colours_and_marks_are_drawn() -> None:
    screen = Screen(1, 40)
    screen.feed(b"\x1b[1;31mred\x1b[0;7mswap\x1b[0;4;38;5;21mblue\x1b[0;8mno\x1b[0m<&>")
    picture = svg(Still(0, screen.rows), "t")
    assert 'fill="#cc4141" font-weight="bold">red<' in picture
    assert 'fill="#101418">swap<' in picture and 'height="17" fill="#d8d8d8"' in picture
    assert 'fill="#0000ff" text-decoration="underline">blue<' in picture
    assert ">no<" not in picture and "&lt;&amp;&gt;" in picture
