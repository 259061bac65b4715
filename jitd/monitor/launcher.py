# SPDX-License-Identifier: Apache-2.0
"""The launcher is a small process that has loaded all modules. Daemons send jobs to the launcher. The launcher forks one monitor
for each job.

The launcher is either a child of its daemon, with one inherited socket, or a service of systemd, with a listening socket. As a
service, the launcher continues when the daemon is restarted, and the daemon's sandbox does not limit the launcher.
Law: the launcher does not read jobs, and after a fork it keeps no data of the job. The launcher and the daemon share only their
socket. The launcher disconnects a peer that does not run as root. A launcher that is a child of its daemon ends when its socket
is closed. The monitors that it has forked continue.
"""

from __future__ import annotations

import codecs
import gc
import os
import select
import signal
import socket
import struct
import sys
from contextlib import suppress

from jitd.monitor import account_stage, namespace, proving
from jitd.monitor.birth import await_job, receive, run_monitor
from jitd.monitor.client import Client
from jitd.monitor.handing_over import forked
from jitd.monitor.orders import FAILED, FROM_LAUNCHER, TO_LAUNCHER, Birth, Unborn, sentence
from jitd.monitor.pam_session import warm
from jitd.monitor.proof_orders import MayUse, Prove
from jitd.monitor.rehearsal import rehearse_look
from jitd.monitor.slate import PR_SET_DUMPABLE, control_process, reset_signals

RESTED = 0.01
"""Seconds without a new job, after which the next monitor is forked in advance. The fork could delay the start of the monitor of
the last job, which takes 7 ms, or a job that comes immediately after it.
"""
FIRST_PASSED = 3  # the number of the first descriptor that systemd passes (sd_listen_fds(3))


class Nursery:
    """Creates the monitors. One monitor is always forked in advance. Therefore a run usually does not wait for a fork. A fork,
    together with its later costs, would take a fifth of the time that a run needs to start.

    If two jobs arrive at the same time, another monitor is forked for the second job.
    """

    def __init__(self) -> None:
        self._spare: socket.socket | None = None

    @property
    def is_ready(self) -> bool:
        """True if a monitor waits for a job."""
        return self._spare is not None

    def prepare(self) -> None:
        """Fork a monitor that waits for its job at the other end of a new socket. This monitor ends if the socket is closed.

        If the fork fails, no monitor waits for a job, and no exception is raised.
        """
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        except OSError:
            return
        with theirs:
            try:
                pid = os.fork()
            except OSError:
                ours.close()
                return
            if pid == 0:
                await_job(theirs)
            self._spare = ours

    def give(self, packet: bytes, descriptors: list[int]) -> socket.socket:
        """Give a job to a monitor. ``packet`` is the daemon's request for a monitor. ``descriptors`` contains two descriptors:
        the job's file, and the monitor's end of the control socket. Return the socket for which the monitor waits until it is
        closed.

        Raises OSError.
        """
        return self._give_spare(packet, descriptors) or forked(
            lambda held: run_monitor(packet, descriptors[0], descriptors[1], held)
        )

    def _give_spare(self, packet: bytes, descriptors: list[int]) -> socket.socket | None:
        """Return None if no monitor waits, or if it has ended without receiving the job."""
        if (spare := self._spare) is None:
            return None
        self._spare = None
        try:
            socket.send_fds(spare, [packet], descriptors, socket.MSG_NOSIGNAL)
        except OSError:
            spare.close()
            return None
        return spare


def serve(listener: socket.socket | None, daemons: dict[int, socket.socket]) -> None:
    """Receive jobs from ``daemons``, and give each job to a monitor. ``daemons`` maps descriptors to sockets. If there is no
    ``listener``, return when all daemons have disconnected.
    """
    nursery = Nursery()
    waits = select.poll()
    for waited in [*daemons, *([listener.fileno()] if listener else [])]:
        waits.register(waited, select.POLLIN)
    while listener or daemons:
        ready = waits.poll(None if nursery.is_ready else RESTED * 1000)
        if not ready:
            nursery.prepare()
        for descriptor, _ in ready:
            if listener and descriptor == listener.fileno():
                daemon = _accept(listener)
                if daemon is not None:
                    daemons[daemon.fileno()] = daemon
                    waits.register(daemon, select.POLLIN)
            elif not _hear(daemons[descriptor], nursery):
                waits.unregister(descriptor)
                daemons.pop(descriptor).close()


def _accept(listener: socket.socket) -> socket.socket | None:
    try:
        daemon, _ = listener.accept()
    except OSError:
        return None
    if struct.unpack("iII", daemon.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1] != 0:
        daemon.close()
        return None
    return daemon


def _hear(daemon: socket.socket, nursery: Nursery) -> bool:
    """Read one job from ``daemon``. Return False if the daemon has disconnected."""
    try:
        packet, descriptors = receive(daemon)
    except OSError:
        return False
    run, held = "", None
    try:
        if not packet and not descriptors:
            return False
        match TO_LAUNCHER.read(packet):
            case MayUse() as order if len(descriptors) == 1:
                account_stage.begin(order, *descriptors)
            case Prove(user) if len(descriptors) == 2:
                held = forked(lambda held: proving.live(user, descriptors[0], descriptors[1], held))
            case Birth(run) if len(descriptors) == 2:
                held = nursery.give(packet, descriptors)
            case _:
                raise ValueError(f"it came with {len(descriptors)} descriptors")
    except ValueError as fault:  # a daemon of another version: write this to the log; the daemon gets no answer
        print(f"jitd-launcher: a job that cannot be read: {fault}", file=sys.stderr, flush=True)
    except OSError as fault:
        if run:
            because = sentence(f"no process could be created: {fault.strerror}")
            with suppress(OSError):  # the daemon has ended, and the next one searches for the run
                daemon.send(FROM_LAUNCHER.write(Unborn(run, because)), socket.MSG_NOSIGNAL)
            client = Client(socket.socket(fileno=descriptors.pop()))
            client.say_end("not started", FAILED, because)
            client.close()
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
        if held is not None:
            held.close()
    return True


def main() -> int:
    """Be the launcher: of a daemon by ``python -IS -c … DESCRIPTOR RUN_DIR``, of systemd without arguments."""
    is_service = len(sys.argv) == 1
    descriptor = FIRST_PASSED if is_service else int(sys.argv[-2])
    if is_service and (os.environ.get("LISTEN_PID"), os.environ.get("LISTEN_FDS")) != (str(os.getpid()), "1"):
        print("jitd-launcher: systemd starts this program, with one socket (jitd-launcher.socket)", file=sys.stderr)
        return 2
    os.environ.clear()
    os.chdir("/")
    os.umask(0o077)
    reset_signals()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at the daemon's terminal is not meant for the launcher
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the monitors
    control_process(PR_SET_DUMPABLE, 0)
    with socket.socket(fileno=descriptor) as passed:
        passed.set_inheritable(False)
        warm()
        for encoding in ("ascii", "latin-1"):
            codecs.lookup(encoding)  # imports a module; each process of a run would import it anew
        rehearse_look()
        with suppress(OSError):  # later a holder tries again
            namespace.why_impossible()
        gc.collect()
        gc.freeze()  # memory that is shared with the monitors stays shared
        serve(passed if is_service else None, {} if is_service else {descriptor: passed})
    return 0
