# SPDX-License-Identifier: Apache-2.0
"""Filters of system calls: one for a helper, and one for a command to which a group was given.

Law: a filter can only become stricter, and every child process inherits it. A helper whose host has no libseccomp
runs without a filter, and writes a line about this to its log. A command with a given group is not executed without
its filter (ADR 0094). Sources: seccomp(2), seccomp_rule_add(3).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ALLOW = 0x7FFF0000
ERRNO = 0x00050000  # SCMP_ACT_ERRNO(0) in <seccomp.h>. ALLOW, above, is SCMP_ACT_ALLOW
KILL_PROCESS = 0x80000000  # SCMP_ACT_KILL_PROCESS
BAD_ARCHITECTURE, NO_NEW_PRIVILEGES = 2, 3  # SCMP_FLTATR_ACT_BADARCH and SCMP_FLTATR_CTL_NNP
MASKED_EQUAL = 7  # SCMP_CMP_MASKED_EQ
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
UNKNOWN = -1  # __NR_SCMP_ERROR. A smaller number is of a call that the library knows, and this architecture lacks
LIBRARY = "libseccomp.so.2"
FILTERED = (
    "acct", "add_key", "adjtimex", "bpf", "chroot", "clock_adjtime", "clock_settime", "create_module", "delete_module",
    "fanotify_init", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "get_kernel_syms", "init_module",
    "io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm", "iopl", "kcmp", "kexec_file_load", "kexec_load",
    "keyctl", "lookup_dcookie", "mbind", "migrate_pages", "mount", "mount_setattr", "move_mount", "move_pages", "nfsservctl",
    "open_by_handle_at", "open_tree", "perf_event_open", "pidfd_getfd", "pivot_root", "process_vm_readv", "process_vm_writev",
    "ptrace", "query_module", "quotactl", "quotactl_fd", "reboot", "request_key", "set_mempolicy", "setdomainname",
    "sethostname", "setns", "settimeofday", "stime", "swapoff", "swapon", "syslog", "umount", "umount2", "unshare", "uselib",
    "userfaultfd", "ustat", "vhangup", "vm86", "vm86old",
)  # fmt: skip
"""System calls that change the host, read other processes, or expose large parts of the kernel. No helper and no program of an
administrator needs them. A name that libseccomp does not know is skipped: there is no such call on this architecture.
"""

HIGHEST = 451
"""The number of the newest call that was examined for ``confine``. A newer one, from fchmodat2 (452) on, fails with ENOSYS, as on
an older kernel. From 424 on, a call has the same number on each architecture.
"""
SET_ID = (0o2000, 0o4000)
WITH_MODE = {
    "chmod": 1, "fchmod": 1, "fchmodat": 2, "creat": 1, "mkdir": 1, "mkdirat": 2, "mknod": 1, "mknodat": 2,
}  # fmt: skip
"""Calls that set a mode, and the index of the argument that is the mode."""
WITH_FLAGS = {"open": 1, "openat": 2}  # the mode, after the flags, counts if these say that a file is made
MAKES_A_FILE = (os.O_CREAT, os.O_TMPFILE & ~os.O_DIRECTORY)
WITH_GROUP = (
    ("chown", 2), ("fchown", 2), ("lchown", 2), ("fchownat", 3), ("setgid", 0), ("setfsgid", 0),
    ("setregid", 0), ("setregid", 1), ("setresgid", 0), ("setresgid", 1), ("setresgid", 2),
)  # fmt: skip
"""Calls that give a file the group, or make it the group of a process itself, and the index of the argument that is the group."""
NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
"""The flags CLONE_NEWNS, -CGROUP, -UTS, -IPC, -USER, -PID and -NET. clone(2) cannot make a namespace for the time."""
REFUSED = {
    "openat2": errno.ENOSYS, "clone3": errno.ENOSYS,
    "io_uring_setup": errno.ENOSYS, "io_uring_enter": errno.ENOSYS, "io_uring_register": errno.ENOSYS,
    "unshare": errno.EPERM, "setns": errno.EPERM,
    "setxattr": errno.ENOTSUP, "lsetxattr": errno.ENOTSUP, "fsetxattr": errno.ENOTSUP,
}  # fmt: skip
"""Calls whose arguments a filter cannot read, or that a command does not need: with the error that lets programs do without."""


class Unavailable(Exception):
    """Why no filter can be set here: a sentence."""


class _Comparison(ctypes.Structure):
    """struct scmp_arg_cmp."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("mask", ctypes.c_uint64),
        ("value", ctypes.c_uint64),
    )


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def load() -> bool:
    """Set the filter for the system calls of this process. Return False if libseccomp is not installed. PR_SET_NO_NEW_PRIVS must
    be set before this call, and the process must have only one thread. Raises OSError.
    """
    try:
        library = _library()
    except Unavailable:
        return False
    with _rules(library) as rules:
        for name in FILTERED:
            number = library.seccomp_syscall_resolve_name(name.encode())
            if number >= 0:
                _refuse(library, rules, number, errno.EPERM)
        _check(library.seccomp_load(rules), "seccomp_load")
    return True


