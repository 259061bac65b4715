# SPDX-License-Identifier: Apache-2.0
"""``jitd board``: on terminals of tmux, with a daemon made of files that tells its changes."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jitd.cli.question import QUIET_FOR
from jitd_board.picture import WIDE
from tests.client.desk import RESTS, TREE, Pane
from tests.client.live import LiveDesk, command
from tests.client.script import HOSTILE, row_for, waiting
from tests.client.test_walk import ONE, THREE, TWO, a_row
from tests.marks import full
from tests.waiting import PATIENCE, is_living, wait_for

GRANT = {
    "id": ONE, "state": "active", "requester": "alice@EXAMPLE.TEST", "account": "alice", "host": "db1", "service": "jitsudo",
    "argv": ["psql"], "path": "/usr/bin/psql", "run_as": "postgres", "run_as_uid": 26, "rule": "dba", "uses": 3, "left": 2,
    "runs": [], "ends_at": "2099-01-01T00:00:00Z",
}  # fmt: skip
RUN = {
    "id": ONE, "state": "running", "requester": "alice@EXAMPLE.TEST", "account": "alice", "host": "db1", "service": "jitsudo",
    "argv": ["sleep", "600"], "path": "/usr/bin/sleep", "run_as": "root", "cpu_ms": 1000, "memory": 4096, "pid": 4321,
    "started_at": "2026-03-02T09:00:00Z",
}  # fmt: skip
LOCK = {
    "id": THREE, "state": "active", "whom": "user", "name": "eve", "placed_by": "carol@EXAMPLE.TEST", "reason": "stolen laptop",
    "placed_at": "2026-03-02T09:00:00Z", "ends_at": None,
}  # fmt: skip
APPROVE = "a approve · d deny · s skip · v view all · q quit"
"""The keys below a request that may be approved, because all of it was on the screen."""
UNREAD = "up down page: read on d deny · s skip · v view all · q quit"
"""What is below a request before that."""
WORD = "type yes (empty: back to the keys): _"
IGNORED = "pasted text is ignored"


@pytest.fixture
def desk(tmp_path: Path) -> LiveDesk:
    made = LiveDesk(tmp_path)
    made.rows = [a_row(ONE)]
    return made


@pytest.fixture
def pane(tmp_path: Path) -> Iterator[Callable[..., Pane]]:
    made: list[Pane] = []

    def begin(columns: int = 80, lines: int = 24) -> Pane:
        made.append(Pane(tmp_path, columns, lines, line=command(tmp_path)))
        return made[-1]

    yield begin
    for one in made:
        one.close()


def opened(pane: Pane, *, before: str = "") -> Pane:
    """The board, once it has heard what waits."""
    pane.type(f"{before}jitd board", "Enter")
    pane.shows("bob on db1")
    return pane


def text_of(pane: Pane) -> str:
    return "\n".join(pane.screen)


def words_of(pane: Pane) -> str:
    """What is on the screen, as if its lines were not folded."""
    return " ".join(text_of(pane).split())


def press(pane: Pane, key: str, seen: str, rests: float = RESTS) -> None:
    """Press ``key`` by itself until ``seen`` is on the screen."""
    pane.press_until(key, lambda: seen in words_of(pane), seen, rests)


def write(pane: Pane, text: str) -> None:
    """Type ``text`` at a question. Once its first letter has been taken, no other is lost."""
    press(pane, text[0], f"? {text[0]}_")
    pane.type(text[1:])
    sees(pane, f"? {text}_")


def sees(pane: Pane, words: str) -> None:
    """Wait until ``words`` are on the screen, however its lines are folded."""
    try:
        wait_for(lambda: words in words_of(pane))
    except AssertionError:
        raise AssertionError(f"{words!r} is not on the screen:\n{text_of(pane)}") from None


def silence() -> None:
    """Nobody types for as long as a key must stand alone: what is tested is that silence."""
    time.sleep(3 * QUIET_FOR)


def read_on(pane: Pane, seen: str) -> None:
    """Read page by page, from the beginning, until ``seen`` is on the screen. A page that a busy host paints too late is not
    read, so it comes again.
    """
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        pane.type("Home")
        for _ in range(9):
            silence()
            if seen in words_of(pane):
                return
            pane.type("PageDown")
    raise AssertionError(f"{seen!r} is not on the screen:\n{text_of(pane)}")


# --- what it shows -------------------------------------------------------------------------------------------------------


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
def test_two_keys_approve_exactly_what_stands_on_the_screen(
    desk: LiveDesk, pane: Callable[..., Pane], columns: int, lines: int
) -> None:
    row = desk.rows[0]
    here = opened(pane(columns, lines))
    sees(here, "systemctl ")
    if columns < WIDE:
        press(here, "Enter", APPROVE)
    else:
        sees(here, APPROVE)
    seen = text_of(here)
    for part in ("alice", "systemctl restart postgresql", '"why"'):
        assert part in seen, part
    assert desk.sent == []
    press(here, "a", f"request {ONE} is approved")
    assert desk.sent == [("approve", ONE, row["fingerprint"], "")]
    press(here, "q", "$")
    assert all(len(line) <= columns for line in here.screen)


@pytest.mark.parametrize(
    "columns",
    [
        *(40, 200),
        *(
            pytest.param(columns, marks=full("every day, the test uses the narrowest and a wide terminal"))
            for columns in (60, 80)
        ),
    ],
)
def test_every_list_fits_and_says_which_row_is_selected_without_colour(
    desk: LiveDesk, pane: Callable[..., Pane], columns: int
) -> None:
    desk.rows = [a_row(ONE), a_row(TWO, "id")]
    desk.lists = {"grants": [GRANT], "runs": [RUN], "locks": [LOCK]}
    here = opened(pane(columns), before="NO_COLOR=1 ")
    sees(here, f"> {ONE}")
    assert TWO in words_of(here) and f"> {TWO}" not in words_of(here)
    press(here, "Down", f"> {TWO}")
    assert f"> {ONE}" not in words_of(here)
    for key, tab, part in (("2", "2 reviews", "no review is owed"), ("3", "3 grants", f"> {ONE}"), ("4", "4 runs", "4321")):
        press(here, key, f"[{tab}")
        sees(here, part)
    press(here, "5", "[5 locks")
    sees(here, "stolen la")
    assert all(len(line) <= columns for line in here.screen)
    escaped = here._do("-u", "capture-pane", "-p", "-e")
    assert "\x1b[3" not in escaped.replace("\x1b[39m", ""), "no colour"


def test_a_change_is_on_the_screen_without_a_key(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    here = opened(pane())
    sees(here, "1 waits 1")
    desk.rows = [a_row(ONE), a_row(TWO, "id")]
    sees(here, "1 waits 2")
    sees(here, TWO)
    desk.lists = {"runs": [RUN]}
    sees(here, "4 runs 1")
    desk.rows = [a_row(TWO, "id")]
    sees(here, f"> {TWO}")
    assert ONE not in words_of(here)


def test_hostile_words_are_shown_and_do_nothing(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    """THREATS L-06: control characters, bidi overrides, and the markup of textual and rich."""
    markup = "[bold red]M1[/] [link=http://evil]M2[/link] [@click=app.quit]M3[/] $primary {M4} :skull: [/"
    desk.rows = [a_row(ONE, "sh", "-c", markup), a_row(TWO, b"id" + HOSTILE), a_row(THREE, "\u4e2d" * 50)]
    here = opened(pane(200, 40))
    sees(here, APPROVE)
    assert "[bold red]M1[/] [link=http://evil]M2[/link] [@click=app.quit]M3[/] $primary {M4} :" in words_of(here)
    title = here._do("display-message", "-p", "#{pane_title}")
    press(here, "Down", f"> {TWO}")
    sees(here, f"{TWO}, ")
    sees(here, "\\x1b]0;title\\x07\\x1b[2J")
    assert "\u202e" not in text_of(here)
    press(here, "Down", f"> {THREE}")
    press(here, "d", "keys)? _")
    press(here, "Escape", "nothing was sent")
    assert here._do("display-message", "-p", "#{pane_title}") == title and desk.sent == []


def test_what_does_not_fit_is_approved_at_its_end_and_not_before(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    """THREATS R-04."""
    desk.rows = [a_row(ONE, "psql", "-c", "select " + "x" * 5000)]
    here = opened(pane())
    press(here, "a", UNREAD)
    silence()
    here.type("a")
    silence()
    press(here, "End", '"why"')
    assert UNREAD in words_of(here) and desk.sent == [], "what lies between was not on the screen"
    press(here, "Home", "alice asks for root")
    press(here, "Space", "xxxxx")
    read_on(here, APPROVE)
    assert desk.sent == []
    press(here, "a", "is approved")


def test_what_gives_everything_takes_the_word(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    desk.rows = [{**a_row(ONE, "bash"), "grade": "gives"}]
    here = opened(pane())
    sees(here, "!! alice")
    press(here, "a", APPROVE)
    press(here, "a", "it gives root: " + WORD)
    press(here, "y", ": y_")
    press(here, "Enter", "only the word yes approves it")
    assert desk.sent == []
    press(here, "Enter", APPROVE)
    press(here, "a", WORD)
    press(here, "y", ": y_")
    here.type("es")
    sees(here, ": yes_")
    press(here, "Enter", "is approved")
    assert len(desk.sent) == 1


def test_the_page_of_the_selected_request_is_beside_the_list(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    desk.rows = [a_row(ONE), a_row(TWO, "id")]
    here = opened(pane(120, 30))
    sees(here, APPROVE)
    assert f"> {ONE}" in words_of(here) and TWO in words_of(here) and "restart postgresql" in words_of(here)
    press(here, "Down", f"> {TWO}")
    wait_for(lambda: f"{TWO}, " in words_of(here) and APPROVE in words_of(here), what="the page of the other one")
    press(here, "a", f"request {TWO} is approved")
    sees(here, f"> {ONE}")
    sees(here, APPROVE)
    desk.rows = [a_row(ONE, "rm", "-rf", "/")]
    sees(here, f"{ONE} has changed: nothing was sent")
    sees(here, APPROVE)
    assert "rm -rf /" in words_of(here) and len(desk.sent) == 1
    press(here, "3", "[3 grants")
    assert "a approve" not in words_of(here)


def test_the_keys_are_listed(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    here = opened(pane())
    press(here, "?", "deny, with words that the requester is told")
    press(here, "Escape", f"> {ONE}")
    press(here, "q", "$")


def test_a_request_has_one_line_with_its_reason_and_its_mark(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    first = {**a_row(ONE), "grade": "harmless"}
    desk.rows = [first, {**a_row(TWO, "bash"), "grade": "gives"}, {**a_row(THREE, "cat", "/x" * 50), "grade": "reads"}]
    here = opened(pane())
    sees(here, THREE)
    lines = {id: next(line for line in here.screen if id in line) for id in (ONE, TWO, THREE)}
    assert all(line.endswith(' "why"') for line in lines.values())
    assert "! " not in lines[ONE] and " !! " in lines[TWO] and " !  " in lines[THREE]
    assert lines[THREE].count("/x") < 50 and "…(+" in lines[THREE]


def test_a_burst_of_page_down_is_no_reading(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    """THREATS A-10: keys typed within one paint take the person past lines that stood on no screen."""
    desk.rows = [a_row(ONE, "psql", "-c", "drop table " + "x" * 5000)]
    here = pane()
    for quiet in (0.5, 2.5, 12.5):  # on a busy host a page of the burst may stand so long that it counts as read
        if is_no_reading(here, quiet):
            break
    else:
        pytest.fail("no burst is on the screen in so little time that it is one")
    assert desk.sent == []


def is_no_reading(here: Pane, quiet: float) -> bool:
    """Play it on a board that takes ``quiet`` for its QUIET_FOR; false if the burst took longer than that."""
    opened(here, before=f"clear; QUIET_FOR={quiet} ")
    press(here, "a", UNREAD, rests=3 * quiet)
    began_at = time.monotonic()
    here.type(*["PageDown"] * 9)
    sees(here, '"why"')
    is_burst = time.monotonic() - began_at < quiet
    if is_burst:
        time.sleep(2 * quiet)
        assert UNREAD in words_of(here)
    press(here, "Escape", "nothing was sent", rests=3 * quiet)
    press(here, "q", "$", rests=3 * quiet)
    return is_burst


def test_what_was_typed_to_another_question_is_no_answer(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    """THREATS A-10: a word for a denial is no word for an approval."""
    desk.rows = [{**a_row(ONE, "bash"), "grade": "gives"}]
    here = opened(pane())
    press(here, "d", "keys)? _")
    press(here, "y", "? y_")
    here.type("es")
    sees(here, "? yes_")
    here.type("C-u")
    sees(here, "? _")
    press(here, "Enter", APPROVE)
    press(here, "a", WORD)
    press(here, "Enter", APPROVE)
    assert desk.sent == []


# --- what decides ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ahead",
    [
        *("ay", "ayEnter"),
        pytest.param("aay", marks=full("every day, the test types the keys that approve, with and without Enter")),
    ],
)
def test_keys_typed_ahead_or_at_once_lead_nowhere(desk: LiveDesk, pane: Callable[..., Pane], ahead: str) -> None:
    """THREATS A-10."""
    here = opened(pane())
    sees(here, ONE)
    keys = [*ahead.removesuffix("Enter"), *(["Enter"] if ahead.endswith("Enter") else [])]
    here.type(*keys)
    silence()
    press(here, "2", "[2 reviews")  # a key after them, which opens nothing and answers nothing
    assert "a approve · d deny · s skip · v view all" not in words_of(here) and desk.sent == []


def test_an_answer_at_once_is_none(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    """THREATS A-10: a paste that the terminal does not mark is several keys at once."""
    desk.rows = [{**a_row(ONE), "grade": "gives"}]
    here = opened(pane())
    press(here, "a", APPROVE)
    silence()
    here.type("a", "a")
    silence()
    assert APPROVE in words_of(here)
    press(here, "a", WORD)
    silence()
    here.type("y", "e", "s", "Enter")
    sees(here, "press Enter again")
    assert desk.sent == []
    here.type("Enter", "Enter")
    silence()
    press(here, "z", ": yesz_")  # it is open yet
    assert desk.sent == []
    here.type("BSpace")
    sees(here, ": yes_")
    press(here, "Enter", "is approved")
    assert len(desk.sent) == 1


def test_what_is_pasted_leads_nowhere_and_answers_nothing(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    """THREATS A-10."""
    desk.rows = [{**a_row(ONE), "grade": "gives"}]
    here = opened(pane())
    sees(here, ONE)
    for text in ("a", "q", "d", "\n"):
        here.paste(text)
        sees(here, IGNORED)
        silence()
        here.type("Down")
        wait_for(lambda: IGNORED not in words_of(here), what="a key after it")
        assert f"> {ONE}" in words_of(here), "no question, and no page"
    press(here, "a", APPROVE)
    here.paste("a")
    sees(here, IGNORED)
    silence()
    assert APPROVE in words_of(here)
    press(here, "a", WORD)
    for text in ("yes\n", "yes", "\n"):
        here.paste(text)
        sees(here, IGNORED)
        silence()
        press(here, "z", ": z_")  # it is open yet, and nothing else was typed
        assert IGNORED not in words_of(here) and desk.sent == []
        here.type("BSpace")
        sees(here, WORD)
    press(here, "y", ": y_")
    here.type("es")
    sees(here, ": yes_")
    press(here, "Enter", "is approved")
    assert len(desk.sent) == 1


def test_keys_within_a_marked_paste_answer_nothing_either(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    """THREATS A-10: textual makes keys of a long sequence that it does not know, in a paste as well."""
    desk.rows = [{**a_row(ONE), "grade": "gives"}]
    here = opened(pane())
    press(here, "a", APPROVE)
    press(here, "a", WORD)
    for text in ("\x1b" + "x" * 28 + "\x15" + "yes", "\x1b" + "x" * 30 + "\x15" + "y"):
        silence()
        here.type("-H", *[f"{byte:x}" for byte in f"\x1b[200~{text}\x1b[201~".encode()])
        sees(here, IGNORED)
        silence()
        press(here, "Enter", APPROVE)
        assert desk.sent == []
        press(here, "a", WORD)
    assert desk.sent == []


def test_a_size_within_a_marked_paste_is_none(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    """THREATS A-10: another size would count lines as read that are not on the screen."""
    here = opened(pane())
    press(here, "a", APPROVE)
    here.type("-H", *[f"{byte:x}" for byte in b"\x1b[200~\x1b[48;5;9;0;0t\x1b[201~"])
    sees(here, IGNORED)
    silence()
    assert APPROVE in words_of(here), "a question closes on a terminal of that size"
    here._do("resize-window", "-x", "90", "-y", "30")
    wait_for(lambda: len(here.screen) == 30 and APPROVE in words_of(here), what="the size that is real")
    here.columns = 90


def test_a_request_that_changes_closes_its_question(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    """THREATS A-08: the answer would be to something else."""
    here = opened(pane())
    press(here, "a", APPROVE)
    desk.rows = [a_row(ONE, "rm", "-rf", "/")]
    sees(here, f"{ONE} has changed: nothing was sent")
    assert desk.sent == []
    press(here, "a", APPROVE)
    assert "rm -rf /" in words_of(here) and desk.sent == []
    desk.rows = [a_row(TWO, "id")]
    sees(here, f"{ONE} has ended, or waits no more: nothing was sent")
    assert desk.sent == []


def test_another_request_that_comes_leaves_the_question_and_the_selection_alone(
    desk: LiveDesk, pane: Callable[..., Pane]
) -> None:
    """THREATS A-08."""
    desk.rows = [a_row(TWO, "id"), a_row(THREE, "df")]
    here = opened(pane())
    press(here, "Down", f"> {THREE}")
    press(here, "a", APPROVE)
    desk.rows = [a_row(ONE), a_row(TWO, "id"), a_row(THREE, "df")]
    sees(here, "1 waits 3")
    assert f"{THREE}, " in words_of(here) and APPROVE in words_of(here)
    press(here, "a", f"request {THREE} is approved")
    assert [one[1] for one in desk.sent] == [THREE]


def test_a_terminal_that_hangs_up_ends_the_board(desk: LiveDesk, tmp_path: Path) -> None:
    """The kernel and the shell each send SIGHUP and SIGCONT, in any order and more than once."""
    board, terminal = pty.fork()
    if board == 0:
        os.environ["TERM"] = "xterm"
        line = command(tmp_path)
        os.execv(line[0], [*line, "board"])
    termios.tcsetwinsize(terminal, (24, 80))
    seen = b""
    while b"on db1" not in seen:
        assert select.select([terminal], [], [], PATIENCE)[0], seen
        seen += os.read(terminal, 65536)
    os.close(terminal)
    for number in (signal.SIGHUP, signal.SIGCONT):
        time.sleep(0.1)  # so, it was left running each time; any other pace is right, too
        os.kill(board, number)
    try:
        wait_for(lambda: os.waitpid(board, os.WNOHANG)[0] == board)
    except BaseException:
        os.kill(board, signal.SIGKILL)
        os.waitpid(board, 0)
        raise


def test_a_page_is_closed_when_its_request_goes(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    """THREATS A-08: a key on a page is about that page."""
    desk.rows = [a_row(ONE), a_row(TWO, "id")]
    here = opened(pane())
    press(here, "Enter", APPROVE)
    desk.rows = [a_row(TWO, "id")]
    sees(here, f"{ONE} has ended, or waits no more: nothing was sent")
    assert f"> {TWO}" in words_of(here) and desk.sent == []


def test_what_is_skipped_is_followed_by_the_next(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    desk.rows = [a_row(ONE), a_row(TWO, "id")]
    here = opened(pane())
    press(here, "Enter", APPROVE)
    press(here, "s", f"{TWO}, ")
    sees(here, APPROVE)
    press(here, "v", "v view less")
    press(here, "a", f"request {TWO} is approved")
    assert [one[1] for one in desk.sent] == [TWO]


def test_a_denial_has_a_reason_or_is_none(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    here = opened(pane())
    press(here, "d", "keys)? _")
    press(here, "Enter", APPROVE)
    press(here, "d", "keys)? _")
    write(here, "not todax")
    here.type("BSpace", "y")
    sees(here, "? not today_")
    press(here, "Enter", f"request {ONE} is denied")
    assert desk.sent[0][0] == "deny" and desk.sent[0][3] == "not today"


def test_who_is_locked_reads_why_and_gets_no_key_that_answers(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    """THREATS A-25"""
    barred = 'you may review nothing: locked: "laptop stolen"'
    desk.rows = [{**a_row(ONE), "barred": barred, "may_review": False, "awaits_me": False}]
    here = opened(pane())
    press(here, "a", "s skip · v view all")
    assert "you may review nothing" in words_of(here)
    assert "a approve" not in words_of(here) and "d deny" not in words_of(here)
    press(here, "Escape", f"> {ONE}")
    press(here, "d", "you may review nothing")
    assert desk.sent == []


def test_what_may_only_be_denied_is_not_asked_about(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    desk.rows = [{**a_row(ONE), "lacks": "wants a smart card"}, row_for(waiting("true", id=TWO), "alice")]
    here = opened(pane())
    press(here, "a", "d deny · s skip")
    assert "wants a smart card" in words_of(here) and "a approve" not in words_of(here)
    silence()
    here.type("a")
    silence()
    press(here, "Escape", f"> {ONE}")
    press(here, "Down", f"> {TWO}")
    press(here, "a", "s skip · v view all")
    assert "d deny" not in words_of(here)
    press(here, "Escape", f"> {TWO}")
    press(here, "d", "is your own")
    assert desk.sent == []


def test_grants_runs_and_locks_are_ended_with_a_reason(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    desk.lists = {"grants": [GRANT], "runs": [RUN], "locks": [LOCK]}
    here = opened(pane())
    for tab, key, asked, end in (
        ("3", "r", "revoke grant", "revoke is done"),
        ("4", "s", "stop run", "stop is done"),
        ("5", "u", "lift lock", "unlock is done"),
    ):
        press(here, tab, f"[{tab} ")
        press(here, key, asked)
        press(here, "x", "? x_")
        press(here, "Enter", end)
    press(here, "l", "lock which account")
    write(here, "eve")
    press(here, "Enter", "how long")
    write(here, "1h")
    press(here, "Enter", "why (they are told")
    press(here, "z", "? z_")
    press(here, "Enter", "lock is done")
    assert desk.sent == [
        ("revoke", ONE, "", "x"),
        ("stop", ONE, "", "x"),
        ("unlock", THREE, "", "x"),
        ("lock", "eve", "3600", "z"),
    ]


def test_a_list_that_one_may_not_see_says_so(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    desk.lists = {"locks": "only operators, auditors and root may see locks"}
    here = opened(pane())
    press(here, "5", "only operators, auditors and root may see locks")
    assert "5 locks -" in words_of(here)


# --- faults ---------------------------------------------------------------------------------------------------------------


def test_a_fault_closes_the_question_is_said_and_mends_itself(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    here = opened(pane())
    for kind, text in (("ticket", "your Kerberos ticket has expired: kinit"), ("jitd", "jitd closed the connection")):
        press(here, "a", APPROVE)
        desk.fails(kind, text)
        sees(here, f"NOT LIVE: {text}")
        sees(here, "nothing was sent")
        silence()
        press(here, "a", f"{text} a approve")
        assert "NOT LIVE" in words_of(here) and desk.sent == []
        desk.mends()
        wait_for(lambda: "NOT LIVE" not in words_of(here), what="the link")
    press(here, "a", APPROVE)


def test_the_board_asks_for_no_password_and_the_verbs_that_it_names_do(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    desk.fails("ticket", "your Kerberos ticket has expired: kinit")
    here = pane()
    here.type("jitd board", "Enter")
    sees(here, "your Kerberos ticket has expired: kinit. The board needs a ticket.")
    assert "password of" not in words_of(here)
    here.type("clear; jitd requests", "Enter")
    sees(here, "password of bob on this host:")
    here.type("secret", "Enter")
    sees(here, ONE)


def test_a_terminal_that_becomes_too_small_closes_the_question(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    here = opened(pane())
    press(here, "a", APPROVE)
    here._do("resize-window", "-x", "30", "-y", "10")
    sees(here, "This terminal is too")
    here._do("resize-window", "-x", "80", "-y", "24")
    sees(here, "nothing was sent")


@pytest.mark.parametrize("size", [(30, 24), (80, 8)])
def test_a_terminal_that_is_too_small_is_named(desk: LiveDesk, pane: Callable[..., Pane], size: tuple[int, int]) -> None:
    here = pane(*size)
    here.type("jitd board", "Enter")
    wait_for(lambda: "makeitlarger" in text_of(here).replace("\n", "").replace(" ", ""), what="a word")


def test_ctrl_z_gives_the_terminal_back_and_fg_asks_nothing_that_was_asked_before(
    desk: LiveDesk, pane: Callable[..., Pane]
) -> None:
    here = opened(pane())
    press(here, "a", APPROVE)
    here.type("C-z")
    sees(here, "Stopped")
    here.type("stty -a | grep -o ' -*icanon'; echo at-pro''mpt", "Enter")
    sees(here, "at-prompt")
    assert " icanon" in words_of(here).split("Stopped")[1] and " -icanon" not in words_of(here)
    here.type("fg", "Enter")
    sees(here, "the board was stopped: nothing was sent")
    press(here, "a", APPROVE)
    assert desk.sent == []


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("TERM", 143),
        ("HUP", 129),
        pytest.param("QUIT", 131, marks=full("every day, the test uses TERM, and HUP, which the board's shell ignores")),
    ],
)
def test_a_signal_ends_it_and_restores_the_terminal(desk: LiveDesk, pane: Callable[..., Pane], name: str, status: int) -> None:
    here = opened(pane(), before="trap '' HUP; ")
    press(here, "a", APPROVE)
    board = here.program
    os.kill(board, signal.Signals[f"SIG{name}"])
    wait_for(lambda: not is_living(board), what="its end")
    here.type("echo status $?", "Enter")
    sees(here, f"status {status}")
    here.type("stty -a | grep -o ' -*icanon'; echo at-pro''mpt", "Enter")
    sees(here, "at-prompt")
    assert " icanon" in words_of(here) and desk.sent == []


def test_without_a_terminal_it_says_so(desk: LiveDesk, tmp_path: Path) -> None:
    done = subprocess.run([*command(tmp_path), "board"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "needs a terminal" in done.stderr and done.stdout == ""


def test_a_terminal_that_cannot_draw_is_named(desk: LiveDesk, pane: Callable[..., Pane]) -> None:
    here = pane()
    here.type("TERM=dumb jitd board", "Enter")
    sees(here, "set TERM")


def test_no_other_verb_imports_textual() -> None:
    probe = (
        "import sys; from jitd import cli; sys.argv = ['jitd', {}]; cli.main(); print({{'textual', 'rich'}} & sys.modules.keys())"
    )
    for verb in ("'--help'", "'board', '--help'", "'approve', '--help'"):
        done = subprocess.run([sys.executable, "-c", probe.format(verb)], capture_output=True, text=True, check=True, cwd=TREE)
        assert done.stdout.splitlines()[-1] == "set()", verb


def test_the_environment_presses_no_key_and_loads_no_module(desk: LiveDesk, pane: Callable[..., Pane], tmp_path: Path) -> None:
    """THREATS A-10: textual would press the keys of TEXTUAL_PRESS, and import the module of TEXTUAL_DRIVER."""
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'loaded')!r}, 'w')\nDriver = None\n")
    before = f"TEXTUAL_PRESS=a,y,enter TEXTUAL_DRIVER=evil:Driver TEXTUAL_LOG={tmp_path}/log PYTHONPATH={tmp_path} "
    here = opened(pane(), before=before)
    sees(here, f"> {ONE}")
    silence()
    press(here, "2", "[2 reviews")  # a key after them, which opens nothing and answers nothing
    assert "s skip · v view all · q quit" not in words_of(here) and desk.sent == []
    assert not (tmp_path / "loaded").exists() and not (tmp_path / "log").exists()
