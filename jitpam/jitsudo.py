# SPDX-License-Identifier: Apache-2.0
"""``jitsudo``: the command line, and what becomes of it (jitsudo(1)).

Law: standard output is the command's. What we say goes to standard error, a line each, and through ``printable``. Whatever goes
wrong ends with a status of our own and a sentence; nothing ever falls back to another way of running the command.

What is loaded here is what a proof of who asks is made with, and no more; the rest is, while jitd looks at it (docs/start.md).
"""

from __future__ import annotations

import posix  # `os` is a millisecond of start more
import sys

from jitpam.client import begin
from jitpam.options import read_options
from jitpam.streams import fill_closed, stream_kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from typing import NoReturn
else:
    import _signal  # `signal` is this and 3 ms of start

UNREACHABLE = 125


def main() -> NoReturn:
    """Run the command line, and end as it has to."""
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL if _signal.getsignal(_signal.SIGINT) != _signal.SIG_IGN else _signal.SIG_IGN)
    kinds = stream_kinds()
    fill_closed()
    try:
        ending = _run([word.encode(sys.getfilesystemencoding(), "surrogateescape") for word in sys.argv[1:]], kinds)
    except Exception as fault:
        ending = _tell(fault)
    posix._exit(ending)  # not sys.exit: a thread may still wait for a silent KDC, and taking Python apart costs a millisecond


def _tell(fault: Exception) -> int:
    try:
        from jitpam.failing import tell

        return tell(fault)
    except Exception:  # no descriptor is left to load it, or it is being replaced: the status must not be taken for a command's
        try:  # noqa: SIM105
            posix.write(2, b"jitsudo: internal error; the command was not run by this\n")
        except OSError:  # nobody listens: the exit status says it
            pass
        return UNREACHABLE


def _run(words: list[bytes], kinds: list[str]) -> int:
    options = read_options(words)
    if options.mode in ("run", "get", "resume"):
        opening = begin()
        from jitpam import asking  # while jitd looks at our proof

        return asking.ask_and_run(opening, options, kinds)
    from jitpam import questions

    return questions.answer(options, kinds)
