# SPDX-License-Identifier: Apache-2.0
"""What sudo, su or doas is about to do, read from the command line that it was started with.

Our PAM module runs inside these programs, and their command line is all it has. Who writes that line may want it to be read as
something else than what runs. So each program's own way of reading is followed to the letter (as measured on Debian 12), what
cannot be read for certain is in doubt, and the PAM service, which the program itself has chosen, must be that of such a line.

Law: pure and total: any words give an Invocation, and one without a doubt is what runs.
"""

from __future__ import annotations

from jitd.invocation.doas import read_doas
from jitd.invocation.form import Doubt, Invocation
from jitd.invocation.su import read_su
from jitd.invocation.sudo import read_sudo


def read(service: str, words: tuple[bytes, ...], *, whole: bool = False, posix: bool | None = None) -> Invocation:
    """What ``words``, the program's own name first, come to under the PAM service ``service``.

    ``whole``: a word is what begins where an argv pointer points, and not what stands between two NUL bytes of
    /proc/PID/cmdline. Inside sudo the two differ: it cuts the list of --preserve-env=LIST with NUL bytes in place, and what is
    behind the first cut looks like the command. Whole words may have NUL bytes in them.

    ``posix``: whether POSIXLY_CORRECT is in the program's environment; None where that is not known. su alone asks for it.
    """
    try:
        if not words:
            raise Doubt("there are no words")
        if service in ("sudo", "sudo-i"):
            return read_sudo(service, words, whole)
        if service in ("su", "su-l"):
            return read_su(service, words, posix)
        if service == "doas":
            return read_doas(words)
        raise Doubt("how this service reads its command line is not known")
    except Doubt as doubt:
        return Invocation("", doubt=str(doubt))
