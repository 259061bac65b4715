# SPDX-License-Identifier: Apache-2.0
"""Notes which sudo jitd has let in at a gate. When lines of sudoers are taken back, these go on (``givers.sudo_processes``).

A note is the name of an empty file, ``UID:PID:START``. So it is there as a whole or not at all, and outlives the daemon, but not
the boot. A sudo without a note is ended, so a note that is lost permits nothing.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from jitd.beside.deeds import MOST_LET_IN
from jitd.core.run import Process

CLEANED_EVERY = 256  # after this number of notes, those of processes that have ended are removed


class LetIn:
    """The notes in ``directory``, which only root can change. The directory is made if it is missing. Raises OSError."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._n_noted = 0
        directory.mkdir(mode=0o700, exist_ok=True)

    def add(self, uid: int, process: Process) -> None:
        """Note that ``process``, which the account ``uid`` has started, is let in. Raises OSError."""
        if self._n_noted % CLEANED_EVERY == 0:
            self._living()
        self._n_noted += 1
        (self._directory / f"{uid}:{process.pid}:{process.started}").touch(mode=0o600)

    def of(self, uid: int) -> tuple[str, ...]:
        """Return the living processes of ``uid`` that were let in, as ``PID:START``; none, if the notes cannot be read."""
        found: list[tuple[str, str]] = []
        with suppress(OSError):
            found = self._living()
        return tuple(sorted(process for owner, process in found if owner == str(uid)))[:MOST_LET_IN]

    def _living(self) -> list[tuple[str, str]]:
        """Return the uid and the process of each note. Remove the notes of processes that have ended. Raises OSError."""
        living = []
        for file in self._directory.iterdir():
            uid, _, process = file.name.partition(":")
            pid, _, started = process.partition(":")
            if pid.isdecimal() and _started_at(pid) == started:
                living.append((uid, process))
            else:
                file.unlink(missing_ok=True)
        return living


def _started_at(pid: str) -> str:
    """Return clock ticks since the boot (proc(5), ``stat``), or an empty text if it has ended. Raises OSError."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19].decode("ascii")
    return ""
