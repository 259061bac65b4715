# SPDX-License-Identifier: Apache-2.0
"""The steps that the command's process executes between fork and exec.

Law: if a step fails, this process reports a sentence and ends, and nothing is executed. Only the command's process receives the
client's descriptors. If a stream is recorded, a separate process (the stream's pump) passes on the stream. The pump inherits the
descriptor of the stream from the command's process. The holder is the process that keeps the PAM session open. The monitor and
the holder never have a descriptor of the client, so they never wait for a client's descriptor.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from jitd.beside import filtering
from jitd.files import exchange, new_file, removing
from jitd.files.inspection import Uninspectable
from jitd.monitor import checking, namespace
from jitd.monitor.caller import stands_in
from jitd.monitor.execution import CannotStart, Execution, what_to_execute
from jitd.monitor.leash import FROM_COMMAND, TO_COMMAND, Arrived, Checked, Forked, NotStarted, Sender, Stands, WhoSends, Writes
from jitd.monitor.limits import ENDING
from jitd.monitor.orders import CANNOT, FAILED, MAX_WORD, MISSING, Go, Job, Ready, sentence, what_failed
from jitd.monitor.pump import Pumps
from jitd.monitor.signalling import Pid
from jitd.monitor.slate import become, close_all_but, end_with_parent, reset_signals
from jitd.monitor.streams import WANTED, Streams, Unfit, fits, receive
from jitd.monitor.terminal import Terminal
from jitpam.wire.shown import reshown, shown

SHELL = b"/bin/sh"  # the shell that executes a script if the script has no interpreter line


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The sockets and descriptors that the monitor has created for the command.

    ``leash`` is the socket between the command's process and the monitor; exec closes it. ``life`` is a socket that the monitor
    closes when the command has ended. The closed socket informs the holder. ``slave`` is the command's end of the terminal.
    ``monitor`` is the pid of the monitor. ``pumps`` has the sockets to the processes that pass on recorded streams. ``pumps`` is
    None if no stream is recorded, or if only the terminal is recorded.
    """

    control: socket.socket
    leash: socket.socket
    life: socket.socket
    slave: int | None
    monitor: int
    state_dir: str
    pumps: Pumps | None = None

    @property
    def passed(self) -> tuple[int, ...]:
        """Return the descriptors in this object that the command's process must keep until its streams are in place."""
        slave = () if self.slave is None else (self.slave,)
        pumps = () if self.pumps is None else self.pumps.descriptors
        return (self.control.fileno(), self.leash.fileno(), *slave, *pumps)


def become_command(job: Job, around: Surroundings, *, is_contained: bool) -> NoReturn:
    """Prepare this process, report that it is ready, wait for ``go``, and execute the command. Never returns. ``is_contained`` is
    True if this process is in the pid namespace of the run.

    The module ``leash`` has the messages between this process and the monitor. Exec closes the leash, but a kill closes it as
    well. So when the leash is closed, the monitor asks the kernel whether exec has succeeded.
    """
    try:
        os.setpgid(0, 0)
        around.leash.send(FROM_COMMAND.write(Forked(namespace.host_pid())))
        reset_signals()
        parent = 0 if is_contained else around.monitor  # a parent outside of the namespace has the number 0 in it
        end_with_parent(parent)
        close_all_but(0, 1, 2, *around.passed)
        caller = _caller(around) if is_contained and job.inherits else None
        streams = _streams(job, around)
        execution = what_to_execute(job, around.state_dir) if job.executes else None
        _arrange(job, streams, around, parent)
        is_inside = job.inherits and _begin_in_directory(job, streams.sender if caller is None else caller)
        if is_contained:
            namespace.mount_proc()
        if job.given_gid is not None:
            filtering.confine(job.given_gid)
        checker = checking.begin(job, around.state_dir)
        become(job.uid, job.gid, job.groups)
        _enter_directory(job, is_inside=is_inside)
        if execution is not None and not all(os.access(named, os.X_OK) for named in execution.stood_in_for):
            raise CannotStart("the target user may not execute the file")
        end_with_parent(parent)
        around.leash.send(FROM_COMMAND.write(Ready()))
        if isinstance(_heard(around.leash), Go):
            if execution is None:
                _write(job, around.leash, checker)
            _execute(job, execution)
    except CannotStart as fault:
        tell(around.leash, fault.number, fault.because)
    except (Unfit, Uninspectable, namespace.Impossible, filtering.Unavailable) as fault:
        tell(around.leash, CANNOT, str(fault))
    except BaseException as fault:  # an exception of any kind: report it, and execute nothing
        tell(around.leash, FAILED, f"the command could not be prepared: {what_failed(fault)}")
    finally:
        os._exit(CANNOT)


