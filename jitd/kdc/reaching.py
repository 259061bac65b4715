# SPDX-License-Identifier: Apache-2.0
"""Finds out whether any KDC of a realm answers. This module runs as a separate process, which ``reach`` executes.

The process sends a request for a ticket, without any key, to each address of each KDC that krb5.conf names. The process uses UDP
and TCP, and sends all requests at the same time. The process does not use libkrb5, because libkrb5 reports "unreachable" also
after a local fault or a lost answer.
Law: the first byte from any KDC is treated as an answer, whatever its value. The end of a connection that was open is treated as
an answer, too. The result UNANSWERED means one of two things: a request was sent and no answer came, or the network reported one
of the errors in SILENCE. In all other cases the result is FAILED, which proves nothing about the KDCs. Examples of FAILED are a
name that is not found, no free port, and no free descriptor. After any other fault, too, the process does not exit with
UNANSWERED.
Sources: RFC 4120 sections 5.4.1 (the request), 7.2.1 and 7.2.2 (UDP and TCP); krb5.conf(5) for the forms of ``kdc``.
"""

from __future__ import annotations

import errno
import os
import secrets
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable

from jitd.kdc.libkrb5 import Krb5Error
from jitd.kdc.named import KDC, kdcs_of
from jitd.kdc.seeking import SEEK

PATIENCE = 3.0  # seconds within which a KDC must answer
RESOLVING = 3.0  # seconds to find the addresses of all KDCs. After this time, SIGALRM kills the process
AGAIN = 1.0  # seconds after which a UDP request is sent again, because the first packet may be lost
PORT = 88
SILENCE = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.ETIMEDOUT})
"""Each of these network errors means that there is no KDC at an address. No account of this host can cause these errors."""
ANSWERED, UNANSWERED, FAILED = 0, 20, 2
"""The exit statuses. UNANSWERED is one with which Python never ends by itself: after an exception that nothing catches it ends
with 1, for example if no memory is left or the package is being replaced.
"""
_KINDS = {"udp": (socket.SOCK_DGRAM,), "tcp": (socket.SOCK_STREAM,), None: (socket.SOCK_DGRAM, socket.SOCK_STREAM)}

Address = tuple[socket.AddressFamily, socket.SocketKind, tuple[object, ...]]  # family, kind of socket, and the address itself


# --- the request ---------------------------------------------------------------------------------------------------------


