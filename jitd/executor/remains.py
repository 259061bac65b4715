# SPDX-License-Identifier: Apache-2.0
"""Examines the files and processes that a run has left on this host, and draws conclusions from them. A run may leave a plate,
an outcome, a control group and a copy of the command's file. A plate is a file that the monitor of the run keeps locked (see
``places``).

Law: only the lock on a run's plate (lock file) shows whether the monitor of the run is alive. jitd never guesses this. jitd
reports a run as not started only if it is certain that the run did not start.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from jitd.core.run import Ending, Usage
from jitd.monitor import places
from jitd.monitor.orders import FAILED, HowItEnded, Left, Login, sentence
from jitd.monitor.places import started_at
from jitd.recording import storage
from jitd.recording.form import Altered
from jitd.recording.reader import examine
from jitd.recording.storage import RecordingError


@dataclass(frozen=True, slots=True)
class Remains:
    """Gives access to the remains of runs below the directories ``state_dir`` and ``run_dir``."""

    run_dir: str
    state_dir: str

    def is_alive(self, run: str) -> bool:
        try:
            plate = os.open(places.plate_path(self.run_dir, run), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(plate, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(plate)
        return False

    def left(self, run: str) -> HowItEnded | None:
        """Return the outcome that the monitor of the run has written. Return None if the monitor has written no outcome."""
        try:
            return places.read_outcome(self.state_dir, run)
        except ValueError:
            return Left(Ending.LOST, FAILED, "its outcome cannot be read")

    def left_by_dead(self, run: str) -> HowItEnded:
        """Return the outcome of a run of this boot whose monitor is dead. May read the whole recording."""
        left = self.left(run)
        if left is not None:
            return left
        place, has_begun = self._read_plate(run)
        if has_begun:
            is_held = place or places.init_of(self._plate(run)[1:])
            may_live = "" if is_held else "; processes that the command has started may live"
            unknown = "" if self.started(run) else ", and whether the command had begun is not known"
            told = f"its monitor was killed{unknown}{may_live}{self._standing(run)}"
            return Left(Ending.LOST, FAILED, sentence(told), self._recorded(run))
        with suppress(OSError, RecordingError):
            storage.remove(places.recordings_directory(self.state_dir), run)
        return Left(Ending.NOT_STARTED, FAILED, "it was interrupted before the command had begun")

    def started(self, run: str) -> int | None:
        """Return the process of the run's command if the command has certainly begun. Otherwise return None."""
        for line in self._plate(run)[1:]:
            if line.startswith(places.STARTED):
                return int(line.removeprefix(places.STARTED))
        return None

    def _standing(self, run: str) -> str:
        """Say what the monitor of an edit knew about its files. It may have been behind."""
        stands = [line for line in self._plate(run)[1:] if line.startswith(places.STANDS)]
        return f"; it had last heard: {stands[-1].removeprefix(places.STANDS).decode(errors='replace')}" if stands else ""

    def orphan(self, run: str) -> Login | None:
        """Return the login session ``run`` as a job for another keeper (its monitor), if it may be alive: it has begun, and no
        outcome was written. Otherwise None.
        """
        try:
            lines = Path(places.plate_path(self.run_dir, run)).read_bytes().split(b"\n")
            asker = places.asker_of(lines[1:])
        except (FileNotFoundError, ValueError):
            return None
        if asker is None or places.GO not in lines[1:] or self.left(run) is not None:
            return None
        return Login(run, asker.pid, asker.started, "", "", None, "", is_housed=True)

    def _recorded(self, run: str) -> tuple[int, int, str] | None:
        """Return chunks, bytes and hash of what a killed monitor left, without an incomplete chunk, or None."""
        try:
            file = storage.open_recording(places.recordings_directory(self.state_dir), run)
        except (OSError, ValueError, RecordingError):
            return None
        try:
            mark = examine(file).mark
        except (OSError, Altered):
            return None
        finally:
            os.close(file)
        return mark.n_chunks, mark.size, mark.digest.hex()

    def _read_plate(self, run: str) -> tuple[str, bool]:
        """Return the run's control group, or an empty text, and whether its command may have begun."""
        lines = self._plate(run)
        return os.fsdecode(lines[0]), places.GO in lines[1:]

    def _plate(self, run: str) -> list[bytes]:
        """Return the lines of the run's plate, or a single empty line if the run has no plate."""
        try:
            return Path(places.plate_path(self.run_dir, run)).read_bytes().split(b"\n")
        except FileNotFoundError:
            return [b""]

    def usage(self, run: str) -> Usage | None:
        """Return what the kernel says of the run's control group (cgroups(7)), without the monitor, but with its memory if only
        that of both together is told.
        """
        group = self._read_plate(run)[0]
        if not group:
            return None
        command = Path(group, "command")
        cpu = _number_in(command / "cpu.stat", "usage_usec")
        processes = _lines_of(command / "cgroup.procs")
        memory = _lines_of(command / "memory.current") or _lines_of(Path(group, "memory.current"))
        return Usage(
            None if cpu is None else cpu / 1e6,
            int(memory[0]) if memory else None,
            None if processes is None else len(processes),
        )

    async def empty(self, run: str) -> bool:
        """Kill the processes of a run that has no monitor. The processes of a run are in the run's own control group. The
        processes of a login are also in logind's scope.

        Return True if no process is left in the control groups and in the pid namespace of the run.
        """
        if places.EMPTY in self._plate(run)[1:]:
            return True
        return all([await self._empty(group) for group in self._groups(run)]) and await self._ends(run)

    async def _ends(self, run: str) -> bool:
        """Wait for the end of the init of the run's pid namespace. It got SIGKILL when the monitor ended, and ends last."""
        init = places.init_of(self._plate(run)[1:])
        for _ in range(50):
            if init is None or started_at(init[0]) != init[1]:
                return True
            await asyncio.sleep(0.02)
        return False

    def _groups(self, run: str) -> list[str]:
        """Return the control groups of the run's plate: its own, and logind's scope if it is not a new one (by its inode)."""
        try:
            first, *more = Path(places.plate_path(self.run_dir, run)).read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        scopes = [line.removeprefix(places.SCOPE).split(b" ", 1) for line in more if line.startswith(places.SCOPE)]
        found = [os.fsdecode(first)] if first else []
        for number, path in scopes:
            with suppress(OSError):
                if os.stat(path).st_ino == int(number):
                    found.append(os.fsdecode(path))
        return found

    async def _empty(self, group: str) -> bool:
        for _ in range(50):
            try:
                if "populated 0" in Path(group, "cgroup.events").read_text("ascii"):
                    return True
                Path(group, "cgroup.kill").write_text("1", "ascii")
            except OSError:
                return not os.path.exists(group)
            await asyncio.sleep(0.02)
        return False

    def clear(self, run: str) -> None:
        """Remove everything that the run has left on the host. Only the recording of the run is kept."""
        group = self._read_plate(run)[0]
        for directory in (f"{group}/command", group) if group else ():
            with suppress(OSError):  # the group does not exist any more, or the group still has processes, and this was reported
                os.rmdir(directory)
        shutil.rmtree(places.copy_directory(self.state_dir, run), ignore_errors=True)
        outcome = places.outcome_path(self.state_dir, run)
        half = f"{outcome}.new"  # left by a monitor that was killed while it was writing the outcome
        for path in (outcome, half, places.plate_path(self.run_dir, run)):
            with suppress(OSError):
                os.unlink(path)


def _lines_of(file: Path) -> list[str] | None:
    try:
        return file.read_text("ascii").split("\n")
    except OSError:
        return None


def _number_in(file: Path, name: str) -> int | None:
    """Return the number that follows ``name`` in a file of names and numbers. Return None if ``name`` is not in the file."""
    for line in _lines_of(file) or ():
        word, _, number = line.partition(" ")
        if word == name:
            return int(number)
    return None
