# SPDX-License-Identifier: Apache-2.0
"""The packets between the daemon and a process beside it: one packet of a Unix socket (SOCK_SEQPACKET) for each message.

A packet is the number of a question (8 bytes, big-endian), its kind (1 byte) and a body. tests/beside/golden holds the bytes.
Law: a packet that does not have this form, or is too long, raises ValueError. Sources: unix(7), SO_PASSCRED, SCM_CREDENTIALS.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from enum import IntEnum

MAX_PACKET = 160 * 1024
"""Most bytes of a packet. It has room for 64 KiB in base64 and for what stands around them."""
LONGEST_REASON = 1_000
"""Most characters of the reason in a packet of the kind UNANSWERED."""
_HEAD = struct.Struct("!QB")
MAX_BODY = MAX_PACKET - _HEAD.size
"""Most bytes of a body."""
_CREDENTIALS = struct.Struct("iII")
"""The kernel's struct ucred: pid, uid, gid."""


class Kind(IntEnum):
    """What a packet is. The daemon sends QUESTION and DROP, the process ANSWER and UNANSWERED."""

    QUESTION = 1
    ANSWER = 2
    DROP = 3
    """Nobody waits for the answer any more. The body is empty."""
    UNANSWERED = 4
    """There is no answer. The body is the reason, printable ASCII."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One message. ``number`` is the one that the daemon gave to the question."""

    number: int
    kind: Kind
    body: bytes = b""


def sentence(text: str) -> str:
    """Return ``text`` as one line for a log or a packet: printable ASCII, and at most LONGEST_REASON characters."""
    plain = "".join(c if c.isprintable() and c.isascii() else "?" for c in text) or "?"
    return plain if len(plain) <= LONGEST_REASON else plain[: LONGEST_REASON - 3] + "..."


def write(packet: Packet) -> bytes:
    """Return the bytes of ``packet``. Raises ValueError if its reader would refuse it."""
    written = _HEAD.pack(packet.number, packet.kind) + packet.body
    read(written)
    return written


def read(written: bytes) -> Packet:
    """Return the packet in ``written``. Raises ValueError."""
    if len(written) > MAX_PACKET:
        raise ValueError(f"a packet of more than {MAX_PACKET} bytes")
    if len(written) < _HEAD.size:
        raise ValueError("a packet without a head")
    number, kind = _HEAD.unpack_from(written)
    found = Packet(number, Kind(kind), written[_HEAD.size :])
    if (found.kind is Kind.DROP) != (not found.body):
        raise ValueError(f"{found.kind.name}: a body where there is none, or none where there is one")
    if found.kind is Kind.UNANSWERED and sentence(found.body.decode("ascii", "replace")).encode("ascii") != found.body:
        raise ValueError("UNANSWERED: the reason is not a sentence")
    return found


def receive(line: socket.socket) -> tuple[bytes, int | None]:
    """Receive one packet from ``line``, which has SO_PASSCRED. Return its bytes, and the uid of the process that sent it as the
    kernel says (None if it does not say). The bytes are empty at the end of the connection. Raises BlockingIOError if there is no
    packet yet, ValueError for a packet that is too long or carries descriptors, OSError.
    """
    written, ancillary, flags, _ = line.recvmsg(MAX_PACKET + 1, socket.CMSG_SPACE(_CREDENTIALS.size))
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        raise ValueError("a packet that is too long, or carries what nobody asked for")
    said = [
        _CREDENTIALS.unpack(data)[1]
        for level, kind, data in ancillary
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS) and len(data) == _CREDENTIALS.size
    ]
    return written, said[0] if len(said) == 1 else None


def make_room(line: socket.socket) -> None:
    """Have the kernel take a whole packet of MAX_PACKET bytes, whatever its defaults are. Raises OSError."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_PACKET)


def peer_uid(line: socket.socket) -> int:
    """Return the uid of the process that made the other end of ``line`` (SO_PEERCRED). Raises OSError."""
    said = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    uid: int = _CREDENTIALS.unpack(said)[1]
    return uid
