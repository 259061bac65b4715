# SPDX-License-Identifier: Apache-2.0
"""Receives what a client sends: the first packet on the control socket, and the descriptors that become the command's streams.

Law: a descriptor is only examined. This module never reads from a descriptor, never writes to it, and never waits for it. A
descriptor is passed on only if the lists in this module allow its kind, its access mode and its file. Every descriptor that
arrives becomes one of the three streams, or is closed.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import stat
import struct
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated

from jitd.monitor.orders import KIND
from jitpam.wire.declared import INLINE, Codec, base64, integer, list_of, optional

NAMES = ("standard input", "standard output", "standard error")
MAX_PACKET = 32 * 1024 + 1
MOST_DESCRIPTORS = 253  # descriptors of one packet (SCM_MAX_FD). The receive buffer has room for all, so that none is lost
CREDENTIALS = struct.Struct("iII")  # pid, uid and gid of a packet's sender, by the kernel (unix(7), SCM_CREDENTIALS)
ROOM = socket.CMSG_SPACE(4 * MOST_DESCRIPTORS) + socket.CMSG_SPACE(CREDENTIALS.size)
TERMIOS_BYTES = 36  # the size in bytes of the kernel's `struct termios`, which ioctl TCGETS returns
_SIZE = integer(0, 65_535)
_TERMIOS = base64(TERMIOS_BYTES).where(lambda modes: len(modes) == TERMIOS_BYTES, f"a struct termios of {TERMIOS_BYTES} bytes")
O_PATH = 0o10000000
_NO_ROOM, _TOO_LONG = int(socket.MSG_CTRUNC), int(socket.MSG_TRUNC)
AT_ONCE = int(socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
"""To send without a wait and SIGPIPE. A plain number, like _NO_ROOM and _TOO_LONG, because enums take time."""

FIT_CHARACTER = {(1, 3): "null", (1, 5): "device", (1, 7): "device", (1, 8): "device", (1, 9): "device"}
"""Maps the major and minor number of a character device to the kind of stream. The table lists only null, zero, full, random and
urandom, because these devices merely provide or accept bytes.
"""
READABLE_BY_ALL = {0x9FA0, 0x62656572, 0x63677270, 0x27E0EB}
"""File systems of the kernel (proc, sysfs, cgroup). Files on them are passed on for reading, if everybody may."""
UNFIT = {
    0x6E736673: "a namespace",
    0x50494446: "a process",
    0x09041934: "an object of the kernel",
    0xCAFE4A11: "an object of the kernel",
    0x5345434D: "secret memory",
    0x444D4142: "a device's memory",
    0x19800202: "a message queue",
    0x64626720: "a control of the kernel",
    0x74726163: "a control of the kernel",
    0x73636673: "a control of the kernel",
    0x62656570: "a control of the kernel",
    0x42494E4D: "a control of the kernel",
    0xF97CFF8C: "a control of the kernel",
    0x5A3C69F0: "a control of the kernel",
    0x43415D53: "a control of the kernel",
    0xDE5E81E4: "a control of the kernel",
    0x65735543: "a control of the kernel",
    0x07655821: "a control of the kernel",
    0x6165676C: "a control of the kernel",
}
"""File systems (linux/magic.h) whose files are not data: to write to one is an order to the kernel."""

_libc = ctypes.CDLL(None, use_errno=True)


STDIN = {"tty": ("terminal",), "none": ("null", "closed")}
WANTED = {"tty": "a terminal", "none": "none"}
"""STDIN maps the value of ``run.stdin`` in a rule to the kinds of stream that are allowed as standard input. WANTED maps the same
value to words that describe the allowed standard input in error texts.
"""


def fits(wanted: str, kind: str) -> bool:
    """True if a standard input of the kind ``kind`` is allowed. ``wanted`` is the value of ``run.stdin`` in the rule."""
    return wanted not in STDIN or kind in STDIN[wanted]


class Unfit(Exception):
    """The command must not get the streams that the client sent. The argument of the exception is a sentence with the reason."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The client's terminal. If ``foreground`` is True, the command must be in the foreground of its own."""

    rows: Annotated[int, _SIZE]
    columns: Annotated[int, _SIZE]
    foreground: bool
    termios: Annotated[bytes | None, optional(_TERMIOS)]


@dataclass(frozen=True, slots=True)
class Opening:
    """The kinds of the three streams that come with the client's first packet, and its data about its terminal."""

    streams: Annotated[tuple[str, ...], list_of(KIND, 3, 3)]
    turn: Annotated[Turn, INLINE]


FROM_CLIENT = Codec[Opening | Turn]("", {"opening": Opening, "turn": Turn}, MAX_PACKET)
"""What a client says after the letters S and C (PROTOCOL.md section 5); ``jitpam.relay`` writes it."""


@dataclass(frozen=True, slots=True)
class Streams:
    """The client's first packet. ``descriptors`` maps the number of a stream (0 to 2) to its descriptor. A stream that is a
    terminal or closed has none.

    ``sender`` is the process that sent the packet, according to the kernel (unix(7), SO_PASSCRED). ``sender`` is 0 if the process
    is not known.
    """

    kinds: tuple[str, ...]
    turn: Turn
    descriptors: dict[int, int]
    sender: int = 0


