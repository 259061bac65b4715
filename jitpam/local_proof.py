# SPDX-License-Identifier: Apache-2.0
"""Proves by the account's own password on this host who the user is, while jitd finds no KDC (PROTOCOL.md section 3).

Law: nothing is asked before jitd, which must be root, has said that a password counts now. The password is read from the terminal
with echo off, and goes to the socket that jitd sent for it: not into a message, a file, an argument or the environment. A process
that has it leaves no core file. Where nothing can be asked, the fault is the one that Kerberos had.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import struct
import termios
import time
from contextlib import suppress

from jitpam import client
from jitpam.client import HANDSHAKE_WITHIN, Connection, NotAuthenticated, RefusedByDaemon, Unreachable, socket_path
from jitpam.saying import printable
from jitpam.wire.messages import NONCE_LENGTH, VERSION, DaemonHello, Hello, Prove

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

CAUSES = frozenset({"kdc down", "kdc silent", "no ticket", "expired"})
"""The causes of a lack of a ticket that an unreachable KDC may be behind."""
FOUND_WITHIN = 30.0
"""Seconds that jitd may take to look for KDCs, while it also does so for others."""
JUDGED_WITHIN = 75.0
"""Seconds that jitd may take to have the password checked."""
MOST = 512
"""Bytes that a password may have."""
PROVED = "proved by local PAM: the KDC could not be reached"
PR_SET_DUMPABLE = 4
_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
_asks = True
_kept: list[ByPassword] = []


class _Left(Exception):
    """A signal ended the prompt; ``number`` is the signal."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def never_ask() -> None:
    """Ask for no password in this process, whatever happens (``-n``)."""
    global _asks
    _asks = False


def connect(program: str = "jitsudo", *, with_ticket: bool = False) -> Connection:
    """As ``client.connect``. If there is no ticket, and jitd finds no KDC, ask for the local password, once in this process.
    ``program`` is who asks.
    """
    if _kept and _kept[-1].is_idle:
        return _kept[-1]
    try:
        return client.connect(with_ticket=with_ticket)
    except NotAuthenticated as lack:
        connection = begin_instead(lack, program)
    connection.ready()
    _kept.append(connection)
    return connection


def begin_instead(lack: NotAuthenticated, program: str = "jitsudo") -> ByPassword:
    """Return a connection with a proof by the local password, which jitd has not accepted yet (``Connection.ready``).

    Raises ``lack``, the reason why there is no ticket, if no local password counts now. Raises NotAuthenticated if there is no
    terminal, and as ``client.connect``.
    """
    if lack.cause not in CAUSES or not _asks or os.geteuid() == 0:
        raise lack
    connection = ByPassword(socket_path(), program)
    try:
        connection.open(time.monotonic() + HANDSHAKE_WITHIN)
    except (Unreachable, RefusedByDaemon) as fault:
        if connection.is_asked:
            raise
        raise lack from fault
    return connection


class ByPassword(Connection):
    """A connection whose client proves by a local password who it is. It is not sealed, like that of root: the peer is root.

    It stays open when a question was answered, so that a verb of several questions asks for the password once.
    """

    def __init__(self, path: str, program: str) -> None:
        super().__init__(path, None)
        self._program = program
        self.is_asked = False
        """True from when jitd has said that a password counts."""

    @property
    def is_idle(self) -> bool:
        """True if a question can be asked now."""
        return self.conversation.state == "ready"

    def close(self) -> None:
        """Close the connection, unless another question can be asked on it. Never raises."""
        if not self.is_idle:
            super().close()

    def _introduce(self, until: float) -> None:
        self._connect(until)
        self._peer_must_be_root()
        self._say(Hello(version=VERSION, authentication="local", nonce=os.urandom(NONCE_LENGTH)), until)
        if not isinstance(self.hear(until), DaemonHello):
            raise Unreachable("jitd broke the protocol: it did not greet")
        prove = self.hear(time.monotonic() + FOUND_WITHIN)
        if not isinstance(prove, Prove):
            raise Unreachable(f"jitd broke the protocol: it said {prove.type}")
        self.is_asked = True
        with socket.socket(fileno=self.take_control()) as to:
            if struct.unpack("iII", to.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1] != 0:
                raise Unreachable("jitd broke the protocol: the socket for the password is not root's")
            send_password(to, self._program, prove)

    def _be_welcomed(self, until: float) -> None:
        super()._be_welcomed(time.monotonic() + JUDGED_WITHIN)
        os.write(2, f"{self._program}: {PROVED}\n".encode())


def send_password(to: socket.socket, program: str, prove: Prove) -> None:
    """Ask for the password at the terminal, and send it to ``to``. Raises NotAuthenticated if there is no terminal.

    A signal that would end the process does so once the terminal is as before.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        no = "no KDC can be reached, and there is no terminal to ask for your local password"
        raise NotAuthenticated("no terminal", no) from None
    tries = "" if prove.n_left > 2 else f" ({prove.n_left} {'try' if prove.n_left == 1 else 'tries'} left)"
    question = (
        f"{program}: no KDC can be reached, so your password on this host counts now\n"
        f"{program}: password of {printable(prove.account)} on this host{tries}: "
    )
    password = bytearray(MOST)
    prctl = ctypes.CDLL(None).prctl
    try:
        prctl(PR_SET_DUMPABLE, 0)
        n_read = _typed(terminal, question.encode("utf-8", "replace"), password)
        with memoryview(password)[:n_read] as line, suppress(BrokenPipeError):  # jitd then says what is wrong
            to.sendall(line)
    except _Left as left:
        signal.signal(left.number, signal.SIG_DFL)
        os.kill(os.getpid(), left.number)
        raise NotAuthenticated("no password", "no password was typed") from None
    except (OSError, termios.error) as fault:
        raise NotAuthenticated("no terminal", f"the terminal cannot be used for your password: {fault}") from None
    finally:
        password[:] = bytes(MOST)
        prctl(PR_SET_DUMPABLE, 1)
        os.close(terminal)
    if not n_read:
        raise NotAuthenticated("no password", "no password was typed")


def _typed(terminal: int, question: bytes, into: bytearray) -> int:
    """Write ``question``, read the line that is typed after it ``into``, with echo off, and return its length without the line
    end. What was typed before is dropped. Raises OSError, termios.error and _Left.
    """
    before = termios.tcgetattr(terminal)
    quiet = list(before)
    quiet[3] = (before[3] & ~(termios.ECHO | termios.ECHOE | termios.ECHOK)) | termios.ICANON | termios.ISIG | termios.ECHONL

    def leave(number: int, _: FrameType | None) -> None:
        raise _Left(number)

    handlers = {number: signal.signal(number, leave) for number in _SIGNALS}
    stop = signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # a shell would find the terminal without echo
    try:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, quiet)
        os.write(terminal, question)
        n_read = os.readv(terminal, [into])
    finally:
        with suppress(termios.error):
            termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
        signal.signal(signal.SIGTSTP, stop)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return n_read - 1 if n_read and into[n_read - 1 : n_read] == b"\n" else n_read
