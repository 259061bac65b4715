# SPDX-License-Identifier: Apache-2.0
"""``jitsudo``: the main program (jitsudo(1)).

Law: when a command runs, only the command writes to standard output. Each sentence of jitsudo is written to standard error
through ``printable``, on its own line. After every fault, jitsudo prints a sentence and exits with one of its own exit statuses.
jitsudo never runs the command without jitd's permission.

This module imports only the modules that are needed to authenticate the user. All other modules are imported while jitd checks
the user's proof (docs/start.md).
"""

from __future__ import annotations

# ruff: noqa: E402
import gc

gc.set_threshold(10_000)  # before the other imports: with Python's 700, the collections during a start make it 0.6 ms longer

import posix  # importing `os` would make each start 1 ms longer
import sys

from jitpam.client import Connection, NotAuthenticated, begin
from jitpam.news import News
from jitpam.options import Options, read_options
from jitpam.streams import fill_closed, stream_kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from typing import NoReturn
else:
    import _signal  # importing `signal` would make each start 3 ms longer

UNREACHABLE = 125


def main() -> NoReturn:
    """Carry out the command line, and exit with the resulting status."""
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL if _signal.getsignal(_signal.SIGINT) != _signal.SIG_IGN else _signal.SIG_IGN)
    kinds = stream_kinds()
    fill_closed()
    try:
        ending = _run([word.encode(sys.getfilesystemencoding(), "surrogateescape") for word in sys.argv[1:]], kinds)
    except Exception as fault:
        ending = _tell(fault)
    posix._exit(ending)  # not sys.exit: Python's own exit takes 1 ms, and a thread may still be waiting for a silent KDC


def _tell(fault: Exception) -> int:
    try:
        from jitpam.failing import tell

        return tell(fault)
    except Exception:  # the import failed: there is no free descriptor, or an upgrade replaces the file. Exit with our status
        try:
            why = getattr(fault, "strerror", None) or type(fault).__name__
            posix.write(2, f"jitsudo: internal error: {why}; jitsudo did not run the command\n".encode())
        except OSError:  # standard error is closed, so only the exit status can tell
            pass
        return UNREACHABLE


def _run(words: list[bytes], kinds: list[str]) -> int:
    options = read_options(words)
    if not options.json or options.mode == "list":
        return _do(options, kinds)
    try:
        return _do(options, kinds)
    except Exception as fault:
        from jitpam.reporting import failed

        return failed(fault, options.request)


def _do(options: Options, kinds: list[str]) -> int:
    if options.mode in ("run", "get", "list", "edit", "undo") and not options.yes_show:
        from jitpam import disclosure

        disclosure.confirm(options, kinds)
    if options.break_glass and options.mode == "run":
        from jitpam import glass

        glass.confirm(options)
    if options.mode == "edit":
        from jitpam import editing, questions

        return editing.edit(
            options,
            lambda: _ask(options, kinds),
            lambda can_read: questions.refused(options, kinds, can_read=can_read),
            lambda command: _ask(command, stream_kinds()),
        )
    if options.mode in ("run", "get", "resume", "undo"):
        if options.to is not None:
            from jitpam.access import check_file

            check_file(options.to)
        elif options.key is not None and options.waits:
            from jitpam.submission import check_key

            check_key(options)
        return _ask(options, kinds)
    from jitpam import questions

    if "edit" in options.typed:  # -l -e FILE
        from jitpam import editing

        editing.named(options)
    return questions.answer(options, kinds)


def _ask(options: Options, kinds: list[str]) -> int:
    opening = _begin(options)
    from jitpam import asking  # imported while jitd checks our proof

    return asking.ask_and_run(opening, options, kinds)


def _begin(options: Options) -> Connection:
    """Like ``client.begin``. If there is no ticket and jitd finds no KDC, ask for the local password, unless -n was given."""
    try:
        return begin(news=News(is_quiet=options.quiet))
    except NotAuthenticated as lack:
        if not options.if_owed:
            raise
        from jitpam import local_proof

        return local_proof.begin_instead(lack)
