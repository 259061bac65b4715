# SPDX-License-Identifier: Apache-2.0
"""``jitsudo -e FILE``: the person edits a copy of their own, and asks for its text to be written.

Law: the editor runs as the person, before anything is asked, on a file that the person could read anyway. The text that is sent
is the text of the copy. Unless it was written, the copy is kept, and the person is told where.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import signal
import stat
import tempfile

from jitpam.options import Options, UsageError
from jitpam.saying import say
from jitpam.wire.shown import shown, shown_argument, unshown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 64 * 1024  # bytes of a text. What is longer is not read by anybody before they approve it.
EDITORS = (b"SUDO_EDITOR", b"VISUAL", b"EDITOR")
USUAL_EDITOR, USUAL_TMPDIR = b"/usr/bin/editor", b"/var/tmp"


def edit(options: Options, ask: Callable[[], int], refused: Callable[[], int]) -> int:
    """Get the new text of the file in ``options``, and ``ask`` for it. Return the exit status. Raises UsageError. ``refused``
    says beforehand why no text of the file would be written, and returns the exit status, or 0.
    """
    path, made = named(options), b""
    if options.source is not None:
        copy, text = os.path.abspath(options.source), _read_copy(options.source)
        if _has(path, text):
            say(f"{shown(path)} has this text already: nothing was requested")
            return 0
    else:
        before = _own(path)
        if status := refused():
            return status
        if before is None:
            name = shown_argument(path)
            say(f"you cannot read {name}: request its text first, with jitsudo cat {name} > copy")
            raise UsageError(f"then edit the copy, and send it with jitsudo -e {name} --from copy")
        made = _copied(path, before)
        copy = os.path.join(made, os.path.basename(path))
        _run_editor(copy, made)
        text = _read_copy(copy)
        if text == before:
            _remove(made)
            say(f"{shown(path)} unchanged")
            return 0
        if not _has(path, before):
            name = shown_argument(path)
            say(f"your text is kept: jitsudo -e {name} --from {shown_argument(copy)}")
            raise UsageError(f"{shown(path)} was changed while you edited it: nothing was requested")
    options.text = text
    options.kept = _kept(path, copy, options.user, options.group)
    _say_kept_at_a_signal(options)
    try:
        status = ask()
    except Exception as fault:
        from jitpam.failing import tell

        status = tell(fault)
    if status == 0 and options.waits:
        _remove(made)
    else:
        options.say_kept()
    return status


def _kept(path: bytes, copy: bytes, user: str | None, group: str | None) -> str:
    asked = ((" -u ", user), (" -g ", group))
    whose = "".join(f"{option}{shown_argument(name.encode())}" for option, name in asked if name is not None)
    return f"your text is kept: jitsudo{whose} -e {shown_argument(path)} --from {shown_argument(copy)}"


def fetch_kept(options: Options) -> None:
    """After ``--resume`` of an edit that was not written, put its text into a copy of the person's, so that ``options.say_kept``
    says how it is sent again. The first copy is known to who has made the request alone, and may be gone.
    """
    from jitpam.client import NotAuthenticated, RefusedByDaemon, Unreachable, connect
    from jitpam.wire.messages import Show
    from jitpam.wire.rows import Request

    try:
        connection = connect()
        try:
            row = next(map(Request.read, connection.ask(Show(id=options.resume or ""))), None)
        finally:
            connection.close()
    except (NotAuthenticated, RefusedByDaemon, Unreachable):  # what has happened has been said
        return
    if row is None or row.edit is None or not row.own or row.state in ("pending", "screening") or len(row.argv) != 2:
        return
    if any(run.outcome and (run.outcome.ending, run.outcome.number) == ("exited", 0) for run in row.runs):
        return
    if row.edit.undoes:
        options.kept = f"to ask for it again: jitsudo -e --undo {row.edit.undoes}"
        return
    text = next((one.text for one in row.scripts), None)
    if text is None:
        return
    path = unshown(row.argv[1])
    try:
        made = _copied(path, unshown(text))
    except UsageError as fault:
        say(str(fault))
        return
    user, group = row.run_as, row.run_as_group
    options.kept = _kept(
        path,
        os.path.join(made, os.path.basename(path)),
        user if user != "root" else None,
        group if group != _group_of(user) else None,
    )


def _group_of(user: str) -> str:
    try:
        return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
    except KeyError:
        return ""


def named(options: Options) -> bytes:
    """Return the absolute path of the file in ``options``, and make it the words about which jitd is asked."""
    path = _absolute(os.getcwdb(), options.argv[0])
    options.argv = [b"sudoedit", path]
    return path


def _absolute(directory: bytes, typed: bytes) -> bytes:
    """Return ``typed`` as an absolute path. ``directory`` has no links, so each ``..`` at the beginning takes one of its names
    away: an absolute path through it leads elsewhere if others rename it meanwhile.
    """
    while (parts := typed.split(b"/", 1))[0] in (b".", b"..") and len(parts) == 2:
        if parts[0] == b"..":
            directory = os.path.dirname(directory)
        typed = parts[1].lstrip(b"/")
    return os.path.join(directory, typed)


def _say_kept_at_a_signal(options: Options) -> None:
    """Have a signal that ends this process say first where the text is. From the request on, ``asking`` catches these signals."""

    def end(number: int, frame: object) -> None:
        options.say_kept()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, end)


def _own(path: bytes) -> bytes | None:
    """Return the text of the file, or None if the person cannot read it. Raises UsageError."""
    try:
        return _read(path)
    except PermissionError:
        return None


def _has(path: bytes, text: bytes) -> bool:
    try:
        return _read(path) == text
    except (UsageError, PermissionError):
        return False


def _read(path: bytes) -> bytes:
    """Return the content of a regular file. Raises UsageError and PermissionError."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise UsageError(f"{shown(path)} is not a regular file")
            content = b""
            while len(content) <= MOST and (piece := os.read(file, MOST + 1 - len(content))):
                content += piece
        finally:
            os.close(file)
    except PermissionError:
        raise
    except OSError as fault:
        raise UsageError(f"{shown(path)}: {fault.strerror}") from None
    if len(content) > MOST:
        raise UsageError(f"{shown(path)} has more than {MOST // 1024} KiB, which nobody would read before they approve it")
    return content


