# SPDX-License-Identifier: Apache-2.0
"""Where the waiting line is drawn, and where it is not, because each drawing of it would stay."""

from __future__ import annotations

from collections.abc import Iterator

import pexpect
import pytest

from tests.on_terminal import OnTerminal
from tests.system.conftest import ID, OF_THE_LAB, House
from tests.waiting import PATIENCE


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    made = House(OF_THE_LAB).start()
    yield made
    made.verify()
    made.close()


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
