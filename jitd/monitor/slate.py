# SPDX-License-Identifier: Apache-2.0
"""Changes a process of root into a process of the target user, before a command is executed. The process keeps no state that it
inherited from the caller.

Law: if a step fails, an exception is raised. After the exception, nothing may be executed. Ids, capabilities, signals and limits
are read back after they were set. Some kernels and containers do not allow certain steps of ``wipe`` and ``name_requester``.
Only the failure of these steps is ignored.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from contextlib import suppress

from jitd.files.processes import read, status

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal  # `signal` wraps this in enums of its 62 results, which is slow after a fork because memory is copied

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_GET_SECUREBITS, PR_SET_SECUREBITS = 27, 28
PR_SET_TIMERSLACK = 29
PR_SET_CHILD_SUBREAPER = 36
PR_SET_THP_DISABLE = 41
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
CAPABILITY_VERSION_3 = 0x20080522

INFINITE = resource.RLIM_INFINITY
MIB = 1024 * 1024
LIMITS = {
    resource.RLIMIT_CPU: (INFINITE, INFINITE),
    resource.RLIMIT_FSIZE: (INFINITE, INFINITE),
    resource.RLIMIT_DATA: (INFINITE, INFINITE),
    resource.RLIMIT_STACK: (8 * MIB, INFINITE),
    resource.RLIMIT_CORE: (0, INFINITE),
    resource.RLIMIT_RSS: (INFINITE, INFINITE),
    resource.RLIMIT_NOFILE: (1024, 524288),
    resource.RLIMIT_MEMLOCK: (8 * MIB, 8 * MIB),
    resource.RLIMIT_AS: (INFINITE, INFINITE),
    10: (INFINITE, INFINITE),  # RLIMIT_LOCKS
    resource.RLIMIT_MSGQUEUE: (819200, 819200),
    resource.RLIMIT_NICE: (0, 0),
    resource.RLIMIT_RTPRIO: (0, 0),
    15: (INFINITE, INFINITE),  # RLIMIT_RTTIME
}
"""The soft and hard resource limits that a new service has. The limits for processes and for pending signals are not listed here,
because they depend on the size of the host (``_limits``).
"""

OF_THE_C_LIBRARY = (32, 33)  # of its threads. By its functions, a program cannot change how they are handled
SETTABLE = tuple({*range(1, 65)} - {signal.SIGKILL, signal.SIGSTOP, *OF_THE_C_LIBRARY})
CALLS = {
    "rt_sigaction": {"x86_64": 13, "aarch64": 134, "riscv64": 134, "ppc64le": 173, "s390x": 174},
    "ioprio_set": {"x86_64": 251, "aarch64": 30, "riscv64": 30, "ppc64le": 273, "s390x": 282},
    "set_mempolicy": {"x86_64": 238, "aarch64": 237, "riscv64": 237, "ppc64le": 261, "s390x": 270},
    "keyctl": {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271, "s390x": 280},
}
"""The numbers of calls, by name and architecture, that the C library does not offer, or only in part."""
SYS_CLOSE_RANGE = 436  # the number of the system call close_range(2). This number is the same on all architectures.
LAST = 0xFFFFFFFF
IOPRIO_WHO_PROCESS = 1
KEYCTL_JOIN_SESSION_KEYRING = 1
TIMER_SLACK = 50_000  # nanoseconds. The default would be the value of the process that started the launcher
DUMPED = "0x33"  # the kinds of memory that are written to a core dump, as a bit mask (core(5))

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> int:
    result = int(getattr(_libc, name)(*arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def control_process(option: int, argument: int) -> None:
    """Call prctl(2). Raises OSError."""
    zero = ctypes.c_ulong(0)
    _call("prctl", option, ctypes.c_ulong(argument), zero, zero, zero)


def reset_signals() -> None:
    """Reset every signal to its default. Afterwards no signal is ignored, caught or blocked. Raises OSError."""
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    for number in SETTABLE:
        _signal.signal(number, _signal.SIG_DFL)
    odd = _odd_signals()  # afterwards and not before, because the check takes more time than setting all signals
    if not odd:
        return
    for number in OF_THE_C_LIBRARY:
        if odd >> (number - 1) & 1:
            _reset_signal(number)
    if _odd_signals():
        raise OSError("a signal could not be reset to its default")


def _reset_signal(number: int) -> None:
    """Reset a signal with the system call rt_sigaction(2). The function of the C library refuses to reset the two signals that
    the library reserves. But these two signals may be ignored in a program that posix_spawn or make has started.
    """
    default = (ctypes.c_ulong * 4)()  # SIG_DFL, no flags, no restorer, an empty mask
    _ask_kernel("rt_sigaction", number, ctypes.byref(default), None, 8)


def _ask_kernel(name: str, *arguments: object) -> None:
    """Make a system call by its number. Raises OSError."""
    call = CALLS[name].get(os.uname().machine)
    if call is None:
        raise OSError(f"the number of the system call {name} is not known for this architecture")
    _call("syscall", ctypes.c_long(call), *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))


def _odd_signals() -> int:
    """Return the ignored and caught signals, as a bit mask from the kernel."""
    own = status("self")
    return int(own[b"SigIgn"][0], 16) | int(own[b"SigCgt"][0], 16)


def _write(path: str, text: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(file, text.encode("ascii"))
    finally:
        os.close(file)


def close_all_but(*kept: int) -> None:
    """Close every descriptor of this process except ``kept``."""
    low = 0
    for descriptor in sorted(kept):
        if low < descriptor:  # if the range before 0 is empty, Python 3.11 closes all descriptors
            os.closerange(low, descriptor)
        low = descriptor + 1
    with suppress(OSError):
        _call("syscall", ctypes.c_long(SYS_CLOSE_RANGE), ctypes.c_long(low), ctypes.c_long(LAST), ctypes.c_long(0))
        return
    last = max(int(name) for name in os.listdir("/proc/self/fd"))  # a kernel, or a filter, without close_range(2)
    if low <= last:
        os.closerange(low, last + 1)


def wipe() -> None:
    """Reset all inherited settings to the values that a new service has. Examples of these settings are the limits, the
    priorities, the processors that the process may use, the memory policy, the keyring and the umask.

    Raises OSError.
    """
    os.umask(0o022)
    for which, limit in _limits().items():
        _set_limit(which, limit)
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    os.setpriority(os.PRIO_PROCESS, 0, 0)
    _ask_kernel("ioprio_set", IOPRIO_WHO_PROCESS, 0, 0)
    os.sched_setaffinity(0, range(max(os.cpu_count() or 1, 1024)))
    _write("/proc/self/oom_score_adj", "0")
    _call("personality", ctypes.c_ulong(0))
    control_process(PR_SET_TIMERSLACK, TIMER_SLACK)
    control_process(PR_SET_THP_DISABLE, 0)
    if _call("prctl", PR_GET_SECUREBITS):
        control_process(PR_SET_SECUREBITS, 0)
    with suppress(OSError):  # these three are not in every kernel, and not allowed in every container
        _write("/proc/self/coredump_filter", DUMPED)
    with suppress(OSError):
        _ask_kernel("set_mempolicy", 0, None, 0)
    with suppress(OSError):
        _ask_kernel("keyctl", KEYCTL_JOIN_SESSION_KEYRING, None)


def name_requester(uid: int) -> None:
    """Set the audit login uid to the requester's uid. The kernel keeps this value even if this process becomes another user. Some
    containers forbid a change of this value.
    """
    with suppress(OSError):
        _write("/proc/self/loginuid", str(uid))


def _limits() -> dict[int, tuple[int, int]]:
    half = int(read("/proc/sys/kernel/threads-max")) // 2
    return {**LIMITS, resource.RLIMIT_NPROC: (half, half), resource.RLIMIT_SIGPENDING: (half, half)}


def _set_limit(which: int, limit: tuple[int, int]) -> None:
    """Set a limit. If a container does not allow a higher hard limit, set the highest allowed value. Raises OSError."""
    try:
        resource.setrlimit(which, limit)
    except (ValueError, PermissionError):
        hard = resource.getrlimit(which)[1]
        bound = [part if hard == INFINITE else hard if part == INFINITE else min(part, hard) for part in limit]
        limit = (bound[0], bound[1])
        resource.setrlimit(which, limit)
    if resource.getrlimit(which) != limit:
        raise OSError("a limit could not be set")


def become(uid: int, gid: int, groups: tuple[int, ...]) -> None:
    """Become the target's groups, group and user, in this order, for good. Each id is read back. Raises OSError."""
    control_process(PR_SET_KEEPCAPS, 0)
    control_process(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    _inherit_nothing()
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if set(os.getgroups()) != set(groups):
        raise OSError("the groups could not be set")
    if os.getresgid() != (gid, gid, gid):
        raise OSError("the group could not be set")
    if os.getresuid() != (uid, uid, uid):
        raise OSError("the user could not be set")
    effective, permitted, inheritable = _capabilities()
    if inheritable or (uid and (effective or permitted)):
        raise OSError("capabilities are left")


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Data(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def _read_capabilities() -> ctypes.Array[_Data]:
    data = (_Data * 2)()
    _call("capget", ctypes.byref(_Header(CAPABILITY_VERSION_3, 0)), data)
    return data


def _capabilities() -> tuple[int, int, int]:
    low, high = _read_capabilities()
    return (
        low.effective | high.effective << 32,
        low.permitted | high.permitted << 32,
        low.inheritable | high.inheritable << 32,
    )


def _inherit_nothing() -> None:
    data = _read_capabilities()
    for half in data:
        half.inheritable = 0
    _call("capset", ctypes.byref(_Header(CAPABILITY_VERSION_3, 0)), data)


def end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends. ``become`` cancels this, so call it again afterwards. ``parent`` is
    the monitor's number here, 0 outside of our pid namespace, whose init is the parent if the monitor has ended. Raises OSError.
    """
    control_process(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise OSError("the monitor is gone")
