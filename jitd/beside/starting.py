# SPDX-License-Identifier: Apache-2.0
"""The start of a process beside the daemon. Either systemd or the daemon starts the process. If the daemon starts it, the process
is root at first, because the daemon runs as root.

Law: after ``begin``, four conditions hold before the process reads any input. The process is not dumpable, has no capabilities,
cannot gain capabilities, and runs under its own account. After ``begin_as_root``, the process is not dumpable and has no network.
A process that cannot give up one of these rights does not start. Sources: sd_listen_fds(3), prctl(2), capabilities(7),
network_namespaces(7).
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import grp
import os
import pwd
import resource
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from jitd.beside import filtering
from jitpam.wire.declared import sentence

FIRST_PASSED = 3
"""The number of the first descriptor that systemd passes to a service (sd_listen_fds(3))."""
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 4, 24, 38, 47, 4
CLONE_NEWNET = 0x40000000
CAPABILITIES_3 = 0x20080522
"""The value of the constant _LINUX_CAPABILITY_VERSION_3 (capset(2))."""
ROUTES, ROUTES_6 = Path("/proc/self/net/route"), Path("/proc/self/net/ipv6_route")
BACKLOG = 16
"""Number of connections that may wait until they are accepted."""
N_CAPABILITIES = 64
"""A number that is higher than the number of any capability in any kernel."""


class CannotStart(Exception):
    """Raised if the process cannot start. The exception's text names the fault, and often says how to correct it."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The sockets, file descriptors and words that a process received at its start. ``listener`` is the listening socket that
    systemd passed to a service. ``line`` is the connection that the daemon passed to its child. Each process has either
    ``listener`` or ``line``. ``passed`` maps names to the descriptors that were passed under these names. ``words`` contains the
    remaining words of the command line.
    """

    listener: socket.socket | None
    line: socket.socket | None
    passed: Mapping[str, int] = field(default_factory=dict)
    words: tuple[str, ...] = ()


class Server(Protocol):
    """The interface of the object that answers the questions in a process beside the daemon. The class ``answering.Answering``
    implements it.
    """

    async def listen(self, listener: socket.socket) -> None: ...
    async def follow(self, line: socket.socket) -> None: ...


def begin(
    name: str,
    words: Sequence[str],
    before: Callable[[Sequence[str]], None] | None = None,
    groups: Sequence[str] = (),
    at: Path | None = None,
    keeps: Sequence[str] = (),
) -> Begun:
    """Prepare this process, whose name is ``name``, for its work. ``words`` contains the words of its command line. When the
    function returns, the process has only the rights of its account and of the supplementary ``groups``.

    ``begin`` uses some of ``words`` itself, and calls ``before`` with the other words. If the process is a child of the daemon,
    the process is still root during this call. If neither the daemon nor systemd passes a socket, the process listens at the
    path ``at``, unless that is None. ``keeps`` are the names of environment variables that the process needs. Raises CannotStart.
    """
    line, account, passed, left = _read_words(words)
    listener = None
    if line is None:
        listener = _passed_socket(name) if at is None or _is_activated() else _bound_socket(name, at)
    if before is not None:
        before(left)
    if line is not None:
        _become(account, groups)
    _give_up_rights()
    _check_groups(groups)
    if line is not None:
        _filter(name)
    for variable in [variable for variable in os.environ if variable not in ("LANG", "CREDENTIALS_DIRECTORY", *keeps)]:
        del os.environ[variable]
    os.chdir("/")
    os.umask(0o077)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    return Begun(listener, line, passed, left)


def begin_as_root(name: str, words: Sequence[str], before: Callable[[Sequence[str]], None]) -> Begun:
    """Prepare this process, whose name is ``name``, for its work. The process stays root and has no network. The function uses
    some of ``words`` itself, and calls ``before`` with the other words. If the process is a service, its systemd unit limits the
    other rights of root. Raises CannotStart.
    """
    line, _, passed, left = _read_words(words)
    before(left)
    if os.geteuid() != 0:
        raise CannotStart("it must run as root: remove User= from its unit")
    listener = _passed_socket(name) if line is None else None
    if line is not None:
        leave_network()
    check_network()
    _become_undumpable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for variable in [variable for variable in os.environ if variable != "LANG"]:
        del os.environ[variable]
    os.chdir("/")
    os.umask(0o077)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    return Begun(listener, line, passed, left)


def ways() -> set[str]:
    """Return the names of the network interfaces in the routing tables of this process, without the loopback interface. Raises
    OSError.
    """
    old = [line.split()[0] for line in ROUTES.read_text("ascii").splitlines()[1:]]
    new = [line.split()[-1] for line in ROUTES_6.read_text("ascii").splitlines()] if ROUTES_6.exists() else []
    return {*old, *new} - {"lo"}


def check_network() -> None:
    """Raise CannotStart if this process has a network route to another host. Raises OSError if the routes cannot be read."""
    if found := ways():  # an interface alone is not a network: some kernels add unused tunnels to every namespace
        raise CannotStart(f"it has a network ({', '.join(sorted(found))}): its unit needs PrivateNetwork=yes")


def leave_network() -> None:
    """Move this process into its own network namespace, which has no connection to any network. Needs root. Raises
    CannotStart.
    """
    _check(_libc().unshare(CLONE_NEWNET), "leave the network")


def run(name: str, begun: Begun, make: Callable[[], Server]) -> int:
    """Answer questions until SIGTERM or SIGINT arrives, or until the daemon has ended. Return the exit status.

    ``make`` is called while the event loop runs.
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
    """Write one line to the log. The log is standard error."""
    print(f"{name}: {sentence(words)}", file=sys.stderr, flush=True)


