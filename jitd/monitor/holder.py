# SPDX-License-Identifier: Apache-2.0
"""The process between monitor and command (the holder): it opens the PAM session, makes the command's process, and closes the
session at the end.

A monitor that waits for its job forks a holder in advance. So no run waits for that fork, nor for the copies of memory that the
first writes after a fork cause (docs/start.md).
Law: every step that fails ends here, with a sentence, and nothing is executed. A holder that is forked in advance knows nothing
of any run. It takes one job, or none, and ends with its monitor.
"""

from __future__ import annotations

import array
import marshal
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import fields
from typing import NoReturn

from jitd.monitor.child import CannotStart, Surroundings, become_command, tell
from jitd.monitor.housing import Housing, rehearse_fork
from jitd.monitor.orders import CANNOT, FAILED, Job
from jitd.monitor.pam_session import Refused, Session, close_after, ignore_signals, rehearse
from jitd.monitor.signalling import Pid
from jitd.monitor.slate import close_all_but, name_requester, reset_signals, wipe

MOST_SAID = 64 * 1024
"""Bytes of a job that a spare holder takes at most. For a longer job a holder is forked that has the job in its memory."""


class Spare:
    """A holder without a job, forked in advance."""

    def __init__(self, rehearsed: Job) -> None:
        """Fork the holder. Before it waits for its job, it goes through ``rehearsed``, a job of no run. Raises OSError."""
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        with theirs:
            try:
                self._pid = os.fork()
            except OSError:
                self._orders.close()
                raise
            if self._pid == 0:
                self._orders.close()
                _await_job(theirs, rehearsed)

    def take(self, job: Job, around: Surroundings) -> bool:
        """Give the holder a job, so that it opens the session. False if it cannot take the job: it gets nothing of it, and ends.

        It cannot take a job with a terminal: it was forked before the terminal belonged to the session, so the terminal never
        becomes its controlling terminal (tty_ioctl(4)). Nor a job with recorded streams: those need more descriptors, and more
        time anyway.
        """
        try:
            said = pack(job, around.monitor, around.state_dir)
            if around.slave is not None or around.pumps is not None or len(said) > MOST_SAID:
                raise ValueError
            handed = [around.control.fileno(), around.leash.fileno(), around.life.fileno()]
            socket.send_fds(self._orders, [said], handed, socket.MSG_NOSIGNAL)
        except (OSError, ValueError):
            self.dismiss()
            return False
        return True

    def go_on(self, housing: Housing) -> Pid:
        """Have the holder make the command's process in ``housing``. Return the holder's number.

        The holder may have ended already; then it has told why on the leash.
        """
        with self._orders, suppress(OSError):
            self._orders.send(marshal.dumps(housing.directory), socket.MSG_NOSIGNAL)
        return self._pid

    def dismiss(self) -> Pid:
        """End the holder. Return its number, to wait for it; a monitor waits for each of its children anyway."""
        self._orders.close()
        os.kill(self._pid, signal.SIGKILL)  # it was not waited for yet, so the number is still its own
        return self._pid


def begin(job: Job, around: Surroundings, spare: Spare | None) -> Callable[[Housing], Pid]:
    """Have ``spare`` open the session, if it can, while the caller finds out where the command is to live.

    Return a function for the caller to call once, with that place. The function has the command's process made there, and
    returns the holder's number. Both raise OSError.
    """
    if spare is not None and spare.take(job, around):
        return spare.go_on
    return lambda housing: _fork_for(job, around, housing)


def _fork_for(job: Job, around: Surroundings, housing: Housing) -> Pid:
    pid = os.fork()
    if pid == 0:
        _begin(job, around, housing)
    return pid


def _begin(job: Job, around: Surroundings, housing: Housing) -> NoReturn:
    try:
        _be_clean(*around.passed, around.life.fileno())
        _hold_session(job, around, lambda: housing)
    except BaseException as fault:
        tell(around.leash, FAILED, f"the command could not be prepared: {type(fault).__name__}: {fault}")
    finally:
        os._exit(0)


