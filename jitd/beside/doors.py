# SPDX-License-Identifier: Apache-2.0
"""The ways to a process beside the daemon: through its socket if systemd starts it, or as a child of the daemon.

Law: a child gets nothing of the daemon but one end of a socket pair, standard error, and the descriptors that are passed by name.
It has an empty environment, and gives up root's rights before it reads anything (``starting``).
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from jitd.beside import packets

PROGRAM = "import sys; sys.path += sys.argv.pop(1).split(':'); from {module} import main; raise SystemExit(main())"
PACKAGES = str(Path(__file__).resolve().parents[2])
"""The directory that holds ``jitd``."""
SECONDS_TO_END = 2.0
"""How long a child may take to end after its connection was closed. Then it is killed."""


class Door(Protocol):
    """A way to a process. ``name`` is the process's name, ``account`` the account whose answers are believed, ``mend`` a command
    that may help if the process cannot be reached.
    """

    @property
    def name(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def mend(self) -> str: ...

    async def open(self) -> socket.socket:
        """Return a new connection that does not block. Raises OSError."""
        ...

    def close(self) -> None:
        """End what ``open`` has started, if anything."""
        ...


class SocketDoor:
    """The way to a process that systemd starts: the socket at ``path``."""

    def __init__(self, name: str, path: Path, account: str | None = None) -> None:
        self.name = name
        self.account = account or name
        self.mend = f"systemctl enable --now {name}.socket"
        self._path = path

    async def open(self) -> socket.socket:
        """Connect. Raises OSError."""
        ours = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            packets.make_room(ours)
            await asyncio.get_running_loop().sock_connect(ours, str(self._path))
        except BaseException:
            ours.close()
            raise
        return ours

    def close(self) -> None:
        """Do nothing: the process is systemd's."""


def nothing() -> Mapping[str, int]:
    """Pass no descriptor."""
    return {}


class ChildDoor:
    """The way to a process that is a child of this one. It is started when it is first needed, and again after it has ended.

    ``module`` has its ``main``. ``places`` are the directories that it imports from, beside the one with ``jitd`` and the
    interpreter's own. ``words`` are words of its command line. ``passed`` opens the descriptors that the child gets by name, at
    each start; they are closed here afterwards. The account is a name, or its uid as digits.
    """

    def __init__(
        self,
        name: str,
        module: str,
        account: str | None = None,
        places: Sequence[str] = (),
        words: Sequence[str] = (),
        passed: Callable[[], Mapping[str, int]] = nothing,
    ) -> None:
        self.name = name
        self.account = account or name
        self.mend = "its reason stands in the log of jitd"
        self._module = module
        self._places = list(dict.fromkeys([PACKAGES, *places]))
        self._words = list(words)
        self._passed = passed
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The pid of the child, None if there is none."""
        return None if self._process is None else self._process.pid

    async def open(self) -> socket.socket:
        """Start the child, and return our end of its socket pair. A child that was there before is ended. Raises OSError."""
        if self._process is not None:
            self._process.kill()  # if it has not ended by itself: its connection is closed
            self._process.wait()
            self._process = None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        given: Mapping[str, int] = {}
        try:
            for end in (ours, theirs):
                packets.make_room(end)
            given = self._passed()
            line = [*self._words, f"--line={theirs.fileno()}", f"--account={self.account}"]
            line += [f"--passed={name}={descriptor}" for name, descriptor in given.items()]
            self._process = subprocess.Popen(
                [sys.executable, "-IS", "-c", PROGRAM.format(module=self._module), ":".join(self._places), *line],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *given.values()),
                env={},
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            for descriptor in given.values():
                with suppress(OSError):
                    os.close(descriptor)
        ours.setblocking(False)
        return ours

    def close(self) -> None:
        """Wait until the child has ended, as its connection is closed. Kill it after SECONDS_TO_END."""
        if self._process is None:
            return
        try:
            self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
