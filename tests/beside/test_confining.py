# SPDX-License-Identifier: Apache-2.0
"""A command to which a group was given leaves nothing behind that passes the group on, and does its ordinary work
(THREATS X-29 to X-32).

Each call is made with its number, by a process that has the group, and without the filter first: what the filter refuses would
have worked.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import mmap
import os
import platform
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jitd.beside import filtering

GIVEN, OTHER, UID = 61777, 61778, 61500
UPPER = 0x5A5A5A5A << 32
"""The upper half of a register, which the kernel ignores if an argument has 32 bits."""
ACL = struct.Struct("<HHI")
NOBODY_ELSE = 0xFFFFFFFF
CLONE_NEWUSER, CLONE_NEWTIME = 0x10000000, 0x80
libc = ctypes.CDLL(None, use_errno=True)


@functools.cache
def number(name: str) -> int:
    return int(filtering._library().seccomp_syscall_resolve_name(name.encode()))


def call(name: str | int, *arguments: int | bytes) -> int:
    """Raises OSError."""
    passed = [ctypes.c_char_p(each) if isinstance(each, bytes) else ctypes.c_ulong(each) for each in arguments]
    result = int(libc.syscall(ctypes.c_long(name if isinstance(name, int) else number(name)), *passed))
    if result == -1:
        raise OSError(ctypes.get_errno(), "")
    return result


def play(deed: Callable[[], object], *, confined: bool, account: bool = False, groups: tuple[int, ...] = (UID, GIVEN)) -> str:
    """Do the deed in a process of its own. Return the name of its error or of the signal that ended it, or nothing.

    The process is root, or it is the account ``UID`` with these supplementary groups.
    """
    child = os.fork()
    if child == 0:
        status = 255
        try:
            if confined:
                filtering.confine(GIVEN)
            if account:
                os.setgroups(groups)
                os.setresgid(UID, UID, UID)
                os.setresuid(UID, UID, UID)
                libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE, as exec does
            os.umask(0)
            deed()
            status = 0
        except OSError as fault:
            status = fault.errno or 255
        finally:
            os._exit(status)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code != 255, "the deed itself is wrong"
    return signal.Signals(-code).name if code < 0 else errno.errorcode[code] if code else ""


def state(top: Path) -> list[tuple[str, int, int]]:
    found = [top, *sorted(top.rglob("*"))]
    return [(str(each.relative_to(top)), each.lstat().st_mode, each.lstat().st_gid) for each in found]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with the file ``f``, the link ``l`` to it, and the directory ``d``; all belong to the account."""
    (tmp_path / "f").write_bytes(b"")
    (tmp_path / "l").symlink_to("f")
    (tmp_path / "d").mkdir()
    for each in (tmp_path, tmp_path / "f", tmp_path / "d"):
        os.chown(each, UID, UID)
    tmp_path.chmod(0o755)
    for above in tmp_path.parents:
        if above != Path("/") and not above.stat().st_mode & stat.S_IXOTH:
            above.chmod(above.stat().st_mode | stat.S_IXOTH)
    return tmp_path


