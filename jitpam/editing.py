# SPDX-License-Identifier: Apache-2.0
"""``jitsudo -e FILE ...``: the person edits copies of their own, and asks for their texts to be written.

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
import subprocess
import tempfile
from copy import copy as copy_of

from jitpam.options import Options, UsageError
from jitpam.saying import say
from jitpam.wire.shown import shown, shown_argument, unshown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST = 64 * 1024  # bytes of a text. What is longer is not read by anybody before they approve it.
EDITORS = (b"SUDO_EDITOR", b"VISUAL", b"EDITOR")
BASE = b".jitsudo-base"  # beside a copy: the path of the file, NUL, and the text from which the copy was made
MOST_PATH = 4096
MINE, THEIRS = "yours", "theirs"
_MARKS = (b"<<<<<<< yours", b">>>>>>> theirs")  # how lines begin
USUAL_EDITOR, USUAL_TMPDIR = b"/usr/bin/editor", b"/var/tmp"
_TRUTHFUL = frozenset(b"bcachefs btrfs ext2 ext3 ext4 f2fs jfs nilfs2 overlay ramfs tmpfs xfs zfs".split())
"""Kinds of file systems for which the kernel of this host itself stores the owners of files. Who serves FUSE or a network file
system says of them what they like.
"""
_refused: set[bytes] = set()  # values of TMPDIR of which it was said why they are not used


def edit(options: Options, ask: Callable[[], int], refused: Callable[[bool], int], run: Callable[[Options], int]) -> int:
    """Get the new text of the file in ``options``, which may be a new one, and ``ask`` for it. Return the exit status. Raises
    UsageError. ``refused`` says beforehand why no text of the file would be written, and returns the exit status, or 0. It is
    told whether the person can read the file. ``run`` requests a command.
    """
    (path, *more), made = named(options), b""
    if more:
        return _edit_together([path, *more], options, ask, refused)
    if options.source is not None:
        copy, text = os.path.abspath(options.source), _read_copy(options.source)
        is_new = False  # of a copy from elsewhere, jitd finds it out
        if _has(path, text):
            say(f"{shown(path)} has this text already: nothing was requested")
            return 0
        base, can_read = _base_of(copy, path), False
    else:
        own, is_new = _own(path), _is_vacant(path)
        can_read = own is not None
        if status := refused(can_read):
            return status
        base, status = _fetched(path, options, run) if own is None else (own, 0)
        if status:
            return status
        made = _copied(path, base, base)
        copy = os.path.join(made, os.path.basename(path))
        _run_editor([copy], [made])
        if not os.path.lexists(copy):
            _remove(made)
            raise UsageError(f"the editor has removed the copy of {shown(path)}: nothing was requested")
        text = _read_copy(copy)
        if text == base:
            _remove(made)
            say(f"{shown(path)} not made: its text would be empty" if is_new else f"{shown(path)} unchanged")
            return 0
    options.kept = _kept(path, copy, options.user, options.group)
    while base is not None and (now := _now(path, is_new=is_new)) != base and (can_read or now is not None):
        text, base = _merged(options, path, copy, base, now)
        if text == base:
            options.kept = ""
            _remove(made)
            say(f"{shown(path)} has this text already: nothing was requested")
            return 0
    options.text, options.base = text, base
    return _asked(options, ask, [made])


def _asked(options: Options, ask: Callable[[], int], made: list[bytes]) -> int:
    """Request the edit, and return the exit status. The directories ``made`` go if it was written."""
    _say_kept_at_a_signal(options)
    try:
        status = ask()
    except Exception as fault:
        from jitpam.failing import tell

        status = tell(fault)
    if status == 0 and options.waits:
        for one in made:
            _remove(one)
        if options.request:
            say(f"written; to take it back: jitsudo -e --undo {options.request}")
    else:
        options.say_kept()
    return status


def _edit_together(paths: list[bytes], options: Options, ask: Callable[[], int], refused: Callable[[bool], int]) -> int:
    """Like ``edit``, for several files, whose copies the person has in one editor."""
    bases = [_own_of_several(path, options) for path in paths]
    if status := refused(True):
        return status
    made = [_copied(path, base, base) for path, base in zip(paths, bases, strict=True)]
    copies = [os.path.join(place, os.path.basename(path)) for place, path in zip(made, paths, strict=True)]
    _run_editor(copies, made)
    if removed := [path for path, copy in zip(paths, copies, strict=True) if not os.path.lexists(copy)]:
        left = " and ".join(shown(copy) for copy in copies if os.path.lexists(copy))
        raise UsageError(
            f"the editor has removed the copy of {shown(removed[0])}: nothing was requested{left and f'; kept: {left}'}"
        )
    changed = []
    for path, base, copy, place in zip(paths, bases, copies, made, strict=True):
        if (text := _read_copy(copy)) == base:
            _remove(place)
            say(f"{shown(path)} unchanged")
        else:
            changed.append((path, base, copy, place, text))
    options.kept = "\n".join(_kept(path, copy, options.user, options.group) for path, _, copy, _, _ in changed)
    if not changed:
        return 0
    texts, froms, wanted = [], [], []
    for path, base, copy, place, text in changed:
        while (now := _now(path)) != base:
            text, base = _merged(options, path, copy, base, now)
        if text == base:
            say(f"{shown(path)} has this text already")
            continue
        wanted.append((path, place))
        texts.append(text)
        froms.append(base)
    if not wanted:
        options.kept = ""
        for _, _, _, place, _ in changed:
            _remove(place)
        return 0
    options.argv = [b"sudoedit", *(path for path, _ in wanted)]
    if len(wanted) == 1:
        options.text, options.base = texts[0], froms[0]
    else:
        options.texts, options.bases = texts, froms
    return _asked(options, ask, [place for *_, place, _ in changed])


def _own_of_several(path: bytes, options: Options) -> bytes:
    """Return the text of one of several files. Raises UsageError for a file that can only be edited alone."""
    name, alone = shown_argument(path), f"{_again(path, options.user, options.group)}; leave it out here"
    if _is_vacant(path):
        raise UsageError(f"there is no {name}, and a new file is made by a request of its own: {alone}")
    if (own := _own(path)) is None:
        raise UsageError(f"you cannot read {name}, and such a file is edited by a request of its own: {alone}")
    return own


def _kept(path: bytes, copy: bytes, user: str | None, group: str | None) -> str:
    return f"your text is kept: {_again(path, user, group)} --from {shown_argument(copy)}"


def _again(path: bytes, user: str | None, group: str | None) -> str:
    asked = ((" -u ", user), (" -g ", group))
    whose = "".join(f"{option}{shown_argument(name.encode())}" for option, name in asked if name is not None)
    return f"jitsudo{whose} -e {shown_argument(path)}"


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
    if row is None or row.writes is None or not row.own or row.state in ("pending", "screening") or row.narrowed:
        return
    if any(run.outcome and (run.outcome.ending, run.outcome.number) == ("exited", 0) for run in row.runs):
        return
    if row.undoes:
        options.kept = f"to ask for it again: jitsudo -e --undo {row.undoes}"
        return
    user, group = row.run_as, row.run_as_group
    whose = user if user != "root" else None, group if group != _group_of(user) else None
    kept = []
    for typed, one in zip(row.argv[1:], row.scripts, strict=False):
        if one.text is None:
            continue
        path = unshown(typed)
        try:
            made = _copied(path, unshown(one.text))
        except UsageError as fault:
            say(str(fault))
            return
        kept.append(_kept(path, os.path.join(made, os.path.basename(path)), *whose))
    options.kept = "\n".join(kept)


def _group_of(user: str) -> str:
    try:
        return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
    except KeyError:
        return ""


def named(options: Options) -> list[bytes]:
    """Return the absolute paths of the files in ``options``, as the words about which jitd is asked, too. Raises UsageError."""
    paths = []
    for path in options.argv:
        try:
            paths.append(path if path.startswith(b"/") else _absolute(os.getcwdb(), path))
        except OSError as fault:
            raise UsageError(f"{shown(path)} is relative to a directory that is not there: {fault.strerror}") from None
    options.argv = [b"sudoedit", *paths]
    return paths


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
    """Return the file's text, "" if none is there yet, None if the person cannot read it. Raises UsageError."""
    try:
        return b"" if _is_vacant(path) else _read(path)
    except PermissionError:
        return None