def _await_job(orders: socket.socket, rehearsed: Job) -> NoReturn:
    try:
        _be_clean(orders.fileno())
        _rehearse(rehearsed)
        said, descriptors = _receive(orders)
        if said:
            _hold_session(*_unpack(said, descriptors), lambda: _place(orders))
    except BaseException:  # a defect: print it on the daemon's standard error; the monitor sees that the leash is closed
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(0)


def _rehearse(job: Job) -> None:
    """Go through the steps between a job and the fork that have no effect, as ``rehearsal`` does for a monitor."""
    rehearse()
    with suppress(Exception):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        with ours, theirs:
            socket.send_fds(ours, [pack(job, 0, "/nowhere")], [ours.fileno()] * 3)
            _, around = _unpack(*_receive(theirs))
            ours.send(marshal.dumps("/nowhere"))
            _place(theirs)
            for each in (around.control, around.leash, around.life):
                each.close()
        rehearse_fork()


def pack(job: Job, monitor: Pid, state_dir: str) -> bytes:
    """Return the bytes that give a job to a waiting holder."""
    return marshal.dumps((tuple(getattr(job, field.name) for field in fields(Job)), monitor, state_dir))


def _unpack(said: bytes, descriptors: Iterable[int]) -> tuple[Job, Surroundings]:
    """Return what ``pack`` was given. The monitor wrote these bytes, and it is root as this process is."""
    values, monitor, state_dir = marshal.loads(said)
    control, leash, life = (socket.socket(fileno=descriptor) for descriptor in descriptors)
    return Job(*values), Surroundings(control, leash, life, None, monitor, state_dir)


def _place(orders: socket.socket) -> Housing:
    """Wait until the monitor says where the command is to live. Raises CannotStart if the monitor has ended."""
    said = orders.recv(MOST_SAID)
    orders.close()
    if not said:
        raise CannotStart("the monitor is gone")
    housing = Housing()
    housing.directory = marshal.loads(said)
    return housing


def _receive(orders: socket.socket) -> tuple[bytes, array.array[int]]:
    """Receive a job and its descriptors, which exec closes from the first moment: ``socket.recv_fds`` does not ask for that."""
    descriptors = array.array("i")
    room = socket.CMSG_SPACE(3 * descriptors.itemsize)
    said, ancillary, _, _ = orders.recvmsg(MOST_SAID, room, socket.MSG_CMSG_CLOEXEC)
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(payload)
    return said, descriptors


def _be_clean(*descriptors: int) -> None:
    """Give up what this process has inherited (signals, limits, descriptors) but 0 to 2 and ``descriptors``. Raises OSError."""
    reset_signals()
    ignore_signals()
    close_all_but(0, 1, 2, *descriptors)
    wipe()


def _hold_session(job: Job, around: Surroundings, place: Callable[[], Housing]) -> None:
    """Open the session, make the command's process beside this one, and close the session when the command has ended.

    ``place`` waits until it is known where the command is to live, and returns that. This process is outside of that control
    group, so it can close the session whatever ends the command.
    """
    try:
        name_requester(job.requester_uid)
        try:
            session = Session()
            session.begin(job.user, _requester(job), _terminal(job, around))
        except Refused as fault:
            raise CannotStart(str(fault)) from None
        holder = os.getpid()
        try:
            pid = place().fork_beside()
        except BaseException:
            if os.getpid() != holder:  # this is the child, which could not move into the control group
                os._exit(CANNOT)
            session.close()
            raise
        if pid == 0:
            become_command(job, around)
        for ours in around.passed:  # but not the descriptors that a PAM module has opened
            os.close(ours)
        close_after(session, around.life)
    except CannotStart as fault:
        tell(around.leash, fault.number, fault.because)
    except BaseException as fault:
        tell(around.leash, FAILED, f"the command could not be prepared: {type(fault).__name__}: {fault}")


def _requester(job: Job) -> str:
    return os.fsdecode(dict(job.environment).get(b"SUDO_USER", b"")) or f"#{job.requester_uid}"


def _terminal(job: Job, around: Surroundings) -> str | None:
    """Return the path of the run's terminal, or None if the command is to have none."""
    return os.ttyname(around.slave) if around.slave is not None and "terminal" in job.streams else None