def tell(leash: socket.socket, number: int, because: str) -> None:
    """Tell the monitor that the command will not be executed, and give the reason."""
    with suppress(OSError):  # the monitor has ended; without a monitor nothing is executed
        leash.send(FROM_COMMAND.write(NotStarted(number, sentence(because))))


def _caller(around: Surroundings) -> Pid:
    """Wait for the client's first packet, and return the pid of its sender on the host, or 0 if the client has disconnected."""
    waits = select.poll()
    waits.register(around.control, select.POLLIN)
    waits.poll()
    around.leash.send(FROM_COMMAND.write(WhoSends()))
    said = _heard(around.leash)
    return said.pid if isinstance(said, Sender) else 0


def _heard(leash: socket.socket) -> Sender | Go | None:
    """Wait for a message of the monitor. Return None if the monitor has ended. Raises ValueError."""
    packet = leash.recv(MAX_WORD)
    return TO_COMMAND.read(packet) if packet else None


def _streams(job: Job, around: Surroundings) -> Streams:
    streams = receive(around.control, job.streams)
    if streams is None:
        raise CannotStart("the client went away")
    around.control.close()
    if not fits(job.stdin, streams.kinds[0]):
        raise CannotStart(f"standard input is a {streams.kinds[0]}, but the rule requires {WANTED[job.stdin]}")
    if around.slave is not None and "terminal" not in streams.kinds:
        Terminal.renounce(around.slave)
    around.leash.send(FROM_COMMAND.write(Arrived(streams.turn, "terminal" in streams.kinds)))
    return streams


def _arrange(job: Job, streams: Streams, around: Surroundings, parent: Pid) -> None:
    """Give the descriptors 0 to 2 to the streams. Close all others except the leash (the socket to the monitor)."""
    leash = around.leash.fileno()
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    sources = []
    recorded = _recorded(job, streams, around, parent)
    for slot, kind in enumerate(streams.kinds):
        source = null if kind == "closed" else around.slave if kind == "terminal" else recorded[slot]
        if source is None or source <= 2:
            raise CannotStart("the command would get a stream that nobody approved", FAILED)
        sources.append(source)
    for slot, source in enumerate(sources):
        os.dup2(source, slot, inheritable=True)
    close_all_but(0, 1, 2, leash)


def _recorded(job: Job, streams: Streams, around: Surroundings, parent: Pid) -> dict[int, int]:
    """Return by slot the streams that are not a terminal. One that is recorded is a pipe to its pump. Raises OSError."""
    if around.pumps is None:
        return streams.descriptors
    sources = {slot: each for slot, each in streams.descriptors.items() if slot in around.pumps.slots}
    return streams.descriptors | around.pumps.start(sources, parent, job)


def _begin_in_directory(job: Job, caller: int) -> bool:
    """Enter the approved directory as root, as sudo does, but only if it is the current directory of the process ``caller``.
    Return True if this process is now there. Nobody gets rights of root by this: the requester has entered the directory with
    their own, and an account that may not search it cannot use anything in it.
    """
    if not stands_in(caller, job.requester_uid, job.cwd_device, job.cwd_inode):
        return False
    try:
        os.chdir(job.cwd)
        found = os.stat(".")
    except OSError:  # for example a directory on a network file system that root may not enter
        return False
    return (found.st_dev, found.st_ino) == (job.cwd_device, job.cwd_inode)


