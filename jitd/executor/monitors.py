# SPDX-License-Identifier: Apache-2.0
"""The monitors of this host. A monitor supervises one run. This module starts monitors, reads their reports, sends them orders
and finds them again. It works with any launcher.

Law: a run is started only once. Each report of a monitor is passed on at once. jitd searches for monitors that are not connected.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import termios
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from jitd.core.run import Ending, Outcome, Recording, Traces, Usage
from jitd.executor import Ended, ExecutorError, Held, Here, Ready, Report, Started, Trouble
from jitd.executor.listening import listen, make_directory, peer_of
from jitd.executor.parts import Housing, Launcher
from jitd.executor.passwords import account_code, hand_over, have_checked
from jitd.executor.remains import Remains
from jitd.monitor import orders, places
from jitd.monitor.orders import FAILED, HowItEnded, Job, Left, Login, Unwritten
from jitd.monitor.proof_orders import MayUse

BORN_WITHIN = 5.0  # if a new monitor has not connected after this number of seconds, jitd searches for the monitor
BEHIND_FOR = 30.0  # seconds that the launcher may need for its jobs when hundreds of runs begin together
BACK_WITHIN = 1.0  # seconds until a monitor that has lost its connection is searched for. It tries every 0.15 s
RESPAWN_AFTER = 0.2  # seconds before a launcher is started again: no busy loop if it always fails
MOST_WATCHERS, LONGEST_NAME = 10, 128
"""Maximum number of watchers that a monitor is told, and of characters of their names, so that all fit into one packet
(orders.MAX_WORD), even if each character is written with twelve.
"""
SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class Monitors:
    """An Executor with a Launcher and a Housing (see ``parts``). If ``housing`` is None, a monitor makes its control group."""

    def __init__(
        self, run_dir: Path, state_dir: Path, report: Callable[[Report], None], launcher: Launcher, housing: Housing | None
    ) -> None:
        self._run_dir, self._state_dir = str(run_dir), str(state_dir)
        self._remains = Remains(self._run_dir, self._state_dir)
        self._report = report
        self._launcher = launcher
        self._housing = housing
        self._to_launcher: socket.socket | None = None
        self._listener: socket.socket | None = None
        self._unnamed: set[socket.socket] = set()
        self._monitors: dict[str, socket.socket] = {}
        self._unborn: set[str] = set()  # runs that were started, but that have no connected monitor yet
        self._orphans: set[str] = set()  # sessions with a killed keeper, until a new keeper has reported the end
        self._behind_at = float("-inf")  # the last time at which jobs still waited for the launcher
        self._stops: dict[str, str] = {}  # run → the reason why jitd ordered its end; the run may still be alive
        self._forgotten: set[str] = set()
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._is_open = False

    # --- the launcher ------------------------------------------------------------------------------------------------

    def spawn_launcher(self) -> None:
        """See ``Executor``. Raises OSError."""
        self._to_launcher = self._launcher.start()
        self._to_launcher.setblocking(False)
        if self._is_open:
            asyncio.get_running_loop().add_reader(self._to_launcher, self._hear_launcher, self._to_launcher)

    def _hear_launcher(self, launcher: socket.socket) -> None:
        try:
            packet = launcher.recv(orders.MAX_WORD)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if packet:
            unborn = orders.FROM_LAUNCHER.read(packet)
            if unborn.run in self._orphans:  # jitd still searches for the session, and will start another keeper
                self._report(Trouble(f"run {unborn.run}: the keeper of the session was killed: {unborn.because}"))
            else:
                self._end(unborn.run, Left(Ending.NOT_STARTED, FAILED, unborn.because))
            return
        self._leave_launcher()
        asyncio.get_running_loop().call_later(RESPAWN_AFTER, self._respawn)
        for run in list(self._unborn):
            self._look_later(run, BACK_WITHIN)  # the run's monitor may have been forked before the launcher ended
        self._report(Trouble("the launcher of monitors ended, and is started again"))

    def _respawn(self) -> None:
        if self._is_open and self._to_launcher is None:
            try:
                self.spawn_launcher()
            except OSError as fault:
                self._report(Trouble(f"the launcher of monitors cannot be started: {fault.strerror}"))
                asyncio.get_running_loop().call_later(RESPAWN_AFTER * 25, self._respawn)

    def _leave_launcher(self) -> None:
        if self._to_launcher is not None:
            if self._is_open:
                asyncio.get_running_loop().remove_reader(self._to_launcher)
            self._to_launcher.close()
            self._to_launcher = None
        self._launcher.end()

    # --- opening and closing -----------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Create the directories and the socket, and start to listen. Raises ExecutorError."""
        try:
            for directory, mode in (
                (self._run_dir, 0o755),
                (f"{self._run_dir}/runs", 0o700),
                (self._state_dir, 0o711),
                (f"{self._state_dir}/runs", 0o700),
                (f"{self._state_dir}/exec", 0o711),
            ):
                make_directory(directory, mode)
            self._listener = listen(self._run_dir)
        except OSError as fault:
            raise ExecutorError(f"{fault.filename or self._run_dir}: {fault.strerror}") from None
        loop = asyncio.get_running_loop()
        loop.add_reader(self._listener, self._accept, self._listener)
        if self._to_launcher is not None:
            loop.add_reader(self._to_launcher, self._hear_launcher, self._to_launcher)
        self._is_open = True

    async def close(self) -> None:
        """Stop listening. The runs continue."""
        loop = asyncio.get_running_loop()
        for task in self._tasks.values():
            task.cancel()
        if self._listener is not None:
            loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        for monitor in [*self._monitors.values(), *self._unnamed]:
            loop.remove_reader(monitor)
            monitor.close()
        self._monitors.clear()
        self._unnamed.clear()
        self._leave_launcher()
        if self._housing is not None:
            self._housing.close()
        self._is_open = False

    # --- monitors ----------------------------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                monitor, _ = listener.accept()
            except OSError:
                return
            monitor.setblocking(False)
            if peer_of(monitor)[1] != 0:
                monitor.close()
                continue
            self._unnamed.add(monitor)
            asyncio.get_running_loop().add_reader(monitor, self._hear, monitor, None)

    def _hear(self, monitor: socket.socket, run: str | None) -> None:
        try:
            packet = monitor.recv(orders.MAX_WORD)
            if not packet:
                raise ConnectionError
            word = orders.FROM_MONITOR.read(packet)
            if isinstance(word, orders.Here) != (run is None):
                raise ValueError("an unexpected message")
        except BlockingIOError:
            return
        except (OSError, ValueError):
            self._lose(monitor, run)
            return
        if isinstance(word, orders.Here):
            self._name(monitor, word)
        elif run is not None:
            self._hear_of(run, word)

    def _hear_of(self, run: str, word: orders.FromMonitor) -> None:
        match word:
            case orders.Ready():
                self._report(Ready(run))
            case orders.Started(pid):
                self._report(Started(run, pid))
            case orders.Frozen() | orders.Thawed():
                self._report(Held(run, isinstance(word, orders.Frozen)))
            case Left() | Unwritten() if run in self._forgotten:
                self._say(run, orders.Taken())
            case Left() | Unwritten():
                self._end(run, word)

    def _name(self, monitor: socket.socket, here: orders.Here) -> None:
        loop = asyncio.get_running_loop()
        run = here.run
        self._unnamed.discard(monitor)
        self._unborn.discard(run)
        if (before := self._monitors.pop(run, None)) is not None:
            loop.remove_reader(before)
            before.close()
        self._monitors[run] = monitor
        loop.add_reader(monitor, self._hear, monitor, run)
        if run in self._stops:
            self._say(run, orders.Stop(self._stops[run]))
        elif here.state == "starting" and self._housing is not None:
            self._do("house", run, self._house(self._housing, run, peer_of(monitor)[0], here.ends_at_boot_ns))
        if run not in self._forgotten:
            self._report(Here(run, here.state))

    async def _house(self, housing: Housing, run: str, pid: int, ends_at_boot_ns: int | None) -> None:
        """The monitor creates the command only after this message. Without a scope, it first makes a control group."""
        try:
            is_housed = await housing.take_in(run, pid, ends_at_boot_ns)
        except ExecutorError as fault:
            self._report(Trouble(f"run {run}: {fault}"))
            self._say(run, orders.Stop(orders.sentence(str(fault))))
        else:
            self._say(run, orders.Housed() if is_housed else orders.Unhoused())

    def _lose(self, monitor: socket.socket, run: str | None) -> None:
        asyncio.get_running_loop().remove_reader(monitor)
        monitor.close()
        self._unnamed.discard(monitor)
        if run is not None and self._monitors.get(run) is monitor:
            del self._monitors[run]
            self._look_later(run, BACK_WITHIN)

    def _say(self, run: str, word: orders.FromDaemon) -> None:
        if (monitor := self._monitors.get(run)) is not None:
            try:
                monitor.send(orders.FROM_DAEMON.write(word))
            except OSError:  # the monitor connects again, and then gets the message again
                self._lose(monitor, run)

    def _end(self, run: str, ended: HowItEnded) -> None:
        left, said = (ended.left, ended.said) if isinstance(ended, Unwritten) else (ended, "")
        self._unborn.discard(run)
        self._orphans.discard(run)
        self._stops.pop(run, None)
        recording = None if left.recording is None else Recording(*left.recording)
        traces = None if left.traces is None else Traces(*left.traces)
        self._report(Ended(run, Outcome(Ending(left.ending), left.number, left.because), recording, traces, said))

    # --- orders of the daemon ----------------------------------------------------------------------------------------

    async def start(self, job: Job | Login) -> socket.socket:
        """Pass ``job`` to the launcher. Return the client's end of the control socket. Raises ExecutorError."""
        plate = places.plate_path(self._run_dir, job.run)
        job = replace(job, is_housed=self._housing is not None)
        try:
            data = orders.JOBS.write(job)
            os.close(os.open(plate, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except (OSError, ValueError) as fault:
            raise ExecutorError(f"the run cannot be started: {fault}") from None
        try:
            return await self._have_made(job.run, data)
        except BaseException as fault:
            os.unlink(plate)
            if isinstance(fault, OSError):
                raise ExecutorError(f"the run cannot be started: {fault.strerror}") from None
            raise

    async def _have_made(self, run: str, data: bytes) -> socket.socket:
        """Pass a job to the launcher, and return the client's end of the control socket. Raises OSError."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)  # makes the kernel add the sender to each packet
        try:
            with theirs:
                await self._hand_over(run, data, theirs)
        except BaseException:
            ours.close()
            raise
        self._unborn.add(run)
        now = asyncio.get_running_loop().time()
        asyncio.get_running_loop().call_at(now + BORN_WITHIN, self._miss, run, now + BEHIND_FOR)
        return ours

    async def _hand_over(self, run: str, data: bytes, control: socket.socket) -> None:
        """Send the launcher in one packet the run, its directories, the job and the monitor's ``control``. Raises OSError."""
        packet = orders.TO_LAUNCHER.write(orders.Birth(run, self._run_dir, self._state_dir))
        file = os.memfd_create(f"job-{run}", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file, rest) :]
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, SEALS)
            await hand_over(lambda: self._to_launcher, packet, [file, control.fileno()])
        finally:
            os.close(file)

    async def check_password(self, user: str, client: socket.socket) -> bool | None:
        return await have_checked(lambda: self._to_launcher, user, client)

    async def account_code(self, user: str, service: str) -> int:
        return await account_code(lambda: self._to_launcher, MayUse(user, service))

    def go(self, run: str) -> None:
        """Let the run execute its command."""
        self._say(run, orders.Go())

    def watched(self, run: str, by: tuple[str, ...]) -> None:
        named = tuple(orders.sentence(who, LONGEST_NAME) for who in by[:MOST_WATCHERS])
        self._say(run, orders.Watched(named))

    def stop(self, run: str, because: str) -> None:
        """End the run now, or as soon as the monitor of the run connects."""
        self._stops[run] = orders.sentence(because)
        self._say(run, orders.Stop(self._stops[run]))

    def forget(self, run: str) -> None:
        """Let the run's monitor end, or remove the files of a dead monitor. The outcome must be committed before this call."""
        self._stops.pop(run, None)
        self._forgotten.add(run)
        if run in self._monitors:
            self._say(run, orders.Taken())
        elif orders.is_run_id(run) and not self._remains.is_alive(run):
            self._remains.clear(run)
            self._forgotten.discard(run)

    def usage(self, run: str) -> Usage | None:
        return self._remains.usage(run) if orders.is_run_id(run) else None

    async def find(self, runs: Iterable[str], of_earlier_boots: Iterable[str] = ()) -> list[str]:
        """Return the runs that are alive, and report how others have ended. None ``of_earlier_boots`` is alive."""
        alive = []
        for run in runs:
            if run in self._unborn or run in self._monitors or self._remains.is_alive(run):
                alive.append(run)
                self._look_later(run, BACK_WITHIN)
            else:
                await self._bury(run)
                alive += [run] if run in self._orphans else []
        for run in of_earlier_boots:
            self._end(run, self._remains.left(run) or Left(Ending.LOST, FAILED, "the host was restarted"))
        return alive

    # --- missing monitors --------------------------------------------------------------------------------------------

    def _miss(self, run: str, behind_until: float) -> None:
        """The monitor of ``run`` has not connected. Search for it. If the launcher still has many jobs to do, search later."""
        loop = asyncio.get_running_loop()
        if self._is_open and run in self._unborn:
            if loop.time() < behind_until and self._is_behind():
                loop.call_later(BORN_WITHIN, self._miss, run, behind_until)
            else:
                self._look_later(run, 0)

    def _is_behind(self) -> bool:
        """True if the launcher has not read all jobs yet (unix(7), ``SIOCOUTQ``), or has read the last job only recently."""
        now = asyncio.get_running_loop().time()
        if self._to_launcher is not None and any(fcntl.ioctl(self._to_launcher, termios.TIOCOUTQ, bytes(4))):
            self._behind_at = now
        return now - self._behind_at < 2 * BORN_WITHIN  # this is called every BORN_WITHIN seconds

    def _look_later(self, run: str, seconds: float) -> None:
        self._do("look", run, self._look_after(run, seconds))

    def _do(self, what: str, run: str, deed: Coroutine[Any, Any, None]) -> None:
        """Start a task for a run, unless a task of the same kind is still active for this run."""
        if (what, run) in self._tasks:
            return deed.close()
        task = asyncio.get_running_loop().create_task(deed)
        self._tasks[what, run] = task
        task.add_done_callback(lambda _: self._tasks.pop((what, run), None))

    async def _look_after(self, run: str, seconds: float) -> None:
        """Wait until the monitor of the run connects. If the monitor is dead, report the end of the run."""
        await asyncio.sleep(seconds)
        while run not in self._monitors:
            if not self._remains.is_alive(run):
                await self._bury(run)
                return
            await asyncio.sleep(BACK_WITHIN)

    async def _bury(self, run: str) -> None:
        """The monitor of the run is dead. End the remaining processes of the run, and report how the run ended."""
        if run in self._forgotten:
            self._remains.clear(run)
            self._forgotten.discard(run)
            return
        if orphan := self._remains.orphan(run):
            await self._have_ended(orphan)
            return
        if not await self._remains.empty(run):
            self._report(Trouble(f"run {run}: its monitor was killed, and something keeps its processes from ending"))
            await self._have_ended(Login(run, os.getpid(), 0, "", "", None, "", is_housed=True))
            asyncio.get_running_loop().call_later(BACK_WITHIN, self._look_later, run, 0)
            return
        left = await asyncio.to_thread(self._remains.left_by_dead, run)
        if pid := self._remains.started(run):
            self._report(Started(run, pid))
        self._end(run, left)

    async def _have_ended(self, orphan: Login) -> None:
        """The keeper (monitor) of a login session was killed. Start another keeper for this session. The new keeper connects,
        ends all processes of the session, and reports the end. Until that report, jitd does not say that the session has ended.
        """
        self._orphans.add(orphan.run)
        try:
            (await self._have_made(orphan.run, orders.JOBS.write(orphan))).close()
        except OSError as fault:
            self._report(Trouble(f"run {orphan.run}: the keeper of the session was killed, not replaced: {fault.strerror}"))
            await self._remains.empty(orphan.run)  # at least end the processes that can be found
            asyncio.get_running_loop().call_later(BORN_WITHIN, self._look_later, orphan.run, 0)
