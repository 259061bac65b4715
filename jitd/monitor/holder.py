# SPDX-License-Identifier: Apache-2.0
"""The process between monitor and command (the holder). The holder opens the PAM session, creates the command's process, and
closes the session at the end.

A monitor forks a holder in advance, while the monitor waits for its job. Therefore no run has to wait for the fork of its holder.
The first writes after a fork cause copies of memory pages, and no run has to wait for these copies (docs/start.md).
Law: if a step fails, the holder reports a sentence and ends, and nothing is executed. A holder that was forked in advance has no
data of any run. A holder accepts at most one job, and ends when its monitor ends.
"""

from __future__ import annotations

import array
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, NoReturn

from jitd.monitor import namespace
from jitd.monitor.child import Surroundings, become_command, tell
from jitd.monitor.execution import CannotStart
from jitd.monitor.housing import Housing, rehearse_fork
from jitd.monitor.leash import FROM_COMMAND, Contained
from jitd.monitor.orders import CANNOT, DIRECTORY, FAILED, JOBS, MAX_JOB, MAX_WORD, Job, Login, what_failed
from jitd.monitor.pam_session import Refused, Session, close_after, ignore_signals, rehearse
from jitd.monitor.signalling import Pid
from jitd.monitor.slate import close_all_but, name_requester, reset_signals, wipe
from jitpam.wire.declared import Codec, optional


@dataclass(frozen=True, slots=True)
class Hold:
    """Open a job's session, with four descriptors: its sealed file, and ``control``, ``leash`` and ``life`` of Surroundings."""

    state_dir: Annotated[str, DIRECTORY]


@dataclass(frozen=True, slots=True)
class Settle:
    """Create the command's process, as one of the processes of the control group ``directory``, if there is one."""

    directory: Annotated[str | None, optional(DIRECTORY)]


TO_HOLDER = Codec[Hold | Settle]("do", {"hold": Hold, "place": Settle}, MAX_WORD)
"""What a monitor tells its spare holder. tests/monitor/golden-leash has the bytes."""


class Spare:
    """A holder that was forked in advance and has no job yet."""

    def __init__(self, rehearsed: Job) -> None:
        """Fork the holder. It rehearses with ``rehearsed``, a job of no run, and then waits for its own. Raises OSError."""
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        self._job_file = -1
        monitor = os.getpid()
        with theirs:
            try:
                self._pid = os.fork()
            except OSError:
                self._orders.close()
                raise
            if self._pid == 0:
                self._orders.close()
                _await_job(theirs, monitor, rehearsed)

    def expect(self, job_file: int) -> None:
        """Name the job's sealed file, which the holder reads itself. It is closed when the holder has it or is dismissed."""
        self._job_file = job_file

    def take(self, around: Surroundings) -> bool:
        """Give the holder its job. The holder then opens the session. Return False if the holder cannot accept this job. A holder
        that cannot accept the job ends, and receives no part of the job.

        A process inherits the controlling terminal of its parent when it is forked (tty_ioctl(4)). The holder was forked before
        the monitor opened the terminal of the job. Therefore the holder cannot accept a job with a terminal. The holder also
        cannot accept a job with recorded streams, because recorded streams need more descriptors. A job with recorded streams
        takes more time to start in any case.
        """
        if around.slave is None and around.pumps is None:
            handed = [self._job_file, around.control.fileno(), around.leash.fileno(), around.life.fileno()]
            with suppress(OSError):
                socket.send_fds(self._orders, [TO_HOLDER.write(Hold(around.state_dir))], handed, socket.MSG_NOSIGNAL)
                os.close(self._job_file)
                return True
        self.dismiss()
        return False

    def go_on(self, housing: Housing) -> Pid:
        """Let the holder create the command's process as one of the processes of ``housing``. Return the holder's pid.

        If the holder has already ended, it has sent the reason to the monitor. The reason was sent through the socket ``leash``.
        """
        with self._orders, suppress(OSError):
            self._orders.send(TO_HOLDER.write(Settle(housing.directory)), socket.MSG_NOSIGNAL)
        return self._pid

    def dismiss(self) -> None:
        """End the holder, and wait until it has ended: a child of the monitor that is still there counts as one of the run's."""
        self._orders.close()
        if self._job_file >= 0:
            os.close(self._job_file)
        os.kill(self._pid, signal.SIGKILL)  # nobody has waited for it yet, so the pid still belongs to it
        os.waitpid(self._pid, 0)


def begin(job: Job, around: Surroundings, spare: Spare | None) -> Callable[[Housing], Pid]:
    """Let ``spare`` open the session, if ``spare`` can accept the job. Meanwhile the caller finds a control group for the
    command.

    Return a function. The caller calls this function once, with the Housing that has the control group of the command. The
    function lets a holder create the command's process in this group, and returns the holder's pid. If ``spare`` could not
    accept the job, the function forks a new holder. ``begin`` and the returned function raise OSError.
    """
    if spare is not None and spare.take(around):
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
        tell(around.leash, FAILED, f"the command could not be prepared: {what_failed(fault)}")
    finally:
        os._exit(0)


