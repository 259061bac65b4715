# SPDX-License-Identifier: Apache-2.0
"""The named points of a request's path, who is killed there, and what then has to be so: the first list of docs/crashes.md.

Law: a point is reached from outside (halting.py), or it is a state that lasts; the product has no switch for tests.
"""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass

from tests.system.halting import Step

STATUS = 7
"""Exit status of the command that marks that it ran."""
REFUSED = 125
KILLED = -int(signal.SIGKILL)

WAL, COMMITTED = r"pwrite64 \S+/jitd\.db-wal ", r"fdatasync \S+/jitd\.db-wal "
CLAIM, PLATE = r"flock \S+/run/runs/[0-9A-Z]{4}-", r"pwrite64 \S+/run/runs/[0-9A-Z]{4}-\S* "
OUTCOME_FILE = r"openat  \S+/state/runs/\S+\.json\.new"
BIRTH = r'sendmsg socket:\S+ \{"run":"'
EXECED = rf"^execed {re.escape(os.path.realpath('/bin/sh'))}$"
"""The command itself: PAM executes unix_chkpwd before it."""


def before(pattern: str) -> Step:
    return ("before", pattern)


def after(pattern: str) -> Step:
    return ("after", pattern)


def says(word: str, call: str = "sendto") -> str:
    """What daemon and monitor say to each other, as ``halting`` writes it."""
    return rf'{call} socket:\S+ \{{"say":"{word}"'


@dataclass(frozen=True)
class Point:
    """Where ``victim`` is killed, and what has to be so afterwards.

    ``follows`` is whose calls are looked at, until all ``steps`` have happened; without it ``when`` is a state: idle, waiting,
    running, ended. ``is_pending``: they are looked at only from the approval on. ``runs`` says how often the command may have
    run, ``exits`` how the client may end, ``endings`` how the record may say that the runs of this request ended, in order.
    ``meets_executor`` is false where the kill touches nothing that an executor has, or finds it as at another point.
    """

    name: str
    outcome: str
    runs: tuple[int, ...]
    exits: tuple[int, ...]
    endings: tuple[tuple[str, ...], ...]
    victim: str = "held"
    follows: str = ""
    steps: tuple[Step, ...] = ()
    when: str = ""
    kind: str = "at once"
    is_pending: bool = False
    approver: int = 0
    script: str = "sleep 0.1"
    is_slow: bool = False
    meets_executor: bool = True


NOTHING: tuple[str, ...] = ()
EXITED, LOST, SIGNALED, NOT = ("exited",), ("lost",), ("signaled",), ("not started",)
WELL = {"runs": (1,), "exits": (STATUS,), "endings": (EXITED,)}
"""As if nobody had been killed."""
NEVER = {"runs": (0,), "exits": (REFUSED,), "endings": (NOT,)}