AT_FDCWD = -100 & 0xFFFFFFFFFFFFFFFF
CREATE, TEMPORARY = os.O_CREAT | os.O_WRONLY, os.O_TMPFILE | os.O_WRONLY
SYMLINK = 0x100  # AT_SYMLINK_NOFOLLOW
MODES: dict[str, Callable[[int], object]] = {
    "chmod": lambda mode: call("chmod", b"f", mode),
    "fchmod": lambda mode: call("fchmod", os.open("f", os.O_RDONLY), mode),
    "fchmodat": lambda mode: call("fchmodat", AT_FDCWD, b"f", mode),
    "creat": lambda mode: call("creat", b"new", mode),
    "mkdir": lambda mode: call("mkdir", b"new", mode),
    "mkdirat": lambda mode: call("mkdirat", AT_FDCWD, b"new", mode),
    "mknod": lambda mode: call("mknod", b"new", stat.S_IFREG | mode, 0),
    "mknodat": lambda mode: call("mknodat", AT_FDCWD, b"new", stat.S_IFREG | mode, 0),
    "open": lambda mode: call("open", b"new", CREATE, mode),
    "openat": lambda mode: call("openat", AT_FDCWD, b"new", CREATE, mode),
    "openat with flags in the upper half": lambda mode: call("openat", AT_FDCWD, b"new", CREATE | UPPER, mode),
    "open without a name": lambda mode: call("open", b".", TEMPORARY, mode),
    "openat without a name": lambda mode: call("openat", AT_FDCWD, b".", TEMPORARY, mode),
}
GROUPS: dict[str, Callable[[int], object]] = {
    "chown": lambda gid: call("chown", b"f", UID, gid),
    "chown as root for another": lambda gid: call("chown", b"f", 0, gid),
    "fchown": lambda gid: call("fchown", os.open("f", os.O_RDONLY), 0xFFFFFFFF, gid),
    "lchown": lambda gid: call("lchown", b"l", 0xFFFFFFFF, gid),
    "fchownat": lambda gid: call("fchownat", AT_FDCWD, b"f", 0xFFFFFFFF, gid, 0),
    "fchownat of a link": lambda gid: call("fchownat", AT_FDCWD, b"l", 0xFFFFFFFF, gid, SYMLINK),
    "setgid": lambda gid: call("setgid", gid),
    "setregid, real": lambda gid: call("setregid", gid, 0xFFFFFFFF),
    "setregid, effective": lambda gid: call("setregid", 0xFFFFFFFF, gid),
    "setresgid, real": lambda gid: call("setresgid", gid, 0xFFFFFFFF, 0xFFFFFFFF),
    "setresgid, effective": lambda gid: call("setresgid", 0xFFFFFFFF, gid, 0xFFFFFFFF),
    "setresgid, saved": lambda gid: call("setresgid", 0xFFFFFFFF, 0xFFFFFFFF, gid),
}


def exists(name: str) -> bool:
    return number(name.split()[0].rstrip(",")) >= 0


