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


@pytest.mark.parametrize(("size", "is_drawn"), [((24, 80), True), ((0, 0), False)], ids=["of a person", "of ssh -tt in a pipe"])
def test_the_waiting_line_is_drawn_on_a_terminal_that_has_a_size(house: House, size: tuple[int, int], is_drawn: bool) -> None:
    first, *rest = map(str, house.line("alice", "jitsudo", "echo", "done"))
    with OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8", dimensions=size) as terminal:
        terminal.expect(ID)
        request = terminal.match[1]
        terminal.expect("requires 1 approval")
        if is_drawn:
            terminal.expect("\rjitsudo: waiting 00:")
        house.approved(request)
        terminal.expect("approved by bob@EXAMPLE.TEST")
        assert is_drawn or "waiting 00:" not in terminal.before
        terminal.expect("done")
        terminal.expect(pexpect.EOF)
