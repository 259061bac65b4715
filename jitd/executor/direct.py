# SPDX-License-Identifier: Apache-2.0
"""Starts monitors on hosts without a service manager. The daemon executes the launcher, and each monitor creates its own control
group.

Law: the launcher is executed before the daemon opens the keytab or the database. The launcher inherits only a socket and
standard error from the daemon.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from jitd.executor import Report
from jitd.executor.monitors import Monitors
from jitd.packages import TOP

LAUNCHER = "import sys; sys.path += sys.argv[1:-2]; from jitd.monitor.launcher import main; raise SystemExit(main())"


def places() -> list[str]:
    """Return the directories from which a launcher imports modules. One directory contains the package ``jitd``. If the bindings
    to libpam, pamela and python-pam, are in other directories, those directories are also returned.
    """
    pamela, pam = find_spec("pamela"), find_spec("pam")
    found = [] if pamela is None else [os.path.dirname(str(pamela.origin))]
    found += [] if pam is None else [os.path.dirname(os.path.dirname(str(pam.origin)))]
    return list(dict.fromkeys([str(TOP), *found]))


class ChildLauncher:
    """A launcher that is a child of this process and ends together with this process."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> socket.socket:
        """Execute the launcher with only a socket and our standard error. Return our end. Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        with theirs:
            try:
                # the last argument tells the reader of ps(1) to which daemon the launcher belongs
                self._process = subprocess.Popen(
                    [sys.executable, "-IS", "-c", LAUNCHER, *places(), str(theirs.fileno()), str(self._run_dir)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    env={},
                    cwd="/",
                    start_new_session=True,
                )
            except OSError:
                ours.close()
                raise
        return ours

    def end(self) -> None:
        """Wait for the end of the launcher. The launcher ends because its socket is closed. If the launcher still runs after 2
        seconds, kill it, and wait for at most 2 seconds again.
        """
        if self._process is not None:
            try:
                self._process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                self._process.kill()
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(timeout=2)
            self._process = None


class Direct(Monitors):
    """The executor for hosts without systemd."""

    def __init__(self, run_dir: Path, state_dir: Path, report: Callable[[Report], None]) -> None:
        super().__init__(run_dir, state_dir, report, ChildLauncher(run_dir), None)
