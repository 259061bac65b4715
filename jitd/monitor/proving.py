# SPDX-License-Identifier: Apache-2.0
"""The process that checks one local password by PAM (service ``jitd-local``). The launcher forks this process, and the process
ends after its answer.

Law: the password arrives from the client over a socket that only this process has. The process passes the password only to
libpam. The password never reaches the daemon, a file, a log, a core file or a command line. The process answers "yes" only if two
conditions are true. PAM has authenticated the account, and PAM says that the account may be used. In case of doubt the process
answers "no".
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from typing import Any, NoReturn

from jitd.monitor.pam_session import PAM_BUF_ERR, PAM_CONV_ERR, Refused, load
from jitd.monitor.proof_orders import NO, NOTHING, SERVICE, STACK, UNSET, WITHIN, YES
from jitd.monitor.slate import PR_SET_DUMPABLE, close_all_but, control_process, reset_signals

MOST = 512
"""Maximum number of bytes of a password (PAM_MAX_RESP_SIZE)."""
TYPED_WITHIN = WITHIN - 15.0
"""Seconds within which the person must type the password."""
PAM_DISALLOW_NULL_AUTHTOK = 1
MCL_CURRENT, MCL_FUTURE = 1, 2


def begin(user: str, client: int, daemon: int) -> None:
    """Fork the process that checks the password. This process reads the password from ``client``, and sends its answer to
    ``daemon``. Raises OSError.
    """
    if os.fork() == 0:
        _live(user, client, daemon)


def _live(user: str, client: int, daemon: int) -> NoReturn:
    try:
        _be_private(client, daemon)
        with socket.socket(fileno=daemon) as answer, socket.socket(fileno=client) as source:
            answer.send(_answer(user, source))
    except BaseException as fault:  # print only the type, because the text of the exception could contain the password
        print(f"jitd: a local password could not be checked: {type(fault).__name__}", file=sys.stderr, flush=True)
    finally:
        os._exit(0)


def _be_private(client: int, daemon: int) -> None:
    """Drop all state that this process has inherited from the launcher. Protect the memory of this process, so that no core file,
    debugger or swap can expose it.
    """
    reset_signals()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # PAM modules may wait for programs that they start
    signal.alarm(WITHIN)
    os.setsid()
    control_process(PR_SET_DUMPABLE, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    close_all_but(0, 1, 2, client, daemon)
    ctypes.CDLL(None).mlockall(
        MCL_CURRENT | MCL_FUTURE
    )  # may be refused, for example in a container; then the password may reach swap


def _answer(user: str, source: socket.socket) -> bytes:
    try:
        checking = Checking()
    except Refused as fault:
        print(f"jitd: {fault}", file=sys.stderr, flush=True)
        return UNSET
    password = _read(source)
    if not password:
        return NOTHING
    try:
        return YES if checking.is_right(user, password) else NO
    finally:
        _wipe(password)


def _read(source: socket.socket) -> bytearray:
    """Return the password, that is, all bytes until the client closes its end of the socket. Return an empty result if there are
    no bytes or too many bytes, or if one of the bytes is NUL.
    """
    room = bytearray(MOST + 1)
    n_read = 0
    source.settimeout(TYPED_WITHIN)
    with suppress(TimeoutError):
        while n_read < len(room) and (more := source.recv_into(memoryview(room)[n_read:])):
            n_read += more
    if n_read > MOST or b"\0" in room[:n_read]:
        _wipe(room)
        return bytearray()
    del room[n_read:]
    return room


def _wipe(room: bytearray) -> None:
    room[:] = bytes(len(room))


class Checking:
    """One check of one password. A Checking object is created before the password is read. Therefore a missing PAM stack is
    noticed early, and is not counted as a wrong guess.
    """

    def __init__(self) -> None:
        """Load libpam. Raises Refused if libpam cannot be called, or if the stack is missing."""
        if not os.path.isfile(STACK):  # without the file, libpam would silently use /etc/pam.d/other
            raise Refused(f"PAM is not set up for local passwords: {STACK} is missing")
        self._pam = load()
        self._password: bytearray | None = None

    def _converse(self, count: int, messages: Any, answers: Any, _: object) -> int:
        """Answer the first question for hidden input with the password (pam_conv(3)). Refuse every other question, because the
        PAM stack is only for passwords. Drop the messages of the PAM modules.
        """
        try:
            if count != 1:
                return PAM_CONV_ERR
            style = messages[0].contents.msg_style
            memory = self._pam.CALLOC(count, ctypes.sizeof(self._pam.PamResponse))  # libpam frees it
            if not memory:
                return PAM_BUF_ERR
            response = ctypes.cast(memory, ctypes.POINTER(self._pam.PamResponse))
            if style == self._pam.PAM_PROMPT_ECHO_OFF and self._password is not None:
                room = self._pam.CALLOC(len(self._password) + 1, 1)
                ctypes.memmove(room, (ctypes.c_char * len(self._password)).from_buffer(self._password), len(self._password))
                response[0].resp = ctypes.cast(room, type(response[0].resp))
                self._password = None
            elif style not in (self._pam.PAM_ERROR_MSG, self._pam.PAM_TEXT_INFO):
                return PAM_CONV_ERR
            answers[0] = response
            return int(self._pam.PAM_SUCCESS)
        except Exception:
            return PAM_CONV_ERR

    def is_right(self, user: str, password: bytearray) -> bool:
        """True if PAM authenticates ``user`` by ``password``, and says that the account may be used. The PAM items PAM_XDISPLAY
        and PAM_TTY are not set. jitd has no verified values for these items, and a PAM module must not decide by other values.
        """
        self._password = password
        conversation = self._pam.CONV_FUNC(self._converse)  # kept here, because libpam calls it until the handle is released
        handle = self._pam.pam_start(SERVICE, user, conversation)
        handle.set_item(self._pam.PAM_RUSER, user)
        code = int(self._pam.PAM_AUTHENTICATE(handle, PAM_DISALLOW_NULL_AUTHTOK))
        if code == self._pam.PAM_SUCCESS:
            code = int(self._pam.PAM_ACCT_MGMT(handle, 0))
        is_theirs = bool(code == self._pam.PAM_SUCCESS and handle.get_item(self._pam.PAM_USER) == user)
        self._pam.PAM_END(handle, code)
        return is_theirs
