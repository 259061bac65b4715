# SPDX-License-Identifier: Apache-2.0
"""The process that the command is: what it inherits of its caller, and what it does not.

Law: one row is one scenario; in one that tells of many things, each is compared by itself.
"""

from __future__ import annotations

import os

import pytest

from tests.differential.scenario import DIRECTORY, IS_NEWER_SUDO, SIGNALS, SLATE, Row, if_newer

STATE = "/srv/differential/bin/state"
FIELD = "/srv/differential/bin/field"
IN_STATUS = "^(Sig(Blk|Cgt)|[UG]id|Groups|Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp|TracerPid|Threads):"
IN_FILES = (
    *(f"/proc/self/{name}" for name in ("comm", "personality", "coredump_filter", "timerslack_ns")),
    "/proc/sys/kernel/hostname",
)
UNLIMITED = "unlimited            bytes     "


def limits(name: str, differ: tuple[tuple[str, str], ...] = (), **more) -> Row:
    """The caller's own limits do not reach the command of ours. Of those of sudo 1.9.13, pam_limits(8) leaves that of a core; the
    newer one hands all of them on. ``differ`` are those by which the newer one is another than ours.
    """
    ours = {"Max core file size": UNLIMITED} | (dict(differ) if IS_NEWER_SUDO else {})
    return Row(name, (FIELD, "^Max", "limits"), by_name=ours, because=SLATE, **more)


