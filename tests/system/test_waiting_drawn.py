# SPDX-License-Identifier: Apache-2.0
"""Where the waiting line is drawn, and where it is not, because each drawing of it would stay."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from jitpam.asking import AT_ONCE
from tests.on_terminal import OnTerminal
from tests.system.conftest import ID, OF_THE_LAB, House, house_with
from tests.waiting import PATIENCE

house = house_with(OF_THE_LAB)


@pytest.mark.parametrize(
    ("size", "kind", "is_redrawn"),
    [((24, 80), "xterm", True), ((0, 0), "xterm", False), ((24, 80), "dumb", False)],
    ids=["of a person", "without a size", "that writes over nothing"],
)
def test_the_waiting_line_is_written_over_where_a_terminal_can(
    house: House, size: tuple[int, int], kind: str, is_redrawn: bool
) -> None:
    first, *rest = map(str, house.line("alice", "env", f"TERM={kind}", "jitsudo", "echo", "done"))
    with OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8", dimensions=size) as terminal:
        terminal.expect(ID)
        request = terminal.match[1]
        terminal.expect("requires 1 approval[^\r]*\r\n")
        terminal.expect("\rjitsudo: waiting 00:" if is_redrawn else "jitsudo: waiting 00:00[^\r]*\r\n")
        house.approved(request)
        terminal.expect("approved by bob@EXAMPLE.TEST")
        assert is_redrawn or "waiting" not in terminal.before
        terminal.expect("done")
        terminal.expect(pexpect.EOF)


def test_keys_that_were_typed_while_a_request_waited_do_not_reach_the_command(house: House) -> None:
    """Nobody saw a prompt to which they would be an answer: root's shell would execute them."""
    command = 'stty size; echo ready; read -r line; echo "got <$line>"'
    first, *rest = map(str, house.line("alice", "jitsudo", "sh", "-c", command))
    with OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8", dimensions=(24, 80)) as terminal:
        terminal.expect(ID)
        request = terminal.match[1]
        terminal.sendline("touch early")
        terminal.expect("touch early")
        house.approved(request)
        terminal.expect("ready")
        terminal.sendline("late")
        terminal.expect("got <late>")
        terminal.expect(pexpect.EOF)


def test_of_a_long_paste_while_a_request_waited_nothing_reaches_the_command(house: House) -> None:
    """A terminal holds the beginning of it, and the rest comes when this was discarded."""
    first, *rest = map(str, house.line("alice", "jitsudo", "sh", "-c", 'echo ready; read -r line; echo "got <$line>"'))
    with OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8", dimensions=(24, 80)) as terminal:
        terminal.expect(ID)
        request = terminal.match[1]
        paste = threading.Thread(target=terminal.send, args=(("touch early" + "y" * 88 + "\n") * 800,), daemon=True)
        paste.start()
        terminal.expect("touch early")
        house.approved(request)
        terminal.expect("ready\r\n")
        paste.join(PATIENCE)
        terminal.sendline("late")
        terminal.expect("got <([^>]*)>")
        assert terminal.match[1] == "late"
        terminal.expect(pexpect.EOF)


def test_keys_that_are_typed_after_the_command_began_reach_it_whenever_it_takes_the_terminal(
    house: House, tmp_path: Path
) -> None:
    reads = tmp_path / "reads"
    command = f'echo ready >&2; until test -e {reads}; do sleep 0.1; done; read -r line; echo "got <$line>"'
    script = f"jitsudo sh -c '{command}' | cat"
    first, *rest = map(str, house.line("alice", "sh", "-c", script))
    with OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8", dimensions=(24, 80)) as terminal:
        terminal.expect(ID)
        request = terminal.match[1]
        terminal.sendline("touch early")
        terminal.expect("touch early")
        house.approved(request)
        terminal.expect("\nready")
        terminal.sendline("first")
        terminal.expect("first")
        reads.touch()
        terminal.expect("got <first>")
        terminal.expect(pexpect.EOF)


OF_A_FACT = """
[[permit]]
name = "calm"
who = ["user:alice"]
run_as = ["*"]
commands = [["**"]]
when = "fact.risk < 50"
"""
"""Nobody is asked."""


@pytest.fixture
def slow() -> Iterator[House]:
    made = House(OF_A_FACT)
    program = made.root / "risk"
    program.write_text(f'#!/bin/sh\nsleep {1.5 * AT_ONCE}\necho \'{{"facts": {{"risk": 5}}}}\'\n')
    program.chmod(0o755)
    with made.config_file.open("a") as config:
        config.write(
            f'\n[providers.risk]\nkind = "program"\nprogram = ["{program}"]\nfacts = {{ risk = "int" }}\ndeadline = "20s"\n'
        )
    made.start()
    yield made
    made.verify()
    made.close()


def test_keys_that_were_typed_during_a_slow_decision_do_not_reach_the_command(slow: House) -> None:
    first, *rest = map(str, slow.line("alice", "jitsudo", "sh", "-c", 'echo ready; read -r line; echo "got <$line>"'))
    with OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8", dimensions=(24, 80)) as terminal:
        terminal.sendline("touch early")
        terminal.expect("\nready")
        terminal.sendline("late")
        terminal.expect("got <([^>]*)>")
        assert terminal.match[1] == "late"
        terminal.expect(pexpect.EOF)
