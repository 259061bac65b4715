# SPDX-License-Identifier: Apache-2.0
"""Determines the action that sudo, su or doas is about to do. The action is read from the program's command line.

jitd's PAM module runs inside these programs, and knows only their command line. A person may try to write a command line that
looks like another command than the command that runs. So the parsers in this package follow each program's own parser exactly (as
measured on Debian 12). If a command line cannot be understood for certain, the result is a doubt. A program chooses its PAM
service by its command line. So the PAM service and the command line must match.

Law: pure and total. Any words give an Invocation. If an Invocation has no doubt, it describes exactly the command that will run.
"""

from __future__ import annotations

from jitd.invocation.doas import read_doas
from jitd.invocation.form import Doubt, Invocation
from jitd.invocation.su import read_su
from jitd.invocation.sudo import read_sudo


def read(service: str, words: tuple[bytes, ...], *, whole: bool = False, posix: bool | None = None) -> Invocation:
    """Return the action of a program with the PAM service ``service`` if ``words`` is its command line. The first of ``words``
    is the program's own name.

    ``whole`` is True if each word begins where an argv pointer points, and ends where the next word begins. If ``whole`` is
    False, the words are the parts between NUL bytes in /proc/PID/cmdline. For sudo, these parts can differ from the whole words,
    because sudo replaces the commas in --preserve-env=LIST by NUL bytes in place. After this replacement, the text after the
    first NUL byte looks like the command. Whole words may contain NUL bytes.

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
        raise Doubt("how this service reads its command line is not known")
    except Doubt as doubt:
        return Invocation("", doubt=str(doubt))
