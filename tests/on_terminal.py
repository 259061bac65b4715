# SPDX-License-Identifier: Apache-2.0
"""pexpect's programs on a terminal, without a fork of the tests' process (tests/pseudo_terminals.py)."""

from __future__ import annotations

import os
import select
import signal
from typing import Any

import pexpect
from ptyprocess import PtyProcess

from tests.pseudo_terminals import execute_on, open_terminal
from tests.waiting import PATIENCE

SIGNALS = ((signal.SIGHUP, 0.1), (signal.SIGCONT, 0.1), (signal.SIGINT, 0.1), (signal.SIGKILL, PATIENCE))
"""What ends a program, and the seconds that it has to end after each."""


class _Process(PtyProcess):  # type: ignore[misc]
    """The library's gives a busy kernel a tenth of a second for SIGKILL, too, and leaves the program then."""

    def terminate(self, force: bool = False) -> bool:
        if not self.isalive():
            return True
        process = os.pidfd_open(self.pid)
        try:
            for number, seconds in SIGNALS if force else SIGNALS[:-1]:
                signal.pidfd_send_signal(process, number)
                if select.select([process], [], [], seconds)[0]:
                    return not self.isalive()
        finally:
            os.close(process)
        return False


class OnTerminal(pexpect.spawn):  # type: ignore[misc]
    """pexpect's ``spawn``. The directory, if one is given, is entered by env(1).

    The end of the terminal is never before the end of the program. While nobody has the program's side open, its other side reads
    EIO, which pexpect takes for the end. login(1) of util-linux closes all that it has of its terminal, calls vhangup(2), and
    opens the terminal anew (login-utils/login.c, ``init_tty``). So the program's side is kept open here, too, as long as the
    program lives. That vhangup(2) makes this descriptor useless changes nothing: the kernel counts it until it is closed.
    """

    _kept = -1
    """The program's side of the terminal, which is open while the program lives."""
    _program = -1
    """A descriptor of the process (pidfd_open(2)), which can be read when the program has ended."""

    def _spawnpty(
        self,
        args: list[str],
        *,
        env: dict[str, str] | None = None,
        cwd: str | None = None,
        dimensions: tuple[int, int] = (24, 80),
        **more: Any,
    ) -> PtyProcess:
        assert not any(value for name, value in more.items() if name != "echo") and more.get("echo", True), more
        line = ["/usr/bin/env", "-C", cwd, *args] if cwd else args
        person, program = open_terminal(dimensions)
        self._kept = os.dup(program)
        made = _Process(execute_on(program, line, {**os.environ} if env is None else env), person)
        self._program = os.pidfd_open(made.pid)
        made.argv, made.launch_dir = args, cwd
        return made

    def read_nonblocking(self, size: int = 1, timeout: float | None = -1) -> Any:
        """Once the program has ended, what it has written is read to the end of the terminal."""
        if self._program >= 0:
            seconds = self.timeout if timeout == -1 else timeout
            ready = select.select([self.child_fd, self._program], [], [], seconds)[0]
            if not ready:
                raise pexpect.TIMEOUT("Timeout exceeded.")
            if self._program in ready:
                self._let_go()
        return super().read_nonblocking(size, timeout)

    def close(self, force: bool = True) -> None:
        self._let_go()
        super().close(force)

    def _let_go(self) -> None:
        for descriptor in (self._kept, self._program):
            if descriptor >= 0:
                os.close(descriptor)
        self._kept = self._program = -1
