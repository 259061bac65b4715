#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""dial SOCKET: copies bytes between standard input and output and a Unix socket. It ends when either side has ended."""

import posix
import select
import sys
from _socket import AF_UNIX, socket

door = socket(AF_UNIX)
try:
    door.connect(sys.argv[1])
except OSError as fault:
    posix.write(2, f"dial: {sys.argv[1]}: {fault.strerror}\n".encode())
    raise SystemExit(1) from None
poll = select.poll()
poll.register(0, select.POLLIN)
poll.register(door.fileno(), select.POLLIN)
try:
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == 0:
                data = posix.read(0, 65536)
                door.sendall(data)
            else:
                data = door.recv(65536)
                rest = memoryview(data)
                while rest:
                    rest = rest[posix.write(1, rest) :]
            if not data:
                raise SystemExit(0)
except OSError:
    raise SystemExit(0) from None  # a side that has ended takes no more
