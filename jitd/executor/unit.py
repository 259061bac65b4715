# SPDX-License-Identifier: Apache-2.0
"""Starts monitors on hosts with systemd. The launcher is a separate service, and each run has a transient scope.

Scopes are requested from process 1 itself, because the system bus has one queue for the requests of all users. Ordinary users can
also keep systemd so busy that it answers, but starts nothing: systemd starts units when it has no other work. If no scope is made
in time, the request is cancelled, and the monitor makes its own control group below that of the launcher (ADR 0083).

The scope of a run is not a part of ``jitd.service``, so the run continues while the daemon is restarted. The scope is delegated,
because the monitor puts the command into a control group below its own group. If the monitor does not end a run in time, systemd
ends the scope some seconds later (systemd.scope(5), org.freedesktop.systemd1(5), https://systemd.io/CGROUP_DELEGATION/).

Law: no data from a client reaches systemd. The name of a unit is made from the id of the run. A unit has only the properties that
the function ``properties`` returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dbus_fast import AuthError, DBusError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from jitd.executor import ExecutorError, Report, Trouble
from jitd.executor.monitors import Monitors
from jitd.files.processes import control_groups_of
from jitd.monitor.orders import is_run_id

LAUNCHER = "/run/jitd/launcher.sock"  # the path of the socket on which `jitd-launcher.socket` listens
SLICE = "jitd.slice"
WITHIN = 5.0  # seconds at most to wait for an answer of systemd
AFTER_MONITOR = 10.0  # seconds after the run's time limit, which its monitor enforces, until systemd ends its scope
KILL_AFTER = 5.0  # seconds between SIGTERM and SIGKILL when systemd stops a scope
SYSTEMD = "org.freedesktop.systemd1"
MANAGER = "org.freedesktop.systemd1.Manager"
ROOT = "/org/freedesktop/systemd1"
SOCKET = "/run/systemd/private"  # the socket of process 1 to which only root can connect. systemctl(1) uses it, too.
NO_SUCH_JOB = "org.freedesktop.systemd1.NoSuchJob"
STARTS_WITHIN = 2.0  # seconds at most to wait until systemd has made a scope. Usually this takes some milliseconds.
AGAIN_AFTER = 5.0
"""If systemd has not made a scope in time, jitd requests no scope for this number of seconds. So a hiccup of systemd costs few
runs their scopes, and a flood does not make every run wait for STARTS_WITHIN.
"""
FRESH_FOR = 1.0  # if systemd has sent nothing for this number of seconds, jitd first asks whether systemd answers


class ServiceLauncher:
    """The launcher as a service outside of the daemon's sandbox. systemd starts it when the daemon connects."""

    def start(self) -> socket.socket:
        """Connect to the launcher, and return the socket. Raises OSError."""
        found = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        try:
            found.settimeout(WITHIN)
            found.connect(LAUNCHER)
        except OSError as fault:
            found.close()
            why = fault.strerror or "no answer"
            raise OSError(fault.errno, f"{why} (is jitd-launcher.socket active?)", LAUNCHER) from None
        return found

    def end(self) -> None:
        """Do nothing, because systemd ends the services that it has started."""


class Manager(MessageBus):
    """A connection to process 1 itself, at the socket that only root can reach. On the system bus, requests of every user stand
    in one queue before systemd.

    systemd sends all its signals on such a connection, and nobody has to subscribe.
    """

    async def _authenticate(self) -> None:
        """Authenticate in one packet, because systemd may answer a message that comes with the end only after another one."""
        assert self._sock is not None
        uid = str(os.geteuid()).encode("ascii").hex()
        await self._loop.sock_sendall(self._sock, f"\0AUTH EXTERNAL {uid}\r\nBEGIN\r\n".encode("ascii"))
        answer = await self._auth_readline()
        if not answer.startswith("OK "):
            raise AuthError(f"systemd refused: {answer}")


class NoSuchJob(ExecutorError):
    """systemd does not know the job, because the job has ended."""


class Behind(Exception):
    """systemd has not made a scope, and will not make it later. The argument is a sentence."""


