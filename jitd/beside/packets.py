# SPDX-License-Identifier: Apache-2.0
"""The packets between the daemon and a helper. Each message is one packet of a Unix socket (SOCK_SEQPACKET).

A packet contains the number of a question (8 bytes, big-endian), the kind of packet (1 byte) and a body. Examples of packets are
in the directory tests/beside/golden. Law: a packet that has another form or is too long raises ValueError. Sources: unix(7),
SO_PASSCRED, SCM_CREDENTIALS, ETOOMANYREFS.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
from dataclasses import dataclass
from enum import IntEnum

from jitd.beside.secret import fault_in
from jitpam.wire.declared import sentence

MAX_PACKET = 160 * 1024  # bytes of a packet: room for 64 KiB of data in base64, and for the text around them
_HEAD = struct.Struct("!QB")
MAX_BODY = MAX_PACKET - _HEAD.size  # bytes of a body
_CREDENTIALS = struct.Struct("iII")  # the members of the kernel's struct ucred: pid, uid and gid
_DESCRIPTOR = struct.Struct("i")


class Kind(IntEnum):
    """The kinds of packets: QUESTION and DROP by the daemon, ANSWER and UNANSWERED by the helper."""

    QUESTION = 1
    ANSWER = 2
    DROP = 3  # sent by the daemon when nobody waits for the answer any more. The body is empty.
    UNANSWERED = 4  # there is no answer. The body contains the reason, in printable ASCII.


@dataclass(frozen=True, slots=True)
class Packet:
    """One message. ``number`` identifies the question. The daemon chooses this number."""

    number: int
    kind: Kind
    body: bytes = b""


def write(packet: Packet) -> bytes:
    """Return the bytes of ``packet``. Raises ValueError if the receiver would refuse the packet."""
    written = _HEAD.pack(packet.number, packet.kind) + packet.body
    read(written)
    return written


def read(written: bytes) -> Packet:
    """Parse the packet in the bytes ``written``, and return the packet. Raises ValueError."""
    if len(written) > MAX_PACKET:
        raise ValueError(f"a packet of more than {MAX_PACKET} bytes")
    if len(written) < _HEAD.size:
        raise ValueError("a packet that is shorter than its head")
    number, kind = _HEAD.unpack_from(written)
    found = Packet(number, Kind(kind), written[_HEAD.size :])
    if (found.kind is Kind.DROP) != (not found.body):
        raise ValueError(f"{found.kind.name} with {len(found.body)} bytes of body: DROP has no body, and other kinds have one")
    if found.kind is Kind.UNANSWERED and sentence(found.body.decode("ascii", "replace")).encode("ascii") != found.body:
        raise ValueError("UNANSWERED: the reason is not a sentence")
    return found


def receive(line: socket.socket, *, carries: bool) -> tuple[bytes, int | None, int | None]:
    """Receive one packet from the socket ``line``, which must have the option SO_PASSCRED. Return the bytes of the packet, the
    uid of the sender, and the descriptor in the packet, which is marked close-on-exec. The kernel reports the uid; if it reports
    no sender, the uid is None. If the packet has no descriptor, None stands in its place. If the connection has ended, the bytes
    are empty. Only if ``carries`` is True, a packet may have a descriptor, and only that of a valid secret (``secret``).

    Raises BlockingIOError if no packet has arrived yet. Raises ValueError if a packet is too long or carries more than that; one
    that carries more stays unread, because what it carries may take long to close. Raises OSError.
    """
    uid, carried = _told_of_next(line, carries=carries)
    try:
        written, _, flags, _ = line.recvmsg(MAX_PACKET + 1)  # of what it carries, we have a descriptor already
        if flags & socket.MSG_TRUNC:
            raise ValueError("a packet that is too long")
    except BaseException:
        if carried is not None:
            os.close(carried)
        raise
    return written, uid, carried


def _told_of_next(line: socket.socket, *, carries: bool) -> tuple[int | None, int | None]:
    """Return the uid of the sender of the next packet, and a descriptor of the secret that it carries. The packet stays there, so
    whatever it carries can be closed here without a wait. Raises ValueError if it carries anything else, and OSError.
    """
    room = socket.CMSG_SPACE(_CREDENTIALS.size) + (socket.CMSG_SPACE(_DESCRIPTOR.size) if carries else 0)
    _, ancillary, flags, _ = line.recvmsg(1, room, socket.MSG_PEEK | socket.MSG_CMSG_CLOEXEC)
    said, carried = list[int](), list[int]()
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS) and len(data) == _CREDENTIALS.size:
            said.append(_CREDENTIALS.unpack(data)[1])
        elif (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            carried += [number for (number,) in _DESCRIPTOR.iter_unpack(data[: len(data) // 4 * 4])]
    wrong = "a packet that carries unexpected data" if flags & socket.MSG_CTRUNC or len(carried) > 1 else ""
    if wrong and carries and not carried:
        wrong = "no further file can be opened for what came with it"
    if wrong or (carried and (wrong := fault_in(carried[0]))):
        for number in carried:
            os.close(number)
        raise ValueError(wrong)
    return said[0] if len(said) == 1 else None, carried[0] if carried else None


def why_unsent(fault: OSError) -> str:
    """Return the words for the error ``fault`` of sending a descriptor, with what to do."""
    if fault.errno != errno.ETOOMANYREFS:
        return fault.strerror or str(fault)
    return (
        f"too many descriptors that uid {os.getuid()} has sent wait on this host until somebody receives them (unix(7), "
        "ETOOMANYREFS): end the processes that do not, or set a higher LimitNOFILE= for the service that failed"
    )


def make_room(line: socket.socket) -> None:
    """Set the kernel's send buffer to MAX_PACKET bytes, so that the longest packet fits. Raises OSError."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_PACKET)


def peer_uid(line: socket.socket) -> int:
    """Return the uid of the process that created the other end of ``line`` (SO_PEERCRED). Raises OSError."""
    said = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    uid: int = _CREDENTIALS.unpack(said)[1]
    return uid


def has_ended(line: socket.socket) -> bool:
    """Return True if the other end of ``line`` is closed, even if packets that it sent before are still unread."""
    waits = select.poll()
    waits.register(line, select.POLLRDHUP)
    return bool(waits.poll(0))
