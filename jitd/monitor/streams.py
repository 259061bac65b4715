# SPDX-License-Identifier: Apache-2.0
"""What a client hands over: the first packet on the control socket, and the descriptors that become the command's streams.

Law: a descriptor is looked at, and never read, written or waited for. It is passed on only if its kind, its access and what is
behind it are on the lists below. Every descriptor that arrived is one of the three streams, or is closed.
"""

from __future__ import annotations

import binascii
import ctypes
import fcntl
import os
import socket
import stat
import struct
from dataclasses import dataclass, replace
from typing import Any

from jitd.monitor.orders import read_kinds
from jitpam.wire import notation

NAMES = ("standard input", "standard output", "standard error")
MAX_PACKET = 32 * 1024 + 1
MOST_DESCRIPTORS = 253
"""Descriptors that one packet can carry (SCM_MAX_FD). There is room for all, so that none is left unseen."""
CREDENTIALS = struct.Struct("iII")
"""The process, user and group of a packet's sender, as the kernel gives them (unix(7), SCM_CREDENTIALS)."""
ROOM = socket.CMSG_SPACE(4 * MOST_DESCRIPTORS) + socket.CMSG_SPACE(CREDENTIALS.size)
TERMIOS_BYTES = 36
"""Bytes of the kernel's ``struct termios``, as ioctl TCGETS gives it."""
O_PATH = 0o10000000
CUT_OFF = int(socket.MSG_CTRUNC | socket.MSG_TRUNC)
AT_ONCE = int(socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
"""CUT_OFF and AT_ONCE are plain numbers, computed once: the flags of ``socket`` are enums, and joining them takes time."""

FIT_CHARACTER = {(1, 3): "null", (1, 5): "device", (1, 7): "device", (1, 8): "device", (1, 9): "device"}
"""Major and minor number → kind, for devices that do nothing but give or take bytes: null, zero, full, random, urandom."""
READABLE_BY_ALL = {0x9FA0, 0x62656572, 0x63677270, 0x27E0EB}
"""File systems of the kernel (proc, sysfs, cgroup). Their files are passed on only for reading, and if all may read them."""
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
"""File systems (linux/magic.h) whose regular files are not data: a write to such a file gives the kernel an order."""

_libc = ctypes.CDLL(None, use_errno=True)


STDIN = {"tty": ("terminal",), "none": ("null", "closed")}
WANTED = {"tty": "a terminal", "none": "none"}
"""``run.stdin`` of a rule → what standard input may be: in STDIN the kinds of streams, in WANTED words for a sentence."""


def fits(wanted: str, kind: str) -> bool:
    """True if standard input may be of kind ``kind`` under a rule whose ``run.stdin`` is ``wanted``."""
    return wanted not in STDIN or kind in STDIN[wanted]


class Unfit(Exception):
    """The streams that the client sent cannot be the command's. The argument is a sentence."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a client says of its terminal. ``foreground``: the command is to be in the foreground of the command's terminal."""

    rows: int
    columns: int
    foreground: bool
    termios: bytes | None


@dataclass(frozen=True, slots=True)
class Streams:
    """The client's first packet: three kinds, the state of its terminal, and slot → descriptor of streams of other kinds.

    ``sender`` is the process that sent the packet, as the kernel says (unix(7), SO_PASSCRED); 0 if that is not known.
    """

    kinds: tuple[str, ...]
    rows: int
    columns: int
    foreground: bool
    termios: bytes | None
    descriptors: dict[int, int]
    sender: int = 0


def receive(control: socket.socket, approved: tuple[str, ...]) -> Streams | None:
    """Wait for the client's streams. None if the client went away. Raises Unfit if they were not approved, or are not allowed."""
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
        if flags & CUT_OFF:
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


def _read(data: bytes) -> Streams:
    try:
        if data[:1] != b"S":
            raise ValueError("it does not begin with the streams")
        found = _read_object(data[1:], {"streams", "rows", "columns", "foreground", "termios"})
        kinds = read_kinds(found["streams"])
        if not kinds:
            raise ValueError("it names no kinds")
        turn = _read_turn(found)
        return Streams(kinds, turn.rows, turn.columns, turn.foreground, turn.termios, {})
    except (ValueError, RecursionError) as fault:
        raise Unfit(f"the client's first packet cannot be read: {fault}") from None


def read_turn(payload: bytes) -> Turn:
    """Read the payload of a packet ``C``. Raises Unfit."""
    try:
        return _read_turn(_read_object(payload, {"rows", "columns", "foreground", "termios"}))
    except (ValueError, RecursionError) as fault:
        raise Unfit(f"the client's packet cannot be read: {fault}") from None


def _read_object(payload: bytes, fields: set[str]) -> dict[str, Any]:
    found: Any = notation.read(payload)
    if type(found) is not dict or found.keys() != fields:
        raise ValueError("its fields are not those of PROTOCOL.md")
    return found


def _read_turn(found: dict[str, Any]) -> Turn:
    for name in ("rows", "columns"):
        if type(found[name]) is not int or not 0 <= found[name] < 65536:
            raise ValueError(f"{name} is not a 16-bit number")
    if type(found["foreground"]) is not bool:
        raise ValueError("foreground is not true or false")
    termios = found["termios"]
    if termios is not None:
        if type(termios) is not str:
            raise ValueError("termios is not base64")
        termios = binascii.a2b_base64(termios, strict_mode=True)
        if len(termios) != TERMIOS_BYTES:
            raise ValueError(f"termios is not {TERMIOS_BYTES} bytes")
    return Turn(found["rows"], found["columns"], found["foreground"], termios)


def kind_of(descriptor: int, slot: int) -> str:
    """Return the kind of a client's descriptor that is to be stream ``slot``. Raises Unfit if it must not be a stream."""
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
                raise Unfit(f"{name} is a file of the kernel's that is not passed on")
            return "file"
    except OSError as fault:
        raise Unfit(f"{name} cannot be looked at: {fault.strerror}") from None
    raise Unfit(f"{name} is not a pipe, file, socket or device")


def _socket_kind(descriptor: int, name: str) -> str:
    """Return "socket" for stream sockets between processes and over IP. Raises Unfit for others.

    In a socket of another family, such as netlink, a write by root can be an order to the kernel.
    """
    with socket.socket(fileno=os.dup(descriptor)) as found:
        if found.family not in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6) or found.type != socket.SOCK_STREAM:
            raise Unfit(f"{name} is a socket that is not passed on")
    return "socket"


def _file_system(descriptor: int) -> int:
    """Return the magic number of the file system of an open file: the first word of what fstatfs(2) gives. Raises OSError."""
    buffer = (ctypes.c_ulong * 64)()
    if _libc.fstatfs(descriptor, buffer) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(buffer[0]) & 0xFFFFFFFF
