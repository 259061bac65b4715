# SPDX-License-Identifier: Apache-2.0
"""The PAM account check and the PAM session of the target account (service ``jitd``). This module also contains the functions of
the holder, which is the process that keeps the session open while a command runs.

Law: the same PAM handle is used for all calls, from the account check to the close of the session. Nothing is executed if PAM
does not return success, or if the PAM stack is not set up (``pam_stack``). The settings of a session apply to the holder and to
its command, never to the monitor.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from types import ModuleType
from typing import Any

from jitd.monitor.pam_stack import why_unset

SERVICE, TYPES = "jitd", ("account", "session")
STACK = "/etc/pam.d/jitd"
CANNOT = f"PAM (service {SERVICE}) cannot be called"
LIBRARIES = {"pam": "libpam.so.0", "pam_misc": "libpam_misc.so.0", "c": "libc.so.6"}
"""The names by which the dynamic loader finds the libraries that pamela and python-pam use (ld.so(8))."""
_NAMES = ModuleType("ctypes.util")
_NAMES.find_library = LIBRARIES.get  # type: ignore[attr-defined]
MOST_SAID = 600  # characters of a sentence with the messages of the PAM modules
IGNORED = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGPIPE,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
)
"""Signals that the holder ignores. The holder closes the PAM session after the command has ended, and then ends itself."""

PAM_BUF_ERR = 5
PAM_CONV_ERR = 19
PAM_SILENT = 0x8000
MOST_MESSAGES = 32


class Refused(Exception):
    """PAM has refused, or cannot be called. The argument of the exception is a sentence."""


@contextmanager
def libraries_by_name() -> Iterator[None]:
    """Let what is imported meanwhile find libpam by its name.

    pamela and python-pam ask the module ``ctypes.util`` for the names of libraries. ``ctypes.util`` would run ldconfig to find
    these names. ``ctypes.util`` also loads modules that run code in each child after a fork. This code takes 0.5 ms. With the GNU
    C library, the names are the same on every host. Therefore ``_NAMES`` replaces ``ctypes.util`` (docs/adr/0062).
    """
    kept = sys.modules.get("ctypes.util")
    sys.modules["ctypes.util"] = _NAMES
    try:
        yield
    finally:
        if kept is None:
            del sys.modules["ctypes.util"]
        else:
            sys.modules["ctypes.util"] = kept


@cache
def load() -> Any:
    """Import pamela, the binding to libpam. Raises Refused, and then the next call tries again."""
    try:
        with libraries_by_name():
            import pamela
    except OSError as fault:
        raise Refused(f"{CANNOT}: {fault}; install libpam, or run ldconfig") from None
    except (ImportError, AttributeError) as fault:  # a library of this name may lack a function
        raise Refused(f"{CANNOT}: pamela cannot be loaded: {fault}") from None
    return pamela


class Session:
    """The PAM session of one account, which lasts from ``begin`` to ``close``."""

    def __init__(self) -> None:
        """Load libpam. Raises Refused if libpam cannot be called."""
        self._pam = load()
        self._handle: Any = None
        self._said: list[str] = []
        self._conversation = self._pam.CONV_FUNC(self._converse)  # kept here, because libpam calls it until ``end``

    def _converse(self, count: int, messages: Any, answers: Any, _: object) -> int:
        """Store the messages of the modules, to show them to the requester, and answer no questions (pam_conv(3))."""
        try:
            if not 0 < count <= MOST_MESSAGES:
                return PAM_CONV_ERR
            for number in range(count):
                message = messages[number].contents
                if message.msg_style not in (self._pam.PAM_ERROR_MSG, self._pam.PAM_TEXT_INFO):
                    return PAM_CONV_ERR
                text = ctypes.cast(message.msg, ctypes.c_char_p).value or b""
                self._said.append(text.decode("utf-8", "replace").strip())
            memory = self._pam.CALLOC(count, ctypes.sizeof(self._pam.PamResponse))  # libpam frees it
            if not memory:
                return PAM_BUF_ERR
            answers[0] = ctypes.cast(memory, ctypes.POINTER(self._pam.PamResponse))
            return int(self._pam.PAM_SUCCESS)
        except Exception:
            return PAM_CONV_ERR

    def start(self, user: str) -> None:
        """Get a handle (pam_start(3)). No module is called yet. Raises Refused."""
        try:
            self._handle = self._pam.pam_start(SERVICE, user, self._conversation)
        except Exception as fault:
            raise self._failed(fault) from None

    def begin(self, user: str, requester: str, terminal: str | None) -> None:
        """Check with PAM that the account may be used, and open a session. After Refused, none is open."""
        if because := why_unset(SERVICE, *TYPES):
            raise Refused(f"PAM is not set up for jitd: {because}")
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
        """Close the session, and release the PAM handle. The handle is released even if PAM reports a fault. Return a sentence
        about the fault, or an empty string if there was no fault.
        """
        if self._handle is None:
            return ""
        code = int(self._pam.PAM_CLOSE_SESSION(self._handle, PAM_SILENT))
        because = "" if code == self._pam.PAM_SUCCESS else f"the session could not be closed: {self._meaning(code)}"
        self.end(code)
        return because

    def end(self, code: int = 0) -> None:
        """Release the handle (pam_end(3)). ``code`` is the last result of libpam."""
        self._pam.PAM_END(self._handle, code)
        self._handle = None

    def _do(self, call: Any, what: str) -> None:
        code = int(call(self._handle, 0))
        if code != self._pam.PAM_SUCCESS:
            because = self._meaning(code)
            self.end(code)
            raise Refused(f"PAM (service {SERVICE}) denies that {what}: {because}")

    def _meaning(self, code: int) -> str:
        """Return libpam's sentence for ``code``, followed by the messages of the modules."""
        return " | ".join([self._pam.pam_strerror(self._handle, code), *filter(None, self._said)])[:MOST_SAID]

    def _failed(self, fault: BaseException) -> Refused:
        if isinstance(fault, UnicodeEncodeError):  # pamela accepts names as text, and encodes them as UTF-8
            name = fault.object.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            return Refused(f"{CANNOT}: the name {name} is not UTF-8")
        return Refused(f"{CANNOT}: {fault.message if isinstance(fault, self._pam.PAMError) else repr(fault)}")


_kept: list[object] = []


def warm() -> None:
    """Load pamela and the stack's modules for good, which saves each later fork 0.8 ms."""
    try:
        session = Session()
        if os.path.isfile(STACK):
            session.start("root")
            _kept.append(session)
    except Refused as fault:  # each run will be refused with the same sentence
        print(f"jitd-launcher: {fault}", file=sys.stderr, flush=True)
    with suppress(KeyError):
        pwd.getpwuid(0)  # loads what the C library needs to look up an account


def rehearse() -> None:
    """Execute only those steps of ``Session.begin`` that change nothing on the host. No PAM module is called."""
    with suppress(Refused, KeyError):
        why_unset(SERVICE, *TYPES)
        session = Session()
        session.start("root")
        session.end()
        pwd.getpwuid(0)


def ignore_signals() -> None:
    """Ignore the signals in IGNORED, so that they cannot end the process before it has closed its session."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)


def close_after(session: Session, life: socket.socket) -> None:
    """Wait until ``life`` is closed, then close the session. The monitor closes ``life`` after the command has ended. ``life`` is
    also closed when the monitor itself ends.
    """
    with suppress(OSError):
        life.recv(1)
    because = session.close()
    if because:
        os.write(2, f"jitd: {because}\n".encode("utf-8", "replace"))
