# SPDX-License-Identifier: Apache-2.0
"""The filter of system calls of a process beside the daemon that systemd has not started, and so has not filtered.

Law: the filter can only be added to, and what this process starts inherits it. A call that is filtered fails with EPERM. On a
host without libseccomp there is no filter, and the process says so. Sources: seccomp(2), seccomp_rule_add(3).
"""

from __future__ import annotations

import ctypes
import errno

ALLOW = 0x7FFF0000
ERRNO = 0x00050000
"""SCMP_ACT_ALLOW and SCMP_ACT_ERRNO(0) of <seccomp.h>."""
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
"""What neither these processes nor an administrator's program needs: calls that change the host, look into other processes, or
reach much of the kernel. A name that the library does not know is left out: this architecture has no such call.
"""


def load() -> bool:
    """Filter the system calls of this process from now on. False if there is no libseccomp. Takes PR_SET_NO_NEW_PRIVS, and a
    process with one thread. Raises OSError.
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
