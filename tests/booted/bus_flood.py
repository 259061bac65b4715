# SPDX-License-Identifier: Apache-2.0
"""Keeps systemd busy by requests on the system bus, as every user may: ``ListUnits``, and nobody asks for an answer. About a
hundred requests wait at each moment, so that systemd has done the last of them soon after the end of this program.
"""

from __future__ import annotations

import itertools
import os
import socket
import struct
import sys
import time

BATCH = 40
NO_REPLY = 1
BUS, SYSTEMD = b"org.freedesktop.DBus", b"org.freedesktop.systemd1"


def call(serial: int, flags: int, path: bytes, destination: bytes, interface: bytes, member: bytes) -> bytes:
    """A method call without values (D-Bus Specification, Message Protocol)."""
    fields = b""
    for code, kind, text in ((1, b"o", path), (6, b"s", destination), (2, b"s", interface), (3, b"s", member)):
        fields += bytes(-len(fields) % 8) + bytes([code, 1]) + kind + b"\0" + struct.pack("<I", len(text)) + text + b"\0"
    head = struct.pack("<4BIII", ord("l"), 1, flags, 1, 0, serial, len(fields)) + fields
    return head + bytes(-len(head) % 8)


def answer(bus: socket.socket) -> None:
    """Read one whole message."""
    head = bus.recv(16, socket.MSG_WAITALL)
    n_body, _, n_fields = struct.unpack("<III", head[4:])
    bus.recv(-(-n_fields // 8) * 8 + n_body, socket.MSG_WAITALL)


def main() -> None:
    until = time.monotonic() + float(sys.argv[1])
    bus = socket.socket(socket.AF_UNIX)
    bus.connect("/run/dbus/system_bus_socket")
    bus.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
    bus.recv(1000)
    bus.sendall(b"BEGIN\r\n" + call(1, 0, b"/org/freedesktop/DBus", BUS, BUS, b"Hello"))
    answer(bus)  # the name
    answer(bus)  # NameAcquired

    def batch(serial: int) -> bytes:
        manager = (b"/org/freedesktop/systemd1", SYSTEMD, SYSTEMD + b".Manager", b"ListUnits")
        return call(serial, NO_REPLY, *manager) * BATCH + call(serial, 0, *manager)

    bus.sendall(batch(2))
    print("floods", flush=True)
    for serial in itertools.count(3):
        bus.sendall(batch(serial))
        answer(bus)  # to the batch before
        if time.monotonic() > until:
            return


main()
