# SPDX-License-Identifier: Apache-2.0
"""The start of a helper. Either systemd or the daemon starts it. If the daemon starts it, it is root at first, because the daemon
runs as root.

Law: after ``begin``, and before the process reads any input, it runs as its account and is not dumpable, and it has no network
unless its row in ``processes`` says so. It has no capabilities and cannot gain any, unless it is the helper that is root. A
process that cannot give up one of these rights does not start. Sources: sd_listen_fds(3), prctl(2), capabilities(7),
network_namespaces(7).
"""

from __future__ import annotations

import ctypes
import errno
import grp
import os
import pwd
import resource
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from jitd.beside import filtering
from jitd.beside.processes import Helper
from jitd.files.processes import status
from jitpam.wire.declared import sentence

FIRST_PASSED = 3  # the number of the first descriptor that systemd passes to a service (sd_listen_fds(3))
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 4, 24, 38, 47, 4
CLONE_NEWNET = 0x40000000
CAPABILITIES_3 = 0x20080522  # the value of the constant _LINUX_CAPABILITY_VERSION_3 (capset(2))
ROUTES, ROUTES_6 = Path("/proc/self/net/route"), Path("/proc/self/net/ipv6_route")
BACKLOG = 16  # connections that may wait until they are accepted
N_CAPABILITIES = 64  # a number that is higher than the number of any capability in any kernel


class CannotStart(Exception):
    """Raised if the process cannot start. The exception's text names the fault, and often says how to correct it."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What ``helper`` was given at its start. Either ``listener`` is the socket at which it listens, or ``line`` is its
    connection to the daemon whose child it is. ``passed`` maps names to the descriptors that the daemon has passed, and
    ``options`` maps the options of the command line to their values.
    """

    helper: Helper
    listener: socket.socket | None
    line: socket.socket | None
    passed: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)


def begin(helper: Helper, words: Sequence[str]) -> Begun:
    """Make this process ``helper``, started with ``words``: when this returns, it has no rights but those of ``helper``. Raises
    CannotStart, and OSError if it is not known which networks there are.
    """
    line, account, begun = _read_words(helper, words)
    if line is not None and not helper.has_network:
        leave_network()
    if not helper.is_root:
        if line is not None:
            _become(account, helper.groups)
        _give_up_rights(helper, is_child=line is not None)
    elif os.geteuid() != 0:
        raise CannotStart("it must run as root: set an empty User= in its unit")
    if not helper.has_network:
        check_network()
    _become_undumpable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if line is not None and not helper.is_root:
        _filter(helper.process)
    if line is None and begun.listener is None:  # only now, so nobody else removes the socket that is there
        begun = replace(begun, listener=_bound_socket(helper.process, Path(begun.options.get("socket", helper.socket))))
    for variable in [variable for variable in os.environ if variable not in ("LANG", *helper.keeps)]:
        del os.environ[variable]
    os.chdir("/")
    os.umask(0o077)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    return begun


def ways() -> set[str]:
    """Return the network interfaces in the routing tables of this process, but for the loopback. Raises OSError."""
    old = [line.split()[0] for line in ROUTES.read_bytes().split(b"\n")[1:] if line]
    new = [line.split()[-1] for line in ROUTES_6.read_bytes().split(b"\n") if line] if ROUTES_6.exists() else []
    return {each.decode("utf-8", "backslashreplace") for each in (*old, *new)} - {"lo"}


def check_network() -> None:
    """Raise CannotStart if this process has a network route to another host. Raises OSError if the routes cannot be read."""
    if found := ways():  # an interface alone is not a network: some kernels add unused tunnels to every namespace
        raise CannotStart(f"it has a network ({', '.join(sorted(found))}): its unit needs PrivateNetwork=yes")


def leave_network() -> None:
    """Move this process, which is root's, into a network namespace without any connection. Raises CannotStart."""
    _check(_libc().unshare(CLONE_NEWNET), "leave the network")


def say(name: str, words: str) -> None:
    """Write one line to the log. The log is standard error."""
    print(f"{name}: {sentence(words)}", file=sys.stderr, flush=True)


# --- arguments and sockets -----------------------------------------------------------------------------------------------


