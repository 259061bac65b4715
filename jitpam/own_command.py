# SPDX-License-Identifier: Apache-2.0
"""The command that a person runs with what was given: a child of jitsudo, with the person's own rights, session and terminal.

Law: it is the person's own: no approval is for it, and nothing here gives it a right. It gets the signals, the mask and the
descriptors that jitsudo was started with. It is hung up, and never killed.
"""

from __future__ import annotations

import errno
import posix
from _stat import S_ISREG

from jitpam.saying import write
from jitpam.wire.shown import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal  # importing `signal` would make each start 3 ms longer

NOT_EXECUTABLE, NOT_FOUND = 126, 127
_SEARCH = b"/bin:/usr/bin"
"""Where a command is looked up if PATH is not set, as execvp(3) does."""
_IGNORED_BY_PYTHON = (_signal.SIGPIPE, _signal.SIGXFSZ)


class Unstartable(Exception):
    """The command cannot be executed: a sentence, and the exit status that a shell has then."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class OwnCommand:
    """One command. Call ``start``, then ``look`` until the command has ended."""

    def __init__(self, argv: list[bytes]) -> None:
        """Look up the command's file, as a shell does. Raises Unstartable."""
        self._argv = argv
        self._path = _find(argv[0])
        self.pid = 0
        self._known: dict[int, _Process] = {}

    @property
    def name(self) -> str:
        """The first word of the command, for people."""
        return shown(self._argv[0])

    def start(self, variables: dict[bytes, bytes], mask: set[int]) -> None:
        """Fork and execute the command, in our environment changed by ``variables``. ``mask``: the signals that it has blocked.

        What cannot be executed after all ends with 126 or 127, and has said why. Raises Unstartable if no process can be made.
        """
        environment = {**posix.environ, **variables}
        try:
            self.pid = posix.fork()
        except OSError as fault:
            raise Unstartable(NOT_EXECUTABLE, f"{self.name} cannot be started: {fault.strerror}") from None
        if self.pid == 0:
            status = NOT_EXECUTABLE
            try:
                for number in _IGNORED_BY_PYTHON:
                    _signal.signal(number, _signal.SIG_DFL)
                _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
                posix.execve(self._path, self._argv, environment)
            except OSError as fault:
                if fault.errno == errno.ENOENT and not _exists(self._path):  # and not the interpreter that it names
                    status = NOT_FOUND
                write(f"jitsudo: {shown(self._path)} cannot be executed: {fault.strerror}\n")
            finally:
                posix._exit(status)

    def look(self) -> int | None:
        """Return the command's exit status, or minus the signal that ended it; STOPPED plus the signal that stopped it; None if
        it runs.
        """
        found, status = posix.waitpid(self.pid, posix.WNOHANG | posix.WUNTRACED)
        if not found:
            return None
        return STOPPED + posix.WSTOPSIG(status) if posix.WIFSTOPPED(status) else posix.waitstatus_to_exitcode(status)

    def signal(self, number: int) -> None:
        """Send the signal ``number`` to the command."""
        _kill(self.pid, number)

    def go_on(self) -> None:
        """Continue the command, or its process group if the command leads one."""
        group = -self.pid if _group_of(self.pid) == self.pid else self.pid
        _kill(group, _signal.SIGCONT)

    def family(self) -> dict[int, _Process]:
        """Return the command and those of its descendants that can be found: the processes below it, and those of the process
        group or session that it leads.
        """
        return _family(self.pid, _processes())

    def hang_up(self) -> None:
        """Send SIGHUP to all of the family. SIGCONT follows, as from the kernel, so that a stopped process acts on it."""
        self._known = self.family()
        for pid in self._known:
            _kill(pid, _signal.SIGHUP)
            _kill(pid, _signal.SIGCONT)

    def survivors(self) -> list[str]:
        """Return those that got SIGHUP and still live: ``1234 psql``."""
        now = _processes()
        return [
            f"{pid} {shown(same.name)}" for pid, one in self._known.items() if (same := now.get(pid)) and same.began == one.began
        ]


STOPPED = 0x100
"""What ``look`` adds to the number of the signal that has stopped the command."""


# --- where its file is


def _find(word: bytes) -> bytes:
    """Return the file that a shell would execute. Raises Unstartable."""
    if b"/" in word:
        places = [word]
    else:
        search = posix.environ.get(b"PATH", _SEARCH)
        places = [(directory or b".") + b"/" + word for directory in search.split(b":")]
    is_there = False
    for path in places:
        if _exists(path):
            is_there = True
            if _is_executable(path):
                return path
    if is_there:
        raise Unstartable(NOT_EXECUTABLE, f"{shown(word)} cannot be executed by you; nothing was asked")
    raise Unstartable(NOT_FOUND, f"{shown(word)}: command not found; nothing was asked")


def _exists(path: bytes) -> bool:
    try:
        posix.stat(path)
    except (OSError, ValueError):
        return False
    return True


def _is_executable(path: bytes) -> bool:
    return S_ISREG(posix.stat(path).st_mode) and posix.access(path, posix.X_OK)


# --- what descends from it


class _Process:
    """One process, from proc(5), stat."""

    __slots__ = ("began", "group", "name", "parent", "session")

    def __init__(self, name: bytes, fields: list[bytes]) -> None:
        self.name = name
        self.parent, self.group, self.session = (int(field) for field in fields[1:4])
        self.began = int(fields[19])
        """When the process started, in ticks since boot. Together with its number this names one process only."""


def _processes() -> dict[int, _Process]:
    """Return all processes that live and that we may see, by number."""
    found = {}
    for entry in posix.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as file:
                line = file.read(4096)
        except OSError:  # it has ended
            continue
        # "pid (name) state ppid …": the name may hold anything, a parenthesis too, so it ends at the last one.
        fields = line[line.rfind(b")") + 2 :].split()
        if fields[0] not in (b"Z", b"X"):
            found[int(entry)] = _Process(line[line.find(b"(") + 1 : line.rfind(b")")], fields)
    return found


def _family(root: int, living: dict[int, _Process]) -> dict[int, _Process]:
    found: dict[int, _Process] = {}
    more = {pid for pid, one in living.items() if root in (pid, one.group, one.session)}
    while more:
        found |= {pid: living[pid] for pid in more}
        more = {pid for pid, one in living.items() if one.parent in found and pid not in found}
    return found


def _group_of(pid: int) -> int:
    try:
        return posix.getpgid(pid)
    except OSError:
        return 0


def _kill(pid: int, number: int) -> None:
    try:  # noqa: SIM105  # importing `contextlib` would make each start 1 ms longer
        posix.kill(pid, number)
    except OSError:  # it has ended, or is another user's by now
        pass
