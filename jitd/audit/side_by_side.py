# SPDX-License-Identifier: Apache-2.0
"""Reads the parts of a record in several processes at the same time.

Law: a process that ends early, for whatever reason, is a doubt about the record, and never a part that is whole. No process is
left when ``Processes`` is closed. It must be made before this process opens the database: SQLite forbids to use a database on
both sides of a fork. Source: https://sqlite.org/howtocorrupt.html ("Carrying an open database connection across a fork").
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NoReturn

import msgspec

from jitd.audit.lives import Doubt
from jitd.audit.parts import Part, Reader, Span, Stored

_LENGTH = 4  # bytes of the length before each message
_Order = tuple[bytes, list[Span]]  # the key of the sums, and the parts that one process reads
_encode = msgspec.msgpack.Encoder().encode
_part = msgspec.msgpack.Decoder(Part).decode
_order = msgspec.msgpack.Decoder(_Order).decode


class Processes:
    """``n`` processes that open the record with ``open_store``. Each reads every ``n``-th part, and waits till it is taken."""

    def __init__(self, open_store: Callable[[], AbstractContextManager[Stored]], n: int) -> None:
        self._channels: list[socket.socket] = []
        self._pids: list[int] = []
        self._at = 0
        try:
            for _ in range(n):
                self._fork(open_store)
        except BaseException:
            self.close()
            raise

    def _fork(self, open_store: Callable[[], AbstractContextManager[Stored]]) -> None:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            for channel in (*self._channels, ours):
                channel.close()  # otherwise it would not hear that this process has ended
            _read(open_store, theirs)
        theirs.close()
        self._channels.append(ours)
        self._pids.append(pid)

    def begin(self, asked: list[Span], key: bytes) -> None:
        """Have ``asked`` read. Their order is that in which ``next`` returns them."""
        for n, channel in enumerate(self._channels):
            _send(channel, _encode((key, asked[n :: len(self._channels)])))

    def is_ready(self) -> bool:
        """True if ``next`` need not wait."""
        return bool(select.select([self._channels[self._at]], [], [], 0)[0])

    def next(self) -> Part:
        """Return the next part. Raises Doubt."""
        channel = self._channels[self._at]
        self._at = (self._at + 1) % len(self._channels)
        return _part(_receive(channel))

    def close(self) -> None:
        for channel in self._channels:
            channel.close()
        for pid in self._pids:
            os.kill(pid, signal.SIGKILL)
        for pid in self._pids:
            os.waitpid(pid, 0)
        self._channels, self._pids = [], []


def _read(open_store: Callable[[], AbstractContextManager[Stored]], channel: socket.socket) -> NoReturn:
    """Be the process that reads the parts for which ``channel`` asks."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C reaches this process, too
        gc.disable()  # it would look for circles among millions of parts of records, where there are none
        key, asked = _order(_receive(channel))
        with open_store() as store:
            reader = Reader(store, key)
            for span in asked:
                _send(channel, _encode(reader.read(span)))
    finally:
        os._exit(0)


def _send(channel: socket.socket, message: bytes) -> None:
    try:
        channel.sendall(len(message).to_bytes(_LENGTH, "big"))
        channel.sendall(message)
    except OSError:  # the other process has ended
        raise Doubt from None


def _receive(channel: socket.socket) -> bytearray:
    return _receive_bytes(channel, int.from_bytes(_receive_bytes(channel, _LENGTH), "big"))


def _receive_bytes(channel: socket.socket, n: int) -> bytearray:
    found = bytearray(n)
    view = memoryview(found)
    while view:
        try:
            n_read = channel.recv_into(view)
        except OSError:
            n_read = 0
        if not n_read:  # the other process has ended
            raise Doubt
        view = view[n_read:]
    return found