def _is_vacant(path: bytes) -> bool:
    """True if nothing has the name ``path``, also no link that leads nowhere, in a directory that is there."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return os.path.isdir(os.path.dirname(path))
    except OSError:
        return False
    return False


def _has(path: bytes, text: bytes) -> bool:
    return _now(path) == text


def _now(path: bytes, *, is_new: bool = False) -> bytes | None:
    """Return the text of the file, or None if it cannot be read. One that ``is_new`` has an empty text while nothing is there."""
    try:
        return b"" if is_new and _is_vacant(path) else _read(path)
    except (UsageError, PermissionError):
        return None


def _fetched(path: bytes, options: Options, run: Callable[[Options], int]) -> tuple[bytes, int]:
    """Return the text of a file that the person cannot read, as ``run`` of a ``cat`` of it has brought it, and 0. If the rules do
    not permit that, or nobody approves it, return the exit status. Raises UsageError.
    """
    name = shown_argument(path)
    if not options.waits:
        say(f"you cannot read {name}: request its text first, with jitsudo cat {name} > copy")
        raise UsageError(f"then edit the copy, and send it with jitsudo -e {name} --no-wait --from copy")
    say(f"you cannot read {name}: its text is requested first, by jitsudo cat {name}")
    asked = copy_of(options)
    asked.mode, asked.argv, asked.terms = "run", [b"cat", path], {}
    place = os.memfd_create("text")

    def fetch() -> int:
        os.dup2(place, 1)
        return run(asked)

    if ending := _forked(fetch):
        say(f"so there is no text to edit; jitsudo -e {name} --from COPY sends one of your own")
        if ending < 0:  # so that a loop of the shell ends, too
            signal.signal(-ending, signal.SIG_DFL)
            os.kill(os.getpid(), -ending)
        return b"", abs(ending)
    text = os.pread(place, MOST + 1, 0)
    os.close(place)
    if len(text) > MOST:
        raise UsageError(_too_long(path))
    return text, 0


def _merged(options: Options, path: bytes, copy: bytes, base: bytes, now: bytes | None) -> tuple[bytes, bytes]:
    """Return a text that has both the changes of the person, in ``copy``, and those of others, who have made ``now`` from
    ``base`` meanwhile; and the text from which it is made by then. Raises UsageError if the person does not want that, or cannot
    be asked.
    """
    changed = f"{shown(path)} was changed while you edited it"
    if now is None or not options.if_owed or not _wants_merge(changed):
        options.say_kept()
        raise UsageError(f"{changed}: nothing was requested; on a terminal, that line offers to merge both")
    place = b""
    try:
        place = _directory()
        texts = [os.path.join(place, name) for name in (b"yours", b"before", b"theirs")]
        mine = _read_copy(copy)
        for name, text in zip(texts, (mine, base, now), strict=True):
            _write(name, _in_whole_lines(text))
        done = subprocess.run(["diff3", "-m", "-E", "-L", MINE, "-L", "before", "-L", THEIRS, *texts], stdout=subprocess.PIPE)
    except OSError as fault:
        options.say_kept()
        raise UsageError(f"diff3 (of diffutils) cannot be run: {fault.strerror}: nothing was requested; merge by hand") from None
    except UsageError:
        options.say_kept()
        raise
    finally:
        if place:
            _remove(place)
    if done.returncode not in (0, 1):
        options.say_kept()
        raise UsageError("diff3 could not merge them: nothing was requested")
    ends = mine if mine.endswith(b"\n") != base.endswith(b"\n") else now  # who has changed the end of the last line decides
    _write(copy, done.stdout if ends.endswith(b"\n") or done.returncode else done.stdout.removesuffix(b"\n"))
    _write(os.path.join(os.path.dirname(copy), BASE), path + b"\0" + now)
    if done.returncode == 1:
        say("both have changed the same lines: choose between them in your editor")
        try:
            _run_editor([copy], [])
        except UsageError:
            options.say_kept()
            raise
    text = _read_copy(copy)
    if done.returncode == 1 and any(line.startswith(_MARKS) for line in text.split(b"\n")):
        options.say_kept()
        raise UsageError("your text still has the marks of diff3: nothing was requested")
    say("your changes and theirs are merged")
    return text, now


def _in_whole_lines(text: bytes) -> bytes:
    """Return ``text`` with a newline at its end: diff3 would glue its marks to a last line without one."""
    return text if text.endswith(b"\n") or not text else text + b"\n"


def _wants_merge(changed: str) -> bool:
    import termios

    from jitpam.confirmation import NoTerminal, ask

    try:
        return ask(f"jitsudo: {changed}: merge both with diff3? [y/N] ").strip().lower() in (b"y", b"yes")
    except (NoTerminal, OSError, termios.error):
        return False


def _base_of(copy: bytes, path: bytes) -> bytes | None:
    """Return the text from which ``copy`` was made by an edit of ``path``, or None if it is not known."""
    place = os.path.join(os.path.dirname(copy), BASE)
    try:
        if os.lstat(place).st_uid != os.geteuid():
            return None
        made_from, _, base = _read(place, MOST + MOST_PATH).partition(b"\0")
    except (OSError, UsageError):
        return None
    return base if os.path.realpath(made_from) == os.path.realpath(path) else None


def _read(path: bytes, most: int = MOST) -> bytes:
    """Return the content of a regular file. Raises UsageError and PermissionError."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise UsageError(f"{shown(path)} is not a regular file")
            content = b""
            while len(content) <= most and (piece := os.read(file, most + 1 - len(content))):
                content += piece
        finally:
            os.close(file)
    except PermissionError:
        raise
    except FileNotFoundError as fault:
        raise UsageError(f"{shown(path)}{' is a link' if os.path.islink(path) else ''}: {fault.strerror}") from None
    except OSError as fault:
        raise UsageError(f"{shown(path)}: {fault.strerror}") from None
    if len(content) > most:
        raise UsageError(_too_long(path))
    return content


