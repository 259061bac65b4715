# SPDX-License-Identifier: Apache-2.0
"""Determines the action that sudo, su or doas is about to do. The action is read from the program's command line.

jitd's PAM module runs inside sudo, su and doas, and knows only their command line. A person may try to write a command line that
jitd misreads. The program would then run another command than jitd expects. So the parsers in this package follow each program's
own parser exactly (as measured on Debian 12). If jitd cannot be certain about the meaning of a command line, the result is a
doubt. A program chooses its PAM service by its command line. So the PAM service and the command line must match.

Law: pure and total. For any words, the result is an Invocation. If an Invocation has no doubt, it describes exactly the command
that will run.
"""

from __future__ import annotations

from jitd.invocation.doas import read_doas
from jitd.invocation.form import Doubt, Invocation
from jitd.invocation.su import read_su
from jitd.invocation.sudo import read_sudo


def read(service: str, words: tuple[bytes, ...], *, whole: bool = False, posix: bool | None = None) -> Invocation:
    """Return the action that a program is about to do. The program uses the PAM service ``service``, and ``words`` is its command
    line. The first of ``words`` is the program's own name.

    ``whole`` is True if the beginning of each word was taken from the program's argv pointers. Such a word ends where the next
    word begins. If ``whole`` is False, the words are the parts between NUL bytes in /proc/PID/cmdline. For sudo, these parts can
    differ from the words that argv points to. sudo changes --preserve-env=LIST in its own memory, and replaces each comma in
    LIST by a NUL byte. After this change, the rest of LIST looks like the command. A whole word may contain NUL bytes.

    ``posix`` is True if POSIXLY_CORRECT is in the program's environment. ``posix`` is None if that is not known. Only su depends
    on POSIXLY_CORRECT.
    """
    try:
        if not words:
            raise Doubt("the command line is empty")
        if service in ("sudo", "sudo-i"):
            return read_sudo(service, words, whole)
        if service in ("su", "su-l"):
            return read_su(service, words, posix)
        if service == "doas":
            return read_doas(words)
        raise Doubt("jitd does not know how this service reads its command line")
    except Doubt as doubt:
        return Invocation("", doubt=str(doubt))
