# SPDX-License-Identifier: Apache-2.0
"""Whether the board knows what stands on its terminal: a terminal of the kernel that takes nothing for a while."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

from jitd_board.terminal import Counted
from tests.waiting import wait_for


def test_what_a_terminal_has_not_taken_is_not_counted() -> None:
    """THREATS A-10: what waits in textual's thread stands on no screen."""
    ours, theirs = os.openpty()
    terminal = Counted(os.fdopen(theirs, "w"))
    terminal.write("a")
    assert terminal.n_taken == 0, "it waits in the buffer"
    terminal.flush()
    assert terminal.n_taken == 1

    def much() -> None:
        terminal.write("x" * 100_000)
        terminal.flush()

    thread = threading.Thread(target=much)
    thread.start()
    os.read(ours, 1)
    assert terminal.n_taken == 1 and thread.is_alive(), "nobody reads the rest"

    def drain() -> None:
        with suppress(OSError):  # the terminal has gone
            while thread.is_alive():
                os.read(ours, 4096)

    threading.Thread(target=drain, daemon=True).start()
    wait_for(lambda: terminal.n_taken == 2, what="the terminal has it")
    thread.join()
