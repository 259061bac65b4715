# SPDX-License-Identifier: Apache-2.0
"""Starts monitors on hosts with systemd. The launcher is a separate service, and each run has a transient scope.

The scope of a run is not a part of ``jitd.service``, so the run continues while the daemon is restarted. The scope is delegated,
because the monitor puts the command into a control group below its own group. If the monitor does not end a run in time, systemd
ends the scope some seconds later (systemd.scope(5), org.freedesktop.systemd1(5), https://systemd.io/CGROUP_DELEGATION/).

Law: no data from a client reaches D-Bus. The name of a unit is made from the id of the run. A unit has only the properties that
the function ``properties`` returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from pathlib import Path

from dbus_fast import BusType, DBusError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from jitd.executor import ExecutorError, Report
from jitd.executor.monitors import Monitors
from jitd.monitor.orders import is_run_id

LAUNCHER = "/run/jitd/launcher.sock"
"""The path of the socket on which ``jitd-launcher.socket`` listens."""
SLICE = "jitd.slice"
WITHIN = 5.0
"""Maximum number of seconds to wait for an answer of systemd."""
AFTER_MONITOR = 10.0
"""The monitor of a run itself enforces the run's time limit. If the run still exists this number of seconds after the limit,
systemd ends the run's scope.
"""
KILL_AFTER = 5.0
"""Seconds between SIGTERM and SIGKILL when systemd stops a scope."""
SYSTEMD = "org.freedesktop.systemd1"
MANAGER = "org.freedesktop.systemd1.Manager"
ROOT = "/org/freedesktop/systemd1"
MATCH = f"type='signal',sender='{SYSTEMD}',interface='{MANAGER}',member='JobRemoved',path='{ROOT}'"


class ServiceLauncher:
    """The launcher as a service of systemd, outside of the daemon's sandbox. systemd starts the launcher when the daemon
    connects to the launcher's socket.
    """

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


class Scopes:
    """Creates transient scopes over the system bus. If the connection to the bus is lost, a new connection is opened."""

    def __init__(self) -> None:
        self._bus: MessageBus | None = None
        self._connecting = asyncio.Lock()
        self._jobs: dict[str, asyncio.Future[str]] = {}  # unit → the result of systemd's job for the unit

    async def open(self) -> None:
        """Connect to the system bus. Raises ExecutorError."""
        await self._connected()

    async def close(self) -> None:
        """Disconnect from the bus. The scopes stay."""
        if self._bus is not None:
            self._bus.disconnect()
            self._bus = None

    async def take_in(self, run: str, pid: int, ends_at_boot: float | None) -> None:
        """Put process ``pid`` into the scope of ``run``, if the process is not there already. Raises ExecutorError."""
        unit = unit_of(run)
        if is_in(pid, unit):
            return
        bus = await self._connected()
        done = self._jobs.setdefault(unit, asyncio.get_running_loop().create_future())
        try:
            await self._call(bus, "StartTransientUnit", "ssa(sv)a(sa(sv))", unit, "fail", properties(run, pid, ends_at_boot), [])
            async with asyncio.timeout(WITHIN):
                result = await done
        except TimeoutError:
            raise ExecutorError(f"systemd did not make {unit} within {WITHIN:.0f} s") from None
        finally:
            self._jobs.pop(unit, None)
        if result != "done" or not is_in(pid, unit):
            with contextlib.suppress(ExecutorError):  # systemd never removes a scope that had no process
                await self._call(bus, "StopUnit", "ss", unit, "replace")
            raise ExecutorError(f"systemd did not take the monitor into {unit}: {result}")

    async def _connected(self) -> MessageBus:
        async with self._connecting:
            if self._bus is not None and self._bus.connected:
                return self._bus
            try:
                async with asyncio.timeout(WITHIN):
                    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
                bus.add_message_handler(self._hear)
                await self._call(bus, "AddMatch", "s", MATCH, to="org.freedesktop.DBus", at="/org/freedesktop/DBus")
                await self._call(bus, "Subscribe", "")
            except (OSError, EOFError, DBusError, TimeoutError) as fault:  # dbus-fast raises such an error for a bad address
                raise ExecutorError(f"the system bus cannot be reached: {str(fault) or 'no answer'}") from None
            self._bus = bus
            return bus

    @staticmethod
    async def _call(bus: MessageBus, member: str, signature: str, *body: object, to: str = SYSTEMD, at: str = ROOT) -> None:
        call = Message(
            destination=to,
            path=at,
            interface=MANAGER if to == SYSTEMD else to,
            member=member,
            signature=signature,
            body=list(body),
        )
        try:
            async with asyncio.timeout(WITHIN):
                answer = await bus.call(call)
        except (OSError, EOFError) as fault:
            raise ExecutorError(f"systemd cannot be reached: {str(fault) or 'no answer'}") from None
        if answer is None or answer.message_type is MessageType.ERROR:
            said = answer.body[0] if answer is not None and answer.body else "no answer"
            raise ExecutorError(f"systemd refused ({member}): {said}")

    def _hear(self, message: Message) -> None:
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


def properties(run: str, pid: int, ends_at_boot: float | None) -> list[list[object]]:
    """Return all properties that systemd receives for a scope. No property comes from a client. The daemon itself made the id of
    the run.

    ``ends_at_boot`` is the time limit in seconds on CLOCK_BOOTTIME. None means no time limit.
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
    if ends_at_boot is not None:
        left = max(0.0, ends_at_boot - time.clock_gettime(time.CLOCK_BOOTTIME))
        found["RuntimeMaxUSec"] = Variant("t", int((left + AFTER_MONITOR) * 1e6))
    return [[name, value] for name, value in found.items()]


def is_in(pid: int, unit: str) -> bool:
    """True if process ``pid`` is in the control group of ``unit``, or in a control group below that group."""
    with contextlib.suppress(OSError):
        return any(unit in line.split("/") for line in Path(f"/proc/{pid}/cgroup").read_text("utf-8").splitlines())
    return False


class Unit(Monitors):
    """The executor for hosts where process 1 is systemd."""

    def __init__(self, run_dir: Path, state_dir: Path, report: Callable[[Report], None]) -> None:
        super().__init__(run_dir, state_dir, report, ServiceLauncher(), Scopes())
