# SPDX-License-Identifier: Apache-2.0
"""What sudo, su or doas is about to do, read from the command line that it was started with.

jitd's PAM module runs inside these programs, and the command line is all that it has. The person who writes the command line may
try to make it look like another command than the one that runs. So the readers here follow each program's own parser to the
letter (as measured on Debian 12). What cannot be read for certain is a doubt. The PAM service, which the program itself has
chosen, must fit the command line.

Law: pure and total. Any words give an Invocation, and an Invocation without a doubt is what runs.
"""

from __future__ import annotations

from jitd.invocation.doas import read_doas
from jitd.invocation.form import Doubt, Invocation
from jitd.invocation.su import read_su
from jitd.invocation.sudo import read_sudo


def read(service: str, words: tuple[bytes, ...], *, whole: bool = False, posix: bool | None = None) -> Invocation:
    """Return what a program of the PAM service ``service`` does with ``words``, of which the first is the program's own name.

    ``whole``: each word begins where an argv pointer points, and ends where the next one begins. Without ``whole``, the words are
    what stands between NUL bytes in /proc/PID/cmdline. The two differ inside sudo: sudo cuts the list of --preserve-env=LIST with
    NUL bytes in place, and what follows the first NUL byte looks like the command. Whole words may contain NUL bytes.

    ``posix``: whether POSIXLY_CORRECT is in the program's environment; None if that is not known. Only su depends on
    POSIXLY_CORRECT.
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