def _too_long(path: bytes) -> str:
    return f"{shown(path)} has more than {MOST // 1024} KiB, which nobody would read before they approve it"


def _write(path: bytes, text: bytes) -> None:
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)


def _read_copy(path: bytes) -> bytes:
    """Return the text that the person wants, which nobody else has. Raises UsageError."""
    try:
        return _read(path)
    except PermissionError as fault:
        raise UsageError(f"{shown(path)}: {fault.strerror}: nothing was requested, and your text stays there") from None


def _copied(path: bytes, text: bytes, base: bytes | None = None) -> bytes:
    """Return a new directory of the person's, with a file of the same name that has ``text``, and beside it the text from which
    it is made. Raises UsageError.
    """
    made = b""
    try:
        made = _directory()
        if base is not None:
            _write(os.path.join(made, BASE), path + b"\0" + base)
        _write(os.path.join(made, os.path.basename(path)), text)
    except OSError as fault:
        _remove(made)
        raise UsageError(
            f"no copy of {shown(path)} can be made in {shown(os.path.dirname(made) or USUAL_TMPDIR)}: {fault.strerror}"
        ) from None
    return made


def _directory() -> bytes:
    """Make a directory in which nobody else can put another text in place of the person's. Raises UsageError."""
    if (named := os.environb.get(b"TMPDIR")) and named not in _refused:
        try:
            place = os.path.realpath(named)
            if not (why := _why_exchangeable(place)):
                return tempfile.mkdtemp(prefix=b"jitsudo-", dir=place)
        except OSError as fault:
            why = fault.strerror or str(fault)
        _refused.add(named)
        say(f"TMPDIR is {shown(named)}: {why}; your copy is in {shown(USUAL_TMPDIR)}")
    if why := _why_exchangeable(USUAL_TMPDIR):
        raise UsageError(f"no copy can be made in {shown(USUAL_TMPDIR)}: {why}: set TMPDIR to a directory of your own")
    return tempfile.mkdtemp(prefix=b"jitsudo-", dir=USUAL_TMPDIR)


