# SPDX-License-Identifier: Apache-2.0
"""``jitsudo``: the main program (jitsudo(1)).

Law: standard output belongs to the command. Each sentence of jitsudo goes to standard error, on a line of its own, through
``printable``. Every fault ends with a sentence and an exit status of jitsudo's own. jitsudo never runs the command in another
way.

This module imports only what is needed to prove who the user is. All other modules are imported while jitd checks the proof
(docs/start.md).
"""

from __future__ import annotations

import posix  # importing `os` would make each start 1 ms longer
import sys

from jitpam.client import Connection, NotAuthenticated, begin
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
    """Do what the command line says, and exit with the status of that."""
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL if _signal.getsignal(_signal.SIGINT) != _signal.SIG_IGN else _signal.SIG_IGN)
    kinds = stream_kinds()
    fill_closed()
    try:
        ending = _run([word.encode(sys.getfilesystemencoding(), "surrogateescape") for word in sys.argv[1:]], kinds)
    except Exception as fault:
        ending = _tell(fault)
    posix._exit(ending)  # not sys.exit: a thread may still wait for a silent KDC, and Python's own exit takes a millisecond


def _tell(fault: Exception) -> int:
    try:
        from jitpam.failing import tell

        return tell(fault)
    except Exception:  # the import failed: no descriptor is left, or an upgrade replaces the file. Exit with our status
        try:  # noqa: SIM105
            posix.write(2, b"jitsudo: internal error; jitsudo did not run the command\n")
        except OSError:  # standard error is closed: only the exit status is left
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
    if options.break_glass:
        from jitpam import glass

        glass.confirm(options)
    if options.mode in ("run", "get", "resume"):
        if options.to is not None:
            from jitpam.access import check_file

            check_file(options.to)
        opening = _begin(options)
        from jitpam import asking  # imported while jitd checks our proof

        return asking.ask_and_run(opening, options, kinds)
    from jitpam import questions

    return questions.answer(options, kinds)


def _begin(options: Options) -> Connection:
    """As ``client.begin``. Without a ticket the local password is asked for, if jitd finds no KDC; -n asks for nothing."""
    try:
        return begin()
    except NotAuthenticated as lack:
        if not options.if_owed:
            raise
        from jitpam import local_proof

        return local_proof.begin_instead(lack)
