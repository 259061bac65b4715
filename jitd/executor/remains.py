# SPDX-License-Identifier: Apache-2.0
"""What a run leaves on this host (its remains): its plate, outcome, control group and copy; and what these prove.

Law: the kernel tells whether a monitor lives (by the lock on the plate); it is never guessed. A run is said not to have started
only if that is certain.
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
from jitd.monitor.orders import FAILED, Login
from jitd.monitor.places import Left
from jitd.recording import storage
from jitd.recording.form import Altered
from jitd.recording.reader import examine
from jitd.recording.storage import RecordingError


@dataclass(frozen=True, slots=True)
class Remains:
    """The remains of the runs under these two directories."""

    run_dir: str
    state_dir: str

    def is_alive(self, run: str) -> bool:
        """True if the run has a living monitor."""
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

    def left(self, run: str) -> Left | None:
        """Return how the run ended, as its monitor has written it; None if it has not."""
        try:
            return places.read_outcome(self.state_dir, run)
        except ValueError:
            return Left(Ending.LOST, FAILED, "its outcome cannot be read")

    def left_by_dead(self, run: str) -> Left:
        """Return how a run without a monitor ended, in the boot in which it was begun. May read all of its recording."""
        left = self.left(run)
        if left is not None:
            return left
        if self._read_plate(run)[1]:
            return Left(Ending.LOST, FAILED, "its monitor was killed", self._recorded(run))
        with suppress(OSError, RecordingError):
            storage.remove(places.recordings_directory(self.state_dir), run)
        return Left(Ending.NOT_STARTED, FAILED, "it was interrupted before the command had begun")

    def orphan(self, run: str) -> Login | None:
        """The login session that ``run`` is, as a job for another keeper, if it had begun and nobody has told how it ended:
        it may live. None for everything else, and where a keeper of an earlier version has not noted who asked.
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
        """Return chunks, bytes and hash of the recording of a killed monitor. An incomplete chunk at its end is left out."""
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
        """Return the run's control group (or an empty string), and whether its command may have begun."""
        try:
            lines = Path(places.plate_path(self.run_dir, run)).read_bytes().split(b"\n")
        except FileNotFoundError:
            return "", False
        return os.fsdecode(lines[0]), places.GO in lines[1:]

    def usage(self, run: str) -> Usage | None:
        """Return what the kernel counts for a run's control group (cgroups(7)): for the command's processes, not the monitor."""
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
        """Kill the processes in the control groups of a run without a monitor: its own group, and logind's scope for a login.

        True if no process is left in them.
        """
        return all([await self._empty(group) for group in self._groups(run)])

    def _groups(self, run: str) -> list[str]:
        """Return the control groups on the plate: the run's own, and logind's scope if its inode is still the noted one."""
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
        for _ in range(250):
            try:
                if "populated 0" in Path(group, "cgroup.events").read_text("ascii"):
                    return True
                Path(group, "cgroup.kill").write_text("1", "ascii")
            except OSError:
                return not os.path.exists(group)
            await asyncio.sleep(0.02)
        return False

    def clear(self, run: str) -> None:
        """Remove everything that the run has left, but its recording."""
        group = self._read_plate(run)[0]
        for directory in (f"{group}/command", group) if group else ():
            with suppress(OSError):  # it does not exist any more, or processes are left in it, which was reported
                os.rmdir(directory)
        shutil.rmtree(places.copy_directory(self.state_dir, run), ignore_errors=True)
        outcome = places.outcome_path(self.state_dir, run)
        half = f"{outcome}.new"  # left by a monitor that was killed while it wrote
        for path in (outcome, half, places.plate_path(self.run_dir, run)):
            with suppress(OSError):
                os.unlink(path)


def _lines_of(file: Path) -> list[str] | None:
    try:
        return file.read_text("ascii").splitlines()
    except OSError:
        return None


def _number_in(file: Path, name: str) -> int | None:
    """Return the number beside ``name`` in a file of names and numbers; None if it is not there."""
    for line in _lines_of(file) or ():
        word, _, number = line.partition(" ")
        if word == name:
            return int(number)
    return None