def _read_copy(path: bytes) -> bytes:
    """Return the text that the person wants, which nobody else has. Raises UsageError."""
    try:
        return _read(path)
    except PermissionError as fault:
        raise UsageError(f"{shown(path)}: {fault.strerror}: nothing was requested, and your text stays there") from None


def _copied(path: bytes, text: bytes) -> bytes:
    """Return a new directory of the person's, with a file of the same name that has ``text``. Raises UsageError."""
    made = b""
    try:
        made = _directory()
        with open(
            os.path.join(made, os.path.basename(path)), "xb", opener=lambda name, flags: os.open(name, flags, 0o600)
        ) as file:
            file.write(text)
    except OSError as fault:
        _remove(made)
        raise UsageError(
            f"no copy of {shown(path)} can be made in {shown(os.path.dirname(made) or USUAL_TMPDIR)}: {fault.strerror}"
        ) from None
    return made


def _directory() -> bytes:
    if named := os.environb.get(b"TMPDIR"):
        try:
            return tempfile.mkdtemp(prefix=b"jitsudo-", dir=os.path.abspath(named))
        except OSError as fault:
            say(f"TMPDIR is {shown(named)}: {fault.strerror}; your copy is in {shown(USUAL_TMPDIR)}")
    return tempfile.mkdtemp(prefix=b"jitsudo-", dir=USUAL_TMPDIR)


def _run_editor(copy: bytes, made: bytes) -> None:
    """Run the person's editor on ``copy``. As with sudoedit, the variable has words, and no shell reads it. Raises UsageError."""
    words = next((found for name in EDITORS if (found := os.environb.get(name, b"").split())), [USUAL_EDITOR])
    words = [*words, b"--", copy] if words == [USUAL_EDITOR] else [*words, copy]
    kept = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGQUIT)}
    try:
        child = os.fork()
        if not child:
            try:
                for number, handler in kept.items():
                    signal.signal(number, handler)
                os.execvp(words[0], words)
            except BaseException as fault:
                say(f"the editor {shown(words[0])} cannot be run: {getattr(fault, 'strerror', None) or fault}")
            finally:
                os._exit(127)
        _, status = os.waitpid(child, 0)
    except OSError as fault:
        _remove(made)
        raise UsageError(f"no process can be forked for the editor: {fault.strerror}") from None
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    if (ending := os.waitstatus_to_exitcode(status)) == 0:
        return
    if ending == 127:
        _remove(made)
        raise UsageError("nothing was requested: set SUDO_EDITOR, VISUAL or EDITOR, or use --from FILE")
    raise UsageError(f"the editor did not end well ({ending}): nothing was requested, and your text is in {shown(copy)}")


def _remove(made: bytes) -> None:
    """Remove the directory ``made``, with the copy and what an editor has left beside it."""
    if made:
        shutil.rmtree(made, ignore_errors=True)
