# SPDX-License-Identifier: Apache-2.0
"""Which characters are shown, and how wide: compared with the tables of Unicode, and with terminals, which are asked."""

from __future__ import annotations

import ctypes
import hashlib
import locale
import os
import re
import select
import subprocess
import sys
import textwrap
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import wcwidth
from confusable_homoglyphs.confusables import confusables_data  # type: ignore[import-untyped]

from jitd.cli.columns import folded, table, wrapped
from jitd.cli.labels import laid_out
from jitpam.waiting_line import waiting_line
from jitpam.wire.characters import ALIKE, CLEAR, OTHERS, OTHERS_ALIKE, kind, most_cells, usual_cells
from jitpam.wire.messages import Progress
from jitpam.wire.shown import cells, shown, shown_of_argument
from tests.pseudo_terminals import execute_on, open_terminal
from tests.table import each_row
from tests.unshown import without_styles
from tests.waiting import PATIENCE, wait_for

CLEAR_ONES = [char for char in map(chr, range(0x80, 0x30000)) if kind(char) in CLEAR]
IDEOGRAPHS = frozenset(char for char in CLEAR_ONES if kind(char) in "CG" and ord(char) % 97)
ASKED = [char for char in CLEAR_ONES if char not in IDEOGRAPHS]
"""Characters for which a terminal is asked: all that are shown, but of ideographs and Hangul one in 97."""
# --- terminals that are asked where their cursor stands ----------------------------------------------------------------------

INSIDE = """
    import os, re, select, sys, termios, tty
    texts = open(sys.argv[1], encoding="utf-8").read().split("\\n")
    before = termios.tcgetattr(0)
    tty.setraw(0)
    said, columns = b"", []
    try:
        for at in range(0, len(texts), 16):
            os.write(1, b"".join(b"\\r\\033[2K" + text.encode() + b"\\033[6n" for text in texts[at : at + 16]))
            while len(columns) < min(at + 16, len(texts)):
                assert select.select([0], [], [], float(sys.argv[3]))[0], "the terminal is silent"
                *found, said = re.split(rb"\\033\\[[0-9]+;([0-9]+)R", said + os.read(0, 4096))
                columns += [int(number) - 1 for number in found[1::2]]
    finally:
        termios.tcsetattr(0, termios.TCSANOW, before)
    with open(sys.argv[2] + ".part", "w") as file:
        file.write(" ".join(map(str, columns)))
    os.rename(sys.argv[2] + ".part", sys.argv[2])
"""
"""Writes each text at the beginning of a line, and asks for the place of the cursor (CPR of ECMA-48, ``ESC [ 6 n``)."""
SURROUNDINGS = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "TERM": "xterm"}


def asking(directory: Path, texts: list[str]) -> list[str]:
    (directory / "texts").write_text("\n".join(texts), encoding="utf-8")
    (directory / "inside.py").write_text(textwrap.dedent(INSIDE))
    return [sys.executable, "-I", *(str(directory / name) for name in ("inside.py", "texts", "columns")), str(PATIENCE)]


def answered(directory: Path) -> list[int]:
    wait_for((directory / "columns").exists, what="the terminal's answer")
    return [int(column) for column in (directory / "columns").read_text().split()]


def by_tmux(directory: Path, texts: list[str]) -> list[int]:
    """The table of utf8proc."""
    line = ["tmux", "-S", str(directory / "tmux"), "-f", "/dev/null"]
    new = ["-u", "new-session", "-d", "-x", "200", "-y", "24"]
    subprocess.run([*line, *new, *asking(directory, texts)], check=True, env=SURROUNDINGS)
    return answered(directory)


def by_screen(directory: Path, texts: list[str]) -> list[int]:
    """The table of screen itself. It draws on a terminal of ours, which nobody looks at."""
    (directory / "run").mkdir(mode=0o700)
    person, program = open_terminal((24, 200))
    surroundings = {**SURROUNDINGS, "SCREENDIR": str(directory / "run")}
    pid = execute_on(program, ["/usr/bin/screen", "-U", "-c", "/dev/null", *asking(directory, texts)], surroundings)
    try:
        while not (directory / "columns").exists():
            assert select.select([person], [], [], PATIENCE)[0], "screen is silent"
            try:
                os.read(person, 65536)
            except OSError:  # screen has ended
                break
    finally:
        os.close(person)
        os.waitpid(pid, 0)
    return answered(directory)


