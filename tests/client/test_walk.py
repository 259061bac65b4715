# SPDX-License-Identifier: Apache-2.0
"""``jitd approve`` without an id, and ``jitd`` alone: on real terminals, with a daemon made of two files."""

from __future__ import annotations

import os
import re
import signal
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.core.claims import Claims
from tests.client.desk import KEYS, WHY, WORD, Desk, Pane, Row, Typist
from tests.client.script import HOSTILE, row_for, waiting
from tests.marks import full
from tests.waiting import wait_for

RESTART = ("systemctl", "restart", "postgresql")
ONE, TWO, THREE = "AAAA-1111", "BBBB-2222", "CCCC-3333"
LOCKED = 'you may review nothing: locked: "laptop stolen"'


def a_row(id: str, *argv: str | bytes, **changes: Any) -> Row:
    return row_for(waiting(*(argv or RESTART), id=id, **changes))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    made.rows = [a_row(ONE)]
    return made


@pytest.fixture
def pane(tmp_path: Path) -> Iterator[Callable[..., Pane]]:
    made: list[Pane] = []

    def begin(columns: int, lines: int = 24) -> Pane:
        made.append(Pane(tmp_path, columns, lines))
        return made[-1]

    yield begin
    for one in made:
        one.close()


# --- on a terminal of tmux -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        (60, 30),
        *(
            pytest.param(columns, 24, marks=full("every day, the terminal is narrow: most lines are folded there"))
            for columns in (80, 200)
        ),
    ],
)
def test_two_keys_approve_the_only_one_that_waits(desk: Desk, pane: Callable[..., Pane], columns: int, lines: int) -> None:
    """``jitd``, Enter, a. Nobody scrolls for it: all that is shown is on the screen when the keys come."""
    row = desk.rows[0]
    here = pane(columns, lines)
    here.type("jitd", "Enter")
    here.asks("Enter reviews them · q quit")
    assert desk.sent == []
    typed = iter(["Enter", "a"])
    here.press_until(next(typed), lambda: "a approve · d deny" in "\n".join(here.screen), "the page")
    seen = "\n".join(here.screen)
    for part in ("alice", "systemctl restart postgresql", '"why"'):
        assert part in seen, part
    assert desk.sent == []
    here.press_until(next(typed), lambda: "nothing more waits for you" in "\n".join(here.screen), "its end")
    assert desk.sent == [("approve", ONE, row["fingerprint"], "")] and list(typed) == []


@pytest.mark.parametrize("columns", [60, 200, pytest.param(80, marks=full("every day, the terminal is narrow, or wide"))])
def test_what_waits_for_me_is_told_in_lines_that_fit(desk: Desk, pane: Callable[..., Pane], columns: int) -> None:
    desk.rows = [a_row(ONE), a_row(TWO, "psql", "-c", "drop table " + "x" * 300), row_for(waiting("true", id=THREE), "alice")]
    here = pane(columns)
    here.type("jitd", "Enter")
    here.shows("1 request of your own")
    lines = here.screen
    assert "2 requests wait for you:" in lines
    first, second = (next(n for n, line in enumerate(lines) if id in line) for id in (ONE, TWO))
    assert " ".join(lines[first:second]).endswith('"systemctl restart postgresql" as root on db1'), "it has room on any of them"
    long = " ".join(lines[second : second + 2])
    assert "…(+" in long and "xx'\" as root on db1" in long
    assert "Enter reviews them · q quit" in lines[-1]
    here.press_until("q", lambda: here.screen[-1].rstrip().endswith("$"), "the shell")
    here.type("clear; jitd < /dev/null", "Enter")
    here.shows("jitd deny ID --reason TEXT")
    assert desk.sent == [], "without a terminal, it only lists"


