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
from contextlib import suppress
from typing import Any

SERVICE = "jitd"
STACK = "/etc/pam.d/jitd"
MOST_SAID = 600
"""Letters kept of what the modules say."""
IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE, signal.SIGTSTP, signal.SIGTTIN,
           signal.SIGTTOU, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM)  # fmt: skip
"""What a holder does not end by: it ends when the command has, and its session is closed then."""

PAM_SUCCESS = 0
PAM_BUF_ERR = 5
PAM_CONV_ERR = 19
PAM_SILENT = 0x8000
PAM_TTY = 3
PAM_RUSER = 8
PAM_ERROR_MSG, PAM_TEXT_INFO = 3, 4
MOST_MESSAGES = 32


class Refused(Exception):
    """PAM says no, or cannot be asked: a sentence."""


class _Message(ctypes.Structure):
    _fields_ = [("style", ctypes.c_int), ("text", ctypes.c_char_p)]


class _Response(ctypes.Structure):
    _fields_ = [("text", ctypes.c_void_p), ("unused", ctypes.c_int)]


_Converse = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(_Message)),
    ctypes.POINTER(ctypes.c_void_p),
    ctypes.c_void_p,
)


class _Conversation(ctypes.Structure):
    _fields_ = [("converse", _Converse), ("data", ctypes.c_void_p)]


_Handle = ctypes.c_void_p
_pam = ctypes.CDLL("libpam.so.0")
_pam.pam_start.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(_Conversation), ctypes.POINTER(_Handle))
_pam.pam_set_item.argtypes = (_Handle, ctypes.c_int, ctypes.c_char_p)
_pam.pam_strerror.argtypes = (_Handle, ctypes.c_int)
_pam.pam_strerror.restype = ctypes.c_char_p
for _name in ("pam_acct_mgmt", "pam_open_session", "pam_close_session", "pam_end"):
    getattr(_pam, _name).argtypes = (_Handle, ctypes.c_int)
_libc = ctypes.CDLL(None)
_libc.calloc.argtypes = (ctypes.c_size_t, ctypes.c_size_t)
_libc.calloc.restype = ctypes.c_void_p


class Session:
    """The session of one account, from ``begin`` to ``close``."""

    def __init__(self) -> None:
        self._handle = _Handle()
        self._said: list[str] = []
        self._conversation = _Conversation(_Converse(self._converse), None)  # kept: the library calls it until the end

    def _converse(self, count: int, messages: Any, answers: Any, _: object) -> int:
        """What modules say is kept for the requester; what they ask is not answered."""
        try:
            if not 0 < count <= MOST_MESSAGES:
                return PAM_CONV_ERR
            for number in range(count):
                message = messages[number].contents
                if message.style not in (PAM_ERROR_MSG, PAM_TEXT_INFO):
                    return PAM_CONV_ERR
                self._said.append((message.text or b"").decode("utf-8", "replace").strip())
            memory = _libc.calloc(count, ctypes.sizeof(_Response))  # the library frees it
            if not memory:
                return PAM_BUF_ERR
            answers[0] = memory
            return PAM_SUCCESS
        except Exception:
            return PAM_CONV_ERR

    def begin(self, user: str, requester: str, terminal: str | None) -> None:
        """Ask whether the account may be used, and open its session. Raises Refused; then nothing is open."""
        if not os.path.isfile(STACK):  # libpam would silently take /etc/pam.d/other
            raise Refused(f"PAM is not set up for jitd: {STACK} is missing")
        name = user.encode("utf-8", "surrogateescape")
        code = _pam.pam_start(SERVICE.encode(), name, ctypes.byref(self._conversation), ctypes.byref(self._handle))
        if code != PAM_SUCCESS:
            raise Refused(f"PAM (service {SERVICE}) cannot be asked: {self._meaning(code)}")
        asked = f"the account {user} may be used"
        try:
            self._set(PAM_RUSER, requester)
            if terminal is not None:
                self._set(PAM_TTY, terminal)
            self._do("pam_acct_mgmt", asked)
            self._do("pam_open_session", f"a session of {user} can be opened")
        except Refused:
            raise
        except BaseException as fault:
            self._end(PAM_CONV_ERR)
            raise Refused(f"PAM (service {SERVICE}) cannot be asked: {type(fault).__name__}: {fault}") from None

    def close(self) -> str:
        """Close the session; a sentence if it could not be closed properly. Nothing is left open."""
        if not self._handle:
            return ""
        code = int(_pam.pam_close_session(self._handle, PAM_SILENT))
        because = "" if code == PAM_SUCCESS else f"the session could not be closed: {self._meaning(code)}"
        self._end(code)
        return because

    def _set(self, item: int, value: str) -> None:
        code = int(_pam.pam_set_item(self._handle, item, value.encode("utf-8", "surrogateescape")))
        if code != PAM_SUCCESS:
            raise OSError(self._meaning(code))

    def _do(self, call: str, what: str) -> None:
        code = int(getattr(_pam, call)(self._handle, 0))
        if code != PAM_SUCCESS:
            because = self._meaning(code)
            self._end(code)
            raise Refused(f"PAM (service {SERVICE}) denies that {what}: {because}")

    def _meaning(self, code: int) -> str:
        """The library's sentence for ``code``, and what the modules have said."""
        sentence = (_pam.pam_strerror(self._handle, code) or b"?").decode("utf-8", "replace")
        return " | ".join([sentence, *filter(None, self._said)])[:MOST_SAID]

    def _end(self, code: int) -> None:
        _pam.pam_end(self._handle, code)
        self._handle = _Handle()


_kept: list[object] = []


def warm() -> None:
    """Load the stack's modules into this process for good: what is forked from it need not (0.8 ms a start)."""
    if os.path.isfile(STACK):
        session, handle = Session(), _Handle()
        _pam.pam_start(SERVICE.encode(), b"root", ctypes.byref(session._conversation), ctypes.byref(handle))
        with suppress(KeyError):
            pwd.getpwuid(0)  # and what the C library needs to look for an account
        _kept.extend((session, handle))


def rehearse() -> None:
    """Go through what ``Session.begin`` will, as far as it leads nowhere: no module is asked."""
    session, handle = Session(), _Handle()
    if _pam.pam_start(SERVICE.encode(), b"root", ctypes.byref(session._conversation), ctypes.byref(handle)) == PAM_SUCCESS:
        _pam.pam_end(handle, PAM_SUCCESS)
    with suppress(KeyError):
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
