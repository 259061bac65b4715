# SPDX-License-Identifier: Apache-2.0
"""An address that ``tcp`` in hosts.toml leads to, at which something else answers than ``jitd-door tcp``."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from jitd_fleet.tcp import Tcp
from jitpam.carrier import connect
from jitpam.wire import messages
from jitpam.wire.coding import encode
from jitpam.wire.framing import frame
from tests.attacks.raw import CACHES, ticket_of

HOST = "lab.example.test"
WITHIN = 2.0
RESET = b"\1\0\0\0\0\0\0\0"
HELLO = frame(encode(messages.DaemonHello(version=messages.VERSION, nonce=bytes(32))))
ESCAPES = frame(encode(messages.Refused(code="unauthenticated", text="\x1b[2Jtype your password:")))


def _reset(one: socket.socket) -> None:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def _drip(one: socket.socket) -> None:
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in HELLO * 1000:
        one.send(bytes([byte]))
        threading.Event().wait(0.05)


def _flood(one: socket.socket) -> None:
    while True:
        one.sendall(HELLO * 1000)


def _stay(one: socket.socket) -> None:
    while one.recv(65536):
        pass


NOT_JITD = f"what the carrier leads to does not answer as jitd on {HOST} would: tcp to 127.0.0.1:"
CLOSED = "the carrier closed the connection: tcp to 127.0.0.1:"
DOES: dict[str, tuple[Callable[[socket.socket], Any], str]] = {
    "closes": (lambda one: None, CLOSED),
    "resets": (_reset, "tcp to 127.0.0.1:"),  # while it is connected to, or afterwards
    "resets after the hello": (lambda one: (one.recv(1000), _reset(one)), CLOSED),
    "resets after its own hello": (lambda one: (one.recv(1000), one.sendall(HELLO), one.recv(4), _reset(one)), CLOSED),
    "says nothing": (_stay, f"jitd on {HOST} does not answer"),
    "drips": (_drip, f"jitd on {HOST} does not answer"),
    "never ends": (_flood, NOT_JITD),
    "has a huge frame": (lambda one: (one.sendall(b"\x7f\xff\xff\xff"), _stay(one)), NOT_JITD),
    "speaks HTTP": (lambda one: one.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), NOT_JITD),
    "refuses with escapes": (lambda one: one.sendall(ESCAPES), "nobody may know you at its door"),
}


@contextmanager
def hostile(does: Callable[[socket.socket], Any]) -> Iterator[int]:
    """An address at which ``does`` is done with each connection, which is closed then. Yields its port."""

    def answer() -> None:
        with suppress(OSError):
            while True:
                one, _ = listener.accept()
                with one, suppress(OSError):
                    does(one)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize("kind", DOES)
def test_whatever_answers_at_an_address_is_not_believed_and_keeps_nobody_for_long(
    kind: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    does, told = DOES[kind]
    ticket_of("bob")
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{CACHES}/bob")
    with hostile(does) as port, pytest.raises(Exception) as raised:
        connect(HOST, Tcp("127.0.0.1", port), within=WITHIN)
    assert told in str(raised.value), raised.value
    assert "\x1b" not in str(raised.value) + "".join(capfd.readouterr())