def test_what_is_pasted_at_the_keys_or_at_the_question_decides_nothing(desk: Desk, pane: Callable[..., Pane]) -> None:
    """THREATS A-10."""
    desk.rows = [{**a_row(ONE), "grade": "gives"}]
    here = pane(80)
    here.type("jitd approve", "Enter")
    here.asks(KEYS)
    for text in ("a", "ayes\n", "a\nyes\n", "d", "dno\n", "q"):
        here.paste(text)
    here.press("a", "keys):")
    here.paste("yes\n")
    here.shows("pasted text does not count")
    here.asks("keys):")
    here.press("Enter", KEYS)
    assert desk.sent == []
    here.press("q", "$")


# --- on a pseudo-terminal ------------------------------------------------------------------------------------------------


def test_the_oldest_comes_first_and_each_key_does_what_it_says(desk: Desk, sit: Callable[..., Typist]) -> None:
    desk.rows = rows = [a_row(ONE), a_row(TWO, "id"), a_row(THREE, "df")]
    me = sit("approve", "--comment", "go ahead")
    assert "1 of 3: alice asks for root on db1.example.test  " in me.until(KEYS)
    me.press(b"s")
    assert "1 of 2: alice asks for root on db1.example.test  " in me.until(KEYS)
    me.press(b"d")
    me.until(f"why (alice {WHY}")
    me.type("not today, façade\n".encode())
    assert THREE in me.until(KEYS)
    me.press(b"v")
    me.until("v view less")
    me.press(b"A")
    me.until("nothing more waits for you, but for the 1 that you skipped")
    assert me.status() == 0
    assert desk.sent == [
        ("deny", TWO, rows[1]["fingerprint"], "not today, façade"), ("approve", THREE, rows[2]["fingerprint"], "go ahead"),
    ]  # fmt: skip


@pytest.mark.parametrize("keys", [b"q", b"Q", b"\x04"])
def test_somebody_who_leaves_has_decided_nothing(desk: Desk, sit: Callable[..., Typist], keys: bytes) -> None:
    me = sit("approve")
    me.until(KEYS)
    me.press(keys)
    assert me.status() == 0 and desk.sent == []


def test_ctrl_c_leaves_and_restores_the_terminal(desk: Desk, sit: Callable[..., Typist]) -> None:
    me = sit("approve")
    me.until(KEYS)
    assert not me.modes()[3] & termios.ICANON
    me.type(b"\x03")
    me.until("\x1b[?2004l")
    assert wait_for(lambda: me.modes() == me.before, what="the settings as they were")
    assert me.status() == 130 and desk.sent == []


@pytest.mark.parametrize(
    ("term", "number"),
    [
        *(("xterm", number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)),
        ("dumb", signal.SIGTERM),
        *(
            pytest.param(
                "dumb", number, marks=full("every day, a terminal takes each of these signals, and a dumb one takes one")
            )
            for number in (signal.SIGHUP, signal.SIGQUIT)
        ),
    ],
)
def test_a_signal_ends_it_and_restores_the_terminal(
    desk: Desk, sit: Callable[..., Typist], number: signal.Signals, term: str
) -> None:
    me = sit("approve", term=term)
    me.until(KEYS)
    os.kill(me.pid, number)
    wait_for(lambda: me.modes() == me.before, what="the settings as they were")
    assert me.status() == 128 + number and desk.sent == []


@pytest.mark.parametrize(
    "ahead",
    [
        b"ay\n",
        b"dno\n",
        b"q",
        *(
            pytest.param(ahead, marks=full("every day, the test types an approval, a denial, and the key that leaves"))
            for ahead in (b"a", b"ayyyy\ny\ny\n", b"d", b"s", b"v")
        ),
    ],
)
def test_keys_typed_ahead_of_the_card_are_about_nothing(desk: Desk, sit: Callable[..., Typist], ahead: bytes) -> None:
    """THREATS A-10: also what was typed ahead of the second card, while the first one was decided."""
    desk.rows = [a_row(ONE), a_row(TWO, "id")]
    me = sit("approve", ahead=ahead)
    assert ONE in me.until(KEYS)
    assert me.is_quiet()
    desk.busy.touch()
    me.press(b"a")
    me.until("is approved")
    me.type(ahead)
    desk.busy.unlink()
    assert TWO in me.until(KEYS)
    assert me.is_quiet()
    assert [one[:2] for one in desk.sent] == [("approve", ONE)]
    me.press(b"q")
    assert me.status() == 0


