# SPDX-License-Identifier: Apache-2.0
"""A rehearsal of the start of a run. A monitor executes the steps of a start once, before it gets a job (docs/start.md).

After a fork, parent and child share all memory pages. At the first write to a shared page, the kernel copies the page, which
takes about two microseconds. When a run starts, these copies take most of the time. A rehearsal causes the copies early, while
nobody waits.
Law: a rehearsal has no effect. A rehearsal sends nothing out of this process, creates no file, and stores no data.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
from contextlib import suppress

from jitd.files import mounts
from jitd.monitor.client import Client
from jitd.monitor.exchange import Exchange
from jitd.monitor.execution import what_to_execute
from jitd.monitor.holder import TO_HOLDER, Hold, Settle, read_job
from jitd.monitor.housing import Housing
from jitd.monitor.leash import FROM_COMMAND, TO_COMMAND
from jitd.monitor.line import Uplink
from jitd.monitor.orders import FROM_DAEMON, FROM_MONITOR, JOBS, Go, Job, Ready
from jitd.monitor.tape import Tape

JOB = Job(
    run="REHEARSAL",
    request="REHEARSAL",
    path=b"/bin/true",
    argv=(b"true",),
    environment=((b"PATH", b"/bin"),),
    cwd=b"/",
    cwd_device=0,
    cwd_inode=0,
    uid=0,
    gid=0,
    groups=(0,),
    streams=("null", "null", "null"),
    digest=bytes(32),
    writable=False,
    ends_at_boot_ns=0,
    ends_because="",
    leftovers="end",
    requester_uid=0,
    user="root",
)
"""The job of the rehearsal (docs/start.md). This job belongs to no run."""


LOOKS = 10  # Python replaces an instruction by a faster one after some executions, which writes to memory


def rehearse_look() -> None:
    """Look at a program as a command's process does before exec. The launcher does this: the memory of a command's process is
    new, so it has no use for a rehearsal of its monitor. What is kept of the mounts and of the program's ELF interpreter is
    compared with the host each time before it is used. No descriptor stays open. Raises nothing.
    """
    for _ in range(LOOKS):
        with suppress(Exception):
            what_to_execute(JOB, "/nowhere")
    mounts.OWN.close()


def rehearse() -> None:
    """Do what of a run's start changes nothing outside, up to the command's process. Raises nothing."""
    with suppress(Exception):
        with open(os.memfd_create("rehearsal", os.MFD_CLOEXEC), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.write(JOBS.write(JOB))
            file.flush()
            read_job(file.fileno())
        TO_HOLDER.write(Hold("/nowhere"))
        TO_HOLDER.write(Settle("/nowhere"))
        FROM_COMMAND.read(FROM_COMMAND.write(Ready()))
        TO_COMMAND.write(Go())
        Housing().place_for(JOB.run, is_housed=False)
        FROM_DAEMON.read(FROM_DAEMON.write(Go()))
        FROM_MONITOR.write(Ready())
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        with ours, theirs, open(os.devnull, "rb") as nothing:
            socket.send_fds(ours, [b"."], [nothing.fileno()])
            for descriptor in socket.recv_fds(theirs, 64, 8)[1]:
                os.close(descriptor)
            exchange = Exchange(Client(ours), None, Tape(JOB, "/nowhere"))
            poll = select.poll()
            exchange.wait_with(poll)
            poll.poll(0)
            exchange.relay(lambda: None, is_over=False)
        line = Uplink("/nowhere")
        line.connect()
        line.hear()
