# SPDX-License-Identifier: Apache-2.0
"""Blocks some system calls of a process beside the daemon. This module is used only if the process is a child of the daemon. If
systemd starts the process, systemd sets the same kind of filter.

Law: the filter can only become stricter, and every child process inherits it. A system call that the filter blocks fails with
EPERM. If libseccomp is not installed, there is no filter, and the process writes a line about this to its log. Sources:
seccomp(2), seccomp_rule_add(3).
"""

from __future__ import annotations

import ctypes
import errno

ALLOW = 0x7FFF0000
ERRNO = 0x00050000
"""The value of SCMP_ACT_ERRNO(0) in <seccomp.h>. The constant ALLOW (above) is the value of SCMP_ACT_ALLOW."""
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
"""System calls that are blocked. The processes beside the daemon, and the programs of administrators, do not need them. The
blocked system calls change the host, read other processes, or expose large parts of the kernel. If libseccomp does not know the
name of a call, the call does not exist on this architecture. The name is then skipped.
"""


class Unavailable(Exception):
    """A process cannot be confined. The argument is a sentence that says why."""


def confine(gid: int) -> None:
    """Keep this process from storing the group ``gid`` in a file. Raises Unavailable."""
    raise Unavailable(f"no filter of system calls is known that keeps the group {gid} in one run")


def load() -> bool:
    """Set the filter for the system calls of this process. Return False if libseccomp is not installed. PR_SET_NO_NEW_PRIVS must
    be set before this call, and the process must have only one thread. Raises OSError.
    """
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    library.seccomp_init.restype = ctypes.c_void_p
    for name, types in (
        ("seccomp_rule_add", (ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint)),
        ("seccomp_load", (ctypes.c_void_p,)),
        ("seccomp_release", (ctypes.c_void_p,)),
    ):
        getattr(library, name).argtypes = types
    rules = library.seccomp_init(ctypes.c_uint32(ALLOW))
    if not rules:
        raise OSError(errno.ENOMEM, "seccomp_init")
    try:
        for name in FILTERED:
            number = library.seccomp_syscall_resolve_name(name.encode())
            if number >= 0:
                _check(library.seccomp_rule_add(rules, ERRNO | errno.EPERM, number, 0), name)
        _check(library.seccomp_load(rules), "seccomp_load")
    finally:
        library.seccomp_release(rules)
    return True


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(-result, what)
