# SPDX-License-Identifier: Apache-2.0
"""``jitd-door``: the carriers' end on this host (PROTOCOL.md section 13). ``jitd-door stdio`` copies bytes between its standard
input and output and the door. sshd starts it, with a forced command, for somebody who is elsewhere. ``jitd-door tcp`` is
``listening``, and ``jitd-door nats`` is ``agent``.

Law: it reads none of the bytes, has no key, and keeps and logs nothing. It takes no more from one side before the other side has
taken what there is. It imports little, because everybody who comes by ssh waits for it.
"""

from __future__ import annotations

import posix  # importing `os` would make each start 1 ms longer
import select
import sys
from _socket import AF_UNIX, MSG_DONTWAIT, MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_STREAM, socket

from jitd_fleet.own_door import PIECE, SOCKET, say, why_not
from jitpam.wire.coding import encode
from jitpam.wire.framing import frame
from jitpam.wire.messages import MOST_SOURCE, Carried

USAGE = "usage: jitd-door stdio | tcp | nats | enrol | permissions"
ALL_AT_ONCE = 4096  # PIPE_BUF: so many bytes go into a pipe that poll(2) calls ready without a wait (pipe(7))


def main() -> int:
    """Carry. Return the exit status: 0 after the end, 1 if this host's door or its TCP sockets cannot be had, or 2."""
    words = sys.argv[1:]
    if words == ["tcp"]:
        from jitd_fleet.listening import listen  # not for who comes by ssh

        return listen()
    if words == ["nats"]:
        from jitd_fleet.agent import serve

        return serve()
    if words in (["enrol"], ["permissions"]):
        from jitd_fleet import enrolling

        return enrolling.enrol() if words == ["enrol"] else enrolling.permissions()
    if words != ["stdio"]:
        is_asked = words in (["-h"], ["--help"])
        say(USAGE if is_asked else f"jitd-door: one word says what carries ({USAGE}; see jitd-door(8))", 1 if is_asked else 2)
        return 0 if is_asked else 2
    try:
        door = _door(SOCKET)
    except OSError as fault:
        say(f"jitd-door: {why_not(fault)}", 2)
        return 1
    hand_over(door, 0, 1, source(posix.environ.get(b"SSH_CONNECTION", b"")))
    return 0


def source(ssh_connection: bytes) -> str:
    """Return the address in SSH_CONNECTION (ssh(1)), or ``local`` if there is none. It is a claim, and jitd takes it for one."""
    word = ssh_connection.split(b" ")[0][:MOST_SOURCE]
    return word.decode("ascii") if word and all(33 <= byte < 127 for byte in word) else "local"


def hand_over(door: socket, input: int, output: int, source: str) -> None:
    """Tell ``door`` where the bytes come from, and copy them both ways until one side has ended."""
    up = memoryview(frame(encode(Carried(carrier="ssh", source=source))))
    down = memoryview(b"")
    while True:
        for descriptor, events in _ready(door.fileno(), input, output, bool(up), bool(down)):
            try:
                if descriptor == door.fileno():
                    if up and events & select.POLLOUT:
                        up = up[door.send(up, MSG_DONTWAIT | MSG_NOSIGNAL) :]
                    elif down:  # it has ended, and its last message is still on its way to the output
                        up = memoryview(b"")
                    elif not (down := memoryview(door.recv(PIECE, MSG_DONTWAIT))):
                        return
                elif descriptor == input:
                    if not (up := memoryview(posix.read(input, PIECE))):
                        return
                elif events & select.POLLOUT:
                    down = down[posix.write(output, down[:ALL_AT_ONCE]) :]
                elif not up:  # nobody reads any more, and all that was said has been passed on
                    return
            except BlockingIOError:
                pass
            except OSError:
                if descriptor != door.fileno() or not up:
                    return
                up = memoryview(b"")  # jitd takes no more, but its last message can still be read


def _ready(door: int, input: int, output: int, is_up: bool, is_down: bool) -> list[tuple[int, int]]:
    """Wait until something can be done, and return the descriptors with their events. ``is_up`` and ``is_down`` are true if
    there are bytes for the door, and for the output. A side for which nothing can be done is left out, because its end would be
    told again and again.
    """
    poll = select.poll()
    if mask := (select.POLLOUT if is_up else 0) | (0 if is_down else select.POLLIN):
        poll.register(door, mask)
    if not is_up:
        poll.register(input, select.POLLIN)
    if is_down or not is_up:
        poll.register(output, select.POLLOUT if is_down else 0)  # its end is told always
    return poll.poll()


def _door(path: str) -> socket:
    """Connect to the door of this host. Raises OSError."""
    door = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
    door.connect(path)
    return door