@pytest.mark.parametrize(
    "typed",
    [
        *(b"ay\n", b"aa", b"\x1b[A", b"\xc3\xa4", b"\n", b"x", b"\x1b[200~a\x1b[201~"),
        *(
            pytest.param(typed, marks=full("every day, the test types several keys, a long key, another key, Enter, and a paste"))
            for typed in (b"\x1bOP", b"\r", b" ", b"1", b"dd")
        ),
    ],
)
def test_only_one_of_the_keys_by_itself_is_one(desk: Desk, sit: Callable[..., Typist], typed: bytes) -> None:
    """THREATS A-10: several keys at once are a paste, or a key that means something else."""
    me = sit("approve")
    me.until(KEYS)
    me.press(typed)
    assert me.is_quiet()
    assert me.leaves() == 0 and desk.sent == []


def test_a_marked_paste_is_discarded_however_slowly_it_comes(desk: Desk, sit: Callable[..., Typist]) -> None:
    """THREATS A-10."""
    me = sit("approve")
    me.until(KEYS)
    me.type(b"\x1b[200~rm ")
    for piece in (b"a", b"d", b"q", b"a"):
        assert me.is_quiet()
        me.type(piece)
    assert me.is_quiet()
    me.type(b"\x1b[201~")
    assert me.is_quiet()
    assert me.leaves() == 0 and desk.sent == []


def test_no_new_request_comes_under_an_open_question(desk: Desk, sit: Callable[..., Typist]) -> None:
    """THREATS A-08: what was asked about is what is approved, whatever has come, gone or changed places meanwhile."""
    first = desk.rows[0]
    newer = a_row(THREE, "sh")
    me = sit("approve")
    assert ONE in me.until(KEYS)
    desk.rows = [newer, a_row(TWO, "id"), first]
    me.press(b"a")
    assert THREE in me.until(KEYS), "and then what waits is asked again"
    assert desk.sent == [("approve", ONE, first["fingerprint"], "")]
    me.press(b"q")
    assert me.status() == 0


def test_a_request_that_is_gone_when_the_answer_comes_is_told_and_the_walk_goes_on(
    desk: Desk, sit: Callable[..., Typist]
) -> None:
    desk.rows = [a_row(ONE), a_row(TWO, "id")]
    me = sit("approve")
    me.until(KEYS)
    desk.rows = desk.rows[1:]
    me.press(b"a")
    assert "was withdrawn: its client went away" in me.until(TWO)
    me.until(KEYS)
    assert desk.sent == []
    me.press(b"q")
    assert me.status() == 0


def test_a_review_that_cannot_be_done_now_is_asked_again(desk: Desk, sit: Callable[..., Typist]) -> None:
    desk.refuses("not_done", "too many reviews: wait a minute")
    me = sit("approve")
    me.until(KEYS)
    me.press(b"a")
    assert "wait a minute" in me.until(KEYS)
    me.press(b"q")
    assert me.status() == 0 and desk.sent == []


def test_without_a_ticket_the_walk_ends(desk: Desk, sit: Callable[..., Typist]) -> None:
    desk.refuses("unauthenticated", "your ticket has expired: kinit")
    me = sit("approve")
    me.until(KEYS)
    me.press(b"a")
    me.until("your ticket has expired: kinit")
    assert me.status() == 119 and desk.sent == []