def receive(control: socket.socket, approved: tuple[str, ...]) -> Streams | None:
    """Return the client's streams, or None if it has gone. Raises Unfit for those not approved or not allowed."""
    arrived: list[int] = []
    sender = 0
    try:
        data, ancillary, flags, _ = control.recvmsg(MAX_PACKET, ROOM, socket.MSG_CMSG_CLOEXEC)
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                arrived += memoryview(payload[: len(payload) // 4 * 4]).cast("i")
            elif level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                sender = CREDENTIALS.unpack(payload)[0]
        if not data and not arrived:
            return None
        if flags & _NO_ROOM:  # a packet never carries more descriptors than there is room for
            raise Unfit("its streams cannot be received: the monitor can open no further file")
        if flags & _TOO_LONG:
            raise Unfit("the client sent more than its streams")
        streams = replace(_read(data), sender=sender)
        if approved and streams.kinds != approved:
            raise Unfit(f"the streams are {', '.join(streams.kinds)}; {', '.join(approved)} were approved")
        slots = [slot for slot, kind in enumerate(streams.kinds) if kind not in ("terminal", "closed")]
        if len(slots) != len(arrived):
            raise Unfit(f"the client sent {len(arrived)} descriptors for {len(slots)} streams")
        for slot, descriptor in zip(slots, arrived, strict=True):
            found = kind_of(descriptor, slot)
            if found != streams.kinds[slot]:
                raise Unfit(f"{NAMES[slot]} is a {found}, and not a {streams.kinds[slot]} as the client says")
            streams.descriptors[slot] = descriptor
        return streams
    except BaseException:
        for descriptor in arrived:
            os.close(descriptor)
        raise


def sender_of_next(control: socket.socket) -> int:
    """Return the pid of the process that has sent the next packet on ``control``, or 0 if it is not known. Does not wait. The
    packet stays there, and there is room for nothing but this pid, so no descriptor arrives.
    """
    with suppress(OSError):
        _, ancillary, _, _ = control.recvmsg(1, socket.CMSG_SPACE(CREDENTIALS.size), socket.MSG_PEEK | socket.MSG_DONTWAIT)
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                return int(CREDENTIALS.unpack(payload)[0])
    return 0


def _read(data: bytes) -> Streams:
    try:
        if data[:1] != b"S" or not isinstance(said := FROM_CLIENT.read(data[1:]), Opening):
            raise ValueError("it does not name the kinds of the streams")
    except ValueError as fault:
        raise Unfit(f"the client's first packet cannot be read: {fault}") from None
    return Streams(said.streams, said.turn, {})


def read_turn(payload: bytes) -> Turn:
    """Return what the client says of its terminal in a packet ``C`` (PROTOCOL.md). Raises Unfit."""
    try:
        if not isinstance(said := FROM_CLIENT.read(payload), Turn):
            raise ValueError("it names streams again")
    except ValueError as fault:
        raise Unfit(f"the client's packet cannot be read: {fault}") from None
    return said


def kind_of(descriptor: int, slot: int) -> str:
    """Return the kind of the descriptor for stream ``slot``. Raises Unfit if it must not become this stream."""
    name = NAMES[slot]
    try:
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        if flags & O_PATH:
            raise Unfit(f"{name} is a descriptor that cannot be read or written")
        access = flags & os.O_ACCMODE
        if access not in (os.O_RDWR, os.O_WRONLY if slot else os.O_RDONLY):
            raise Unfit(f"{name} is not open for {'writing' if slot else 'reading'}")
        status = os.fstat(descriptor)
        mode = status.st_mode
        if stat.S_ISFIFO(mode):
            return "pipe"
        if stat.S_ISSOCK(mode):
            return _socket_kind(descriptor, name)
        if stat.S_ISCHR(mode):
            kind = FIT_CHARACTER.get((os.major(status.st_rdev), os.minor(status.st_rdev)))
            if kind is None:
                raise Unfit(f"{name} is a device that is not passed on")
            return kind
        if stat.S_ISBLK(mode):
            return "device"
        if stat.S_ISREG(mode):
            system = _file_system(descriptor)
            if system in UNFIT:
                raise Unfit(f"{name} is {UNFIT[system]}, and not a file")
            if system in READABLE_BY_ALL and (access != os.O_RDONLY or not mode & 0o004):
                raise Unfit(f"{name} is a kernel file that is not passed on")
            return "file"
    except OSError as fault:
        raise Unfit(f"{name} cannot be examined: {fault.strerror}") from None
    raise Unfit(f"{name} is not a pipe, file, socket or device")


def _socket_kind(descriptor: int, name: str) -> str:
    """Return "socket" for stream sockets of the families AF_UNIX, AF_INET and AF_INET6. Raises Unfit for other ones: the kernel
    may treat what root writes to such a socket, for example of netlink, as an order.
    """
    with socket.socket(fileno=os.dup(descriptor)) as found:
        if found.family not in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6) or found.type != socket.SOCK_STREAM:
            raise Unfit(f"{name} is a socket that is not passed on")
    return "socket"


def _file_system(descriptor: int) -> int:
    """Return the magic number, which is the first word of the result of fstatfs(2). Raises OSError."""
    buffer = (ctypes.c_ulong * 64)()
    if _libc.fstatfs(descriptor, buffer) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(buffer[0]) & 0xFFFFFFFF
