# SPDX-License-Identifier: Apache-2.0
"""Runs the checks of an edit on the new text, before anything is written.

Law: a check has the rights of the account that writes, and no others. Only an exit status of 0, in time, is a yes, and silence is
a no. No program but the checks meets the text before: they find it under the name of the file, in mounts that only they see. What
a check says goes to the record whole. The requester reads of it the status, and the numbers of lines beside these lines of their
own text.

The process that starts the checks (the checker) is forked by the one that writes, as root, because only root can make mounts. It
never executes anything before it has only the rights of the account. The one that writes stays in the mounts of the run: the
kernel exchanges no file that is a mount point for who exchanges it.
"""

from __future__ import annotations

import gc
import os
import re
import select
import signal
import socket
import stat
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import NoReturn

from jitd.beside import filtering
from jitd.files import exchange, inspection
from jitd.files.mounts import OWN
from jitd.monitor import namespace
from jitd.monitor.leash import FROM_COMMAND, Checked
from jitd.monitor.limits import ENDING
from jitd.monitor.orders import MAX_WORD, MOST_SAID, Job, what_failed
from jitd.monitor.places import copy_directory
from jitd.monitor.signalling import Pid
from jitd.monitor.slate import PR_SET_PDEATHSIG, become, close_all_but, control_process
from jitpam.wire.notation import encode_basestring_ascii
from jitpam.wire.shown import reshown, shown

WITHIN = 30.0  # seconds at most that a check may take
MOST_HEARD = 4096  # bytes of its output that are told
MOST_OF_A_LINE = 300  # characters of a line that are told
MOST_NUMBERS = 10  # lines of their own text that a requester is told
_PIPE = 64 * 1024  # bytes that a pipe holds (pipe(7))
FILE = b"{file}"  # stands in a word of a check for the path of the new text
ENDED = "its check was ended"
_BEGIN = b"check"
_MORE = "({} visible to approvers: jitd show {})"


class Checker:
    """The checker, as the process that writes sees it."""

    def __init__(self, pid: Pid, line: socket.socket) -> None:
        self._pid = pid
        self._line = line

    def answer(self) -> Checked:
        """Have the checks run, and return what they say. A signal that ends this process ends the checks, too."""
        said: object = None
        try:
            with suppress(OSError):
                self._line.send(_BEGIN, socket.MSG_NOSIGNAL)
                packet = self._line.recv(MAX_WORD)
                said = FROM_COMMAND.read(packet) if packet else None
        finally:
            self.end()
        return said if isinstance(said, Checked) else Checked(ENDED, ENDED)

    def end(self) -> None:
        """End the checker, and with it the check that runs."""
        if self._pid:
            pid, self._pid = self._pid, 0
            self._line.close()
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)


def begin(job: Job, state_dir: str) -> Checker | None:
    """Fork the checker, if the job has checks. Call this as root, before the rights are given up. Raises OSError."""
    if not job.checks:
        return None
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    writer = os.getpid()
    OWN.close()  # the checker closes all descriptors, and would take another file for it
    with theirs:
        pid = os.fork()
        if pid == 0:
            _check(job, state_dir, theirs, writer)
    return Checker(pid, ours)


def end_tidily() -> None:
    """From now on, a signal that asks this process to end is a reason not to write (NotExchanged). All other signals wait, such
    as SIGXFSZ and SIGPIPE: the call that was their cause fails by itself.
    """

    def end(number: int, frame: object) -> NoReturn:
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # one is enough
        raise exchange.NotExchanged(f"it was ended by {signal.Signals(number).name}")

    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - set(ENDING))
    for number in ENDING:
        signal.signal(number, end)


# --- the checker ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Copy:
    """The new text ``text`` of the file ``name`` as the checks find it at ``path``, and an open file of it. ``status`` is what it
    was made with.
    """

    name: bytes
    text: bytes
    path: bytes
    file: int
    status: os.stat_result


