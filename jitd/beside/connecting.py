# SPDX-License-Identifier: Apache-2.0
"""Connects the daemon to a helper. There are two ways. Either systemd starts the helper, and the daemon connects to its
socket. Or the daemon itself starts the helper as its child.

Law: a child inherits only three kinds of open files from the daemon. These are the child's end of a socket pair, standard error,
and the file descriptors that ``passed`` returns (ChildConnector). The child has an empty environment. It gives up rights before
it reads any input (``starting``).
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from jitd.beside import packets
from jitd.beside.processes import Helper
from jitd.beside.readiness import SECONDS_TO_END, until_ended
from jitd.packages import places

PROGRAM = "import sys; sys.path += sys.argv.pop(1).split(':'); from jitd.beside_process import main; raise SystemExit(main())"
"""Does what jitd-helper does, from the directories that are its first word."""


class Connector(Protocol):
    """A way to connect to a process. ``name`` is the name of the process. Answers are accepted only from ``account``. If no
    connection to the process is possible, ``mend`` tells the reader what to do.
    """

    @property
    def name(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def mend(self) -> str: ...

    async def open(self) -> socket.socket:
        """Return a new connection, which is a non-blocking socket. Raises OSError."""
        ...

    def close(self) -> None:
        """If ``open`` has started a process, end this process."""
        ...


class SocketConnector:
    """The way to connect to a helper that systemd starts. Its socket is that of ``helper``, unless ``path`` says otherwise."""

    def __init__(self, helper: Helper, path: Path | None = None) -> None:
        self.name = helper.process
        self.account = helper.account
        self.mend = helper.enable
        self._path = path or helper.socket

    async def open(self) -> socket.socket:
        ours = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            packets.make_room(ours)
            await asyncio.get_running_loop().sock_connect(ours, str(self._path))
        except BaseException:
            ours.close()
            raise
        return ours

    def close(self) -> None:
        """Do nothing, because systemd starts and ends the process."""


class ChildConnector:
    """The way to connect to ``helper`` as a child process. The child is started when it is first needed. If the child has ended,
    it is started again for the next connection.

    ``options`` are the options of its command line. The function ``passed`` is called at each start of the child. It opens the
    file descriptors for the child, and returns a mapping of their names to the descriptors. After the start of the child, the
    daemon closes its own copies of these descriptors.
    """

    def __init__(
        self,
        helper: Helper,
        options: Mapping[str, object] = MappingProxyType({}),
        passed: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self.name = helper.process
        self.account = helper.account
        self.mend = "see the log of jitd for the reason"
        self._helper = helper
        self._options = [f"--{option}={value}" for option, value in options.items()]
        self._passed = passed
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def open(self) -> socket.socket:
        """Start the child, and return the daemon's end of the socket pair. If an earlier child still runs, the daemon kills this
        child first, and starts no other before it has ended. Raises OSError.
        """
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)  # its connection is closed, but it may not have ended by itself
            try:
                async with asyncio.timeout(SECONDS_TO_END):
                    await until_ended(self._process.pid)
            except TimeoutError:
                raise OSError(f"the kernel has not ended its process {self._process.pid}, which was killed") from None
            self._process.wait()  # does not block: it notes that the process is reaped
            self._process = None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        given: Mapping[str, int] = {}
        try:
            for end in (ours, theirs):
                packets.make_room(end)
            given = self._passed()
            line = [self._helper.name, *self._options, f"--line={theirs.fileno()}", f"--account={self.account}"]
            line += [f"--passed={name}={descriptor}" for name, descriptor in given.items()]
            self._process = subprocess.Popen(
                [sys.executable, "-IS", "-c", PROGRAM, ":".join(_places(self._helper)), *line],
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
        """Wait until the child has ended. The child ends by itself, because its connection is closed. If it still runs after
        SECONDS_TO_END, kill it, and wait no longer than that again.
        """
        if self._process is None:
            return
        try:
            self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(SECONDS_TO_END)
        self._process = None


def connector_to(helper: Helper, *, is_direct: bool, options: Mapping[str, object] = MappingProxyType({})) -> Connector:
    """Return the connector to ``helper``. The daemon starts it, with ``options``, if ``is_direct``; else systemd does."""
    return ChildConnector(helper, options) if is_direct else SocketConnector(helper)


def _places(helper: Helper) -> list[str]:
    """Return the directories from which the child imports. The daemon itself does not import the package that the child needs."""
    package = find_spec(helper.package) if helper.package else None
    return list(dict.fromkeys([*places(), *([] if package is None else [str(Path(str(package.origin)).parents[1])])]))