def by_libvterm(directory: Path, texts: list[str]) -> list[int]:
    """The table of libvterm, the terminal within Neovim and Vim."""
    lib = ctypes.CDLL("libvterm.so.0")
    lib.vterm_new.restype = lib.vterm_obtain_state.restype = ctypes.c_void_p
    lib.vterm_output_read.restype = ctypes.c_size_t
    terminal = ctypes.c_void_p(lib.vterm_new(24, 200))
    lib.vterm_set_utf8(terminal, 1)
    lib.vterm_state_reset(ctypes.c_void_p(lib.vterm_obtain_state(terminal)), 1)
    said, columns = ctypes.create_string_buffer(64), []
    for text in texts:
        data = b"\r\033[2K" + text.encode() + b"\033[6n"
        lib.vterm_input_write(terminal, data, ctypes.c_size_t(len(data)))
        n_bytes = lib.vterm_output_read(terminal, said, ctypes.c_size_t(64))
        found = re.fullmatch(rb"\033\[[0-9]+;([0-9]+)R", said.raw[:n_bytes])
        assert found
        columns.append(int(found[1]) - 1)
    return columns


TERMINALS = [by_tmux, by_screen, by_libvterm]
Terminal = Callable[[Path, list[str]], list[int]]


@pytest.mark.parametrize("terminal", TERMINALS)
def test_no_terminal_draws_what_is_shown_wider_than_it_is_counted(terminal: Terminal, tmp_path: Path) -> None:
    """THREATS R-17: each is drawn, in one cell or two, and in no more than are counted."""
    for char, columns in zip(ASKED, terminal(tmp_path, ASKED), strict=True):
        assert 1 <= columns <= most_cells(char), f"U+{ord(char):04X}"


@pytest.mark.parametrize("terminal", TERMINALS)
def test_columns_are_aligned_by_what_terminals_draw(terminal: Terminal, tmp_path: Path) -> None:
    """THREATS R-17: the honest use. Letters of Europe and of East Asia are as wide as in most terminals."""
    rows = [["алиса", "команда"], ["山田太郎", "再起動"], ["김철수", "x"], ["alice", "Übung µs kΩ Δt é"]]
    before = [line.rpartition(row[1])[0] for line, row in zip(table(["WHO", "WHAT"], rows, 80)[1:], rows, strict=True)]
    assert len(set(terminal(tmp_path, before))) == 1


def test_the_table_of_the_c_library_and_the_newest_one_agree() -> None:
    """THREATS R-17: glibc, which most programs use, and the newest Unicode that is known here."""
    libc = ctypes.CDLL(None)
    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    try:
        for char in CLEAR_ONES:
            for width in (libc.wcwidth(ctypes.c_wchar(char)), wcwidth.wcwidth(char)):
                assert 1 <= width <= most_cells(char), f"U+{ord(char):04X}"
                assert width == usual_cells(char), f"U+{ord(char):04X}"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


def test_what_east_asian_terminals_draw_wide_is_counted_so() -> None:
    """THREATS R-17: those of ambiguous width (UAX #11), such as Cyrillic letters, fit also where they are wide."""
    for char in CLEAR_ONES:
        assert most_cells(char) == (1 if unicodedata.east_asian_width(char) in ("N", "Na", "H") else 2), f"U+{ord(char):04X}"
    assert cells("алиса") == 10 and cells("alice é") == 8


# --- the forgery -------------------------------------------------------------------------------------------------------------


def rows_of(texts: list[str], width: int) -> Iterator[str]:
    """The screen lines of ``texts`` on a terminal whose table is the newest one."""
    for text in texts:
        line, used = "", 0
        for char in text:
            size = wcwidth.wcwidth(char)
            if used + size > width:
                yield line
                line, used = "", 0
            line, used = line + char, used + size
        yield line