def _check(job: Job, state_dir: str, line: socket.socket, writer: Pid) -> NoReturn:
    """Be the checker: show the text, give up all rights but those of the account, wait, and say what the checks say."""
    try:
        gc.freeze()  # garbage of before the fork would close descriptors by their numbers, which are others' by then
        close_all_but(line.fileno())
        for slot in (os.open("/dev/null", os.O_RDWR), 1, 2):
            os.dup2(0, slot)
        end_tidily()
        copies, fault = list[_Copy](), ""
        try:
            copies = _shown(job, state_dir)
        except (exchange.NotExchanged, OSError) as why:
            fault = (
                f"its text cannot be shown to the check: {why if isinstance(why, exchange.NotExchanged) else what_failed(why)}"
            )
        if job.given_gid is not None:
            filtering.confine(job.given_gid)
        become(job.uid, job.gid, job.groups)
        control_process(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == writer and line.recv(MAX_WORD) == _BEGIN:
            said = Checked(fault, fault) if fault else _said(job, copies)
            line.send(FROM_COMMAND.write(said), socket.MSG_NOSIGNAL)
    finally:
        os._exit(0)


def _shown(job: Job, state_dir: str) -> list[_Copy]:
    """Make a copy of each file with the new text, in memory, and lay it over the file, in mounts of this process alone. A new
    file has nothing to lie over: a directory with it, and with all that is in its directory, lies over this. If this host permits
    that to nobody, the copy is in the directory of the run, and has another path. Raises NotExchanged and OSError, also if
    several files cannot be seen together.
    """
    directory = os.fsencode(copy_directory(state_dir, job.run))
    os.mkdir(directory, 0o700)
    is_alone = namespace.leave_mounts() and namespace.mount_memory(directory)
    os.chown(directory, 0, job.gid)
    os.chmod(directory, 0o710)
    if job.makes is not None:
        beside = exchange.open_directory(os.path.dirname(job.path))
        return [_shown_beside(job, beside, os.path.join(directory, b"place"), is_alone=is_alone)]
    if job.edit is not None:
        device, inode, text = job.edit
        return [_shown_over(directory, job.path, device, inode, text, is_alone=is_alone)]
    copies = []
    for number, (path, device, inode, _, text) in enumerate(job.edits):
        place = os.path.join(directory, b"%d" % number)  # two may have one name
        os.mkdir(place, 0o710)
        os.chown(place, 0, job.gid)
        copies.append(_shown_over(place, path, device, inode, text, is_alone=is_alone))
    if any(one.path != one.name for one in copies):
        raise exchange.NotExchanged("this host permits no mounts in which all files would be seen together: edit them one by one")
    return copies


def _shown_over(directory: bytes, name: bytes, device: int, inode: int, text: bytes, *, is_alone: bool) -> _Copy:
    """Make a copy of the file ``name`` in ``directory``, and lay it over the file if this process ``is_alone``."""
    beside, base = exchange.open_directory(os.path.dirname(name)), os.path.basename(name)
    path = os.path.join(directory, base)
    old = exchange.open_file(beside, base)
    status = os.fstat(old)
    if (status.st_dev, status.st_ino) != (device, inode):
        raise exchange.Changed("it is another file than the one that was approved")
    mode = stat.S_IMODE(status.st_mode)
    file = exchange.make_copy(path, text, status.st_uid, status.st_gid, mode, exchange.attributes_of(old))
    if is_alone:
        target = os.open(base, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=beside)
        if os.path.samestat(os.fstat(target), status) and namespace.lay_over(path, target):
            path = name
    return _Copy(name, text, path, file, os.fstat(file))


def _shown_beside(job: Job, beside: int, place: bytes, *, is_alone: bool) -> _Copy:
    """Make a copy of the new file in ``place``, a directory in memory that is like ``beside``, and lay this over ``beside``."""
    assert job.makes is not None, "it is a new file"
    device, inode, gid, mode, text = job.makes
    status = os.fstat(beside)
    if (status.st_dev, status.st_ino) != (device, inode):
        raise exchange.Changed("its directory is another one than the one that was approved")
    os.mkdir(place, 0o700)
    path = os.path.join(place, os.path.basename(job.path))
    file = exchange.make_copy(path, text, job.uid, gid, mode, {})
    is_laid = is_alone and namespace.lay_beside(beside, place)
    os.chown(place, status.st_uid, status.st_gid)
    os.chmod(place, stat.S_IMODE(status.st_mode))
    for one, value in exchange.attributes_of(beside).items():
        with suppress(OSError):  # not all can be kept in memory
            os.setxattr(place, one, value)
    return _Copy(job.path, text, job.path if is_laid else path, file, os.fstat(file))


def _said(job: Job, copies: list[_Copy]) -> Checked:
    """Return what the checks say: nothing if all of them take the text, otherwise what the first one says that does not."""
    view = inspection.View(job.trusted_uid, None, job.trusted)
    is_theirs = job.requester_uid in (0, job.uid)
    for words in job.checks:
        if said := said_by(words, b"" if job.edits else copies[0].path, dict(job.environment), view):
            lines = [line.replace(os.fsdecode(copies[0].path), os.fsdecode(job.path)) for line in said[1:]]
            texts = {one.name: one.text for one in copies}
            told = lines if is_theirs else told_of(lines, texts, job.request, tells_text=job.tells_text)
            return Checked(_within(said[0], told), _within(said[0], lines))
    if any(map(_is_changed, copies)):
        changed = "the new text was changed while it was checked"
        return Checked(changed, changed)
    return Checked("", "")


def _is_changed(copy: _Copy) -> bool:
    now = os.fstat(copy.file)
    is_there = os.path.samestat(os.stat(copy.path), now)
    return not is_there or not exchange.is_like(now, copy.status) or os.pread(copy.file, exchange.LARGEST + 1, 0) != copy.text


def told_of(said: Sequence[str], texts: Mapping[bytes, bytes], request: str, *, tells_text: bool) -> list[str]:
    """Return what the requester of ``request`` reads of the lines ``said``: no word of them, because any may be of a file that
    only the account can read, and other accounts choose the names that stand in them. If a line has the path of a file in
    ``texts`` and the number of a line, the number follows. If ``tells_text`` is True, so does this line of the new text, which is
    the requester's own.
    """
    found = dict[tuple[bytes, int], str]()
    for file, text in texts.items():
        path, lines = os.fsdecode(file), text.removesuffix(b"\n").split(b"\n")
        for match in _numbers_beside(path).finditer("\n".join(said)):
            number = int(match["after"] or match["before"])
            if 0 < number <= len(lines):
                own = f": {os.fsdecode(lines[number - 1])}" if tells_text else ""
                found[file, number] = f"{path}:{number}{own}"
    more = [_MORE.format("1 more line is" if len(said) == 1 else f"{len(said)} more lines are", request)] if said else []
    return [*islice(found.values(), MOST_NUMBERS), *more]


def _numbers_beside(file: str) -> re.Pattern[str]:
    """Find the number of a line beside the path ``file``, as compilers, nginx, sshd, Postfix and Apache write it. The path has
    the first ``/`` of its line: behind another one, it may be the end of the path of another file, which may have blanks and
    quotes in it.
    """
    quote = "[\"'`(<\\[]"
    after = rf"(?:[^/\n]*(?:{quote}|\b(?:at|file|in|of) |[\w\])]: ))?{re.escape(file)}[\"'`]?(?::|,? line |: line )"
    before = rf"[^/\n]*\bline (?P<before>[0-9]{{1,6}}) (?:in|of) (?:file )?{quote}?{re.escape(file)}"
    return re.compile(rf"^(?:{after}(?P<after>[0-9]{{1,6}})(?![\w/-]|\.\w)|{before}(?=[\"'`:;,)>\]]|\.?(?:\s|$)))", re.MULTILINE)


def _within(because: str, lines: list[str]) -> str:
    """Return ``because`` and ``lines`` as one text, as people read it, and as long as a message can have it."""
    told: list[str] = []
    left = MOST_SAID
    for seen in (reshown(because), *map(shown, lines)):
        seen = seen if len(seen) <= MOST_OF_A_LINE else seen[: MOST_OF_A_LINE - 1] + "…"
        left -= len(encode_basestring_ascii(seen))
        if left < 0:
            return "\n".join((*told, "…"))
        told.append(seen)
    return "\n".join(told)


def said_by(words: tuple[bytes, ...], file: bytes, environment: Mapping[bytes, bytes], view: inspection.View) -> list[str]:
    """Return [] if the check ``words`` takes the text at the path ``file``, or, if that is empty, at the one that its words name.
    Otherwise return why it does not, and then the lines that it has said.
    """
    name = inspection.path_in_sentence(words[0])
    is_named = not file or any(FILE in word for word in words)
    argv = [word.replace(FILE, file) if file else word for word in words] + ([] if is_named else [file])
    try:
        _, changers = inspection.changers(words[0], view)
        if changers:
            return [f"the check {name} can be changed by others: {changers[0]}"]
        status, said = _run(argv, environment)
    except (inspection.Uninspectable, OSError) as fault:
        return [f"the check {name} cannot be run: {fault}"]
    if status == 0:
        return []
    ended = f"took more than {WITHIN:.0f} s" if status is None else f"says no (status {status})"
    lines = said.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n") if said else []
    if len(said) == MOST_HEARD:
        lines[-1] = "…"  # where it was cut, a number may have lost its end
    return [f"the check {name} {ended}", *lines]


def _run(argv: list[bytes], environment: Mapping[bytes, bytes]) -> tuple[int | None, bytes]:
    """Return the exit status of the check, or None if it was ended, and the beginning of its output. Raises OSError."""
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, theirs, 1),
        (os.POSIX_SPAWN_DUP2, theirs, 2),
    ]
    try:
        child = os.posix_spawn(argv[0], argv, environment, file_actions=actions, setsid=True, setsigmask=())
    finally:
        os.close(theirs)
    is_over, said, until = False, b"", time.monotonic() + WITHIN
    try:
        ended = os.pidfd_open(child)
        os.set_blocking(ours, False)
        waits = select.poll()
        for descriptor in (ours, ended):
            waits.register(descriptor, select.POLLIN)
        while not is_over and (left := until - time.monotonic()) > 0:
            ready = {descriptor for descriptor, _ in waits.poll(left * 1000)}
            is_over = ended in ready
            if ours in ready or is_over:
                said, is_open = _heard(ours, said)
                if not is_open and not is_over:
                    waits.unregister(ours)
    finally:  # also at a signal that ends the edit; and what the check has started does not outlive it
        with suppress(OSError):
            os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    return (os.waitstatus_to_exitcode(status) if is_over else None), said


def _heard(pipe: int, said: bytes) -> tuple[bytes, bool]:
    """Return ``said`` with what is in the pipe now, and whether more may come. This reads once: a check that does not stop to
    write would keep a loop from looking at the time.
    """
    try:
        piece = os.read(pipe, _PIPE)
    except BlockingIOError:
        return said, True
    return (said + piece)[:MOST_HEARD], bool(piece)
