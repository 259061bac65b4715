# SPDX-License-Identifier: Apache-2.0
"""Parses the command line of doas in the same way as opendoas 6.8.

Law: if doas would exit before it calls PAM, the command line is a Doubt.
"""

from __future__ import annotations

from jitd.invocation.form import Doubt, Invocation, name_that_is_no_number
from jitd.invocation.getopt import Getopt

_SHORT = {b"C": "config", b"L": "forget", b"n": "non-interactive", b"s": "shell", b"u": "user"}
_ENDS = {"config": "only tries a configuration", "forget": "only deletes stored authentication"}


def read_doas(words: tuple[bytes, ...]) -> Invocation:
    """Return the action of a doas that has the command line ``words``. Raises Doubt."""
    if any(b"\0" in word for word in words):
        raise Doubt("there is a NUL byte in a word")
    reader = Getopt(words, _SHORT, (), {"config", "user"})
    user: bytes | None = None
    shell, waits = "", True
    while (option := reader.next()) is not None:
        name, value = option
        if name in _ENDS:
            raise Doubt(f"an option {_ENDS[name]}, so doas does not call PAM")
        if name == "user":
            user = value  # if the option is given twice, the last one counts
        elif name == "shell":
            shell = "own"
        elif name == "non-interactive":
            waits = False
    argv = reader.operands()
    if bool(argv) is bool(shell):
        raise Doubt("doas takes either a command or -s")
    return Invocation("run", argv, shell, user=None if user is None else name_that_is_no_number(user, "user"), waits=waits)
