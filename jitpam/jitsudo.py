# SPDX-License-Identifier: Apache-2.0
"""``jitsudo``: the command line, and what becomes of it (CONTRACT section 2).

Law: standard output is the command's. What we say goes to standard error, a line each, and through ``printable``. Whatever goes
wrong ends with a status of our own and a sentence; nothing ever falls back to another way of running the command.

What is loaded here is what a proof of who asks is made with, and no more; the rest is, while jitd looks at it (docs/start.md).
"""

from __future__ import annotations

import posix  # `os` is a millisecond of start more
import sys

from jitpam.client import begin
from jitpam.initiator import Initiator, own_host
from jitpam.options import read_options
from jitpam.streams import fill_closed, stream_kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from typing import NoReturn
else:
    import _signal  # `signal` is this and 3 ms of start


def main() -> NoReturn:
    """Run the command line, and end as it has to."""
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL if _signal.getsignal(_signal.SIGINT) != _signal.SIG_IGN else _signal.SIG_IGN)
    kinds = stream_kinds()
    fill_closed()
    try:
        ending = _run([word.encode(sys.getfilesystemencoding(), "surrogateescape") for word in sys.argv[1:]], kinds)
    except Exception as fault:
        from jitpam.failing import tell

        ending = tell(fault)
    posix._exit(ending)  # not sys.exit: a thread may still wait for a silent KDC, and taking Python apart costs a millisecond


def _run(words: list[bytes], kinds: list[str]) -> int:
    options = read_options(words)
    if options.mode in ("run", "resume"):
        opening = begin(Initiator(own_host()) if posix.geteuid() else None)
        from jitpam import asking  # while jitd looks at our proof

        return asking.ask_and_run(opening, options, kinds)
    from jitpam import questions

    return questions.answer(options, kinds)
