# SPDX-License-Identifier: Apache-2.0
"""``jitsudo --break-glass``: reads the confirmation that the person types on the terminal.

Law: jitsudo sends no message to jitd before the person has typed all of WORD on a terminal (confirmation.py). Without a terminal,
jitsudo asks no question and does nothing.
"""

from __future__ import annotations

import os
import termios

from jitpam.confirmation import NoTerminal, ask
from jitpam.options import Options, UsageError
from jitpam.saying import printable

WORD = b"break glass"  # the words that the person must type
_TOLD = """\
jitsudo: this breaks glass: nobody approves it before it runs.
jitsudo: Those who could have approved it are told, all of it is recorded, and one of them has to review it.
jitsudo: reason: {reason}
jitsudo: type "{word}" to go on: """


def confirm(options: Options) -> None:
    """Let the person confirm on their terminal that they break glass. Raises UsageError if they do not confirm, if there is no
    terminal, or if they have given no reason.
    """
    reason = options.reason or os.environ.get("JITSUDO_REASON", "")
    if not reason.strip():
        raise UsageError("--break-glass needs --reason=TEXT: those who review it have to know why")
    try:
        typed = ask(_TOLD.format(reason=printable(reason), word=WORD.decode("ascii")))
    except NoTerminal:
        raise UsageError("--break-glass has to be confirmed on a terminal, and there is none: nothing was sent") from None
    except (OSError, termios.error) as fault:
        raise UsageError(f"the terminal cannot be used for the confirmation: {fault}; nothing was sent") from None
    if typed.strip() != WORD or not typed.endswith(b"\n"):
        raise UsageError("it was not confirmed: nothing was sent")