DAEMON = (
    Point(
        "the daemon, before it commits a request",
        "no request exists and nothing runs; the client ends with status 125",
        runs=(0,), exits=(REFUSED,), endings=(NOTHING,), follows="daemon", steps=(before(WAL),), kind="asked",
        meets_executor=False,
    ),
    Point(
        "the daemon, after it has committed a request, before it tells the client",
        "the client does not know of the request, and ends with status 125; the request stays open for 30 s; "
        "if it is approved meanwhile, nothing starts",
        runs=(0,), exits=(REFUSED,), endings=(NOTHING,), follows="daemon", steps=(after(COMMITTED),), kind="asked",
        meets_executor=False,
    ),
    Point(
        "the daemon, after it has committed a request that is permitted at once, before it does anything else",
        "the run is recorded as not started, and its use of the grant is not counted; the client ends with status 125",
        **NEVER, follows="daemon", steps=(after(COMMITTED),),
    ),
    Point(
        "the daemon, before it commits an approval",
        "the approver ends with status 125; the request still waits, and its client reconnects; "
        "after a second approval, the command runs once",
        **WELL, follows="daemon", steps=(before(WAL),), kind="asked", is_pending=True, approver=REFUSED,
        meets_executor=False,
    ),
    Point(
        "the daemon, after it has committed an approval, before it begins the run",
        "the approval remains; the first run is recorded as not started, and its use of the grant is not counted; "
        "the client reconnects, and the command runs once",
        runs=(1,), exits=(STATUS,), endings=((*NOT, *EXITED),),
        follows="daemon", steps=(after(COMMITTED),), kind="asked", is_pending=True, approver=REFUSED,
        meets_executor=False,
    ),
    Point(
        "the daemon, after it has sent the job to the launcher",
        "the monitor finds no client and starts nothing; the client ends with status 125",
        **NEVER, follows="daemon", steps=(after(BIRTH),),
    ),
    Point(
        "the daemon, after it has sent the job of an approved request to the launcher",
        "the monitor finds no client and starts nothing; the client reconnects, and the command runs once",
        runs=(1,), exits=(STATUS,), endings=((*NOT, *EXITED),),
        follows="daemon", steps=(after(BIRTH),), kind="asked", is_pending=True,
        meets_executor=False,
    ),
    Point(
        "the daemon, after the monitor has sent `ready`, before the daemon sends `go`",
        "the monitor waits for the next daemon; the next daemon makes the last check and sends `go`; the command runs once",
        **WELL, follows="daemon", steps=(before(says("go")),),
    ),
    Point(
        "the daemon, after it has sent `go`, before it learns that the command has started",
        "the command runs once, and the monitor reports the run to the next daemon",
        **WELL, follows="daemon", steps=(after(says("go")),),
        meets_executor=False,
    ),
    Point(
        "the daemon, before it commits that the command has started",
        "the command runs once, and the monitor reports the run to the next daemon",
        **WELL, follows="daemon", steps=(after(says("started", "recvfrom")), before(WAL)),
        meets_executor=False,
    ),
    Point(
        "the daemon, before it commits how a run ended",
        "the monitor keeps the outcome, and the next daemon records it",
        **WELL, follows="daemon", steps=(after(says("ended", "recvfrom")), before(WAL)),
    ),
    Point(
        "the daemon, after it has committed the end of a run, before it tells the monitor",
        "the monitor sends the outcome to the next daemon, which answers that it is already recorded; nothing is recorded twice",
        **WELL, follows="daemon", steps=(before(says("taken")),),
        meets_executor=False,
    ),
    Point(
        "the daemon, after it has told the monitor that the outcome is recorded",
        "nothing is left to do",
        **WELL, follows="daemon", steps=(after(says("taken")),),
        meets_executor=False,
    ),
    Point(
        "the daemon, while a request waits",
        "the client reconnects and waits again; after the approval, the command runs once",
        **WELL, victim="daemon", when="waiting", kind="asked",
        meets_executor=False,
    ),
    Point(
        "the daemon, while a command runs",
        "the command is not touched, and the next daemon records its end",
        **WELL, victim="daemon", when="running", script="sleep 1",
    ),
    Point(
        "the daemon, which is started again only after the run has ended",
        "the client gets the exit status at once; the monitor keeps the outcome, and the next daemon records it",
        **WELL, victim="daemon", when="ended", script="sleep 0.4",
    ),
)  # fmt: skip
MONITOR = (
    Point(
        "the monitor, before it claims its run",
        "nothing starts; the client ends with status 125; "
        "if the monitor has not contacted the daemon within 5 s, the daemon removes what is left",
        **NEVER, follows="launcher", steps=(before(CLAIM),), is_slow=True,
    ),
    Point(
        "the monitor, before it has a control group",
        "nothing starts; the client ends with status 125",
        **NEVER, follows="launcher", steps=(after(CLAIM), before(PLATE)), is_slow=True,
    ),
    Point(
        "the monitor, while the session is opened",
        "nothing starts; the client ends with status 125",
        **NEVER, victim="monitor", follows="launcher", steps=(after(CLAIM), before(r"openat  /etc/pam\.d/")), is_slow=True,
    ),
    Point(
        "the monitor, after the command's process was created, before the monitor sends `ready`",
        "nothing starts, and that process ends; the client ends with status 125",
        **NEVER, follows="launcher", steps=(after(says("ready")), before(says("ready"))),  # first that process
    ),
    Point(
        "the monitor, after it has received `go`, before it writes `go` to the run file",
        "nothing starts; the client ends with status 125",
        **NEVER, follows="launcher", steps=(before(PLATE + "go"),),
        meets_executor=False,
    ),
    Point(
        "the monitor, after it has written `go` to the run file, before the command's process gets `go`",
        "nothing runs, but jitd cannot know this, so the run is recorded as lost; the client ends with status 125",
        runs=(0,), exits=(REFUSED,), endings=(LOST,), follows="launcher", steps=(after(PLATE + "go"),),
    ),
    Point(
        "the monitor, after the command was executed, before the monitor reports this",
        "the command is killed, too; the run is recorded as lost; the client ends with status 125",
        runs=(0, 1), exits=(REFUSED,), endings=(LOST,), follows="launcher", steps=(before(says("started")),),
    ),
    Point(
        "the monitor, while the command runs",
        "the command is killed, too; the run is recorded as lost; the client ends with status 125",
        runs=(1,), exits=(REFUSED,), endings=(LOST,), victim="monitor", when="running", script="sleep 60",
    ),
    Point(
        "the monitor, while it records what the command writes",
        "the command is killed, too; the run is recorded as lost; the client ends with status 125; "
        "the recording is valid up to its last complete chunk",
        runs=(1,), exits=(REFUSED,), endings=(LOST,), victim="monitor", when="running", kind="recorded",
        script="echo written; sleep 60",
        meets_executor=False,
    ),
    Point(
        "the monitor, after the command has ended, before the monitor stores the outcome",
        "the client gets the command's exit status; the run is recorded as lost, because the outcome is not stored anywhere",
        runs=(1,), exits=(STATUS,), endings=(LOST,), follows="launcher", steps=(before(OUTCOME_FILE),),
    ),
    Point(
        "the monitor, after it has stored the outcome, before it reports the outcome",
        "the daemon finds the outcome and records it",
        **WELL, follows="launcher", steps=(before(says("ended")),),
    ),
    Point(
        "the monitor, after the daemon has confirmed the outcome, before the monitor has cleaned up",
        "the daemon removes what the monitor has left",
        **WELL, follows="launcher", steps=(after(says("taken", "recvfrom")),),
    ),
)  # fmt: skip
CLIENT = (
    Point(
        "the client, while its request waits",
        "the request is withdrawn",
        runs=(0,), exits=(KILLED,), endings=(NOTHING,), victim="client", when="waiting", kind="asked",
        meets_executor=False,
    ),
    Point(
        "the client, after it has got its control socket, before it passes on its streams",
        "nothing starts, and this use of the grant is not counted",
        runs=(0,), exits=(KILLED,), endings=(NOT,), follows="client", steps=(before(r"sendmsg socket:\S+ S\{"),),
    ),
    Point(
        "the client, while the command runs",
        "the command gets SIGHUP; processes that ignore SIGHUP are killed after 5 s",
        runs=(1,), exits=(KILLED,), endings=(SIGNALED,), victim="client", when="running", script="sleep 60",
    ),
    Point(
        "the client, after it has learned how the command ended",
        "the record contains how the command ended",
        runs=(1,), exits=(KILLED,), endings=(EXITED,), follows="client", steps=(after(r"recv\w+ socket:\S+ X\{"),),
        meets_executor=False,
    ),
)  # fmt: skip
COMMAND = (
    Point(
        "the command, right after it was executed",
        "the client ends by the same signal",
        runs=(0,), exits=(KILLED,), endings=(SIGNALED,), follows="launcher", steps=(after(EXECED),),
    ),
    Point(
        "the command, while it runs",
        "the client ends by the same signal",
        runs=(1,), exits=(KILLED,), endings=(SIGNALED,), victim="command", when="running", script="sleep 60; :",
    ),
    Point(
        "the command, while other processes that it has started run",
        "the other processes end, too: they get SIGHUP, and are killed after 5 s",
        runs=(1,), exits=(KILLED,), endings=(SIGNALED,), victim="command", when="running",
        script="setsid sleep 60 & sleep 60 & sleep 60; :",
    ),
    Point(
        "the process that holds the session, while the command runs",
        "the command continues, and its end is recorded",
        **WELL, victim="holder", when="running", script="sleep 0.5",
    ),
)  # fmt: skip
LAUNCHER = (
    Point(
        "the launcher, idle",
        "the launcher is started again, and serves the next request",
        **WELL, victim="launcher", when="idle",
    ),
    Point(
        "the launcher, while it handles a job",
        "nothing starts; the client ends with status 125",
        **NEVER, follows="launcher", steps=(before(BIRTH),),
    ),
    Point(
        "the launcher, while a command runs",
        "the command is not touched",
        **WELL, victim="launcher", when="running", script="sleep 0.5",
    ),
)  # fmt: skip
POINTS = (*DAEMON, *MONITOR, *CLIENT, *COMMAND, *LAUNCHER)