def can_confine() -> str:
    """Return an empty string, or a sentence that says why ``confine`` would fail on this host."""
    try:
        with _confining(0):
            pass
    except Unavailable as fault:
        return str(fault)
    return ""


def confine(gid: int) -> None:
    """Keep this process and its children from leaving something behind that passes on the group ``gid``.

    The caller is root and has one thread. Afterwards it takes its account, with ``gid`` among the supplementary groups: a
    process cannot make it the effective or real group, because both are copied into things that outlive a process. It does not
    set no_new_privs, so sudo and su work. Raises Unavailable; a process that catches it must not execute anything.
    """
    with _confining(gid) as (library, rules):
        _check(library.seccomp_load(rules), "seccomp_load")
        _load_limit()


@contextmanager
def _confining(gid: int) -> Iterator[tuple[ctypes.CDLL, ctypes.c_void_p]]:
    """Raises Unavailable, also instead of an OSError of the caller's block."""
    if struct.calcsize("P") != 8:
        raise Unavailable("system calls are not filtered on a host of 32 bits")
    library = _library()
    try:
        with _rules(library) as rules:
            _check(library.seccomp_attr_set(rules, NO_NEW_PRIVILEGES, 0), "no_new_privs")
            _check(library.seccomp_attr_set(rules, BAD_ARCHITECTURE, KILL_PROCESS), "other architectures")
            for name, error, *comparisons in _refusals(gid):
                number = library.seccomp_syscall_resolve_name(name.encode())
                if number == UNKNOWN:
                    raise Unavailable(f"{LIBRARY} of this host is too old: it does not know the system call {name}")
                if number >= 0:
                    _refuse(library, rules, number, error, *comparisons)
            yield library, rules
    except OSError as fault:
        raise Unavailable(f"system calls cannot be filtered on this host: {fault.strerror}") from None


def _refusals(gid: int) -> Iterator[tuple[Any, ...]]:
    """Yield the name of a call, the error with which it fails, and comparisons that must all hold: the index of an argument, a
    mask, and the value under the mask. Only the lower 32 bits of an argument are compared, because the kernel reads no others.
    """
    for name, error in REFUSED.items():
        yield name, error
    for name, at in WITH_GROUP:
        yield name, errno.EPERM, (at, 0xFFFFFFFF, gid)
    for bit in SET_ID:
        for name, at in WITH_MODE.items():
            yield name, errno.EPERM, (at, bit, bit)
        for name, at in WITH_FLAGS.items():
            for flag in MAKES_A_FILE:
                yield name, errno.EPERM, (at, flag, flag), (at + 1, bit, bit)
    for flag in NAMESPACES:
        yield "clone", errno.EPERM, (1 if platform.machine() == "s390x" else 0, flag, flag)


def _load_limit() -> None:
    """Load a second filter: each number above HIGHEST fails with ENOSYS. libseccomp cannot compare numbers of calls."""
    load_number, jump_if_greater, answer = 0x20, 0x25, 0x06
    instructions = b"".join(
        struct.pack("=HBBI", *each)
        for each in (
            (load_number, 0, 0, 0),
            (jump_if_greater, 0, 1, HIGHEST),
            (answer, 0, 0, ERRNO | errno.ENOSYS),
            (answer, 0, 0, ALLOW),
        )
    )
    program = _Program(len(instructions) // 8, instructions)
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)
    _check(result and -ctypes.get_errno(), "PR_SET_SECCOMP")


def _library() -> ctypes.CDLL:
    """Raises Unavailable."""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        raise Unavailable(f"this host has no {LIBRARY}") from None
    library.seccomp_init.restype = ctypes.c_void_p
    rules, number = ctypes.c_void_p, ctypes.c_uint32
    for name, types in (
        ("seccomp_init", (number,)),
        ("seccomp_attr_set", (rules, ctypes.c_int, number)),
        ("seccomp_syscall_resolve_name", (ctypes.c_char_p,)),
        ("seccomp_rule_add_array", (rules, number, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(_Comparison))),
        ("seccomp_load", (rules,)),
        ("seccomp_release", (rules,)),
    ):
        getattr(library, name).argtypes = types
    return library


@contextmanager
def _rules(library: ctypes.CDLL) -> Iterator[ctypes.c_void_p]:
    """Yield an empty list of rules, which allows each call. Raises OSError."""
    rules = library.seccomp_init(ALLOW)
    if not rules:
        raise OSError(errno.ENOMEM, "seccomp_init")
    try:
        yield rules
    finally:
        library.seccomp_release(rules)


def _refuse(library: ctypes.CDLL, rules: ctypes.c_void_p, number: int, error: int, *comparisons: tuple[int, int, int]) -> None:
    """Raises OSError."""
    array = (_Comparison * len(comparisons))(*(_Comparison(at, MASKED_EQUAL, mask, value) for at, mask, value in comparisons))
    _check(library.seccomp_rule_add_array(rules, ERRNO | error, number, len(comparisons), array), f"system call {number}")


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(-result, f"{what}: {os.strerror(-result)}")
