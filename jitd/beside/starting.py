# SPDX-License-Identifier: Apache-2.0
"""How a process beside the daemon begins: as a service of systemd, or as a child of the daemon, which is root.

Law: the process is not dumpable, has no capability, can gain none, and runs under its own account before it reads anything. If it
cannot give up a right, it does not start. Sources: sd_listen_fds(3), prctl(2), capabilities(7), network_namespaces(7).
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import grp
import os
import pwd
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from jitd.beside import filtering
from jitd.beside.packets import sentence

FIRST_PASSED = 3
"""The first descriptor that systemd passes (sd_listen_fds(3))."""
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 4, 24, 38, 47, 4
CLONE_NEWNET = 0x40000000
CAPABILITIES_3 = 0x20080522
"""_LINUX_CAPABILITY_VERSION_3 of capset(2)."""
N_CAPABILITIES = 64
"""More capabilities than any kernel has."""


class CannotStart(Exception):
    """The process cannot start. The text says what is missing, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What a process was started with: a listening socket (from systemd) or a connection (from the daemon that is its parent),
    the descriptors that were passed by name, and the words that are left of the command line.
    """

    listener: socket.socket | None
    line: socket.socket | None
    passed: Mapping[str, int] = field(default_factory=dict)
    words: tuple[str, ...] = ()


class Server(Protocol):
    """What answers: ``answering.Answering``."""

    async def listen(self, listener: socket.socket) -> None: ...
    async def follow(self, line: socket.socket) -> None: ...


def begin(
    name: str, words: Sequence[str], before: Callable[[Sequence[str]], None] | None = None, groups: Sequence[str] = ()
) -> Begun:
    """Begin the process ``name`` with the words of its command line. Afterwards it has no right but those of its account, and of
    the supplementary ``groups``.

    ``before`` is called with the words that are not for this function, while a child of root's is still root. Raises CannotStart.
    """
    line, account, passed, left = _read_words(words)
    listener = None
    if line is None:
        listener = _passed_socket(name)
    if before is not None:
        before(left)
    if line is not None:
        _become(account, groups)
    _give_up_rights()
    _check_groups(groups)
    if line is not None:
        _filter(name)
    for variable in [variable for variable in os.environ if variable not in ("LANG", "CREDENTIALS_DIRECTORY")]:
        del os.environ[variable]
    os.chdir("/")
    os.umask(0o077)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    return Begun(listener, line, passed, left)


def leave_network() -> None:
    """Put this process into a network of its own, which leads nowhere. Takes root. Raises CannotStart."""
    _check(_libc().unshare(CLONE_NEWNET), "leave the network")


def run(name: str, begun: Begun, make: Callable[[], Server]) -> int:
    """Serve until SIGTERM, SIGINT, or the end of the daemon that is the parent. Return the exit status.

    ``make`` is called in the running event loop.
    """

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        server = make()
        working = loop.create_task(server.listen(begun.listener) if begun.listener else server.follow(_of(begun)))
        stopping = loop.create_task(stop.wait())
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in (working, stopping):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    try:
        asyncio.run(serve())
    except OSError as fault:
        say(name, f"ends: {fault}")
        return 1
    return 0


def _of(begun: Begun) -> socket.socket:
    assert begun.line is not None, "begin found one of the two"
    return begun.line


def say(name: str, words: str) -> None:
    """Write one line to the log, which is standard error."""
    print(f"{name}: {sentence(words)}", file=sys.stderr, flush=True)


# --- what it is started with ---------------------------------------------------------------------------------------------


def _read_words(words: Sequence[str]) -> tuple[socket.socket | None, str, dict[str, int], tuple[str, ...]]:
    """Return connection, account, passed descriptors and all other words. Raises CannotStart."""
    line, account, passed, left = None, "", dict[str, int](), list[str]()
    try:
        for word in words:
            if word.startswith("--line="):
                line = socket.socket(fileno=int(word.removeprefix("--line=")))
                line.set_inheritable(False)
            elif word.startswith("--account="):
                account = word.removeprefix("--account=")
            elif word.startswith("--passed="):
                name, _, descriptor = word.removeprefix("--passed=").rpartition("=")
                passed[name] = int(descriptor)
                os.set_inheritable(passed[name], False)
            else:
                left.append(word)
    except (OSError, ValueError) as fault:
        raise CannotStart(f"the daemon passed a descriptor that is of no use: {fault}") from None
    return line, account, passed, tuple(left)


def _passed_socket(name: str) -> socket.socket:
    """Return the listening socket that systemd passed (sd_listen_fds(3)). Raises CannotStart."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        raise CannotStart(f"systemd passes no socket. The daemon or systemd starts this program: systemctl start {name}.socket")
    passed = socket.socket(fileno=FIRST_PASSED)
    if passed.family != socket.AF_UNIX or passed.type != socket.SOCK_SEQPACKET:
        raise CannotStart(f"systemd must pass a Unix socket of packets: ListenSequentialPacket= in {name}.socket")
    passed.set_inheritable(False)
    return passed