# --- arguments and sockets -----------------------------------------------------------------------------------------------


def _read_words(words: Sequence[str]) -> tuple[socket.socket | None, str, dict[str, int], tuple[str, ...]]:
    """Parse the command line. Return the connection, the account, the passed descriptors, and all other words. Raises
    CannotStart.
    """
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
        raise CannotStart(f"the daemon passed a descriptor that cannot be used: {fault}") from None
    return line, account, passed, tuple(left)


def _is_activated() -> bool:
    """True if systemd has passed sockets to this process (sd_listen_fds(3))."""
    return os.environ.get("LISTEN_PID") == str(os.getpid())


def _passed_socket(name: str) -> socket.socket:
    """Return the listening socket that systemd passed to this service (sd_listen_fds(3)). Raises CannotStart."""
    if not _is_activated() or os.environ.get("LISTEN_FDS") != "1":
        raise CannotStart(f"systemd passes no socket. The daemon or systemd starts this program: systemctl start {name}.socket")
    passed = socket.socket(fileno=FIRST_PASSED)
    if passed.family != socket.AF_UNIX or passed.type != socket.SOCK_SEQPACKET:
        raise CannotStart(f"systemd must pass a Unix socket of packets: ListenSequentialPacket= in {name}.socket")
    passed.set_inheritable(False)
    return passed


def _bound_socket(name: str, at: Path) -> socket.socket:
    """Return a socket that listens at ``at``, in a directory of mode 0700. Raises CannotStart.

    The mode of the socket allows everybody to connect. But only this process's account and root can enter its directory. The
    daemon runs as root without CAP_DAC_OVERRIDE, so it could not connect to a socket with a stricter mode.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        at.parent.mkdir(mode=0o700, exist_ok=True)
        at.parent.chmod(0o700)
        at.unlink(missing_ok=True)
        listener.bind(str(at))
        at.chmod(0o666)
        listener.listen(BACKLOG)
    except OSError as fault:
        listener.close()
        raise CannotStart(f"{at} cannot be made: {fault.strerror}; its directory must belong to {name}") from None
    return listener


# --- giving up rights ----------------------------------------------------------------------------------------------------


def _become(account: str, groups: Sequence[str]) -> None:
    """Change from root to the account ``account`` (a name, or a uid in digits). Keep only the primary group of ``account``, and
    the groups in ``groups``. Raises CannotStart.
    """
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
    """Check that this process has its own group and all of ``groups``, and no other group. If the process has other groups,
    raise CannotStart. If ``groups`` is empty, check nothing, because the systemd unit sets the groups.
    """
    if groups and set(os.getgroups()) - {os.getgid()} != {_gid(group) for group in groups}:
        raise CannotStart(f"its groups must be only its own group and {', '.join(groups)}: set SupplementaryGroups= in its unit")


def _gid(group: str) -> int:
    """Raises CannotStart."""
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise CannotStart(f"this host has no group {group}") from None


def _give_up_rights() -> None:
    """Raises CannotStart."""
    if os.geteuid() == 0:
        raise CannotStart("it must not run as root: set User= in its unit")
    libc = _libc()
    _check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "drop its ambient capabilities")
    if _has_capabilities():  # systemd has dropped the capabilities of a service, and its filter of system calls forbids capset
        none = (ctypes.c_uint32 * 6)()
        _check(libc.capset((ctypes.c_uint32 * 2)(CAPABILITIES_3, 0), none), "drop its capabilities")
    _check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "renounce new privileges")
    _become_undumpable()


def _become_undumpable() -> None:
    """Raises CannotStart."""
    _check(_libc().prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "become undumpable")


def _filter(name: str) -> None:
    """In a child of the daemon, block the same system calls that a systemd unit blocks for a service. Raises CannotStart."""
    try:
        if not filtering.load():
            say(name, f"has no filter of system calls: this host has no {filtering.LIBRARY}")
    except OSError as fault:
        raise CannotStart(f"cannot filter its system calls: {fault.strerror}") from None


def _has_capabilities() -> bool:
    """Return False if it is certain that this process has no capability, and that it cannot inherit a capability. Otherwise
    return True.
    """
    with suppress(OSError, ValueError):
        lines = Path("/proc/self/status").read_text("utf-8", "replace").splitlines()
        found = [int(line.split()[1], 16) for line in lines if line.startswith(("CapInh:", "CapPrm:", "CapEff:"))]
        return len(found) != 3 or any(found)
    return True


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    """Raise CannotStart if ``result`` is not 0."""
    if result != 0:
        raise CannotStart(f"cannot {what}: {os.strerror(ctypes.get_errno())}")
