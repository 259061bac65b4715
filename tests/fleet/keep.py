#!/usr/bin/python3 -IS
# SPDX-License-Identifier: Apache-2.0
"""keep SOCKET NUMBER PLACE: copies bytes as dial does, but keeps what the client says from its frame NUMBER on.

It makes PLACE once it has that frame, and ends when PLACE is gone. Nothing of what it has kept is ever delivered.
"""

import posix
import select
import sys
from _socket import AF_UNIX, socket

PATH, NUMBER, PLACE = sys.argv[1], int(sys.argv[2]), sys.argv[3]
door = socket(AF_UNIX)
door.connect(PATH)
poll = select.poll()
poll.register(0, select.POLLIN)
poll.register(door.fileno(), select.POLLIN)
said, n_said, is_kept = b"", 0, False
while True:
    for descriptor, _ in poll.poll(20):
        data = posix.read(descriptor, 65536)
        if not data:
            raise SystemExit(0)
        if descriptor != 0:
            posix.write(1, data)
            continue
        said += data
        while len(said) >= 4 and len(said) >= (size := 4 + int.from_bytes(said[:4], "big")):
            one, said = said[:size], said[size:]
            if n_said < NUMBER:
                door.sendall(one)
            elif not is_kept:
                posix.close(posix.open(PLACE, posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL))
                is_kept = True
            n_said += 1
    if is_kept:
        try:
            posix.stat(PLACE)
        except FileNotFoundError:
            raise SystemExit(0) from None
