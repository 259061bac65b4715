# SPDX-License-Identifier: Apache-2.0
"""Finds out whether any KDC of a realm answers. This is a separate process, which ``reach`` executes.

It sends a request for a ticket, without any key, to each address of each KDC that krb5.conf names: by UDP and by TCP, to all at
the same time. libkrb5 does not send it: what libkrb5 calls unreachable may be a local fault, or an answer that was lost.
Law: the first byte from any KDC is an answer, whatever it says. No answer is only silence after a request that was sent, and
what the network itself says (SILENCE). All else is FAILED, which says nothing of the KDCs: a name that is not found, no free
port, no descriptor. The process must then not exit with UNANSWERED.
Sources: RFC 4120 sections 5.4.1 (the request), 7.2.1 and 7.2.2 (UDP and TCP); krb5.conf(5) for the forms of ``kdc``.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable

from jitd.kdc.asking import Krb5Error, Library

PATIENCE = 3.0
"""Seconds in which a KDC has to answer."""
RESOLVING = 3.0
"""Seconds in which the addresses of all KDCs have to be found. Then the process is killed by SIGALRM."""
AGAIN = 1.0
"""Seconds after which a request by UDP is sent again: a packet may be lost."""
PORT = 88
SILENCE = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.ETIMEDOUT})
"""What the network says if nobody is there. No account of this host can bring it about."""
ANSWERED, UNANSWERED, FAILED = 0, 1, 2
_KDC = re.compile(r"(?:(?P<by>tcp|udp)/)?(?:\[(?P<six>[^]\s]+)\]|(?P<host>[^]\[:/\s]+))(?::(?P<port>\d{1,5}))?")
_KINDS = {"udp": (socket.SOCK_DGRAM,), "tcp": (socket.SOCK_STREAM,), None: (socket.SOCK_DGRAM, socket.SOCK_STREAM)}

Place = tuple[socket.AddressFamily, socket.SocketKind, tuple[object, ...]]
"""Family, kind of socket, and address to connect to."""


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
    """Return a request of ``client`` for a TGT, without pre-authentication (AS-REQ, RFC 4120 section 5.4.1)."""
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


def places(kdc: str) -> list[Place]:
    """Return where ``kdc``, a value of krb5.conf, can be asked. Raises OSError if it cannot be looked up or asked from here."""
    found = _KDC.fullmatch(kdc)
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
    """One request to one address of a KDC, on a socket of its own."""

    def __init__(self, place: Place, asked: bytes) -> None:
        """Send the request, or begin to connect. Raises OSError."""
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
        """What ``selectors`` is to wait for."""
        return selectors.EVENT_WRITE if self.is_connecting else selectors.EVENT_READ

    def send_again(self) -> None:
        """Send the request if it goes by UDP. Raises OSError."""
        if self._kind == socket.SOCK_DGRAM:
            self.socket.send(self._asked)

    def go_on(self) -> bool:
        """Do what can be done now that the socket is ready. Return True if the KDC has answered. Raises OSError."""
        if not self.is_connecting:
            return self._has_answered()
        if code := self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(code, os.strerror(code))
        self.is_connecting = False
        self.socket.send(self._asked)  # a new connection has room for so few bytes
        return False

    def _has_answered(self) -> bool:
        try:
            self.socket.recv(4)
        except BlockingIOError:  # a packet whose checksum was wrong
            return False
        except ConnectionResetError:  # who ends a connection was there
            return True
        return True


def ask(where: list[Place], asked: bytes, patience: float) -> int:
    """Send ``asked`` to all of ``where``, and wait for ``patience`` seconds at most. Return ANSWERED or UNANSWERED.

    Raises OSError if a request could not be sent for a reason that is not the network's.
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
    """Take a ``step`` of ``question``, and return what it returns. If nobody is there, forget the question. Raises OSError."""
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
    """Ask all KDCs of ``realm`` at the same time, for ``patience`` seconds at most. Return ANSWERED, UNANSWERED or FAILED.

    Raises Krb5Error and OSError. SIGALRM ends the process if the names of the KDCs are not found in time.
    """
    relations = Library().relations(realm)
    kdcs = dict.fromkeys((*relations.get("kdc", []), *relations.get("primary_kdc", []), *relations.get("master_kdc", [])))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, RESOLVING)
    where = list(dict.fromkeys(place for kdc in kdcs for place in places(kdc)))
    signal.setitimer(signal.ITIMER_REAL, 0)
    if not where:
        raise OSError(errno.ENOENT, f"krb5.conf names no KDC of {realm}")
    return ask(where, request(realm, client), patience)


def main() -> int:
    """Read a question (a JSON object with the arguments of ``look``) from standard input. The exit status is the answer."""
    for name in [name for name in os.environ if name.startswith(("KRB5", "GSS")) and name != "KRB5_CONFIG"]:
        del os.environ[name]
    try:
        return look(**json.loads(sys.stdin.buffer.read()))
    except (Krb5Error, OSError) as fault:
        print(f"jitd: {fault}", file=sys.stderr)
        return FAILED