def _why_exchangeable(place: bytes) -> str:
    """Return why others can exchange what is in ``place``, a path without links, or the place itself. An access list (acl(5))
    that lets others write is in the bits of the group. In a sticky directory (chmod(1)), others exchange only what is theirs.
    What is mounted on the usual place or above it, root has chosen.
    """
    for directory in (place, *_above(place)):
        file = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)  # what is mounted there may change
        try:
            status = os.fstat(file)
            if directory not in (USUAL_TMPDIR, *_above(USUAL_TMPDIR)) and (kind := _kind_of(file)) not in _TRUTHFUL:
                return f"jitd cannot believe what its file system ({shown(kind)}) says of owners"
        finally:
            os.close(file)
        if status.st_uid not in (0, os.geteuid()):
            return f"{shown(directory)} is another person's"
        if status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
            return f"others can write to {shown(directory)}, which is not sticky"
    return ""


def _kind_of(file: int) -> bytes:
    """Return the kind of the file system on which the descriptor ``file`` is, found by the number of its mount. People choose the
    names in mountinfo (proc_pid_mountinfo(5)), where a line ends at LF alone. Raises OSError.
    """
    with open(f"/proc/self/fdinfo/{file}", "rb") as told:
        number = next((line.split()[1] for line in told if line.startswith(b"mnt_id:")), b"")
    with open("/proc/self/mountinfo", "rb") as table:
        found = [words for line in table if (words := line.split(b" "))[0] == number]
    return found[0][found[0].index(b"-", 6) + 1] if found else b"unknown"


