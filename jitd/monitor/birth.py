# SPDX-License-Identifier: Apache-2.0
"""Turns a process that the launcher has forked into the monitor of a run. This module also removes the files of the run when the
monitor ends.

Law: a run has at most one monitor. The monitor keeps the run's plate (the run's lock file) locked until the monitor ends. A
monitor has no descriptor of another run, of the launcher or of the daemon. The only exceptions are the descriptors 0 to 2.
"""

from __future__ import annotations

import array
import fcntl
import os
import socket
import sys
import time
from contextlib import suppress
from typing import NoReturn

from jitd.monitor.client import Client
from jitd.monitor.handing_over import await_release
from jitd.monitor.holder import Spare, read_job
from jitd.monitor.keeper import Keeper
from jitd.monitor.line import Uplink
from jitd.monitor.monitor import Monitor
from jitd.monitor.orders import FAILED, MAX_WORD, TO_LAUNCHER, Birth, Job, Left, Login, sentence, what_failed
from jitd.monitor.places import (
    GO,
    asker_of,
    copy_directory,
    outcome_path,
    plate_lines,
    plate_path,
    socket_path,
    write_outcome,
)
from jitd.monitor.rehearsal import JOB, rehearse
from jitd.monitor.rest import end_rest
from jitd.monitor.slate import PR_SET_CHILD_SUBREAPER, PR_SET_DUMPABLE, close_all_but, control_process, reset_signals


def receive(peer: socket.socket) -> tuple[bytes, list[int]]:
    """Receive one packet that asks for a monitor, and the descriptors that came with the packet. If the peer has closed the
    socket, the packet and the list of descriptors are empty.

    Raises OSError.
    """
    data, ancillary, _, _ = peer.recvmsg(MAX_WORD, socket.CMSG_SPACE(4 * 8), socket.MSG_CMSG_CLOEXEC)
    descriptors: list[int] = []
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors += array.array("i", payload[: len(payload) // 4 * 4])
    return data, descriptors


def await_job(launcher: socket.socket) -> NoReturn:
    """Wait for a job from the launcher, and be its monitor. Ends with the launcher. Never returns."""
    try:
        _be_on_its_own(launcher.fileno())
        spare = _spare_holder()
        rehearse()
        packet, descriptors = receive(launcher)
        await_release(launcher)
        if len(descriptors) == 2:
            _live(packet, descriptors[0], socket.socket(fileno=descriptors[1]), spare)
    except BaseException:  # a defect: print it on standard error, which is the daemon's, because nobody else can be told
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(0)


def _spare_holder() -> Spare | None:
    try:
        return Spare(JOB)
    except OSError:  # later a holder is forked when it is needed; if that fails too, the run is refused with the reason
        return None


def _be_on_its_own(*descriptors: int) -> None:
    """Drop the inherited signal settings, session and descriptors, except 0 to 2 and ``descriptors``. Raises OSError."""
    reset_signals()
    os.setsid()
    control_process(PR_SET_DUMPABLE, 0)
    control_process(PR_SET_CHILD_SUBREAPER, 1)
    close_all_but(0, 1, 2, *descriptors)


def run_monitor(packet: bytes, job_file: int, control: int, launcher: socket.socket) -> NoReturn:
    """Be the monitor that ``packet`` wants, until the daemon confirms the outcome. Never returns."""
    try:
        _be_on_its_own(job_file, control, launcher.fileno())
        await_release(launcher)
        _live(packet, job_file, socket.socket(fileno=control), None)
    except BaseException:  # a defect: print it on standard error, which is the daemon's, because nobody else can be told
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(0)


def _live(packet: bytes, job_file: int, control: socket.socket, spare: Spare | None) -> None:
    birth = TO_LAUNCHER.read(packet)
    if not isinstance(birth, Birth):
        raise ValueError("the packet asks for no monitor")
    run, run_dir, state_dir = birth.run, birth.run_dir, birth.state_dir
    try:
        plate = _lock(plate_path(run_dir, run))
    except OSError as fault:  # the daemon has given up the run, or the run has another monitor, so do not run it
        Client(control).say_end("not started", FAILED, f"the run cannot be claimed: {fault.strerror}")
        return
    lines = plate_lines(plate)
    if GO in lines and asker_of(lines) is None:  # the monitor of the run was killed
        if spare is not None:
            spare.dismiss()
        control.close()
        end_rest(plate)
        return
    try:
        job = read_job(job_file)
        if spare is not None:
            spare.expect(job_file)
        else:
            os.close(job_file)
        if job.run != run:
            raise ValueError("the job belongs to another run")
        if isinstance(job, Login):
            if spare is not None:
                spare.dismiss()
            control.close()  # a login has no client
            life: Monitor | Keeper = Keeper(job, Uplink(socket_path(run_dir)), plate, state_dir)
        else:
            life = _monitor(job, control, Uplink(socket_path(run_dir)), plate, state_dir, spare)
    except Exception as fault:
        # the keeper of this session was killed: the daemon notices that nobody ends the session, and tries again
        if GO in plate_lines(plate):
            raise
        because = sentence(f"the monitor could not begin: {what_failed(fault)}")
        with suppress(OSError):  # if the disk fails, the missing outcome and the missing ``go`` tell the daemon the same
            write_outcome(state_dir, run, Left("not started", FAILED, because))
        Client(control).say_end("not started", FAILED, because)
        return
    life.run()
    while not life.housing.remove():
        time.sleep(0.02)
    copies = copy_directory(state_dir, run)
    with suppress(OSError):  # there is no copy, or the disk refuses changes; the plate must be removed in both cases
        for name in os.listdir(copies):
            os.unlink(f"{copies}/{name}")
        os.rmdir(copies)
    for path in (outcome_path(state_dir, run), plate_path(run_dir, run)):
        with suppress(OSError):
            os.unlink(path)


def _monitor(job: Job, control: socket.socket, line: Uplink, plate: int, state_dir: str, spare: Spare | None) -> Monitor:
    if spare is not None and job.is_housed:  # the daemon moves this process into a control group, but not the spare holder
        spare.dismiss()
        spare = None
    return Monitor(job, control, line, plate, state_dir, spare)


def _lock(path: str) -> int:
    """Return a descriptor of the plate (the run's lock file), locked: who has this lock is the only monitor of the run. The
    daemon locks it for a moment to see whether it is free, so this tries for 2 seconds. Raises OSError.
    """
    plate = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    give_up_at = time.monotonic() + 2.0
    while True:
        try:
            fcntl.flock(plate, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return plate
        except BlockingIOError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.01)