def _await_job(orders: socket.socket, monitor: Pid, rehearsed: Job) -> NoReturn:
    try:
        _be_clean(orders.fileno())
        _rehearse(rehearsed)
        if given := _receive(orders, monitor):
            _hold_session(*given, lambda: _place(orders))
    except BaseException:  # a defect: print it on the daemon's standard error; the monitor notices that the leash is closed
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(0)


def _rehearse(job: Job) -> None:
    """Execute the holder's steps from the arrival of a job to the fork of the command's process. Steps that have an effect are
    left out. The module ``rehearsal`` does the same for the steps of a monitor.
    """
    rehearse()
    with suppress(Exception):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        with ours, theirs, open(os.memfd_create("rehearsal", os.MFD_CLOEXEC), "wb", buffering=0) as file:
            file.write(JOBS.write(job))
            socket.send_fds(ours, [TO_HOLDER.write(Hold("/nowhere"))], [file.fileno(), *[ours.fileno()] * 3])
            given = _receive(theirs, 0)
            ours.send(TO_HOLDER.write(Settle("/nowhere")))
            _place(theirs)
            for each in (given[1].control, given[1].leash, given[1].life) if given else ():
                each.close()
        rehearse_fork()


def read_job(file: int) -> Job | Login:
    """Return the job in the sealed file that the daemon has made. Raises OSError and ValueError."""
    return JOBS.read(os.pread(file, min(os.fstat(file).st_size, MAX_JOB + 1), 0))


def _receive(orders: socket.socket, monitor: Pid) -> tuple[Job, Surroundings] | None:
    """None if the monitor has ended. Descriptors arrive close-on-exec, unlike by ``recv_fds``. Raises OSError, ValueError."""
    descriptors = array.array("i")
    room = socket.CMSG_SPACE(4 * descriptors.itemsize)
    packet, ancillary, _, _ = orders.recvmsg(MAX_WORD, room, socket.MSG_CMSG_CLOEXEC)
    if not packet:
        return None
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(payload)
    said, (file, *sockets) = TO_HOLDER.read(packet), descriptors
    job = read_job(file)
    os.close(file)
    if not isinstance(said, Hold) or not isinstance(job, Job):
        raise ValueError("the monitor has not brought a command's job")
    control, leash, life = (socket.socket(fileno=descriptor) for descriptor in sockets)
    return job, Surroundings(control, leash, life, None, monitor, said.state_dir)


def _place(orders: socket.socket) -> Housing:
    """Wait until the monitor sends the control group for the command. Raises CannotStart if the monitor has ended."""
    packet = orders.recv(MAX_WORD)
    orders.close()
    if not packet:
        raise CannotStart("the monitor is gone")
    if not isinstance(said := TO_HOLDER.read(packet), Settle):
        raise ValueError("the monitor has not said where the command belongs")
    housing = Housing()
    housing.directory = said.directory
    return housing


def _be_clean(*descriptors: int) -> None:
    """Drop the inherited signals, limits and descriptors, except 0 to 2 and ``descriptors``. Raises OSError."""
    reset_signals()
    ignore_signals()
    close_all_but(0, 1, 2, *descriptors)
    wipe()


def _hold_session(job: Job, around: Surroundings, place: Callable[[], Housing]) -> None:
    """Open the session, create the command's process beside this process, and close the session when the command has ended.
    ``place`` waits for the control group of the command, and returns it. This process is outside of it, so it can always close.
    """
    try:
        name_requester(job.requester_uid)
        try:
            session = Session()
            session.begin(job.user, _requester(job), _terminal(job, around))
        except Refused as fault:
            raise CannotStart(str(fault)) from None
        holder, way_back = os.getpid(), None
        try:
            way_back = _contain(job, around)
            pid = place().fork_beside()
        except BaseException:
            if os.getpid() != holder:  # this is the child, which could not move into the control group
                os._exit(CANNOT)
            if way_back is not None:
                namespace.leave(way_back)
            session.close()
            raise
        if pid == 0:
            become_command(job, around, is_contained=way_back is not None)
        if way_back is not None:
            namespace.leave(way_back)  # the PAM modules that close the session may fork
        for ours in around.passed:  # the descriptors that a PAM module has opened stay open
            os.close(ours)
        close_after(session, around.life)
    except CannotStart as fault:
        tell(around.leash, fault.number, fault.because)
    except BaseException as fault:
        tell(around.leash, FAILED, f"the command could not be prepared: {what_failed(fault)}")


def _contain(job: Job, around: Surroundings) -> int | None:
    """Make the command's pid namespace, if it has to have one. Return what ``namespace.leave`` takes. Raises CannotStart."""
    if not namespace.is_wanted(job):
        return None
    try:
        way_back, init = namespace.enter(around.monitor)
    except namespace.Impossible as fault:
        if not namespace.is_required(job):
            return None
        why = "the group is given for this run alone" if job.given_gid is not None else 'the rule has run.namespace = "always"'
        raise CannotStart(f"{fault}, and {why}") from None
    around.leash.send(FROM_COMMAND.write(Contained(init)))
    return way_back


def _requester(job: Job) -> str:
    return os.fsdecode(dict(job.environment).get(b"SUDO_USER", b"")) or f"#{job.requester_uid}"


def _terminal(job: Job, around: Surroundings) -> str | None:
    """Return the path of the run's terminal. Return None if the command has no terminal."""
    return os.ttyname(around.slave) if around.slave is not None and "terminal" in job.streams else None
