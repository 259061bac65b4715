# SPDX-License-Identifier: Apache-2.0
"""The texts that a command will run or read as code, as they are shown to the people who approve it.

Law: a text is shown, or it is said why it is not. The digest of a text is the digest to which the run is bound, or the run is not
bound to that file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from jitd.core.command import Command
from jitd.core.masking import NAMED_BY_A_MASK

LARGEST = 64 * 1024  # bytes of a text that is shown
MOST = 8  # texts that are shown for one command
LARGEST_TOGETHER = 128 * 1024  # maximum total size in bytes of the texts that are shown for one command
_READERS = re.compile(
    rb"(?:ba|da|k|mk|z|tc|c|fi|)sh|python|pypy|perl|ruby|node|nodejs|php|lua|luajit|[gmn]?awk|tclsh|expect|Rscript|psql|mysql"
    rb"|mariadb|sqlite|ansible-playbook|crontab|systemctl|visudo|at|batch|nft|ip6?tables-restore|g?make"
)
_VERSION = re.compile(rb"[-\d.]*\Z")
_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|^PuTTY-User-Key-File-", re.MULTILINE)
_ODD = bytes(sorted({*range(32), 127} - set(b"\t\n\f\r\x1b")))  # in no text. A script may have one: a shell ignores NUL
_PACKAGED = (b"/usr/bin/", b"/usr/sbin/", b"/usr/lib/", b"/usr/libexec/", b"/bin/", b"/sbin/", b"/lib/")
"""Where the system's own programs are, such as adduser(8), which is a script."""


@dataclass(frozen=True, slots=True)
class Script:
    """The text of argument ``at``, or the command's own file (0). ``digest`` is "" if it is not shown, and ``told`` says why."""

    at: int
    path: bytes
    digest: bytes = b""
    told: str = ""


def is_packaged(path: bytes) -> bool:
    """True if ``path`` is among the system's own programs, which packages bring and only root changes."""
    return path.startswith(_PACKAGED)


def runs_texts(argv: Sequence[bytes]) -> bool:
    """True if a word of the command line is the name of a program that runs, or obeys, a text that an argument names."""
    return any(_READERS.fullmatch(_VERSION.sub(b"", word.rpartition(b"/")[2])) for word in argv[:8])


def is_unit(argv: Sequence[bytes], at: int) -> bool:
    """True if argument ``at`` is the name of a unit of systemctl(1), and not a file, even if a file has the same name."""
    before = [word.rpartition(b"/")[2] for word in argv[:at]]
    return b"systemctl" in before[:8] and b"/" not in argv[at] and b"link" not in before


def why_not(content: bytes, mode: int, requester: str, *, is_whole: bool, is_run: bool) -> str:
    """Return the reason why a file is not shown, or "". ``requester`` has read ``content`` in it. ``is_whole`` is False if the
    file has more than that. ``is_run`` is True if the command runs the files that it names.

    What the requester alone can read may be a secret, such as a key or a file of passwords. It is shown only if it is code.
    """
    if not is_text(content):
        return "it is not text"
    if not is_whole or len(content) > LARGEST:
        return f"it has more than {LARGEST // 1024} KiB"
    if _KEY.search(content):
        return "it holds a private key"
    is_code = is_run or content.startswith(b"#!") or bool(mode & 0o111)
    if not is_code and not mode & 0o004:
        return f"not everybody can read it, and it is no script: it may be a secret of {requester}"
    return "" if content else "it is empty"


def is_text(content: bytes) -> bool:
    """True if people can read ``content``."""
    return len(content.translate(None, _ODD)) == len(content) and _is_readable(content)


def _is_readable(content: bytes) -> bool:
    """True if ``content`` is UTF-8, or has few bytes that are not. A character at the end may be cut."""
    text = content.decode("utf-8", "replace")
    return text.count("\N{REPLACEMENT CHARACTER}") * 20 <= len(text) + 20


def bound(script: Script, command: Command, service: str, *, is_executed: bool) -> str:
    """Return how long the file of ``script`` stays as shown. ``is_executed``: by jitd, and not by ``service``."""
    if script.at == 0:
        held = bool(command.digest) and is_executed
        return "what runs is exactly this text" if held else f"not bound: {service} opens it by its name"
    for operand in command.operands:
        if (operand.at, operand.path) == (script.at, script.path):
            if not operand.digest or not is_executed:
                return f"NOT BOUND: it can be changed after the approval: {operand.because}"
            return f"compared until the command starts; after that it can be changed: {operand.because}"
    owner = "root" if command.run_as.uid == 0 else f"root and {command.run_as.user}"
    return _only(owner)


def says_it_is_bound(sentence: str, run_as: str) -> bool:
    """True unless ``sentence``, which ``bound`` is to have made for a command of the account ``run_as``, is one of those that say
    only who can change a file, or that hide it.
    """
    unbound = _only("root"), _only(f"root and {run_as}"), NAMED_BY_A_MASK
    return sentence not in unbound and not sentence.lower().startswith("not bound: ")


def _only(owner: str) -> str:
    return f"only {owner} can change it"