def _above(place: bytes) -> Iterator[bytes]:
    while place != (place := os.path.dirname(place)):
        yield place


def _run_editor(copies: list[bytes], made: list[bytes]) -> None:
    """Run the person's editor on ``copies``. As with sudoedit, the variable has words, which may be quoted, and no shell. Raises
    UsageError.
    """
    words = next((found for name in EDITORS if (found := _words_of(name))), [USUAL_EDITOR])
    words = [*words, b"--", *copies] if words == [USUAL_EDITOR] else [*words, *copies]

    def run() -> int:
        try:
            os.execvp(words[0], words)
        except (OSError, ValueError) as fault:
            say(f"the editor {shown(words[0])} cannot be run: {getattr(fault, 'strerror', None) or fault}")
        return 127

    try:
        ending = _forked(run)
    except UsageError:
        for one in made:
            _remove(one)
        raise
    if ending == 0:
        return
    if ending == 127:
        for one in made:
            _remove(one)
        raise UsageError("nothing was requested: set SUDO_EDITOR, VISUAL or EDITOR, or use --from FILE")
    raise UsageError(
        f"the editor did not end well ({ending}): nothing was requested, and your text is in {' and '.join(map(shown, copies))}"
    )


def _words_of(name: bytes) -> list[bytes]:
    """Return the words of the variable ``name``. Raises UsageError."""
    import shlex

    try:
        return [os.fsencode(word) for word in shlex.split(os.fsdecode(os.environb.get(name, b"")))]
    except ValueError as fault:
        raise UsageError(f"{name.decode()} is {shown(os.environb[name])}: {str(fault).lower()}: nothing was requested") from None


def _forked(deed: Callable[[], int]) -> int:
    """Return the exit status of ``deed``, which is done in a process of its own, or the negative number of the signal that has
    ended it. What is typed at the terminal to end it ends nothing else. Raises UsageError.
    """
    kept = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGQUIT)}
    try:
        child = os.fork()
        if not child:
            status = 125
            try:
                for number, handler in kept.items():
                    signal.signal(number, handler)
                status = deed()
            except Exception as fault:
                from jitpam.failing import tell

                status = tell(fault)
            finally:
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except OSError as fault:
        raise UsageError(f"no process can be forked: {fault.strerror}: nothing was requested") from None
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _remove(made: bytes) -> None:
    """Remove the directory ``made``, with the copy and what an editor has left beside it."""
    if made:
        shutil.rmtree(made, ignore_errors=True)
