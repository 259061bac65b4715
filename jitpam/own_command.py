# SPDX-License-Identifier: Apache-2.0
"""Runs the command of a person who uses a thing. The command is a child of jitsudo, with the person's own rights, session and
terminal.

Law: the command needs no approval, and this module gives it no rights. The command gets the signal actions, the signal mask and
the descriptors that jitsudo had at its start. The command also gets the descriptors with its secrets. jitsudo may send SIGHUP to
the command, but never SIGKILL.
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
_SEARCH = b"/bin:/usr/bin"  # the search path for commands if PATH is not set. execvp(3) uses the same path.
_MOST_TRIES = 50  # repeated searches for new descendants. A fork bomb can fork as fast as its processes are stopped.
_IGNORED_BY_PYTHON = (_signal.SIGPIPE, _signal.SIGXFSZ)


class Unstartable(Exception):
    """The command cannot be executed. The text is a sentence, and ``status`` what a shell returns then."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class OwnCommand:
    """One command. Call ``start``. After that, call ``look`` until the command has ended."""

    def __init__(self, argv: list[bytes]) -> None:
        """Look up the command's file in PATH, as a shell does. Raises Unstartable if there is no executable file."""
        self._argv = argv
        self._path = _find(argv[0])
        self.pid = 0
        self._known: dict[int, _Process] = {}

    @property
    def name(self) -> str:
        """The first word of the command, in printable form."""
        return shown(self._argv[0])

    def start(self, variables: dict[bytes, bytes], mask: set[int], descriptors: list[int]) -> None:
        """Fork a process and execute the command in it. The command gets this process's environment variables, changed by
        ``variables``. The command also gets the signal mask ``mask``, and the open ``descriptors`` under the same numbers.

        If the child process cannot execute the file, it prints the reason and exits with status 126 or 127. Raises Unstartable if
        no process can be forked.
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
                for descriptor in descriptors:
                    posix.set_inheritable(descriptor, True)
                posix.execve(self._path, self._argv, environment)
            except OSError as fault:
                if fault.errno == errno.ENOENT and not _exists(self._path):  # the command's file is missing, not its interpreter
                    status = NOT_FOUND
                write(f"jitsudo: {shown(self._path)} cannot be executed: {fault.strerror}\n")
            finally:
                posix._exit(status)

    def look(self) -> int | None:
        """If the command has ended, return its exit status, or minus the number of the signal that ended the command. If a signal
        has stopped the command, return STOPPED plus the number of the signal. If the command still runs, return None.
        """
        found, status = posix.waitpid(self.pid, posix.WNOHANG | posix.WUNTRACED)
        if not found:
            return None
        return STOPPED + posix.WSTOPSIG(status) if posix.WIFSTOPPED(status) else posix.waitstatus_to_exitcode(status)

    def signal(self, number: int) -> None:
        _kill(self.pid, number)

    def go_on(self) -> None:
        """Send SIGCONT to the command. If the command leads a process group, send SIGCONT to the whole group."""
        group = -self.pid if _group_of(self.pid) == self.pid else self.pid
        _kill(group, _signal.SIGCONT)

    def family(self) -> dict[int, _Process]:
        """Return the command and its descendants by pid, as far as they can be found, with all of a process group or session that
        it leads.
        """
        return _family(self.pid, _processes())

    def hang_up(self) -> None:
        """Send SIGHUP to the command and its descendants. All of them are stopped first and continued at the end, so that none
        of them goes on, or forks, because another one has ended.
        """
        try:
            self._stop()
        finally:  # nothing stays stopped, and the command itself is hung up, even if the search for descendants fails
            found = list(self._known) or [self.pid]
            for pid in found:
                _kill(pid, _signal.SIGHUP)
            for pid in reversed(found):
                _kill(pid, _signal.SIGCONT)

    def _stop(self) -> None:
        """Parents, which are older, come first: a shell with job control goes on if its job is stopped before the shell."""
        for _ in range(_MOST_TRIES):
            family = dict(sorted(self.family().items(), key=lambda each: (each[1].began, each[0])))
            new = [pid for pid in family if pid not in self._known]
            for pid in new:
                _kill(pid, _signal.SIGSTOP)
            self._known |= family
            if not new:
                break

    def hang_up_again(self) -> None:
        """Look again at the processes that got SIGHUP, and forget those that have ended. Send SIGHUP again to each one that has
        executed another file since then: before, it may have handled the signal by a function of the shell that forked it, and
        execve(2) then forgets the function.
        """
        now = _processes()
        living = {pid: same for pid, one in self._known.items() if (same := now.get(pid)) and same.began == one.began}
        for pid, same in living.items():
            if same.image != self._known[pid].image:
                _kill(pid, _signal.SIGHUP)
        self._known = living

    def survivors(self) -> list[str]:
        """Return the pid and name, such as ``1234 psql``, of each process that ``hang_up_again`` last found running."""
        return [f"{pid} {shown(one.name)}" for pid, one in self._known.items()]


STOPPED = 0x100  # the number that `look` adds to the number of the signal that has stopped the command


# --- the file of the command


def _find(word: bytes) -> bytes:
    """Return the file that a shell would execute for the command ``word``. Raises Unstartable."""
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


# --- the descendants of the command


class _Process:
    """One process, as /proc/PID/stat shows it (proc(5))."""

    __slots__ = ("began", "group", "image", "name", "parent", "session")

    def __init__(self, name: bytes, fields: list[bytes]) -> None:
        self.name = name
        self.parent, self.group, self.session = (int(field) for field in fields[1:4])
        self.began = int(fields[19])  # when it started, in clock ticks since boot. With the pid, this identifies a process
        self.image = (name, fields[25])  # the kernel chooses the stack's address at random when it executes a file


def _processes() -> dict[int, _Process]:
    """Return all running processes that this process may see. The keys are the pids. Zombies are left out."""
    found = {}
    for entry in posix.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as file:
                line = file.read(4096)
        except OSError:  # the process has ended
            continue
        # The line is "pid (name) state ppid …". The name may contain any character, so it ends at the last closing parenthesis.
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
    except OSError:  # the process has ended, or now runs as another user
        pass