def _der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body).to_bytes(max(1, (len(body).bit_length() + 7) // 8), "big")
    return bytes((tag,)) + (size if len(body) < 128 else bytes((0x80 | len(size),)) + size) + body


def _number(value: int) -> bytes:
    return _der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _name(kind: int, *components: str) -> bytes:
    words = (_der(0x1B, one.encode("utf-8")) for one in components)
    return _der(0x30, _der(0xA0, _number(kind)), _der(0xA1, _der(0x30, *words)))


def request(realm: str, client: str) -> bytes:
    """Return the bytes of a TGT request of ``client``, without pre-authentication (AS-REQ, RFC 4120 section 5.4.1)."""
    body = _der(
        0x30,
        _der(0xA0, _der(0x03, bytes(5))),
        _der(0xA1, _name(1, *client.rpartition("@")[0].split("/"))),
        _der(0xA2, _der(0x1B, realm.encode("utf-8"))),
        _der(0xA3, _name(2, "krbtgt", realm)),
        _der(0xA5, _der(0x18, b"19700101000000Z")),
        _der(0xA7, _number(secrets.randbits(31))),
        _der(0xA8, _der(0x30, *map(_number, (18, 17, 20, 19)))),
    )
    return _der(0x6A, _der(0x30, _der(0xA1, _number(5)), _der(0xA2, _number(10)), _der(0xA4, body)))


# --- the KDCs ------------------------------------------------------------------------------------------------------------


def places(kdc: str) -> list[Address]:
    """Return the addresses of ``kdc``, which names a KDC in the form of krb5.conf. Raises OSError if the name of the KDC cannot
    be looked up. Also raises OSError if this process does not support the form of ``kdc``.
    """
    found = KDC.fullmatch(kdc)
    if found is None:
        raise OSError(errno.EPROTONOSUPPORT, f"the KDC {kdc} of krb5.conf cannot be asked by UDP or TCP")
    host, port = found["six"] or found["host"], int(found["port"] or PORT)
    kinds = _KINDS[found["by"]]
    return [
        (family, kind, address)
        for kind in kinds
        for family, _, _, _, address in socket.getaddrinfo(host, port, type=kind, flags=socket.AI_NUMERICSERV)
    ]


class _Question:
    """One request to one address of a KDC. Each request has its own socket."""

    def __init__(self, place: Address, asked: bytes) -> None:
        """Send the request by UDP, or begin to connect by TCP. Raises OSError."""
        family, self._kind, address = place
        self._asked = asked if self._kind == socket.SOCK_DGRAM else len(asked).to_bytes(4, "big") + asked
        self.socket = socket.socket(family, self._kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            code = self.socket.connect_ex(address)
            if code not in (0, errno.EINPROGRESS):
                raise OSError(code, os.strerror(code))
            self.is_connecting = self._kind == socket.SOCK_STREAM
            self.send_again()
        except OSError:
            self.socket.close()
            raise

    @property
    def awaits(self) -> int:
        """The event for which ``selectors`` must wait: EVENT_WRITE while the socket is connecting, otherwise EVENT_READ."""
        return selectors.EVENT_WRITE if self.is_connecting else selectors.EVENT_READ

    def send_again(self) -> None:
        """Send the request again if the request uses UDP. Raises OSError."""
        if self._kind == socket.SOCK_DGRAM:
            self.socket.send(self._asked)

    def go_on(self) -> bool:
        """Send the request, or read its answer, when the socket is ready. Return True if the KDC answered. Raises OSError."""
        if not self.is_connecting:
            return self._has_answered()
        if code := self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(code, os.strerror(code))
        self.is_connecting = False
        self.socket.send(self._asked)  # the request is short, so a new connection has room for it
        return False

    def _has_answered(self) -> bool:
        try:
            self.socket.recv(4)
        except BlockingIOError:  # a packet with a wrong checksum has arrived
            return False
        except ConnectionResetError:  # only a host that is there can reset a connection
            return True
        return True


def ask(where: list[Address], asked: bytes, patience: float) -> int:
    """Send ``asked`` to each address in ``where``, and wait at most ``patience`` seconds. Return ANSWERED or UNANSWERED.

    Raises OSError if a request could not be sent, and the error is not in SILENCE.
    """
    now = time.monotonic()
    until, again = now + patience, now + AGAIN
    with selectors.DefaultSelector() as selector:
        for place in where:
            try:
                question = _Question(place, asked)
            except OSError as fault:
                _pass_over(fault)
            else:
                selector.register(question.socket, question.awaits, question)
        while selector.get_map() and (now := time.monotonic()) < until:
            if now >= again:
                again += AGAIN
                for key in list(selector.get_map().values()):
                    _going_on(selector, key.data, key.data.send_again)
            for key, _ in selector.select(max(0.0, min(until, again) - now)):
                if _going_on(selector, key.data, key.data.go_on):
                    return ANSWERED
    return UNANSWERED


def _going_on(selector: selectors.BaseSelector, question: _Question, step: Callable[[], bool | None]) -> bool:
    """Call ``step``. If there is no KDC at the question's address, close its socket. Raises OSError."""
    try:
        has_answered = bool(step())
    except OSError as fault:
        _pass_over(fault)
        selector.unregister(question.socket)
        question.socket.close()
        return False
    selector.modify(question.socket, question.awaits, question)
    return has_answered


def _pass_over(fault: OSError) -> None:
    if fault.errno not in SILENCE:
        raise fault


def look(realm: str, client: str, patience: float = PATIENCE) -> int:
    """Ask all KDCs of ``realm`` at the same time, for at most ``patience`` seconds. Return ANSWERED, UNANSWERED or FAILED.

    Raises Krb5Error and OSError. If the addresses of the KDCs are not found in time, SIGALRM ends the process.
    """
    kdcs = kdcs_of(realm)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, RESOLVING)
    where = list(dict.fromkeys(place for kdc in kdcs for place in places(kdc)))
    signal.setitimer(signal.ITIMER_REAL, 0)
    if not where:
        raise OSError(errno.ENOENT, f"krb5.conf names no KDC of {realm}")
    return ask(where, request(realm, client), patience)


def main() -> int:
    """Read a question from standard input. Return the exit status of this process, which is the answer to the question."""
    for name in [name for name in os.environ if name.startswith(("KRB5", "GSS")) and name != "KRB5_CONFIG"]:
        del os.environ[name]
    try:
        asked = SEEK.read(sys.stdin.buffer.read())
    except ValueError as fault:
        print(f"jitd: the question cannot be read: {fault}", file=sys.stderr)
        return FAILED
    try:
        return look(asked.realm, asked.client)
    except (Krb5Error, OSError) as fault:
        print(f"jitd: {fault}", file=sys.stderr)
        return FAILED
