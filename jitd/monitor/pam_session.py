# SPDX-License-Identifier: Apache-2.0
"""The target's account and session as PAM knows them (service ``jitd``), and the process that holds them while a command lives.

Law: one handle from account to close. Whatever PAM answers but success means that nothing is executed, and so does a stack that
is not there. What a session sets binds the holder and the command made from it, and never the monitor.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import socket
import sys
from contextlib import suppress
from functools import cache
from typing import Any

SERVICE = "jitd"
STACK = "/etc/pam.d/jitd"
CANNOT = f"PAM (service {SERVICE}) cannot be asked"
LIBRARY = "libpam.so.0"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are found that look for libraries."""
MOST_SAID = 600
"""Letters kept of what the modules say."""
IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE, signal.SIGTSTP, signal.SIGTTIN,
           signal.SIGTTOU, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM)  # fmt: skip
"""What a holder does not end by: it ends when the command has, and its session is closed then."""

PAM_BUF_ERR = 5
PAM_CONV_ERR = 19
PAM_SILENT = 0x8000
MOST_MESSAGES = 32


class Refused(Exception):
    """PAM says no, or cannot be asked: a sentence."""


@cache
def load() -> Any:
    """Import pamela, the binding to libpam. Raises Refused, and is tried again the next time.

    The import runs ldconfig to find the libraries, and a compiler where ldconfig names none. These programs get a PATH of our own
    and nothing else of this process's environment.
    """
    kept = dict(os.environ)
    os.environ.clear()
    os.environ["PATH"] = PATH
    try:
        import pamela

        if pamela.LIBPAM._handle != ctypes.CDLL(LIBRARY)._handle:
            raise OSError(f"it has loaded {pamela.LIBPAM._name}, not {LIBRARY}")
    except AttributeError:  # of the program itself, which ctypes takes for a library that was not found
        raise Refused(f"{CANNOT}: ldconfig -p does not name {LIBRARY}; run ldconfig") from None
    except (ImportError, OSError) as fault:
        raise Refused(f"{CANNOT}: pamela cannot be loaded: {fault}") from None
    finally:
        os.environ.clear()
        os.environ.update(kept)
    return pamela


class Session:
    """The session of one account, from ``begin`` to ``close``."""

    def __init__(self) -> None:
        """Raises Refused where libpam cannot be called."""
        self._pam = load()
        self._handle: Any = None
        self._said: list[str] = []
        self._conversation = self._pam.CONV_FUNC(self._converse)  # kept: the library calls it until the end

    def _converse(self, count: int, messages: Any, answers: Any, _: object) -> int:
        """What modules say is kept for the requester; what they ask is not answered."""
        try:
            if not 0 < count <= MOST_MESSAGES:
                return PAM_CONV_ERR
            for number in range(count):
                message = messages[number].contents
                if message.msg_style not in (self._pam.PAM_ERROR_MSG, self._pam.PAM_TEXT_INFO):
                    return PAM_CONV_ERR
                text = ctypes.cast(message.msg, ctypes.c_char_p).value or b""
                self._said.append(text.decode("utf-8", "replace").strip())
            memory = self._pam.CALLOC(count, ctypes.sizeof(self._pam.PamResponse))  # the library frees it
            if not memory:
                return PAM_BUF_ERR
            answers[0] = ctypes.cast(memory, ctypes.POINTER(self._pam.PamResponse))
            return int(self._pam.PAM_SUCCESS)
        except Exception:
            return PAM_CONV_ERR

    def start(self, user: str) -> None:
        """Have a handle; no module is asked yet. Raises Refused."""
        try:
            self._handle = self._pam.pam_start(SERVICE, user, self._conversation)
        except Exception as fault:
            raise self._failed(fault) from None

    def begin(self, user: str, requester: str, terminal: str | None) -> None:
        """Ask whether the account may be used, and open its session. Raises Refused; then nothing is open."""
        if not os.path.isfile(STACK):  # libpam would silently take /etc/pam.d/other
            raise Refused(f"PAM is not set up for jitd: {STACK} is missing")
        self.start(user)
        try:
            self._handle.set_item(self._pam.PAM_RUSER, requester)
            if terminal is not None:
                self._handle.set_item(self._pam.PAM_TTY, terminal)
            self._do(self._pam.PAM_ACCT_MGMT, f"the account {user} may be used")
            self._do(self._pam.PAM_OPEN_SESSION, f"a session of {user} can be opened")
        except Refused:
            raise
        except BaseException as fault:
            self.end(PAM_CONV_ERR)
            raise self._failed(fault) from None

    def close(self) -> str:
        """Close the session; a sentence if it could not be closed properly. Nothing is left open."""
        if self._handle is None:
            return ""
        code = int(self._pam.PAM_CLOSE_SESSION(self._handle, PAM_SILENT))
        because = "" if code == self._pam.PAM_SUCCESS else f"the session could not be closed: {self._meaning(code)}"
        self.end(code)
        return because

    def end(self, code: int = 0) -> None:
        """Give the handle back. ``code`` is what was answered last."""
        self._pam.PAM_END(self._handle, code)
        self._handle = None

    def _do(self, call: Any, what: str) -> None:
        code = int(call(self._handle, 0))
        if code != self._pam.PAM_SUCCESS:
            because = self._meaning(code)
            self.end(code)
            raise Refused(f"PAM (service {SERVICE}) denies that {what}: {because}")

    def _meaning(self, code: int) -> str:
        """The library's sentence for ``code``, and what the modules have said."""
        return " | ".join([self._pam.pam_strerror(self._handle, code), *filter(None, self._said)])[:MOST_SAID]

    def _failed(self, fault: BaseException) -> Refused:
        if isinstance(fault, UnicodeEncodeError):  # pamela takes names as text
            name = fault.object.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            return Refused(f"{CANNOT}: the name {name} is not UTF-8")
        return Refused(f"{CANNOT}: {fault.message if isinstance(fault, self._pam.PAMError) else repr(fault)}")


_kept: list[object] = []


def warm() -> None:
    """Load pamela and the stack's modules into this process for good: what is forked from it need not (0.8 ms a start)."""
    try:
        session = Session()
        if os.path.isfile(STACK):
            session.start("root")
            _kept.append(session)
    except Refused as fault:  # so will every run be, in these words
        print(f"jitd-launcher: {fault}", file=sys.stderr, flush=True)
    with suppress(KeyError):
        pwd.getpwuid(0)  # and what the C library needs to look for an account


def rehearse() -> None:
    """Go through what ``Session.begin`` will, as far as it leads nowhere: no module is asked."""
    with suppress(Refused, KeyError):
        session = Session()
        session.start("root")
        session.end()
        pwd.getpwuid(0)


def ignore_signals() -> None:
    """From now on this process ends when it is told to by ``life``, and by SIGKILL."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)


def close_after(session: Session, life: socket.socket) -> None:
    """Wait until the monitor has seen the command's end, or is gone, and close the session."""
    with suppress(OSError):
        life.recv(1)
    because = session.close()
    if because:
        os.write(2, f"jitd: {because}\n".encode("utf-8", "replace"))
