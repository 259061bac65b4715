# SPDX-License-Identifier: Apache-2.0
"""How it ends: statuses, and signals that the command sends, gets, or dies of. Law: one row is one scenario."""

from __future__ import annotations

import pytest

from tests.differential.scenario import SIGNALS, SLATE, Row

DIES_OF = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "XCPU", "XFSZ", "VTALRM", "PROF", "IO", "PWR", "SYS",
]  # fmt: skip
TOLD = ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2"]
WAITS = 'trap "echo got %s; exit 5" %s; echo ready; n=0; while [ $n -lt 1200 ]; do sleep 0.05; n=$((n+1)); done'

ROWS = [
    *(
        Row(f"status {n}", ("sh", "-c", f"exit {n}"))
        for n in (
            0,
            1,
            2,
            3,
            7,
            42,
            63,
            64,
            77,
            99,
            117,
            118,
            119,
            120,
            121,
            122,
            123,
            124,
            125,
            126,
            127,
            128,
            129,
            137,
            143,
            191,
            200,
            254,
            255,
        )
    ),
    *(Row(f"the command dies of SIG{name}", ("sh", "-c", f"kill -{name} $$")) for name in DIES_OF),
    Row("the command dies of a real-time signal", ("sh", "-c", "kill -40 $$")),
    Row("a shell sees the status", line="asroot sh -c 'exit 9'; echo $?"),
    Row("a shell sees the signal", line="asroot sh -c 'kill -TERM $$'; echo $?"),
    Row("a shell sees a kill", line="asroot sh -c 'kill -KILL $$'; echo $?", mask="line 1: +[0-9]+"),
    Row("and, or, not", line="asroot true && echo yes; asroot false || echo no; ! asroot true; echo $?"),
    Row("a shell with -e ends", line="set -e; asroot false; echo not here"),
    Row("a command that ends at once", ("true",)),
    Row("a command that closes all and lives on", ("sh", "-c", "exec >&- 2>&- <&-; sleep 0.2; exit 6")),
    Row("no core of the tool is left", ("sh", "-c", "kill -SEGV $$"), around={"limits": {"CORE": 1 << 20}}),
    # --- signals to the tool
    *(
        Row(
            f"SIG{name} to the tool reaches the command",
            ("sh", "-c", WAITS % (name, name)),
            steps=(("until", "ready"), ("signal", name)),
            ignores=("err",),
        )
        for name in TOLD
    ),
    Row(
        "SIGALRM to the tool is the command's",
        ("sh", "-c", WAITS % ("ALRM", "ALRM")),
        steps=(("until", "ready"), ("signal", "ALRM")),
        ignores=("err",),
        ours={"status": 5, "out": "ready\ngot ALRM\n"},
        because=SIGNALS,
    ),
    Row(
        "the command dies of SIGALRM that was sent to the tool",
        ("sh", "-c", "echo ready; exec sleep 60"),
        steps=(("until", "ready"), ("signal", "ALRM")),
        ours={"status": -14},
        because=SIGNALS,
    ),
    *(
        Row(
            f"the command dies of SIG{name} that was sent to the tool",
            ("sh", "-c", "echo ready; exec sleep 60"),
            steps=(("until", "ready"), ("signal", name)),
        )
        for name in TOLD
    ),
    Row(
        "SIGINT to the tool reaches what the command started",
        (
            "sh",
            "-c",
            "trap 'echo parent' INT; sh -c 'trap \"kill \\$!; wait; echo child; exit\" INT; sleep 3 & echo ready; wait';"
            " echo end",
        ),
        steps=(("until", "ready"), ("signal", "INT")),
        ours={"out": lambda out: sorted(out.split()) == ["child", "end", "parent", "ready"]},
        because=SIGNALS,
    ),
    Row(
        "a command that ignores SIGTERM",
        ("sh", "-c", "trap '' TERM; echo ready; sleep 3; echo end"),
        steps=(("until", "ready"), ("signal", "TERM")),
    ),
    Row(
        "two signals, one after the other",
        ("sh", "-c", "trap 'echo one' USR1; trap 'echo two; exit 4' USR2; echo ready; while :; do sleep 0.05; done"),
        steps=(("until", "ready"), ("signal", "USR1"), ("until", "one"), ("signal", "USR2")),
        ignores=("err",),  # whether a sleep is there to be hit with the rest of the group is a matter of moments
    ),
    Row(
        "the command signals its own group and lives",
        ("sh", "-c", "trap 'echo caught' TERM; kill -TERM 0; echo end"),
        mask="caught\n",
    ),
    Row("the command signals its own group with HUP", ("sh", "-c", "kill -HUP 0; echo not here")),
    Row("the command kills its own group", ("sh", "-c", "kill -KILL 0; echo not here")),
    Row(
        "the command stops itself, and the tool is stopped and continued",
        ("sh", "-c", "kill -STOP $$; echo went on"),
        steps=(("stopped",), ("signal", "CONT")),
    ),
    Row("a stop as by a key, where nobody could continue it", ("sh", "-c", "kill -TSTP $$; echo went on")),
    Row(
        "the group of the tool is signalled, as a terminal would",
        ("sh", "-c", WAITS % ("INT", "INT")),
        steps=(("until", "ready"), ("signal group", "INT")),
        mask="(?:got INT\n)+",
    ),
    # --- what the caller ignores or blocks
    Row(
        "the caller ignores SIGINT: the command does not die of it",
        ("sh", "-c", "echo ready; sleep 3; echo end"),
        around={"ignored": ["INT"]},
        steps=(("until", "ready"), ("signal", "INT")),
    ),
    Row(
        "the caller ignores SIGHUP, as nohup does",
        ("sh", "-c", "echo ready; sleep 3; echo end"),
        around={"ignored": ["HUP"]},
        steps=(("until", "ready"), ("signal", "HUP")),
    ),
    Row(
        "nohup before the tool",
        line="nohup asroot sh -c 'grep SigIgn /proc/self/status | cut -c 20-'",
        ours={"out": "00000\n"},
        because=SLATE,
    ),
    Row(
        "the caller ignores SIGPIPE",
        ("sh", "-c", "yes | head -1; echo end"),
        around={"ignored": ["PIPE"]},
        ours={"err": ""},
        because=SLATE,
    ),
    Row("the caller ignores SIGCHLD", ("sh", "-c", "sh -c 'exit 3'; exit $?"), around={"ignored": ["CHLD"]}),
    Row("the caller ignores SIGCHLD and the command is killed", ("sh", "-c", "kill -KILL $$"), around={"ignored": ["CHLD"]}),
    Row(
        "the caller blocks all that can be blocked",
        ("sh", "-c", "sh -c 'exit 3'; exit $?"),
        around={"blocked": ["INT", "TERM", "CHLD", "HUP", "QUIT", "USR1", "PIPE", "ALRM", "CONT", "TSTP", "WINCH"]},
    ),
    Row("the caller ignores SIGCONT and SIGTSTP", ("true",), around={"ignored": ["CONT", "TSTP", "TTIN", "TTOU"]}),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_it_is_the_same(compared, row):
    compared(row)