@pytest.mark.parametrize("name", [name for name in MODES if exists(name)])
def test_no_call_sets_the_set_gid_bit_of_a_program(place: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS X-29."""
    monkeypatch.chdir(place)
    before = state(place)
    assert play(lambda: MODES[name](0o2755), confined=True) == "EPERM"
    assert state(place) == before
    assert play(lambda: MODES[name](0o2755), confined=False) == "", "this mode is one that the kernel takes"
    recover(place)


@pytest.mark.parametrize("name", [name for name in MODES if exists(name)])
def test_no_call_sets_a_set_id_bit_and_each_sets_every_other_mode(
    place: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS X-29."""
    monkeypatch.chdir(place)
    before = state(place)
    for mode in (0o4755, 0o2700, 0o4000, 0o6777, 0o7777, 0o2755 | UPPER, 0o2755 | 0x12340000):
        assert play(lambda mode=mode: MODES[name](mode), confined=True) == "EPERM", oct(mode)
        assert state(place) == before, oct(mode)
        assert play(lambda mode=mode: MODES[name](mode), confined=False) == "", "this mode is one that the kernel takes"
        recover(place)
    for mode in (0o644, 0o755, 0o1777, 0, 0o644 | UPPER):
        assert play(lambda mode=mode: MODES[name](mode), confined=True) == "", oct(mode)
        recover(place)


def recover(place: Path) -> None:
    os.chmod(place / "f", 0o644)
    new = place / "new"
    shutil.rmtree(new) if new.is_dir() else new.unlink(missing_ok=True)


@pytest.mark.parametrize("name", [name for name in GROUPS if exists(name)])
def test_no_call_gives_the_group_to_a_file_or_makes_it_the_own(place: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS X-29, X-30."""
    monkeypatch.chdir(place)
    before = state(place)
    for gid in (GIVEN, GIVEN | UPPER):
        assert play(lambda gid=gid: GROUPS[name](gid), confined=True) == "EPERM"
        assert state(place) == before
        assert play(lambda gid=gid: GROUPS[name](gid), confined=False) == ""
        os.lchown(place / "f", UID, UID)
        os.lchown(place / "l", 0, 0)
    for gid in (OTHER, 0xFFFFFFFF, OTHER | UPPER):
        assert play(lambda gid=gid: GROUPS[name](gid), confined=True) in ("", "EINVAL"), "setgid takes no -1"


def test_the_group_does_not_become_the_one_of_the_file_system_alone() -> None:
    """THREATS X-30. setfsgid(2) reports no error: it returns the old id, before and after."""
    for confined, expected in ((False, GIVEN), (True, 0)):

        def ask(expected: int = expected) -> None:
            for gid in (GIVEN, GIVEN | UPPER):
                libc.syscall(ctypes.c_long(number("setfsgid")), ctypes.c_ulong(gid))
                assert libc.setfsgid(-1) == expected

        assert play(ask, confined=confined) == ""


def test_a_file_that_is_not_made_is_opened_whatever_the_register_of_its_mode_contains(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A C library need not clear the argument that the kernel ignores."""
    monkeypatch.chdir(place)
    for flags in (os.O_RDONLY, os.O_RDWR | os.O_TRUNC, os.O_RDONLY | os.O_DIRECTORY):
        name = b"." if flags & os.O_DIRECTORY else b"f"
        assert play(lambda flags=flags, name=name: call("openat", AT_FDCWD, name, flags, 0o7777), confined=True) == ""


TAKEN_AWAY: dict[str, tuple[Callable[[], object], str]] = {
    "openat2": (lambda: call("openat2", AT_FDCWD, b"new", struct.pack("=QQQ", CREATE, 0o2755, 0), 24), "ENOSYS"),
    "clone3": (lambda: end(call("clone3", struct.pack("=8Q", CLONE_NEWUSER, 0, 0, 0, signal.SIGCHLD, 0, 0, 0), 64)), "ENOSYS"),
    "unshare": (lambda: call("unshare", CLONE_NEWUSER), "EPERM"),
    "unshare, time": (lambda: call("unshare", CLONE_NEWTIME), "EPERM"),
    "setns": (lambda: call("setns", os.open("/proc/self/ns/mnt", os.O_RDONLY), 0), "EPERM"),
    "io_uring_setup": (lambda: call("io_uring_setup", 4, bytes(120)), "ENOSYS"),
    "setxattr": (lambda: call("setxattr", b"f", b"trusted.x", b"1", 1, 0), "ENOTSUP"),
    "lsetxattr": (lambda: call("lsetxattr", b"f", b"trusted.x", b"1", 1, 0), "ENOTSUP"),
    "fsetxattr": (lambda: call("fsetxattr", os.open("f", os.O_RDONLY), b"trusted.x", b"1", 1, 0), "ENOTSUP"),
    "a capability of a file": (
        lambda: call("setxattr", b"f", b"security.capability", struct.pack("<5I", 0x2000001, 64, 0, 0, 0), 20, 0),
        "ENOTSUP",
    ),
}


def end(pid: int) -> None:
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


@pytest.mark.parametrize("name", TAKEN_AWAY)
def test_what_a_filter_cannot_read_or_a_command_does_not_need_is_refused(
    place: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS X-29, X-31."""
    monkeypatch.chdir(place)
    deed, expected = TAKEN_AWAY[name]
    before = state(place)
    assert play(deed, confined=True) == expected
    assert state(place) == before and not os.listxattr(place / "f")
    assert play(deed, confined=False) == ""


@pytest.mark.parametrize("name", ["io_uring_enter", "io_uring_register"])
def test_a_ring_that_came_from_elsewhere_is_not_used(name: str) -> None:
    """THREATS X-31."""
    assert play(lambda: call(name, 0, 0, 0, 0, 0, 0), confined=False) == "ENOTSUP", "standard input is no ring"
    assert play(lambda: call(name, 0, 0, 0, 0, 0, 0), confined=True) == "ENOSYS"


CLONE_NEW = {
    "ns": 0x20000,
    "cgroup": 0x2000000,
    "uts": 0x4000000,
    "ipc": 0x8000000,
    "user": CLONE_NEWUSER,
    "pid": 0x20000000,
    "net": 0x40000000,
}


@pytest.mark.parametrize("kind", CLONE_NEW)
def test_no_namespace_is_cloned(kind: str) -> None:
    """THREATS X-31."""
    flag = CLONE_NEW[kind]
    for flags in (flag | signal.SIGCHLD, flag | signal.SIGCHLD | UPPER):
        assert play(lambda flags=flags: end(call("clone", flags, 0, 0, 0, 0)), confined=True) == "EPERM"
        assert play(lambda flags=flags: end(call("clone", flags, 0, 0, 0, 0)), confined=False) == ""
    assert play(lambda: end(call("clone", signal.SIGCHLD, 0, 0, 0, 0)), confined=True) == ""


FCHMODAT2, SETXATTRAT = 452, 463


@pytest.mark.parametrize("newer", [FCHMODAT2, SETXATTRAT, 512, 1000, 0x3FFFFFFF])
def test_a_call_that_is_newer_than_the_filter_fails_as_on_an_older_kernel(
    place: Path, newer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS X-29, X-32. Neither libseccomp nor this kernel need know the call."""
    monkeypatch.chdir(place)
    before = state(place)
    assert play(lambda: call(newer, AT_FDCWD, b"f", 0o2755, 0), confined=True) == "ENOSYS"
    assert state(place) == before


def test_the_newest_call_that_was_examined_is_left() -> None:
    assert filtering.HIGHEST == 451
    assert play(lambda: call(filtering.HIGHEST, 10**6, 0, 0, 0), confined=True) in ("EBADF", "ENOSYS")  # cachestat
    assert play(lambda: call("futex_waitv", 0, 0, 0, 0, 0), confined=True) == "EINVAL"


INT_80 = bytes.fromhex("53 49 89 f8 41 8b 00 41 8b 58 04 41 8b 48 08 41 8b 50 0c cd 80 48 98 5b c3")
"""Of the four 32-bit words to which the argument points, the first is the number of a call of i386, the others its arguments:
push rbx; mov r8, rdi; mov eax, [r8]; mov ebx, [r8+4]; mov ecx, [r8+8]; mov edx, [r8+12]; int 0x80; cdqe; pop rbx; ret.
"""
I386 = {"chmod": 15, "mkdir": 39, "chown": 182, "chown32": 212, "setgid32": 214, "fchmodat": 306, "getpid": 20}
X32 = 0x40000000


def interrupt(*words: int) -> int:
    """Make a call of i386. Raises OSError."""
    low = libc.mmap
    low.restype, low.argtypes = ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long)
    at = low(None, 4096, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40, -1, 0)
    ctypes.memmove(at, INT_80, len(INT_80))
    ctypes.memmove(at + 1024, b"f\0", 2)
    told = [at + 1024 if word == NAME else word for word in words]
    ctypes.memmove(at + 2048, struct.pack("=4I", *told, *[0] * (4 - len(told))), 16)
    result = int(ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p)(at)(at + 2048))
    if result < 0:
        raise OSError(-result, "")
    return result


NAME = -1
FOREIGN: dict[str, tuple[Callable[[], object], tuple[str, ...]]] = {
    "i386 chmod": (lambda: interrupt(I386["chmod"], NAME, 0o2755), ("", "ENOSYS")),
    "i386 chown of 16 bits": (lambda: interrupt(I386["chown"], NAME, UID, GIVEN), ("", "ENOSYS")),
    "i386 chown": (lambda: interrupt(I386["chown32"], NAME, UID, GIVEN), ("", "ENOSYS")),
    "i386 setgid": (lambda: interrupt(I386["setgid32"], GIVEN), ("", "ENOSYS")),
    "i386 getpid": (lambda: interrupt(I386["getpid"]), ("", "ENOSYS")),
    "x32 chmod": (lambda: call(X32 | number("chmod"), b"f", 0o2755), ("", "ENOSYS")),
    "x32 setgid": (lambda: call(X32 | number("setgid"), GIVEN), ("", "ENOSYS")),
    "x32 getpid": (lambda: call(X32 | number("getpid")), ("", "ENOSYS")),
}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the other calling conventions of x86-64")
@pytest.mark.parametrize("name", FOREIGN)
def test_the_kernels_other_calling_conventions_end_the_process(place: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS X-32. The kernel may lack one of them."""
    monkeypatch.chdir(place)
    before = state(place)
    deed, without = FOREIGN[name]
    assert play(deed, confined=True) == "SIGSYS"
    assert state(place) == before
    assert play(deed, confined=False) in without


ORIG_RAX, PTRACE_TRACEME, PTRACE_PEEKUSER, PTRACE_POKEUSER, PTRACE_SYSCALL = 15 * 8, 0, 3, 6, 24


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the register that has the number of a call")
def test_a_tracer_that_exchanges_a_call_gets_no_other_answer(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS X-29. The kernel asks the filter after the tracer."""
    monkeypatch.chdir(place)
    libc.ptrace.restype, libc.ptrace.argtypes = ctypes.c_long, (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)

    def traced() -> None:
        libc.ptrace(PTRACE_TRACEME, 0, None, None)
        os.kill(os.getpid(), signal.SIGSTOP)
        try:
            call("getppid", b"f", 0o2755)  # which the tracer makes a chmod
        except OSError as fault:
            os._exit(fault.errno or 255)
        os._exit(0)

    def trace() -> None:
        if (child := os.fork()) == 0:
            traced()
        while not os.WIFEXITED(status := os.waitpid(child, 0)[1]):
            if libc.ptrace(PTRACE_PEEKUSER, child, ORIG_RAX, None) == number("getppid"):
                libc.ptrace(PTRACE_POKEUSER, child, ORIG_RAX, number("chmod"))
            libc.ptrace(PTRACE_SYSCALL, child, None, None)
        if code := os.waitstatus_to_exitcode(status):
            raise OSError(code, "")

    before = state(place)
    assert play(trace, confined=True, account=True) == "EPERM"
    assert state(place) == before
    assert play(trace, confined=False, account=True) == "" and (place / "f").stat().st_mode & stat.S_ISGID


# --- attacks from end to end, by an account that has the group for the time of one run


def give_group(path: Path, mode: int) -> None:
    os.chown(path, 0, GIVEN)
    path.chmod(mode)


def test_an_access_list_does_not_turn_a_file_of_a_set_gid_directory_into_a_program_with_the_group(place: Path) -> None:
    """THREATS X-29. The kernel lets anybody make a set-gid file there, if the group cannot execute it."""
    give_group(place / "d", 0o2777)
    program = place / "d" / "inherited" / "id"

    def inside() -> None:
        program.write_bytes(Path("/usr/bin/id").read_bytes())
        entries = ((1, 7), (4, 5), (0x20, 5))
        listed = struct.pack("<I", 2) + b"".join(ACL.pack(tag, bits, NOBODY_ELSE) for tag, bits in entries)
        os.setxattr(program, "system.posix_acl_access", listed)

    for confined in (True, False):
        shutil.rmtree(program.parent, ignore_errors=True)
        assert play(lambda: os.mkdir(program.parent), confined=True, account=True) == ""
        assert play(lambda: os.close(os.open(program, CREATE, 0o2705)), confined=False, account=True, groups=(UID,)) == ""
        assert play(inside, confined=confined, account=True) == ("ENOTSUP" if confined else "")
        told = subprocess.run([program], user=UID, group=UID, extra_groups=[], capture_output=True, text=True, check=True).stdout
        assert (f"egid={GIVEN}" in told) is not confined, "and without the filter, it is one"


def test_the_group_is_mapped_into_no_user_namespace_outside(place: Path) -> None:
    """THREATS X-30, X-31. The kernel lets the owner of a namespace map the effective group of whoever opens gid_map."""
    secret = place / "secret"
    secret.write_text("x")
    give_group(secret, 0o640)

    def outside(here: socket.socket) -> None:
        call("unshare", CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")
        socket.send_fds(here, [b"."], [os.open(f"/proc/{os.getpid()}", os.O_RDONLY | os.O_DIRECTORY)])
        here.recv(1)
        os.setresgid(0, 0, 0)
        secret.read_text()

    def inside(here: socket.socket) -> None:
        received = socket.recv_fds(here, 1, 1)[1]
        try:
            os.write(os.open("gid_map", os.O_WRONLY, dir_fd=received[0]), b"0 %d 1" % GIVEN)
        finally:
            here.send(b".")

    def both(*, confined: bool, effective: bool) -> tuple[str, str]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)

        def run() -> None:
            if effective:
                os.setresgid(GIVEN, GIVEN, GIVEN)
            os.setgroups((UID, GIVEN))
            if not effective:
                os.setresgid(UID, UID, UID)
            os.setresuid(UID, UID, UID)
            secret.read_text()
            inside(theirs)

        child = os.fork()
        if child == 0:
            os._exit(0 if play(lambda: outside(ours), confined=False, account=True, groups=(UID,)) == "" else 1)
        found = play(run, confined=confined)
        return found, "kept" if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0 else ""

    assert both(confined=False, effective=True) == ("", "kept"), "as the effective group it is"
    assert both(confined=True, effective=False) == ("EPERM", "")


def test_newgrp_does_not_make_the_group_the_effective_one() -> None:
    """THREATS X-30. newgrp of Debian 12 asks for no password if one has the group already; the one of Debian 13 asks."""

    def groups(*, confined: bool) -> tuple[str, str]:
        words = [sys.executable, "-c", RUN, "confined" if confined else "", "games", "newgrp games"]
        done = subprocess.run(words, input="id -gn\n", capture_output=True, text=True, check=False)
        return done.stdout.removeprefix("Password: "), done.stderr

    without, _ = groups(confined=False)
    within, said = groups(confined=True)
    assert "games" not in within
    assert without == "" or (without == "games\n" and "setgid" in said)


RUN = """
import grp, os, pwd, sys
from jitd.beside import filtering
confined, group, command = sys.argv[1:]
gid, account = grp.getgrnam(group).gr_gid, pwd.getpwnam("alice")
if confined:
    filtering.confine(gid)
os.setgroups((account.pw_gid, gid))
os.setresgid(*[account.pw_gid] * 3)
os.setresuid(*[account.pw_uid] * 3)
os.environ.update(HOME=account.pw_dir, USER="alice", LOGNAME="alice")
os.execvp("sh", ["sh", "-ec", command])
"""
"""A command of alice's with a group that was given to it."""


def alice(
    command: str, group: str = "games", *, confined: bool = True, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", RUN, "confined" if confined else "", group, command]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=cwd, env=environment, stdin=subprocess.DEVNULL)


ORDINARY = {
    "modes": "touch x; chmod 600 x; chmod 755 x; chmod 1777 d; mkdir -m 750 e; mkfifo p",
    "owners": "touch x; chgrp alice x; chown alice:alice x",
    "copies": "cp -a d e; cp -p /bin/true x; install -m 755 x y; install -d -m 700 z; mv y z/y; ln x w; z/y",
    "tar": "mkdir q; cp /bin/true q/x; tar cf t.tar q; rm -r q; tar xpf t.tar; q/x",
    "git": """
        git init -q r; cd r; echo 1 >a; git add a; git -c user.name=a -c user.email=a@b commit -qm a; git gc -q
        git clone -q . ../s""",
    "make and gcc": r"""
        printf 'int main(void){return 0;}' >m.c; printf 'm: m.c\n\tgcc -o m m.c\n' >Makefile; make -s; ./m""",
    "threads": """
        python3 -c 'import threading as t; [x.start() for x in [t.Thread(target=print) for _ in range(9)]]' | wc -l""",
    "processes": "python3 -c 'import multiprocessing as m; print(m.Pool(2).map(abs, [-1, 2]))'",
    "subprocess": "python3 -c 'import subprocess as s; s.run([\"true\"], check=True, start_new_session=True)'",
    "temporary files": """
        python3 -c 'import tempfile as t; t.TemporaryFile().close(); t.NamedTemporaryFile().close(); t.mkdtemp()'""",
    "ssh-agent": """
        eval "$(ssh-agent -a $PWD/s)"; ssh-keygen -q -t ed25519 -N "" -f k; ssh-add -q k; ssh-add -l; ssh-agent -k""",
    "tmux": """
        tmux -S $PWD/s -f /dev/null new-session -d cat; tmux -S $PWD/s run-shell 'id -Gn >told'; tmux -S $PWD/s kill-server
        grep -w games told""",
    "a terminal": "script -qec 'stty size; id' /dev/null",
    "strace": "strace -qf -o /dev/null sh -c true",
    "the group itself": "id -Gn | grep -w games; cat secret; echo more >>secret",
}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_work_goes_on_as_without_the_filter(place: Path, name: str) -> None:
    work = place / "work"
    for confined in (False, True):
        shutil.rmtree(work, ignore_errors=True)
        (work / "d").mkdir(parents=True)
        (work / "secret").write_text("known")
        shutil.chown(work / "secret", "root", "games")
        (work / "secret").chmod(0o660)
        shutil.chown(work, "alice", "alice")
        shutil.chown(work / "d", "alice", "alice")
        done = alice(ORDINARY[name], confined=confined, cwd=work)
        assert done.returncode == 0, (confined, done.stdout, done.stderr)


SUDOERS = Path("/etc/sudoers.d/confining")


def test_sudo_and_su_work_and_what_they_run_is_confined_too(place: Path) -> None:
    """THREATS X-29. no_new_privs would keep both from working."""
    SUDOERS.write_text("alice ALL = (ALL) NOPASSWD: ALL\n")
    SUDOERS.chmod(0o440)
    try:
        for confined in (False, True):
            done = alice("sudo -n id -un; sudo -n -u bob id -un; sudo -n su bob -c 'id -un'", confined=confined)
            assert done.stdout.split() == ["root", "bob", "bob"], done.stderr
        (place / "d").chmod(0o777)
        program = place / "d" / "id"
        for command in (
            f"sudo -n install -m 4755 /usr/bin/id {program}",
            f"sudo -n cp /usr/bin/id {program}; sudo -n chmod g+s {program}",
        ):
            assert "Operation not permitted" in alice(command).stderr
            assert not program.exists() or not program.stat().st_mode & 0o6000
        assert alice("sudo -n unshare -m true").returncode and not alice("sudo -n unshare -m true", confined=False).returncode
        done = alice("sudo -n -g games id -g")
        assert done.returncode and not done.stdout
    finally:
        SUDOERS.unlink()


# --- hosts that cannot


def test_a_host_without_the_library_confines_nothing_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS X-32."""
    assert filtering.can_confine() == ""
    monkeypatch.setattr(filtering, "LIBRARY", "libno-such-thing.so.2")
    assert filtering.can_confine() == "this host has no libno-such-thing.so.2"
    with pytest.raises(filtering.Unavailable, match="has no libno-such-thing"):
        filtering.confine(GIVEN)


def test_a_library_that_does_not_know_a_call_confines_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS X-32."""
    monkeypatch.setitem(filtering.REFUSED, "openat3", errno.ENOSYS)
    assert filtering.can_confine() == "libseccomp.so.2 of this host is too old: it does not know the system call openat3"


@pytest.mark.parametrize("refused", ["seccomp", "prctl"])
def test_a_kernel_that_takes_no_filter_or_only_one_lets_nothing_begin(refused: str) -> None:
    """THREATS X-32."""

    def confine() -> None:
        library = filtering._library()
        with filtering._rules(library) as rules:
            filtering._refuse(library, rules, number(refused), errno.EACCES)
            filtering._check(library.seccomp_load(rules), "")
        try:
            filtering.confine(GIVEN)
        except filtering.Unavailable as fault:
            raise OSError(errno.EXDEV, "") from fault

    assert play(confine, confined=False) == "EXDEV"
