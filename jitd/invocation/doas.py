# SPDX-License-Identifier: Apache-2.0
"""The command line of doas, as opendoas 6.8 reads it.

Law: pure. A command line with which doas exits before it calls PAM is a Doubt.
"""

from __future__ import annotations

from jitd.invocation.form import Doubt, Invocation, name_that_is_no_number
from jitd.invocation.getopt import Getopt

_SHORT = {b"C": "config", b"L": "forget", b"n": "non-interactive", b"s": "shell", b"u": "user"}
_ENDS = {"config": "only tries a configuration", "forget": "only forgets"}


def read_doas(words: tuple[bytes, ...]) -> Invocation:
    """Return what doas does with ``words``. Raises Doubt."""
    if any(b"\0" in word for word in words):
        raise Doubt("there is a NUL byte in a word")
    reader = Getopt(words, _SHORT, (), {"config", "user"})
    user: bytes | None = None
    shell = ""
    while (option := reader.next()) is not None:
        name, value = option
        if name in _ENDS:
            raise Doubt(f"an option {_ENDS[name]}, for which doas asks nobody")
        if name == "user":
            user = value  # of two such options the last one counts
        elif name == "shell":
            shell = "own"
        # non-interactive changes nothing: it only says that no password is asked for
    argv = reader.operands()
    if bool(argv) is bool(shell):
        raise Doubt("doas takes either a command or -s")
    return Invocation("run", argv, shell, user=None if user is None else name_that_is_no_number(user, "user"))