@pytest.mark.parametrize(
    "answer",
    [
        *(b"\n", b"yes\x04\x04"),
        pytest.param(b"\x04", marks=full("every day, the test uses an empty answer, and a yes that the end of input cuts")),
    ],
)
def test_without_an_answer_the_keys_come_again(desk: Desk, sit: Callable[..., Typist], answer: bytes) -> None:
    desk.rows = [{**a_row(ONE), "grade": "gives"}]
    me = sit("approve")
    me.until(KEYS)
    me.press(b"a")
    me.until(WORD)
    me.type(answer)
    me.until(KEYS)
    assert desk.sent == []
    assert me.leaves() == 0


@pytest.mark.parametrize("answer", [b"y\n", b"no\n", b"YES\n", b"yes \n"])
def test_a_wrong_answer_stays_at_the_question(desk: Desk, sit: Callable[..., Typist], answer: bytes) -> None:
    desk.rows = [{**a_row(ONE), "grade": "gives"}]
    me = sit("approve")
    me.until(KEYS)
    me.press(b"a")
    me.until('approve "systemctl restart postgresql" as root on db1? it gives root: ' + WORD)
    me.type(answer)
    me.until("only the word yes approves it")
    me.until(WORD)
    assert desk.sent == []
    me.type(b"yes\n")
    me.until("is approved")
    assert me.status() == 0 and len(desk.sent) == 1


@pytest.mark.parametrize("reason", [b"\n", b"   \n", b"\x04"])
def test_a_denial_without_a_reason_is_none(desk: Desk, sit: Callable[..., Typist], reason: bytes) -> None:
    me = sit("approve")
    me.until(KEYS)
    me.press(b"d")
    me.until(WHY)
    me.type(reason)
    me.until(KEYS)
    assert desk.sent == []
    me.press(b"q")
    assert me.status() == 0


def test_a_process_that_was_stopped_shows_the_card_again_before_a_key_counts(desk: Desk, sit: Callable[..., Typist]) -> None:
    """The shell has written on the screen since, and has its own settings."""
    me = sit("approve")
    me.until(KEYS)
    me.stop()
    me.type(b"a")
    me.go_on()
    assert ONE in me.until(KEYS)
    assert me.is_quiet() and not me.modes()[3] & termios.ICANON
    me.press(b"q")
    assert me.status() == 0 and desk.sent == []


def test_the_shell_has_its_settings_while_it_is_stopped(desk: Desk, pane: Callable[..., Pane]) -> None:
    here = pane(80)
    here.type("jitd approve", "Enter")
    here.asks(KEYS)
    here.type("C-z")
    here.shows("Stopped")
    here.type("clear; stty -a | grep -o ' -*icanon'; echo there", "Enter")
    here.shows("there\n$")
    assert " icanon" in here.screen
    here.type("fg", "Enter")
    here.asks(KEYS)
    here.press("q", "$")
    assert desk.sent == []


def test_what_does_not_fit_on_the_screen_is_approved_at_its_end_and_not_before(desk: Desk, sit: Callable[..., Typist]) -> None:
    """THREATS R-04. The other keys work on each screen."""
    me = sit("approve", size=(7, 80))
    assert "a approve" not in me.until(KEYS)
    me.press(b"a")
    assert me.is_quiet() and desk.sent == []
    me.press(b"d")
    me.until(WHY)
    me.type(b"\n")
    me.read_until("a approve")
    me.until(KEYS)
    me.press(b"a")
    me.until("is approved")
    assert me.status() == 0 and len(desk.sent) == 1


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"grade": "gives"}, "it gives root"),
        ({"damage": "destroys"}, "it destroys something"),
        ({"damage": "stops"}, "it stops something that many need"),
        ({"grade": None}, "jitd does not say what it gives"),
        ({"breaks_glass": True}, "it is break-glass"),
    ],
)
def test_what_gives_everything_or_destroys_wants_the_whole_word(
    desk: Desk, sit: Callable[..., Typist], changes: dict[str, Any], because: str
) -> None:
    desk.rows = [{**a_row(ONE), **changes}]
    me = sit("approve")
    me.until(KEYS)
    me.press(b"a")
    me.until(f"? {because}: {WORD}")
    assert me.is_quiet() and desk.sent == []