def _enter_directory(job: Job, *, is_inside: bool) -> None:
    """Enter the approved directory by its path, as the target user. Raises CannotStart if the path leads to another directory, or
    if the user may not enter it, unless this process ``is_inside`` already.
    """
    try:
        os.chdir(job.cwd)
        found = os.stat(".")
    except PermissionError as fault:
        if is_inside:
            return
        raise CannotStart(f"the working directory cannot be entered: {fault.strerror}") from None
    except OSError as fault:
        raise CannotStart(f"the working directory cannot be entered: {fault.strerror}") from None
    if (found.st_dev, found.st_ino) != (job.cwd_device, job.cwd_inode):
        raise CannotStart("the working directory is not the approved one")


def _write(job: Job, leash: socket.socket, checker: checking.Checker | None) -> NoReturn:
    """Give the files of the job their new texts, or remove its file, with the rights of the target account. Never returns. If
    this is not done, all is as it was, or the reason says what is not. It is written to the client's standard error. The monitor
    is told at each step which files stand, because it alone can say so after this process was killed.
    """

    def tell(written: Sequence[int], unsure: int | None) -> None:
        with suppress(OSError):
            leash.send(FROM_COMMAND.write(Stands(tuple(written), unsure)))

    status, name = 1, os.path.basename(job.path)
    lead = f"{shown(job.path)} was not {'written' if job.removes is None else 'removed'}"
    try:
        checking.end_tidily()
        leash.send(FROM_COMMAND.write(Writes()))
        if job.edits:
            lead = "nothing was written"
            _write_together(job, leash, checker, tell)
            os._exit(0)
        directory = exchange.open_directory(os.path.dirname(job.path))
        if job.makes is not None:
            device, inode, gid, mode, text = job.makes
            wanted = new_file.Wanted(device, inode, job.uid, gid, mode)
            new_file.make(directory, name, text, wanted, lambda: _checked(checker, leash))
        elif job.removes is not None:
            device, inode, uid, gid, mode = job.removes
            gone = exchange.Expected(device, inode, job.digest)
            removing.remove(directory, name, gone, (uid, gid, mode), lambda: _checked(checker, leash), tell)
        else:
            assert job.edit is not None, "nothing else is written"
            device, inode, text = job.edit
            expected = exchange.Expected(device, inode, job.digest)
            exchange.exchange(directory, name, text, expected, lambda: _checked(checker, leash), tell)
        status = 0
    except BaseException as fault:
        because = str(fault) if isinstance(fault, exchange.NotExchanged) else what_failed(fault)
        told = "\n".join(map(reshown, because.split("\n")))
        with suppress(OSError):
            lead = "not all files are as they were" if isinstance(fault, exchange.Halfway) else lead
            os.write(2, f"jitsudo: {lead}: {told}\n".encode())
    finally:
        if checker is not None:
            checker.end()
        os._exit(status)


def _write_together(job: Job, leash: socket.socket, checker: checking.Checker | None, tell: exchange.Tell) -> None:
    """Give several files their new texts. Raises NotExchanged."""
    files = []
    for path, device, inode, digest, text in job.edits:
        place, name = os.path.split(path)
        expected = exchange.Expected(device, inode, digest)
        try:
            files.append(exchange.File(exchange.open_directory(place), name, text, expected, shown(path)))
        except exchange.NotExchanged as why:
            raise exchange.NotExchanged(f"{shown(path)}: {why}") from None
    exchange.exchange_all(files, lambda: _checked(checker, leash), tell)


def _checked(checker: checking.Checker | None, leash: socket.socket) -> str:
    """Return why the checks do not take the text, or "". After that, nothing interrupts the exchange."""
    said = Checked("", "") if checker is None else checker.answer()
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    if said.told:
        leash.send(FROM_COMMAND.write(said))
    return said.told


def _execute(job: Job, execution: Execution) -> None:
    environment, command = dict(job.environment), execution.command
    try:
        os.execve(execution.file, list(execution.argv), environment)
    except OSError as fault:
        if fault.errno != errno.ENOEXEC:
            missing = fault.errno in (errno.ENOENT, errno.ENOTDIR) and not os.path.lexists(execution.file)
            raise CannotStart(f"the file cannot be executed: {fault.strerror}", MISSING if missing else CANNOT) from None
    try:
        os.execve(SHELL, [b"sh", command, *job.argv[1:]], environment)
    except OSError as fault:
        raise CannotStart(f"the file cannot be executed: {fault.strerror}") from None
