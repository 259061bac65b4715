# SPDX-License-Identifier: Apache-2.0
"""What a person reads on a terminal, with the keys below it: what was read, what scrolls, and what stays on the terminal."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jitd.cli import reading
from tests.client.desk import TREE, Pane
from tests.waiting import PATIENCE, wait_for

LINES = [(f"line {number} of the text", None) for number in range(1, 61)]
KEYS = "q quit"
PROBE = """
import os, sys
sys.path.insert(0, {tree!r})
from jitd.cli import question
from jitd.cli.reading import Reading
question.QUIET_FOR = float(os.environ.get("QUIET_FOR", question.QUIET_FOR))
lines = [(f"line {{number}} of the text", None) for number in range(1, {n} + 1)]
reading = Reading(lambda width: lines)
print("PRESSED", repr(reading.key(lambda is_read: [*([("a", "approve")] if is_read else []), ("d", "deny"), ("q", "quit")])))
print("READ", reading.is_read)
"""


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Callable[..., Pane]]:
    """A terminal on which so many lines are shown; ``before`` are words of the shell before the program."""
    panes: list[Pane] = []

    def show(n_lines: int = 60, columns: int = 80, lines: int = 24, before: str = "") -> Pane:
        (tmp_path / "probe.py").write_text(PROBE.format(tree=str(TREE), n=n_lines))
        panes.append(Pane(tmp_path, columns, lines, line=[sys.executable, str(tmp_path / "probe.py")]))
        panes[-1].type(f"{before}jitd", "Enter")
        return panes[-1]

    yield show
    for pane in panes:
        pane.close()


def leave(pane: Pane, key: str = "q") -> None:
    pane.press_until(key, lambda: "READ" in "\n".join(pane.screen), "the end")


def scroll(pane: Pane, key: str, seen: str) -> None:
    pane.press_until(key, lambda: seen in "\n".join(pane.screen), seen)


def history(pane: Pane) -> list[str]:
    """All that the terminal keeps, from its first line on."""
    return pane._do("-u", "capture-pane", "-p", "-S", "-").rstrip("\n").split("\n")


def test_what_fits_is_read_at_once_and_nothing_says_more(shown: Callable[..., Pane]) -> None:
    pane = shown(22)
    pane.shows("a approve · d deny · q quit")
    assert "reads on" not in "\n".join(pane.screen)
    leave(pane, "a")
    assert "PRESSED 'a'" in pane.screen and "READ True" in pane.screen


def test_one_line_more_than_fits_is_unread_until_it_was_shown(shown: Callable[..., Pane]) -> None:
    """THREATS R-04: the key that approves is not there, and it does nothing."""
    pane = shown(24)
    pane.shows("lines 1-22 of 24: space reads on")
    assert pane.screen[-1] == "d deny · q quit"
    pane.type("a")
    wait_for(lambda: pane.is_at_rest(), what="nothing")
    assert "PRESSED" not in "\n".join(pane.screen)
    scroll(pane, "Down", "lines 2-23 of 24: space reads on")
    scroll(pane, "Down", "lines 3-24 of 24: b goes back")
    pane.shows("a approve · d deny")
    leave(pane, "a")
    assert "PRESSED 'a'" in pane.screen and "READ True" in pane.screen


def test_who_leaves_before_the_end_has_not_read_it(shown: Callable[..., Pane]) -> None:
    """THREATS R-04."""
    pane = shown()
    pane.shows("lines 1-22 of 60: space reads on")
    scroll(pane, "Space", "lines 22-43 of 60: space reads on")
    leave(pane, "d")
    assert "PRESSED 'd'" in pane.screen and "READ False" in pane.screen


def test_the_keys_that_scroll_go_both_ways_and_the_terminal_keeps_each_line_once(shown: Callable[..., Pane]) -> None:
    pane = shown()
    pane.shows("lines 1-22 of 60")
    for key, place in (
        ("Space", "22-43"), ("b", "1-22"), ("Down", "2-23"), ("Up", "1-22"), ("NPage", "22-43"), ("PPage", "1-22"),
        ("Space", "22-43"), ("Space", "39-60"), ("b", "18-39"),
    ):  # fmt: skip
        scroll(pane, key, f"lines {place} of 60")
        assert pane.screen[0] == f"line {place.partition('-')[0]} of the text"
    leave(pane)
    kept = [line for line in history(pane) if line.startswith("line ")]
    assert kept == [text for text, _ in LINES], "in their order, the last ones above what follows"


def test_a_burst_of_keys_is_no_reading(shown: Callable[..., Pane]) -> None:
    """THREATS A-10: what comes within the time in which nobody reads a screen scrolls nothing, and approves nothing after it."""
    pane = shown(before=f"QUIET_FOR={PATIENCE} ")
    pane.shows("lines 1-22 of 60: space reads on")
    pane.type("Space")
    pane.type(*["Space"] * 5, "a")
    time.sleep(1)  # what is tested is that nothing comes
    assert "lines 1-22 of 60: space reads on" in pane.screen and "PRESSED" not in "\n".join(pane.screen)
    pane.type("C-c")
    pane.shows("KeyboardInterrupt")


def test_another_size_of_the_terminal_makes_the_page_anew(shown: Callable[..., Pane]) -> None:
    pane = shown()
    scroll(pane, "Space", "lines 22-43 of 60")
    pane._do("resize-window", "-x", "60", "-y", "30")
    pane.columns = 60
    pane.shows("lines 1-28 of 60: space reads on")
    pane._do("resize-window", "-x", "60", "-y", "70")
    pane.shows("a approve")
    leave(pane)
    assert "READ True" in pane.screen


def test_a_screen_without_room_for_a_line_reads_nothing(shown: Callable[..., Pane]) -> None:
    """THREATS R-04."""
    pane = shown(3, lines=2)
    pane.shows("q quit")
    for _ in range(5):
        pane.type("Space")
        wait_for(pane.is_at_rest, what="a reader")
    assert "approve" not in "\n".join(pane.screen)
    leave(pane)
    assert "READ False" in "\n".join(pane.screen)


def test_the_keys_are_folded_on_a_narrow_terminal() -> None:
    keys = [("a", "approve"), ("d", "deny"), ("s", "skip"), ("v", "view all"), ("q", "quit")]
    assert reading.foot_of(keys, 80) == ["a approve · d deny · s skip · v view all · q quit"]
    assert reading.foot_of(keys, 40) == ["a approve · d deny · s skip", "v view all · q quit"]


def test_a_dumb_terminal_gets_no_sequences_and_reads_on(shown: Callable[..., Pane]) -> None:
    pane = shown(before="TERM=dumb ")
    pane.shows("lines 1-22 of 60: space reads on")
    pane.type("b")
    scroll(pane, "Space", "lines 22-43 of 60")
    scroll(pane, "Space", "lines 39-60 of 60")
    assert "goes back" not in "\n".join(pane.screen), "it shows no line twice"
    leave(pane, "a")
    assert [line for line in history(pane) if line.startswith("line ")] == [text for text, _ in LINES]


def test_what_is_stopped_is_shown_again(shown: Callable[..., Pane]) -> None:
    pane = shown()
    scroll(pane, "Space", "lines 22-43 of 60")
    pane.type("C-z")
    pane.shows("Stopped")
    pane.type("clear", "Enter")
    pane.type("fg", "Enter")
    pane.shows("lines 22-43 of 60")
    leave(pane)


def test_without_a_terminal_all_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    reading.put_all(LINES)
    assert capsys.readouterr().out.splitlines() == [text for text, _ in LINES]


def test_no_other_program_is_started() -> None:
    """What the environment says of pagers is not heard."""
    line = [sys.executable, "-c", "import sys; import jitd.cli.decide; print('subprocess' in sys.modules)"]
    assert os.popen(shlex.join(line)).read().strip() == "False"
