# SPDX-License-Identifier: Apache-2.0
"""Monitors without a service manager: the daemon executes the launcher, and each monitor makes a control group of its own.

Law: the launcher is executed before the daemon opens keytab or database, and gets nothing of the daemon but one socket and its
standard error.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from jitd.executor import Report
from jitd.executor.monitors import Monitors

LAUNCHER = "import sys; sys.path += sys.argv[1:-2]; from jitd.monitor.launcher import main; raise SystemExit(main())"
PACKAGES = str(Path(__file__).resolve().parents[2])
"""The directory that holds ``jitd``."""


def places() -> list[str]:
    """Return the directories from which a launcher imports: the one with ``jitd`` and, if it is another, the one with pamela."""
    pamela = find_spec("pamela")
    return [PACKAGES] if pamela is None else list(dict.fromkeys([PACKAGES, os.path.dirname(str(pamela.origin))]))


class ChildLauncher:
    """A launcher that is a child of this process, and ends with this process."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> socket.socket:
        """Execute the launcher, with only a socket and this process's standard error. Return our end of it. Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        with theirs:
            try:
                self._process = subprocess.Popen(  # the last argument shows in ps(1) to which daemon it belongs
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
        """Wait until the launcher has ended, as its socket is closed. Kill it after 2 seconds."""
        if self._process is not None:
            try:
                self._process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


class Direct(Monitors):
    """The executor for hosts without systemd."""

    def __init__(self, run_dir: Path, state_dir: Path, report: Callable[[Report], None]) -> None:
        super().__init__(run_dir, state_dir, report, ChildLauncher(run_dir), None)
