# SPDX-License-Identifier: Apache-2.0
"""Authenticates the user by the account's password on this host, while jitd finds no KDC (PROTOCOL.md section 3).

Law: the user is asked only after jitd has said that a password is accepted now, and only if this jitd runs as root. The password
is read from the terminal with echo off. The password is sent only to the socket that jitd passed for this purpose. The password
is never put into a message, a file, an argument or the environment. A process that has the password writes no core file. If the
user cannot be asked, the error from Kerberos is raised.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import struct
import termios
import time
from _thread import allocate_lock, get_ident
from contextlib import suppress

from jitpam import client
from jitpam.client import HANDSHAKE_WITHIN, Connection, NotAuthenticated, RefusedByDaemon, Unreachable, socket_path
from jitpam.news import News
from jitpam.saying import laid_out, printable, say
from jitpam.wire.messages import NONCE_LENGTH, VERSION, DaemonHello, Hello, Prove

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

CAUSES = frozenset({"kdc down", "kdc silent", "no ticket", "expired"})
"""Values of ``NotAuthenticated.cause`` with which the user may have no valid ticket because no KDC can be reached."""
FOUND_WITHIN = 30.0  # seconds in which jitd searches for KDCs, perhaps for others first
JUDGED_WITHIN = 75.0  # seconds at most in which jitd checks the password
MOST = 512  # bytes in a password
PROVED = "proved by local PAM: the KDC could not be reached"
PR_SET_DUMPABLE = 4
_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
_asks = True
_first = get_ident()  # gets signals, and so alone may ask for the password. Of two, one could read the other's line
_kept: list[ByPassword] = []
_turn = allocate_lock()  # held while a thread takes a kept connection, or puts one back


class _Left(Exception):
    """A signal ended the prompt. ``number`` is the number of the signal."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def never_ask() -> None:
    """Make sure that this process never asks for a password (``-n``)."""
    global _asks
    _asks = False


def connect(program: str = "jitsudo", *, with_ticket: bool = False) -> Connection:
    """Like ``client.connect``, but without a ticket and a KDC, ask for the local password, once, by the name ``program``. That
    connection is kept, for one thread at a time.
    """
    kept = _taken()
    if kept is not None:
        return kept
    try:  # another thread may draw on the screen, and has no Ctrl-C of its own
        is_first = get_ident() == _first
        return client.connect(with_ticket=with_ticket, news=News(program) if is_first else None, is_patient=is_first)
    except NotAuthenticated as lack:
        connection = begin_instead(lack, program)
    connection.ready()
    with _turn:
        connection.holders.append(get_ident())
        _kept.append(connection)
    return connection


def _taken() -> ByPassword | None:
    """Return a connection that was kept after an earlier question, if this thread may ask on it now, or None."""
    with _turn:
        for one in _kept:
            if one.is_idle and all(holder == get_ident() for holder in one.holders):
                one.holders.append(get_ident())
                return one
    return None


def begin_instead(lack: NotAuthenticated, program: str = "jitsudo") -> ByPassword:
    """Return a connection on which a proof by the local password was sent. jitd has not accepted this proof yet
    (``Connection.ready``).

    ``lack`` is the error for the missing ticket. If no local password is accepted now, ``lack`` is raised. Raises
    NotAuthenticated if there is no terminal. Also raises the same errors as ``client.connect``.
    """
    if lack.cause not in CAUSES or not _asks or os.geteuid() == 0 or get_ident() != _first:
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
    """A connection whose client authenticates by a local password. As on a connection of root, messages are not sealed, because
    jitd at the other end runs as root.

    The connection stays open after an answer, so a verb with several questions asks for the password only once.
    """

    def __init__(self, path: str, program: str) -> None:
        super().__init__(path, None)
        self._program = program
        self.is_asked = False  # true after jitd has said that a password is accepted
        self.holders: list[int] = []  # threads that use this connection, once for each use that is not closed

    @property
    def is_idle(self) -> bool:
        """True if a question can be asked on this connection now."""
        return self.conversation.state == "ready"

    def close(self) -> None:
        """Close the connection. If another question can be asked on it, keep it for the next thread. Never raises."""
        if not self.is_idle:
            super().close()
        with _turn:
            if self.holders:
                self.holders.pop()
            if not self.is_idle and self in _kept:
                _kept.remove(self)

    def _introduce(self, until: float) -> None:
        self._connect(until)
        self._peer_must_be_root()
        self._say(Hello(version=VERSION, authentication="local", nonce=os.urandom(NONCE_LENGTH)), until)
        if not isinstance(self.hear(until), DaemonHello):
            raise Unreachable("jitd broke the protocol: it did not answer Hello")
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
        say(PROVED, self._program)


def send_password(to: socket.socket, program: str, prove: Prove) -> None:
    """Ask for the password at the terminal, and send it to ``to``. Raises NotAuthenticated if there is no terminal.

    If a signal must end the process, the terminal's modes are restored before the process ends.
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
        n_read = _typed(terminal, laid_out(question, terminal, len(program) + 2).encode("utf-8", "replace"), password)
        with memoryview(password)[:n_read] as line, suppress(BrokenPipeError):  # jitd then sends the reason
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
    """Read a line into ``into`` with echo off, without earlier input. Return its length. Raises OSError, termios.error, _Left."""
    before = termios.tcgetattr(terminal)
    quiet = list(before)
    quiet[3] = (before[3] & ~(termios.ECHO | termios.ECHOE | termios.ECHOK)) | termios.ICANON | termios.ISIG | termios.ECHONL

    def leave(number: int, _: FrameType | None) -> None:
        raise _Left(number)

    handlers = {number: signal.signal(number, leave) for number in _SIGNALS}
    stop = signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # if we stopped now, the shell would have a terminal without echo
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
