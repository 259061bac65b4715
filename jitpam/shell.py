# SPDX-License-Identifier: Apache-2.0
"""``-s`` and ``-i``: the words of a command joined into one for a shell, quoted as sudo quotes them (sudo(8), -s).

Law: nothing is parsed; words go in, one word comes out that any POSIX shell takes apart into the same words.
"""

from __future__ import annotations

import os

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-$")


def quoted(words: list[bytes]) -> bytes:
    """``words`` for ``-c``: a backslash before every byte that is not a letter, digit, ``_``, ``-`` or ``$``.

    ``$`` is left for the shell to expand, as in sudo. A newline would vanish behind a backslash, so it stands in quotes.
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
    """``-s``: the caller's shell (SHELL, else the account's own), with ``words`` through ``-c`` where there are any."""
    shell = os.environb.get(b"SHELL", b"")
    if not shell.startswith(b"/"):
        import pwd

        try:
            shell = os.fsencode(pwd.getpwuid(os.getuid()).pw_shell or "/bin/sh")
        except KeyError:
            shell = b"/bin/sh"
    return [shell, *login_arguments(words)]


def login_arguments(words: list[bytes]) -> list[bytes]:
    """What a shell is given so that it runs ``words``; nothing where there are none."""
    return [b"-c", quoted(words)] if words else []