ROWS = [
    Row("the umask in a plain case", ("sh", "-c", "umask"), around={"umask": 0o022}),
    Row("the umask of a generous caller", ("sh", "-c", "umask"), around={"umask": 0o000}),
    Row("the umask of a strict caller", ("sh", "-c", "umask"), around={"umask": 0o077}, ours={"out": "0022\n"}, because=SLATE),
    Row(
        "the umask of a caller that forbids all",
        ("sh", "-c", "umask"),
        around={"umask": 0o777},
        ours={"out": "0022\n"},
        because=SLATE,
    ),
    Row("files that are made have the umask", ("touch", "%W/made"), around={"umask": 0o022}),
    Row("the priority in a plain case", ("nice",)),
    Row("the priority of a caller that is nice", ("nice",), around={"nice": 10}, ours={"out": "0\n"}, because=SLATE),
    Row(
        "the scheduler",
        ("/usr/bin/python3", "-ISc", "import os; print(os.sched_getscheduler(0))"),
        around={"idle": True},
        ours={"out": "0\n"},
        because=SLATE,
    ),
    Row("the processors", ("nproc",)),
    Row(
        "the processors of a caller that has one",
        ("nproc",),
        around={"cpus": [0]},
        ours={"out": lambda out: int(out) == os.cpu_count()},
        because=SLATE,
    ),
    Row(
        "the score of a caller that wants to be killed first",
        ("cat", "/proc/self/oom_score_adj"),
        around={"oom": 500},
        ours={"out": "0\n"},
        because=SLATE,
    ),
    Row("signals, ids, groups, capabilities and threads, as the kernel sees them", (FIELD, IN_STATUS), by_name={}),
    Row("its name, personality and the like, and the host's name, as the kernel sees them", ("grep", "", *IN_FILES), by_name={}),
    Row("signals that are blocked", (FIELD, "SigBlk"), around={"blocked": ["USR1", "TERM", "INT"]}),
    Row(
        "signals that are ignored",
        (FIELD, "SigIgn"),
        around={"ignored": ["USR1", "PIPE", "INT", "HUP"]},
        ours={"out": "SigIgn:\t0000000000000000\n"},
        because=SLATE,
    ),
    # Those up to 28: make leaves two of the C library's own ignored, and sudo hands them on.
    Row("signals that are ignored in a plain case", ("sh", "-c", "grep SigIgn /proc/self/status | cut -c 18-")),
    Row("groups of another user", ("-u", "dave", FIELD, "Groups:")),
    Row("uids of another user", ("-u", "dave", FIELD, "^[UG]id:")),
    Row("capabilities of another user", ("-u", "bob", FIELD, "Cap(Inh|Prm|Eff|Amb)")),
    Row("descriptors in a plain case", ("ls", "/proc/self/fd")),
    Row("descriptors that the caller has open", ("ls", "/proc/self/fd"), around={"descriptors": [3, 4, 9, 42]}),
    Row("a descriptor of the caller's is not the command's", ("sh", "-c", "cat <&7"), around={"descriptors": [7]}, mask="sh: .*"),
    Row("descriptors of which some are closed", ("ls", "/proc/self/fd"), streams="closed pipe closed"),
    Row("descriptors of which all are closed", ("sh", "-c", "ls /proc/self/fd >%W/f"), streams="closed closed closed"),
    Row(
        "descriptors with a terminal",
        ("ls", "/proc/self/fd"),
        streams="terminal terminal terminal",
        around={"descriptors": [3, 9]},
    ),
    Row("none of them is closed at exec", ("sh", "-c", "grep flags /proc/self/fdinfo/2 | cut -c 7-"), mask="0[0-9]+"),
    limits("the limits in a plain case", around={"limits": {"NOFILE": 1024}}),
    limits(
        "the limits of a caller that lowered them",
        (
            ("Max open files", "files     "),
            ("Max file size", UNLIMITED),
            ("Max cpu time", "unlimited            seconds   "),
            ("Max stack size", UNLIMITED),
            ("Max address space", UNLIMITED),
        ),
        around={"limits": {"NOFILE": 64, "FSIZE": 4096, "CPU": 100, "STACK": 1 << 20, "CORE": 4096, "AS": 1 << 30}},
    ),
    Row(
        "a caller that may write no file at all",
        ("sh", "-c", "echo x >%W/f && cat %W/f"),
        around={"limits": {"FSIZE": 0}},
        **if_newer(ours={"status": 0, "out": "x\n", "files": {"f": ["0o100644", 0, 0, "x\n"]}}, because=SLATE),
    ),
    Row("a caller that may open ten files", ("sh", "-c", "echo x"), around={"limits": {"NOFILE": 20}}),
    Row("the number of words is never none", (STATE,), mask="umask.*"),
    # --- the working directory
    Row("the working directory is the caller's", ("pwd",)),
    Row("the working directory, by the kernel", ("readlink", "/proc/self/cwd")),
    Row("the working directory by a link", line="ln -s /usr/bin there; cd there; asroot pwd; asroot sh -c 'pwd -P'"),
    Row("PWD that lies", ("pwd",), env={"PWD": "/etc"}),
    Row(
        "a working directory that is removed",
        ("sh", "-c", "pwd -P 2>&1 | sed 's/.*: //'; readlink /proc/self/cwd"),
        around={"removed": True},
        ours={"out": "/\n/\n", "err": "", "speaks": True},
        because=DIRECTORY,
    ),
    Row(
        "a command in a working directory that is removed",
        ("true",),
        around={"removed": True},
        ours={"speaks": True},
        because=DIRECTORY,
    ),
    Row(
        "a working directory that the target may not enter",
        ("-u", "bob", "sh", "-c", "readlink /proc/self/cwd || echo unreadable"),
        around={"cwd": "/home/alice"},
    ),
    Row("a file of a working directory that the target may not enter", ("-u", "bob", "cat", "f"), around={"cwd": "/home/alice"}),
    Row("a working directory that nobody but the caller may read", ("ls",), before="mkdir d; touch d/f; chmod 700 d"),
    Row(
        "a working directory that the caller may no longer read",
        line="mkdir -m 700 d; cd d; touch f; chmod 000 .; asroot ls; chmod 700 .",
    ),
    Row(
        "a working directory that may be entered and not read",
        line="mkdir d; touch d/f; chmod 100 d; cd d; asroot ls; asroot pwd; chmod 700 .",
    ),
    Row("a working directory whose name is odd", line="mkdir $'a\\n b\\377'; cd a*; asroot pwd | od -c | tail -3"),
    Row(
        "a working directory that is deep",
        line="for n in 1 2 3 4 5 6 7 8; do mkdir $(printf %0200d 0); cd 0*; done; asroot pwd | wc -c",
    ),
    Row("the root directory as the working directory", ("pwd",), around={"cwd": "/"}),
    Row("/proc as the working directory", ("sh", "-c", "pwd"), around={"cwd": "/proc/sys"}),
    Row("files that the command makes lie in the caller's directory", ("touch", "made"), after="ls"),
    # --- sessions and groups
    Row("without a terminal there is none", ("sh", "-c", "echo x >/dev/tty"), mask="sh: .*"),
    Row("without a terminal ps says so", ("sh", "-c", "ps -o tty= -p $$")),
    Row(
        "with a terminal the command is in its foreground",
        ("sh", "-c", "[ $(ps -o tpgid= -p $$) = $(ps -o pgid= -p $$) ] && echo foreground || echo background"),
        streams="terminal terminal terminal",
    ),
    Row(
        "with a terminal it is not the session's leader",
        ("sh", "-c", "[ $(ps -o sid= -p $$) = $$ ] && echo leader || echo none"),
        streams="terminal terminal terminal",
    ),
    Row(
        "the command leads a group of its own",
        ("sh", "-c", "[ $(ps -o pgid= -p $$) = $$ ] && echo leader || echo none"),
        streams="terminal terminal terminal",
    ),
    Row(
        "without a terminal it leads a group of its own",
        ("sh", "-c", "[ $(ps -o pgid= -p $$) = $$ ] && echo leader || echo none"),
        ours={"out": "leader\n"},
        because=SIGNALS,
    ),
    Row("the parent of the command is not process 1", ("sh", "-c", "[ $PPID -gt 1 ] && echo yes")),
    Row(
        "the mount points are the same",
        ("sh", "-c", "readlink /proc/self/ns/mnt /proc/self/ns/pid /proc/self/ns/net /proc/self/ns/user"),
    ),
    Row(
        "the keyring of the session is not the caller's",
        ("sh", "-c", "cat /proc/keys | grep -c _ses.4001 || true"),
        mask="[0-9]+",
    ),
    Row("a login uid", ("cat", "/proc/self/loginuid"), mask="[0-9]+"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_it_is_the_same(compared, row):
    compared(row)