def test_who_may_only_deny_is_told_so_and_denies(desk: Desk, sit: Callable[..., Typist]) -> None:
    desk.rows = [{**a_row(ONE), "lacks": "wants a ticket by otp: kinit", "awaits_me": False}]
    me = sit("approve")
    assert "may only deny it: its rule wants a ticket by otp" in me.until(KEYS)
    assert b"a approve" not in me.seen
    me.press(b"a")
    assert me.is_quiet() and desk.sent == []
    me.press(b"d")
    me.until(WHY)
    me.type(b"no\n")
    me.until("is denied")
    assert me.status() == 0 and [one[0] for one in desk.sent] == ["deny"]


def test_who_is_locked_gets_no_page_no_key_and_no_question(desk: Desk, sit: Callable[..., Typist]) -> None:
    """THREATS A-25: the reason is said first, whatever they typed."""
    desk.rows = [{**a_row(ONE), "barred": LOCKED, "may_review": False, "awaits_me": False}]
    for typed in (("approve",), ("approve", ONE), ("approve", ONE[:4]), ("approve", "--yes", ONE), ("deny", ONE)):
        me = sit(*typed)
        assert LOCKED in me.until(LOCKED) and me.status() != 0
        assert b"postgresql" not in me.seen and WHY.encode() not in me.seen and KEYS.encode() not in me.seen, typed
    me = sit()
    assert "nothing waits for you" in me.until(LOCKED) and me.status() == 0
    assert desk.sent == []


def test_who_may_act_as_the_requester_is_told_so_and_may_deny(desk: Desk, sit: Callable[..., Typist]) -> None:
    because = f"request {ONE} counts as your own: alice may act as bob in run BBBB-BBBB.1; somebody else has to review it"
    desk.rows = [{**a_row(ONE), "barred": because, "awaits_me": False}]
    me = sit("approve")
    assert "somebody else has to review it" in me.until(KEYS)
    assert b"a approve" not in me.seen
    me.press(b"a")
    assert me.is_quiet() and desk.sent == []
    me.press(b"d")
    me.until(WHY)
    me.type(b"no\n")
    me.until("is denied")
    assert me.status() == 0 and [one[0] for one in desk.sent] == ["deny"]


def test_hostile_text_does_nothing_to_the_terminal(desk: Desk, sit: Callable[..., Typist]) -> None:
    """THREATS R-02."""
    raw = HOSTILE.decode("utf-8", "surrogateescape")
    desk.rows = [{**a_row(ONE, "echo", HOSTILE, claims=Claims(raw, None, 1, ())), "host": raw, "account": raw, "run_as": raw}]
    me = sit("approve")
    me.until(KEYS)
    me.press(b"v")
    me.until("view less")
    seen = (
        me.seen.replace(b"\x1b[J", b"")
        .replace(b"\r", b"")
        .replace(b"\x1b[?2004h", b"")
        .replace(b"\x1b[?2004l", b"")
        .decode()
        .replace("\r\n", "")
        .replace("\n", "")
    )
    assert re.sub(r"\x1b\[[\d;]*m", "", seen).isprintable(), "but for the colours of the page"


@pytest.mark.parametrize("rows", [[], [row_for(waiting("true"), "alice")], [row_for(waiting("true"), "eve")]])
def test_if_nothing_waits_for_me_it_says_so(desk: Desk, sit: Callable[..., Typist], rows: list[Row]) -> None:
    desk.rows = rows
    me = sit("approve")
    me.until("jitd: nothing waits for you")
    assert me.status() == 0 and desk.sent == []
    again = sit()
    again.until("nothing waits for you")
    assert again.status() == 0
