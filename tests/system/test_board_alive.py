# SPDX-License-Identifier: Apache-2.0
"""``jitd board`` against a whole daemon, in tmux: what bob sees is what the daemon has, and what he answers is what happens.

Law: what is looked at is the screen, and what the daemon has after it.
"""

from __future__ import annotations

import contextlib
import pwd
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jitd_board.picture import WIDE
from tests.board.test_board import APPROVE, press, read_on, sees, silence, words_of, write
from tests.client.desk import Pane
from tests.marks import full
from tests.system.conftest import House
from tests.waiting import PATIENCE, wait_for

RULES = """
[[permit]]
name = "dba"
who = ["group:dba"]
commands = [["**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "1h", uses = 9 }
run = { record = "all", watch = ["group:ops"] }
"""
HOSTILE = "[red]M1[/] [@click=app.quit]M2[/] \x1b[2J\x1b]0;owned\x07 \u202etxt\u200b"


@pytest.fixture
def house(own_house: Callable[..., House]) -> House:
    return own_house(RULES).start()


@pytest.fixture
def board(house: House, tmp_path: Path) -> Iterator[Callable[..., Pane]]:
    made: list[Pane] = []

    def begin(who: str = "bob", columns: int = 80, lines: int = 24) -> Pane:
        shell = [str(word) for word in house.line(who, "env", "PS1=$ ", "LANG=C.UTF-8", "bash", "--norc", "--noprofile", "-i")]
        pane = Pane(tmp_path, columns, lines, shell=shell)
        made.append(pane)
        pane.type("jitd board", "Enter")
        pane.shows(" on lab.example.test")
        return pane

    yield begin
    for one in made:
        with contextlib.suppress(AssertionError):
            one.close()


def tell(pane: Pane, key: str, seen: str) -> None:
    """Press ``key``, of which something goes to jitd, or to its answer. The board rests while it waits for that, however long it
    takes, so what it rests is no sign that the key was lost.
    """
    silence()
    press(pane, key, seen, rests=PATIENCE / 4)


SIZES = [
    (80, 24),
    *(
        pytest.param(*size, marks=full("every day, the test uses one size; tests/board/test_board_state.py draws in every width"))
        for size in ((60, 30), (200, 50))
    ),
]


@pytest.mark.parametrize(("columns", "lines"), SIZES)
def test_bob_approves_what_alice_asks_and_it_runs(house: House, board: Callable[..., Pane], columns: int, lines: int) -> None:
    """THREATS L-06: and her words do nothing to his screen."""
    here = board("bob", columns, lines)
    sees(here, "no open request")
    asking = house.ask("alice", "echo", HOSTILE)
    here.shows(f"> {asking.id}")
    if columns < WIDE:
        tell(here, "Enter", "d deny · s skip")
    read_on(here, "a approve · d deny")
    assert "[red]M1[/]" in words_of(here) and "\\x1b" in words_of(here)
    assert "owned" not in here._do("display-message", "-p", "#{pane_title}")
    tell(here, "a", f"request {asking.id} is approved")
    assert asking.end() == 0 and "M1" in asking.out
    house.at_rest().verify()


def test_bob_denies_with_a_reason_that_alice_reads(house: House, board: Callable[..., Pane]) -> None:
    here = board()
    asking = house.ask("alice", "true")
    here.shows(f"> {asking.id}")
    tell(here, "d", "keys)? _")
    write(here, "not-today")
    tell(here, "Enter", "is denied")
    assert asking.end() != 0 and "not-today" in asking.err
    assert house.show(asking.id)["state"] == "denied"


def test_a_request_that_is_withdrawn_closes_its_question(house: House, board: Callable[..., Pane]) -> None:
    """THREATS A-08."""
    here = board()
    asking = house.ask("alice", "true")
    here.shows(f"> {asking.id}")
    tell(here, "a", APPROVE)
    assert house.jitd("withdraw", asking.id, who="alice").returncode == 0
    sees(here, f"{asking.id} has ended, or waits no more: nothing was sent")
    assert house.show(asking.id)["reviews"] == []


def test_a_run_is_watched_and_stopped(house: House, board: Callable[..., Pane]) -> None:
    here = board()
    asking = house.ask("alice", "--for=10m", "sh", "-c", "echo first-words; sleep 600")
    here.shows(f"> {asking.id}")
    tell(here, "a", "d deny · s skip")
    read_on(here, "a approve · d deny")
    tell(here, "a", "is approved")
    press(here, "4", "[4 runs 1]")
    tell(here, "w", "first-words")
    here.type("q")
    here.shows("press Enter for the board")
    tell(here, "Enter", "[4 runs 1]")
    tell(here, "s", "not done)? _")
    write(here, "enough")
    tell(here, "Enter", "[4 runs 0]")
    assert asking.end() != 0
    assert any(record["event"] == "recording.watched" for record in house.records())
    press(here, "3", "[3 grants 1]")
    tell(here, "r", "revoke grant")
    write(here, "over")
    tell(here, "Enter", "[3 grants 0]")
    house.at_rest().verify()


def test_a_daemon_that_is_restarted_and_a_ticket_that_is_gone_are_said_and_mended(
    house: House, board: Callable[..., Pane]
) -> None:
    here = board()
    house.kill()
    sees(here, "NOT LIVE: jitd")
    house.start()
    wait_for(lambda: "NOT LIVE" not in words_of(here), what="the link")
    cache = Path(f"/tmp/krb5cc_{pwd.getpwnam('bob').pw_uid}")
    cache.rename(cache.with_suffix(".away"))
    sees(here, "NOT LIVE: you have no Kerberos ticket")
    cache.with_suffix(".away").rename(cache)
    wait_for(lambda: "NOT LIVE" not in words_of(here), what="the link")
    asking = house.ask("alice", "true")
    here.shows(f"> {asking.id}")


def test_root_locks_and_lifts_and_reviews_nothing(house: House, board: Callable[..., Pane]) -> None:
    here = board("root")
    asking = house.ask("alice", "true")
    here.shows(f"> {asking.id}")
    tell(here, "d", "root may not review")
    press(here, "5", "[5 locks 0]")
    press(here, "l", "lock which account")
    write(here, "alice")
    tell(here, "Enter", "how long")
    write(here, "1h")
    tell(here, "Enter", "why")
    write(here, "stolen")
    tell(here, "Enter", "[5 locks 1]")
    assert asking.end() != 0 and house.show(asking.id)["state"] == "denied"
    tell(here, "u", "lift lock")
    write(here, "found")
    tell(here, "Enter", "[5 locks 0]")


def test_alice_sees_her_own_and_decides_nothing(house: House, board: Callable[..., Pane]) -> None:
    asking = house.ask("alice", "true")
    here = board("alice")
    here.shows(f"> {asking.id}")
    tell(here, "d", "is your own")
    tell(here, "a", "s skip · v view all")
    assert "a approve" not in words_of(here) and "d deny" not in words_of(here)
    press(here, "Escape", f"> {asking.id}")
    press(here, "5", "only operators, auditors and root may")
    assert house.show(asking.id)["state"] == "pending"
