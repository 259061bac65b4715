# SPDX-License-Identifier: Apache-2.0
"""Finds and ends the server processes of a role of PostgreSQL, without the help of the server.

The server's list of sessions (pg_stat_activity) lacks a session until its login is complete, and who logs in may delay this for
half an hour (``options='-c post_auth_delay=2000'``) when all rights have been checked, and the roles that were asked for have
been set. And a holder can fill the server with connections or locks, so that jitd cannot ask it. The kernel lists each process.

Law: only processes are signalled whose parent is the process that listens on the server's socket, as the kernel says, and whose
title begins with the name of the role. Before it may stand the name of the cluster, of which a colon can be a part, as of a
role; the checkpointer, which each server has, tells what stands there. A server process sets its title before it checks a
password. SIGTERM is what pg_terminate_backend() sends. Sources: PostgreSQL, "Server Signaling", pg_terminate_backend,
post_auth_delay, cluster_name; unix(7), SO_PEERCRED; pidfd_open(2).
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress

from jitd_things.givers.postgres_settings import Address

SECONDS_TO_ACCEPT = 2.0
LOOK_AGAIN = 0.05
_CREDENTIALS = struct.Struct("iII")  # the kernel's struct ucred: pid, uid, gid
# "postgres: ROLE DATABASE HOST STATE", or "postgres: CLUSTER: ROLE ..." if the cluster has a name
_CHECKPOINTER = b"checkpointer"


class NotFound(Exception):
    """The processes of the server cannot be found. The text is a sentence."""


def end(address: Address, roles: Sequence[str], seconds: float) -> list[int]:
    """End the processes of the server at ``address`` that have begun for one of ``roles`` until now, within ``seconds``. Return
    the pids of those that still live. Processes that begin meanwhile are not waited for, so that a holder who tries to log in
    again and again delays nothing. Raises NotFound and OSError.
    """
    until = time.monotonic() + seconds
    with ExitStack() as opened:
        living = _opened(opened, address, roles)
        while True:
            for descriptor in living.values():
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, signal.SIGTERM)
            living = {pid: descriptor for pid, descriptor in living.items() if not _has_ended(descriptor)}
            if not living or time.monotonic() > until:
                return sorted(living)
            time.sleep(LOOK_AGAIN)


def is_any(address: Address, roles: Sequence[str]) -> bool:
    """True if the server at ``address`` has a process for one of ``roles``. Raises NotFound and OSError."""
    with ExitStack() as opened:
        return bool(_opened(opened, address, roles))


def _opened(opened: ExitStack, address: Address, roles: Sequence[str]) -> dict[int, int]:
    """Return the processes of ``roles``, each with a descriptor of it (pidfd), which ``opened`` closes."""
    server, found = _listening(address), {}
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    titles = {pid: title for pid in pids if (title := _title(pid, server))}
    before = _before_roles(titles.values())
    of_roles = tuple(before + role.encode("utf-8", "surrogateescape") + b" " for role in roles)
    for pid in (pid for pid, title in titles.items() if title.startswith(of_roles)):
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            opened.callback(os.close, descriptor)
            if _title(pid, server).startswith(of_roles):  # the descriptor refers to the same process
                found[pid] = descriptor
    return found


def _before_roles(titles: Iterable[bytes]) -> bytes:
    """Return what stands before the role in each title of the server's processes. Raises OSError."""
    ends = [title.rstrip(b"\0 ") for title in titles]
    found = [end.removesuffix(_CHECKPOINTER) for end in ends if end.endswith(b": " + _CHECKPOINTER)]
    if not found:
        raise OSError("there is no checkpointer, so the server is starting or stopping")
    return min(found, key=len)  # a title may be cut where a name of somebody's ends so, and then it is longer


def _listening(address: Address) -> int:
    """Return the pid of the process that listens on the socket of ``address``. Raises NotFound and OSError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as ours:
        ours.settimeout(SECONDS_TO_ACCEPT)
        ours.connect(address.socket)
        pid, _, _ = _CREDENTIALS.unpack(ours.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    if pid <= 0:
        raise NotFound(f"the server at {address.socket} runs in a container that jitd cannot look into")
    return int(pid)


def _title(pid: int, server: int) -> bytes:
    """Return the title of the process ``pid`` if it is a living child of ``server``, or else b""."""
    with suppress(OSError):
        with open(f"/proc/{pid}/stat", "rb") as stat:
            state, parent = stat.read().rpartition(b") ")[2].split()[:2]
        if int(parent) == server and state not in (b"Z", b"X"):
            with open(f"/proc/{pid}/cmdline", "rb") as line:
                return line.read(1024)
    return b""


def _has_ended(descriptor: int) -> bool:
    waits = select.poll()
    waits.register(descriptor, select.POLLIN)
    return bool(waits.poll(0))
