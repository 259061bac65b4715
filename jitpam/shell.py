# SPDX-License-Identifier: Apache-2.0
"""Joins the words of a command into one word for a shell (``-s`` and ``-i``). The words are quoted in the same way as by sudo
(sudo(8), -s).

Law: nothing is parsed. When a POSIX shell reads this one word, it gets the original words again.
"""

from __future__ import annotations

import os

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-$")


def quoted(words: list[bytes]) -> bytes:
    """Return ``words`` as the argument of the shell's ``-c``. A backslash is put before every byte that is not a letter, a digit,
    ``_``, ``-`` or ``$``.

    ``$`` gets no backslash, so the shell expands it, as in sudo. A newline gets quotes instead of a backslash, because a shell
    drops a newline that follows a backslash.
    """
    return b" ".join(_quoted(word) for word in words)


def _quoted(word: bytes) -> bytes:
    out = bytearray()
    for byte in word:
        if byte == 0x0A:
            out += b"'\n'"
        elif byte in _PLAIN:
            out.append(byte)
        else:
            out += bytes((0x5C, byte))
    return bytes(out)


def shell_command(words: list[bytes]) -> list[bytes]:
    """Return the command for ``-s``, which is the caller's shell. If ``words`` is not empty, ``-c`` with these words is added.
    SHELL names the shell. If SHELL is not set, the account names the shell.
    """
    shell = os.environb.get(b"SHELL", b"")
    if not shell.startswith(b"/"):
        import pwd

        try:
            shell = os.fsencode(pwd.getpwuid(os.getuid()).pw_shell or "/bin/sh")
        except KeyError:
            shell = b"/bin/sh"
    return [shell, *login_arguments(words)]


def login_arguments(words: list[bytes]) -> list[bytes]:
    """Return the arguments with which a shell runs ``words``. If ``words`` is empty, return no arguments."""
    return [b"-c", quoted(words)] if words else []
