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

from jitd.monitor.handing_over import await_release
from jitd.monitor.pam_session import Refused, libraries_by_name, load
from jitd.monitor.pam_stack import why_unset
from jitd.monitor.proof_orders import NO, NOTHING, SERVICE, UNSET, WITHIN, YES
from jitd.monitor.slate import PR_SET_DUMPABLE, close_all_but, control_process, reset_signals

MOST = 512  # bytes of a password (PAM_MAX_RESP_SIZE)
TYPED_WITHIN = WITHIN - 15.0  # seconds within which the person must type the password
PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON = 1, 2
PAM_AUTH_ERR = 7
PAM_RUSER = 8
PAM_CONV_ERR = 19
PAM_DISALLOW_NULL_AUTHTOK = 1
MCL_CURRENT, MCL_FUTURE = 1, 2


def live(user: str, client: int, daemon: int, launcher: socket.socket) -> NoReturn:
    """Check the password from ``client``, and answer ``daemon``. ``launcher`` leads to who forked this. Never returns."""
    try:
        be_private(client, daemon, launcher.fileno(), within=WITHIN)
        await_release(launcher)
        _stay_in_memory()
        with socket.socket(fileno=daemon) as answer, socket.socket(fileno=client) as source:
            answer.send(_answer(user, source))
    except BaseException as fault:  # print only the type, because the text of the exception could contain the password
        print(f"jitd: a local password could not be checked: {type(fault).__name__}", file=sys.stderr, flush=True)
    finally:
        os._exit(0)


def be_private(*kept: int, within: int) -> None:
    """Drop all state that this process has inherited from the launcher, except the descriptors ``kept``, also standard input,
    which python-pam would take for the person's terminal. Protect the memory of this process, so that no core file or debugger
    can expose it. The kernel ends the process after ``within`` seconds.
    """
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    os.dup2(nothing, 0)
    reset_signals()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # PAM modules may wait for programs that they start
    signal.alarm(within)
    os.setsid()
    control_process(PR_SET_DUMPABLE, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    close_all_but(0, 1, 2, *kept)


def _stay_in_memory() -> None:
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
    """Return all bytes until the client closes its end, and nothing if they are too many, or if one is NUL."""
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
    """One check of one password by python-pam. A Checking object is created before the password is read. Therefore a missing PAM
    stack is noticed early, and is not counted as a wrong guess.
    """

    def __init__(self) -> None:
        """Load python-pam. Raises Refused if libpam cannot be called, or if the stack is not set up."""
        self._is_asked = False
        if because := why_unset(SERVICE, "auth", "account"):
            raise Refused(f"PAM is not set up for local passwords: {because}")
        try:
            with libraries_by_name():
                import pam
            self._pam = pam.PamAuthenticator()
            package: Any = sys.modules["pam.__internals"]
            self._answer, package.my_conv = package.my_conv, self._converse
        except (ImportError, AttributeError, KeyError, OSError) as fault:
            raise Refused(f"PAM (service {SERVICE}) cannot be called: {fault}") from None

    def _converse(self, count: int, messages: Any, *others: Any) -> int:
        """Let python-pam answer a call of the conversation (pam_conv(3)), and note whether a question got the password:
        python-pam answers the first message with it, if it is a hidden question. Questions whose answer is shown are refused.
        """
        styles = [messages[number].contents.msg_style for number in range(count)]
        if PAM_PROMPT_ECHO_ON in styles:
            return PAM_CONV_ERR
        self._is_asked = self._is_asked or styles[:1] == [PAM_PROMPT_ECHO_OFF]
        return int(self._answer(count, messages, *others))

    def is_right(self, user: str, password: bytearray) -> bool:
        """True if PAM has asked for a password, authenticates ``user`` by ``password``, and says that the account may be used.
        That a module got the password does not mean that it decided: the stack says so, and ``jitd doctor`` looks at it.

        python-pam answers a hidden question with ``password`` (``_converse``). It would take PAM_TTY and PAM_XDISPLAY from
        DISPLAY, which the launcher has cleared with all of its environment, and from standard input, which ``be_private`` has
        replaced: jitd has no verified values for these items, and a PAM module must not decide by other values. Credentials are
        not set (pam_setcred(3)), because no session begins.
        """
        asking, name = self._pam, user.encode()
        ask = asking.pam_authenticate

        def authenticate(handle: Any, flags: int) -> int:
            asking.pam_set_item(handle, PAM_RUSER, name)
            code = int(ask(handle, flags | PAM_DISALLOW_NULL_AUTHTOK))
            return code if self._is_asked else PAM_AUTH_ERR  # no module got the password, so none has checked it

        asking.pam_authenticate = authenticate
        try:
            is_right = asking.authenticate(
                name,
                bytes(password),  # remains in memory until this process ends, which is next
                service=SERVICE,
                call_end=False,
                encoding="latin-1",  # of what modules say: each byte is a character
                resetcreds=False,
            )
            return bool(is_right and self._is_for(user))
        finally:
            asking.end()

    def _is_for(self, user: str) -> bool:
        """True if PAM authenticated ``user``, whom a module can replace. python-pam lacks this call (pam_get_item(3))."""
        pamela = load()
        handle = pamela.PamHandle()
        handle.handle = self._pam.handle.handle
        return bool(handle.get_item(pamela.PAM_USER) == user)