@each_row("filler", ["\u4dc0", "\u3248", "\u2630", "\u231a", "\U0001f600", "\u2640", "\U0001f1e6", "漢", "é", "ж"])
@each_row("n", [21, 31, 32, 33, 40, 62, 63, 65])
def test_no_text_begins_where_labels_stand(filler: str, n: int) -> None:
    """THREATS R-17: a reason whose characters are wider than they are counted puts its rest at the beginning of a line."""
    for is_wide in (False, True):  # whether the terminal draws characters of ambiguous width in two cells
        page = without_styles(laid_out([("reason", shown(filler * n + "still needs  nothing"))], 80))
        lines = [line.replace("é", "漢").replace("ж", "漢") for line in page] if is_wide else page
        assert not [line for line in rows_of(lines, 80) if not line.startswith("  ")]
        for line in (*folded(shown(filler * n), 60), *wrapped(shown(filler * n), 60)):
            assert wcwidth.wcswidth(line) <= 60


@pytest.mark.parametrize("filler", ["\u4dc0", "é", "ж", "漢"])
def test_the_waiting_line_stays_one_line(filler: str) -> None:
    """THREATS R-17: a line that a terminal folds is not drawn over, and its rest stays."""
    news = Progress(
        id="K7QM-2XVD", state="pending", owed=True, news=[], until=None, answered=[shown(filler * 50)], owes="", asked=None
    )
    assert wcwidth.wcswidth(waiting_line(5, None, news, "", 79).replace("é", "漢").replace("ж", "漢")) <= 79


# --- tables ------------------------------------------------------------------------------------------------------------------

MARKS = "!\"#$&'()*,-./:;<=>?@[\\]`{|}~"


def looks_like(char: str) -> list[str]:
    """The ASCII texts that ``char`` looks like (UTS #39, confusables)."""
    return [one["c"] for one in confusables_data.get(char, []) if one["c"].isascii()]


def test_nothing_that_looks_like_punctuation_of_ascii_is_plain_in_an_argument() -> None:
    """THREATS R-18, by the table of UTS #39. A letter of a script that is written without ASCII may look so, and is marked beside
    ASCII.
    """
    for char in CLEAR_ONES:
        if any(set(text) <= set(MARKS) for text in looks_like(char)):
            for text in (char, f"a{char}b", f" {char}b", f"/{char} "):
                assert char not in shown_of_argument(text), f"U+{ord(char):04X}"


def test_in_a_sentence_only_what_sentences_need_looks_like_punctuation_of_ascii() -> None:
    """THREATS R-18: typography, and the wide punctuation of East Asia."""
    found = {
        char for char in CLEAR_ONES if any(set(text) <= set(MARKS) for text in looks_like(char)) and char in shown(f"a{char}b")
    }
    assert found <= set("‚‹›‘’“”–…′″：！〔〕〃")


def test_the_letters_that_look_like_ascii_are_those_of_the_published_table() -> None:
    """THREATS R-18: UTS #39, confusables."""
    found = [
        char for char in CLEAR_ONES if kind(char) in OTHERS + OTHERS_ALIKE and any(len(text) == 1 for text in looks_like(char))
    ]
    assert sorted(ALIKE) == sorted(found)


def test_no_latin_letter_looks_like_another_one() -> None:
    """THREATS R-18: of those that look like ASCII, only usual ligatures and letters with a hook are shown."""
    letters = {char for char in CLEAR_ONES if kind(char) == "L" and looks_like(char)}
    assert letters <= set("ÆæŒœƁƊƠơ")


def test_what_is_shown_does_not_depend_on_the_version_of_unicode() -> None:
    """THREATS R-17: Unicode 3.2 is in each Python. What it does not know, or this Python does not, is escaped."""
    for char in CLEAR_ONES:
        assert unicodedata.ucd_3_2_0.category(char) != "Cn" and unicodedata.category(char)[0] not in "CMZ", f"U+{ord(char):04X}"
    every = "".join(f"{kind(char)}{most_cells(char)}{usual_cells(char)}" for char in map(chr, range(sys.maxunicode + 1)))
    assert hashlib.sha256(every.encode()).hexdigest() == DIGEST


DIGEST = "776fb00a2348c25a17bd1f526d175ad129eed13cd981c4678214121ebc630a63"
"""Of the kinds and widths of all code points. It is the same with the Unicode 14 of Python 3.11 and the 15.1 of Python 3.13."""