# --- what it gives up ----------------------------------------------------------------------------------------------------


def _become(account: str, groups: Sequence[str]) -> None:
    """Change from root to ``account`` (a name, or a uid as digits), with its group and ``groups`` alone. Raises CannotStart."""
    others = [_gid(group) for group in groups]
    try:
        found = pwd.getpwuid(int(account)) if account.isdigit() else pwd.getpwnam(account)
    except KeyError:
        raise CannotStart(f"this host has no account {account}: contrib/install makes it") from None
    if found.pw_uid == 0 or found.pw_gid == 0:
        raise CannotStart(f"the account {account} has root's rights; it must have a uid and a gid of its own")
    for number in range(N_CAPABILITIES):
        if _libc().prctl(PR_CAPBSET_DROP, number, 0, 0, 0) and ctypes.get_errno() != errno.EINVAL:
            raise CannotStart(f"cannot drop a capability: {os.strerror(ctypes.get_errno())}")
    try:
        os.setgroups(others)
        os.setresgid(found.pw_gid, found.pw_gid, found.pw_gid)
        os.setresuid(found.pw_uid, found.pw_uid, found.pw_uid)
    except OSError as fault:
        raise CannotStart(f"cannot become {account}: {fault.strerror}") from None


def _check_groups(groups: Sequence[str]) -> None:
    """Raises CannotStart unless this process has its own group and ``groups``, and no other. No ``groups``: the unit decides."""
    if groups and set(os.getgroups()) - {os.getgid()} != {_gid(group) for group in groups}:
        raise CannotStart(f"its groups must be its own and {', '.join(groups)}: the unit names them (SupplementaryGroups=)")


def _gid(group: str) -> int:
    """Raises CannotStart."""
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise CannotStart(f"this host has no group {group}") from None


def _give_up_rights() -> None:
    """Raises CannotStart."""
    if os.geteuid() == 0:
        raise CannotStart("it must not run as root: the unit names its account (User=)")
    libc = _libc()
    _check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "drop its ambient capabilities")
    if _has_capabilities():  # not as a service: then systemd has dropped them, and the filter of system calls forbids capset
        none = (ctypes.c_uint32 * 6)()
        _check(libc.capset((ctypes.c_uint32 * 2)(CAPABILITIES_3, 0), none), "drop its capabilities")
    _check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "renounce new privileges")
    _check(libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "become undumpable")


def _filter(name: str) -> None:
    """Filter system calls, as the unit does for a service. Raises CannotStart."""
    try:
        if not filtering.load():
            say(name, f"has no filter of system calls: this host has no {filtering.LIBRARY}")
    except OSError as fault:
        raise CannotStart(f"cannot filter its system calls: {fault.strerror}") from None


def _has_capabilities() -> bool:
    """Return True unless this process is known to have no capability and to inherit none."""
    with suppress(OSError, ValueError):
        lines = Path("/proc/self/status").read_text("utf-8", "replace").splitlines()
        found = [int(line.split()[1], 16) for line in lines if line.startswith(("CapInh:", "CapPrm:", "CapEff:"))]
        return len(found) != 3 or any(found)
    return True


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    """Raises CannotStart unless ``result`` is 0."""
    if result != 0:
        raise CannotStart(f"cannot {what}: {os.strerror(ctypes.get_errno())}")
