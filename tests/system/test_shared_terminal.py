# SPDX-License-Identifier: Apache-2.0
"""Several programs of one job on one terminal: a script and its children, xargs(1), and two ``jitsudo`` at once.

Law: every test leaves the shell at its prompt with the modes it had, and no process.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.system.conftest import House, house_with
from tests.system.prompt import AT_ONCE, Prompt, clients, command_lines, guardians, number, state
from tests.waiting import wait_for

place = house_with(AT_ONCE)


@pytest.fixture
def bash(place: House) -> Iterator[Prompt]:
    made = Prompt(place)
    yield made
    made.close()


def running(mark: str) -> list[int]:
    """The commands whose last word is ``mark``; no ``jitsudo``, and no shell that has the mark in a longer word."""
    return [pid for pid, words in command_lines().items() if words[0] in (b"sleep", b"cat") and words[-1] == mark.encode()]


def all_of(*marks: str) -> None:
    wait_for(lambda: all(running(mark) for mark in marks), what="the commands")


def gone(*marks: str) -> None:
    for mark in marks:
        wait_for(lambda mark=mark: not running(mark) and not clients(mark) and not guardians(mark), what=f"the end of {mark}")


def end(mark: str) -> None:
    """End a client that nobody waits for, with its command."""
    for pid in clients(mark):
        os.kill(pid, signal.SIGTERM)
    gone(mark)


WITHOUT_STDIN = ["</dev/null", "</etc/passwd", "<&-", "2>/dev/null </dev/null"]


@pytest.mark.parametrize("stdin", WITHOUT_STDIN)
def test_without_the_terminal_as_its_input_it_leaves_the_modes_alone_and_ctrl_c_ends_the_script(bash: Prompt, stdin: str) -> None:
    """THREATS X-04."""
    before, mark = bash.settings(), number()
    bash.line(f"sh -c 'jitsudo sleep {mark} {stdin}; echo not h\"\"ere; sleep {mark}'")
    all_of(mark)
    assert not bash.is_raw
    bash.key("\x03")
    gone(mark)
    assert "not here" not in bash.told("true")
    assert bash.settings() == before


def test_a_script_that_starts_some_in_its_background_keeps_the_terminal_and_ctrl_c_ends_it(bash: Prompt) -> None:
    """THREATS X-04."""
    before, one, two = bash.settings(), number(), number()
    bash.line(f'sh -c \'jitsudo sleep {one} & jitsudo sleep {two} & read x; echo g""ot $x; wait; echo not h""ere\'')
    all_of(one, two)
    assert not bash.is_raw
    bash.key("text\r")
    bash.until("got text")
    bash.key("\x03")
    assert "not here" not in bash.told("true")
    assert running(one), "sh(1) lets what it starts by & ignore Ctrl-C"
    assert running(two)
    end(one)
    end(two)
    assert bash.settings() == before


@pytest.mark.parametrize("ended_by", ["itself", "ctrl-c"])
def test_four_at_once_by_xargs_leave_the_terminal_as_it_was(bash: Prompt, ended_by: str) -> None:
    """THREATS X-04."""
    before, marks = bash.settings(), [number() for _ in range(4)]
    bash.line(f"printf '%s\\n' {' '.join(marks)} | xargs -P 4 -I% jitsudo sh -c 'sleep %; echo do\"\"ne %'")
    all_of(*marks)
    assert not bash.is_raw
    if ended_by == "ctrl-c":
        bash.key("\x03")
    else:
        for mark in marks:
            os.kill(running(mark)[0], signal.SIGTERM)
            bash.until(f"done {mark}")
    gone(*marks)
    assert bash.settings() == before


@pytest.mark.parametrize("ends_first", [0, 1])
@pytest.mark.parametrize("number_of_signal", [signal.SIGTERM, signal.SIGKILL])
def test_two_whose_input_is_the_terminal_have_it_one_after_the_other(
    bash: Prompt, ends_first: int, number_of_signal: signal.Signals
) -> None:
    """THREATS X-04."""
    before, marks = bash.settings(), [number(), number()]
    bash.line(f"sh -c 'for n in {' '.join(marks)}; do jitsudo sleep $n </dev/tty & done; wait; wait'")
    all_of(*marks)
    # The terminal is raw before the guardian has a session of its own, and so can be told from a client.
    holders = wait_for(lambda: bash.is_raw and [index for index, mark in enumerate(marks) if guardians(mark)], what="a holder")
    assert len(holders) == 1
    first = holders[0] if ends_first == 0 else 1 - holders[0]
    os.kill(clients(marks[first])[0], number_of_signal)
    gone(marks[first])
    wait_for(lambda: bash.is_raw and guardians(marks[1 - first]), what="the turn of the other one")
    bash.key("\x03")
    gone(*marks)
    assert bash.settings() == before


def test_two_commands_that_ask_at_the_terminal_ask_one_after_the_other(bash: Prompt) -> None:
    """THREATS X-04."""
    before, marks = bash.settings(), [number(), number()]
    asks = 'echo as"".k % >/dev/tty; stty -echo </dev/tty; read x </dev/tty; stty echo </dev/tty; echo g"".ot $x %.'
    bash.line(f"printf '%s\\n' {' '.join(marks)} | xargs -P 2 -I% jitsudo sh -c '{asks}'")
    for _ in marks:
        bash.until(r"as\.k \d+")
    for mark, word in zip(in_turn(*marks), ("one", "two"), strict=True):
        wait_for(lambda mark=mark: bash.is_raw and guardians(mark), what="the turn of this one")
        bash.key(f"{word}\r")
        bash.until(rf"g\.ot {word} {mark}\.")
        gone(mark)
    assert bash.settings() == before


def test_one_that_waits_for_its_turn_is_stopped_and_ended_as_others_are(bash: Prompt) -> None:
    """THREATS X-04."""
    before, marks = bash.settings(), [number(), number()]
    # xargs(1) goes on after a command that fails, and not after one that is ended by a signal
    asks = 'trap "exit 3" TERM; echo as"".k % >/dev/tty; read x </dev/tty; echo g"".ot $x %.'
    bash.line(f"printf '%s\\n' {' '.join(marks)} | xargs -P 2 -I% jitsudo sh -c '{asks}'")
    for _ in marks:
        bash.until(r"as\.k \d+")
    in_turn(*marks)
    bash.key("\x1a")
    wait_for(lambda: all(state(clients(mark)[0]) == "T" for mark in marks), what="the stop of both clients")
    bash.settle()
    assert bash.settings() == before
    bash.line("fg")
    has, waits = in_turn(*marks)
    os.kill(clients(waits)[0], signal.SIGTERM)
    wait_for(lambda: not clients(waits) and not asking(waits), what="the end of the one that waits")
    assert bash.is_raw and clients(has)
    bash.key("typed\r")
    bash.until(rf"g\.ot typed {has}\.")
    gone(*marks)
    assert bash.settings() == before


def in_turn(*marks: str) -> tuple[str, str]:
    """The one that has the terminal, whose command reads from it, and the one whose command waits for that."""

    def look() -> tuple[str, str] | None:
        locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        holders = {int(words[4]) for words in locks if words[1:4] == ["POSIX", "ADVISORY", "WRITE"]}
        has, waits = sorted(marks, key=lambda mark: not holders.intersection(clients(mark)))
        is_so = holders.intersection(clients(has)) and all(map(asking, marks))
        return (has, waits) if is_so and (state(asking(has)[0]), state(asking(waits)[0])) == ("S", "T") else None

    found = wait_for(look, what="one that reads, and one that waits")
    assert found is not None
    return found


def asking(mark: str) -> list[int]:
    """The shells that root runs and that ask for a line."""
    found = []
    for pid, words in command_lines().items():
        if words[0] == b"sh" and mark.encode() in words[-1]:
            with suppress(OSError):  # a shell forks for each command, and that process may have ended since
                found += [pid] * (os.stat(f"/proc/{pid}").st_uid == 0)
    return found


def test_in_a_session_of_its_own_it_leaves_the_modes_of_the_script_s_terminal_alone(bash: Prompt) -> None:
    """THREATS X-04: setsid(1) leaves the terminal as its input, and nobody waits for it."""
    before, one, two = bash.settings(), number(), number()
    bash.line(f"sh -c 'setsid -f jitsudo sleep {one}; sleep {two}; echo not h\"\"ere'")
    all_of(one, two)
    assert not bash.is_raw
    bash.key("\x03")
    gone(two)
    assert "not here" not in bash.told("true")
    assert running(one), "Ctrl-C is not for it"
    os.kill(command_of(one), signal.SIGTERM)
    gone(one)
    assert bash.settings() == before


def command_of(mark: str) -> int:
    (found,) = running(mark)
    return found


def test_in_a_session_of_its_own_for_which_somebody_waits_it_is_asked_as_before(bash: Prompt) -> None:
    """As after ``su -c``, which takes the controlling terminal away."""
    before = bash.settings()
    bash.line('setsid -w jitsudo sh -c \'stty -echo; echo re""ady; read x; stty echo; echo g""ot $x\'')
    bash.until("ready")
    wait_for(lambda: bash.is_raw, what="the terminal")
    bash.key("typed\r")
    bash.until("got typed")
    bash.settle()
    assert bash.settings() == before


def test_one_that_asks_without_the_terminal_as_its_input_is_asked_as_before(bash: Prompt) -> None:
    before, mark = bash.settings(), number()
    bash.line(f'jitsudo sh -c \'echo re""ady; read x </dev/tty; echo g""ot $x; exec sleep {mark}\' </dev/null')
    bash.until("ready")
    wait_for(lambda: bash.is_raw, what="the terminal")
    bash.key("typed\r")
    bash.until("got typed")
    bash.key("\x03")
    gone(mark)
    assert bash.settings() == before


def test_it_is_stopped_and_goes_on_with_the_script(bash: Prompt) -> None:
    before, mark = bash.settings(), number()
    bash.line(f"sh -c 'jitsudo sleep {mark} </dev/null; echo not h\"\"ere'")
    all_of(mark)
    (client,), (command,) = clients(mark), running(mark)
    bash.key("\x1a")
    wait_for(lambda: state(client) == "T", what="the client's stop")
    wait_for(lambda: state(command) == "T", what="the command's stop")
    bash.settle()
    assert bash.settings() == before
    bash.line("bg")
    wait_for(lambda: state(command) == "S", what="the command goes on")
    bash.settle()
    bash.line("fg")
    wait_for(lambda: os.tcgetpgrp(bash.child.child_fd) == os.getpgid(client), what="the foreground")
    assert not bash.is_raw
    bash.key("\x03")
    gone(mark)
    assert bash.settings() == before


def test_one_in_the_background_beside_one_in_the_foreground_has_no_part_in_the_terminal(bash: Prompt) -> None:
    before, behind, front = bash.settings(), number(), number()
    bash.line(f"jitsudo sleep {behind} &")
    all_of(behind)
    bash.settle()
    client = bash.start(f"jitsudo sleep {front}", front)
    wait_for(bash.is_given(client), what="the terminal")
    os.kill(clients(behind)[0], signal.SIGKILL)
    gone(behind)
    assert bash.is_raw
    bash.key("\x03")
    gone(front)
    assert bash.settings() == before


def test_one_that_was_stopped_in_raw_mode_keeps_the_terminal_from_no_other_job(bash: Prompt) -> None:
    """THREATS X-04: SIGSTOP, by which it cannot give the terminal back."""
    before, stopped, front = bash.settings(), number(), number()
    client = bash.start(f"jitsudo sleep {stopped}", stopped)
    wait_for(bash.is_given(client), what="the terminal")
    os.kill(client, signal.SIGSTOP)
    wait_for(lambda: os.tcgetpgrp(bash.child.child_fd) != os.getpgid(client), what="the shell's turn")
    bash.settle()
    bash.line("stty sane")
    bash.settle()
    other = bash.start(f"jitsudo sleep {front}", front)
    wait_for(bash.is_given(other), what="the terminal of the other job")
    bash.key("\x03")
    gone(front)
    bash.line("fg")
    wait_for(bash.is_given(client), what="the terminal")
    bash.key("\x03")
    gone(stopped)
    assert bash.settings().split(":")[1:] == before.split(":")[1:]


def test_what_the_kill_of_one_in_raw_mode_leaves_is_the_script_s_terminal(bash: Prompt) -> None:
    """THREATS X-04."""
    before, raw, beside, go = bash.settings(), number(), number(), f"/tmp/{number()}"
    Path(go).unlink(missing_ok=True)
    bash.line(f"sh -c 'jitsudo sleep {beside} & jitsudo sleep {raw}; read x; stty -g >{go}; echo g\"\"ot $x'")
    all_of(raw, beside)
    wait_for(lambda: bash.is_raw and guardians(raw), what="the terminal")
    os.kill(clients(raw)[0], signal.SIGKILL)
    gone(raw)
    bash.key("text\r")
    bash.until("got text")
    assert Path(go).read_text().strip() == before
    end(beside)
    assert bash.settings() == before