class Scopes:
    """Creates transient scopes. If the connection to systemd is lost, a new connection is opened. If systemd does not make a
    scope in time, no further scope is requested for AGAIN_AFTER seconds. ``report`` is told of each run that has none.
    """

    def __init__(self, report: Callable[[Report], None]) -> None:
        self._report = report
        self._manager: Manager | None = None
        self._connecting = asyncio.Lock()
        self._jobs: dict[str, asyncio.Future[str]] = {}  # unit → the result of systemd's job for the unit
        self._heard_at = float("-inf")  # when systemd has sent the last message
        self._again_at = float("-inf")

    def close(self) -> None:
        """Disconnect from systemd. The scopes stay."""
        if self._manager is not None:
            self._manager.disconnect()
            self._manager = None

    async def take_in(self, run: str, pid: int, ends_at_boot_ns: int | None) -> bool:
        """Put process ``pid`` into the scope of ``run``, if the process is not there already. Return False if systemd has made no
        scope in time, and will not make it later. Raises ExecutorError.
        """
        unit = unit_of(run)
        if is_in(pid, unit):
            return True
        try:
            await self._make(run, unit, pid, ends_at_boot_ns)
        except Behind as fault:
            if self._again_at < time.monotonic():
                self._again_at = time.monotonic() + AGAIN_AFTER
            self._report(Trouble(f"run {run}: no scope, so systemd does not list it, nor end it after its time limit: {fault}"))
            return False
        return True

    async def _make(self, run: str, unit: str, pid: int, ends_at_boot_ns: int | None) -> None:
        manager = await self._connected()
        done = self._jobs.setdefault(unit, asyncio.get_running_loop().create_future())
        wanted = properties(run, pid, ends_at_boot_ns)
        try:
            job: str = await self._call(manager, "StartTransientUnit", "ssa(sv)a(sa(sv))", unit, "fail", wanted, [])
            async with asyncio.timeout(STARTS_WITHIN):
                result = await done
        except TimeoutError:
            await self._cancel(manager, job)
            if is_in(pid, unit):
                return
            raise Behind(f"systemd did not make {unit} within {STARTS_WITHIN:.0f} s") from None
        finally:
            self._jobs.pop(unit, None)
        if result != "done" or not is_in(pid, unit):
            with contextlib.suppress(ExecutorError):  # systemd never removes a scope that had no process
                await self._call(manager, "StopUnit", "ss", unit, "replace")
            raise ExecutorError(f"systemd did not take the monitor into {unit}: {result}")

    async def _cancel(self, manager: Manager, job: str) -> None:
        """systemd does this before it answers. Raises ExecutorError if the unit may still be started."""
        with contextlib.suppress(NoSuchJob):  # the job has just ended
            await self._call(manager, "CancelJob", "u", int(job.rpartition("/")[2]))

    async def _connected(self) -> Manager:
        """Return a connection on which systemd answers now, so no request is carried out much later. Raises Behind."""
        async with self._connecting:
            if time.monotonic() < self._again_at:
                raise Behind("systemd made none in time a few seconds ago")
            try:
                async with asyncio.timeout(STARTS_WITHIN):
                    if self._manager is None or not self._manager.connected:
                        manager = Manager(bus_address=f"unix:path={SOCKET}")
                        await manager.connect()
                        manager.add_message_handler(self._hear)
                        self._manager = manager
                    elif time.monotonic() - self._heard_at > FRESH_FOR:
                        await self._manager.call(Message(path=ROOT, interface="org.freedesktop.DBus.Peer", member="Ping"))
            except (OSError, EOFError, DBusError, AuthError, TimeoutError) as fault:
                self.close()
                raise Behind(f"systemd cannot be reached at {SOCKET}: {str(fault) or 'no answer'}") from None
            return self._manager

    async def _call(self, manager: Manager, member: str, signature: str, *body: object) -> Any:
        """Return the first value of systemd's answer. Raises NoSuchJob and ExecutorError."""
        call = Message(destination=SYSTEMD, path=ROOT, interface=MANAGER, member=member, signature=signature, body=list(body))
        try:
            if not manager.connected:
                raise EOFError("the connection is closed")
            async with asyncio.timeout(WITHIN):
                answer = await manager.call(call)
        except (OSError, EOFError) as fault:
            self.close()
            raise ExecutorError(f"systemd cannot be reached: {str(fault) or 'no answer'}") from None
        if answer.message_type is MessageType.ERROR:
            said = f"systemd refused ({member}): {answer.body[0] if answer.body else 'no reason'}"
            raise NoSuchJob(said) if answer.error_name == NO_SUCH_JOB else ExecutorError(said)
        return answer.body[0] if answer.body else None

    def _hear(self, message: Message) -> None:
        self._heard_at = time.monotonic()
        if message.message_type is MessageType.SIGNAL and message.member == "JobRemoved" and message.signature == "uoss":
            _, _, unit, result = message.body
            waiting = self._jobs.get(unit)
            if waiting is not None and not waiting.done():
                waiting.set_result(result)


def unit_of(run: str) -> str:
    """Return the name of a run's scope. Raises ValueError if ``run`` is not the id of a run."""
    if not is_run_id(run):
        raise ValueError(f"no run's id: {run!r}")
    return f"jitd-run-{run}.scope"


def properties(run: str, pid: int, ends_at_boot_ns: int | None) -> list[list[object]]:
    """Return all properties that systemd receives for a scope. No property comes from a client. The daemon itself made the id of
    the run.

    ``ends_at_boot_ns`` is the time limit in nanoseconds on CLOCK_BOOTTIME. None means no time limit.
    """
    found: dict[str, Variant] = {
        "Description": Variant("s", f"jitd run {run}"),
        "Slice": Variant("s", SLICE),
        "PIDs": Variant("au", [pid]),
        "Delegate": Variant("b", True),
        "KillMode": Variant("s", "control-group"),
        "TimeoutStopUSec": Variant("t", int(KILL_AFTER * 1e6)),
        "CollectMode": Variant("s", "inactive-or-failed"),
        "OOMPolicy": Variant("s", "continue"),  # the kernel kills only the process that is too large; the scope stays
        "CPUAccounting": Variant("b", True),
        "MemoryAccounting": Variant("b", True),
        "TasksAccounting": Variant("b", True),
    }
    if ends_at_boot_ns is not None:
        left_ns = max(0, ends_at_boot_ns - time.clock_gettime_ns(time.CLOCK_BOOTTIME))
        found["RuntimeMaxUSec"] = Variant("t", left_ns // 1000 + int(AFTER_MONITOR * 1e6))
    return [[name, value] for name, value in found.items()]


def is_in(pid: int, unit: str) -> bool:
    """True if process ``pid`` is in the control group of ``unit``, or in a control group below that group."""
    with contextlib.suppress(OSError):
        return any(unit.encode() in path.split(b"/") for path in control_groups_of(pid).values())
    return False


class Unit(Monitors):
    """The executor for hosts where process 1 is systemd."""

    def __init__(self, run_dir: Path, state_dir: Path, report: Callable[[Report], None]) -> None:
        super().__init__(run_dir, state_dir, report, ServiceLauncher(), Scopes(report))
