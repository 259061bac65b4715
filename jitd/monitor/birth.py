# SPDX-License-Identifier: Apache-2.0
"""From a fork of the launcher to a monitor: what is taken along, what is claimed, what is left behind at the end.

Law: a run has one monitor at most, and it holds the lock on the run's plate for as long as it lives; nothing of
another run, of the launcher or of the daemon is open in it.
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
from jitd.monitor.holder import Spare
from jitd.monitor.keeper import Keeper
from jitd.monitor.line import Line
from jitd.monitor.monitor import Monitor
from jitd.monitor.orders import FAILED, MAX_JOB, MAX_WORD, Job, Login, read_birth, read_job, sentence
from jitd.monitor.places import GO, Left, copy_directory, outcome_path, plate_lines, plate_path, socket_path, write_outcome
from jitd.monitor.rehearsal import JOB, rehearse
from jitd.monitor.slate import PR_SET_CHILD_SUBREAPER, PR_SET_DUMPABLE, close_all_but, control_process, reset_signals


def receive(peer: socket.socket) -> tuple[bytes, list[int]]:
    """One packet that asks for a monitor, and the descriptors that came with it; nothing at all where the peer is gone."""
    data, ancillary, _, _ = peer.recvmsg(MAX_WORD, socket.CMSG_SPACE(4 * 8), socket.MSG_CMSG_CLOEXEC)
    descriptors: list[int] = []
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors += array.array("i", payload[: len(payload) // 4 * 4])
    return data, descriptors


def await_job(launcher: socket.socket) -> NoReturn:
    """Be a monitor without a job until the launcher gives one, or is gone. Never returns."""
    try:
        _be_on_its_own(launcher.fileno())
        spare = _spare_holder()
        rehearse()
        packet, descriptors = receive(launcher)
        launcher.close()
        if len(descriptors) == 2:
            _live(*read_birth(packet), descriptors[0], socket.socket(fileno=descriptors[1]), spare)
    except BaseException:  # a defect: on the daemon's standard error, as there is nobody else to tell
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(0)


def _spare_holder() -> Spare | None:
    try:
        return Spare(JOB)
    except OSError:  # one is made when it is needed, or the run is told why not
        return None


def _be_on_its_own(*descriptors: int) -> None:
    """No more part of the launcher: its signals, session and descriptors (but ``descriptors``) are left behind. Raises
    OSError.
    """
    reset_signals()
    os.setsid()
    control_process(PR_SET_DUMPABLE, 0)
    control_process(PR_SET_CHILD_SUBREAPER, 1)
    close_all_but(0, 1, 2, *descriptors)


def run_monitor(packet: bytes, job_file: int, control: int) -> NoReturn:
    """Be the monitor that ``packet`` asks for until the daemon has taken its outcome. Never returns."""
    try:
        _be_on_its_own(job_file, control)
        _live(*read_birth(packet), job_file, socket.socket(fileno=control), None)
    except BaseException:  # a defect: on the daemon's standard error, as there is nobody else to tell
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(0)


def _live(run: str, run_dir: str, state_dir: str, job_file: int, control: socket.socket, spare: Spare | None) -> None:
    try:
        plate = _lock(plate_path(run_dir, run))
    except OSError as fault:  # given up by the daemon meanwhile, or there is another monitor: in no case ours to run
        Client(control).say_end("not started", FAILED, f"the run cannot be claimed: {fault.strerror}")
        return
    try:
        with open(job_file, "rb") as file:
            file.seek(0)
            job = read_job(file.read(MAX_JOB + 1))
        if job.run != run:
            raise ValueError("it is another run's")
        if isinstance(job, Login):
            if spare is not None:
                os.waitpid(spare.dismiss(), 0)  # a keeper waits for no child
            control.close()  # there is no client to a login
            life: Monitor | Keeper = Keeper(job, Line(socket_path(run_dir)), plate, state_dir)
        else:
            life = _monitor(job, control, Line(socket_path(run_dir)), plate, state_dir, spare)
    except Exception as fault:
        if GO in plate_lines(plate):  # a session whose keeper was killed: the daemon sees that nobody ends it, and tries again
            raise
        because = sentence(f"the monitor could not begin: {type(fault).__name__}: {fault}")
        with suppress(OSError):  # its disk fails: without an outcome, and without a go on the plate, the same is known
            write_outcome(state_dir, run, Left("not started", FAILED, because))
        Client(control).say_end("not started", FAILED, because)
        return
    life.run()
    while not life.housing.remove():
        time.sleep(0.02)
    copies = copy_directory(state_dir, run)
    with suppress(OSError):  # there is none, or its disk takes nothing any more: the plate has to go all the same
        for name in os.listdir(copies):
            os.unlink(f"{copies}/{name}")
        os.rmdir(copies)
    for path in (outcome_path(state_dir, run), plate_path(run_dir, run)):
        with suppress(OSError):
            os.unlink(path)


def _monitor(job: Job, control: socket.socket, line: Line, plate: int, state_dir: str, spare: Spare | None) -> Monitor:
    if spare is not None and job.is_housed:  # it is not in the control group that this process is taken into
        spare.dismiss()
        spare = None
    return Monitor(job, control, line, plate, state_dir, spare)


def _lock(path: str) -> int:
    """Open the plate and claim the run. The daemon looks whether the lock is free, for a moment: so try for a while."""
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