def _read_words(helper: Helper, words: Sequence[str]) -> tuple[socket.socket | None, str, Begun]:
    """Return the connection, the account, and all that was given. A helper by hand has no socket yet. Raises CannotStart."""
    line, account, passed, options = None, "", dict[str, int](), dict[str, str]()
    try:
        for word in words:
            option, _, value = word.partition("=")
            if option == "--line":
                line = socket.socket(fileno=int(value))
                line.set_inheritable(False)
            elif option == "--account":
                account = value
            elif option == "--passed":
                file, _, descriptor = value.rpartition("=")
                passed[file] = int(descriptor)
                os.set_inheritable(passed[file], False)
            elif (name := option.removeprefix("--")) in helper.options and word.startswith(f"--{name}=") and name not in options:
                options[name] = value
            else:
                raise CannotStart(f"{word} is not known here; {usage(helper)}")
    except (OSError, ValueError) as fault:
        raise CannotStart(f"the daemon passed a descriptor that cannot be used: {fault}") from None
    by_hand = line is None and "socket" in helper.options and not _is_activated()
    listener = None if line is not None or by_hand else _passed_socket(helper)
    return line, account, Begun(helper, listener, line, passed, options)


def usage(helper: Helper) -> str:
    """Return a line that says how the program is called as ``helper``."""
    said = "".join(f" [--{option}=FILE]" for option in helper.options)
    return f"usage: jitd-helper {helper.name}{said}    (systemd starts it, by {helper.unit}.socket, or the daemon does)"


def _is_activated() -> bool:
    """True if systemd has passed sockets to this process (sd_listen_fds(3))."""
    return os.environ.get("LISTEN_PID") == str(os.getpid())


def _passed_socket(helper: Helper) -> socket.socket:
    """Return the listening socket that systemd passed to this service (sd_listen_fds(3)). Raises CannotStart."""
    if not _is_activated() or os.environ.get("LISTEN_FDS") != "1":
        raise CannotStart(f"systemd passes no socket: it or the daemon starts this program: systemctl start {helper.unit}.socket")
    passed = socket.socket(fileno=FIRST_PASSED)
    if passed.family != socket.AF_UNIX or passed.type != socket.SOCK_SEQPACKET:
        raise CannotStart(f"systemd must pass a Unix socket of packets: ListenSequentialPacket= in {helper.unit}.socket")
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
    """Become ``account`` (a name, or a uid in digits), with its primary group and ``groups`` alone. Raises CannotStart."""
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
    """Raises CannotStart unless the groups are its own and ``groups``. If that is empty, the systemd unit sets them."""
    if groups and set(os.getgroups()) - {os.getgid()} != {_gid(group) for group in groups}:
        raise CannotStart(f"its groups must be only its own group and {', '.join(groups)}: set SupplementaryGroups= in its unit")


def _uid(account: str) -> int:
    """Raises CannotStart."""
    try:
        return pwd.getpwnam(account).pw_uid
    except KeyError:
        raise CannotStart(f"this host has no account {account}: contrib/install makes it") from None


def _gid(group: str) -> int:
    """Raises CannotStart."""
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise CannotStart(f"this host has no group {group}") from None


def _give_up_rights(helper: Helper, *, is_child: bool) -> None:
    """Raises CannotStart, also if this is a service under another account than that of ``helper``."""
    if os.geteuid() == 0:
        raise CannotStart(f"it must not run as root: set User={helper.account} in its unit")
    if not is_child and os.geteuid() != _uid(helper.account):
        raise CannotStart(f"it must run as {helper.account}: set User={helper.account} in its unit")
    libc = _libc()
    _check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "drop its ambient capabilities")
    if _has_capabilities():  # systemd has dropped the capabilities of a service, and its filter of system calls forbids capset
        none = (ctypes.c_uint32 * 6)()
        _check(libc.capset((ctypes.c_uint32 * 2)(CAPABILITIES_3, 0), none), "drop its capabilities")
    _check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "renounce new privileges")
    _check_groups(helper.groups)


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
    """Return False only if it is certain that this process has no capability, and cannot inherit one."""
    with suppress(OSError, LookupError, ValueError):
        own = status("self")
        return any(int(own[each][0], 16) for each in (b"CapInh", b"CapPrm", b"CapEff"))
    return True


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    """Raise CannotStart if ``result`` is not 0."""
    if result != 0:
        raise CannotStart(f"cannot {what}: {os.strerror(ctypes.get_errno())}")
