# SPDX-License-Identifier: Apache-2.0
"""Finds the programs that the kernel opens by name to execute a file: the interpreter in the first line of a script, the handlers
of binfmt_misc, and the ELF interpreter, which loads a program's libraries.

Law: this module imports only the standard library and ``jitd.files.handlers``. It reads as Linux does, and where it cannot know
how the kernel reads, it names more than the kernel opens, and never less. Sources: execve(2), and in Linux fs/binfmt_script.c and
fs/binfmt_elf.c.
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass

from jitd.files import handlers

MOST = 5  # interpreters in a chain of scripts, each that of the one before it. The kernel has the same limit
BUFFER = 256  # bytes at the beginning of a file in which the kernel looks for the interpreter (BINPRM_BUF_SIZE)
HEAD = 4096  # bytes that are read at once. They usually contain all that this module needs.
BLANKS = b" \t"


@dataclass(frozen=True, slots=True)
class FirstLine:
    """The first line of a script. The kernel executes ``interpreter`` with ``argument``, unless it is None, and with the path of
    the script. Both are as the kernel reads them, so ``interpreter`` may be a relative path or empty.
    """

    interpreter: bytes
    argument: bytes | None


@dataclass(frozen=True, slots=True)
class Opened:
    """What the kernel opens by name to execute a file: the interpreter in its first ``line``, the ``handlers`` of binfmt_misc
    that take it, and its ELF interpreters (``loaders``).
    """

    line: FirstLine | None
    handlers: tuple[bytes, ...]
    loaders: tuple[bytes, ...]


def opened_for(file: int, name: bytes) -> Opened:
    """Return what the kernel opens to execute ``file``, a descriptor of the file that it was given as ``name``. Raises OSError.
    Raises ValueError if the kernel's list of handlers cannot be read.
    """
    head = os.pread(file, HEAD, 0)
    return Opened(first_line(head), tuple(handlers.of(name, head[: handlers.FIRST])), tuple(_loaders(file, head)))


def first_line(beginning: bytes) -> FirstLine | None:
    """Return what the kernel reads in the ``beginning`` of a file. Return None if the file is no script for the kernel.

    Only a blank and a tab separate words. Without a newline in the first BUFFER bytes, the interpreter counts if something ends
    it, and the argument is cut.
    """
    text = beginning[:BUFFER].ljust(BUFFER, b"\0")
    if not text.startswith(b"#!"):
        return None
    end = text.find(b"\n")
    if end < 0:
        end = BUFFER - 1
        begin = _word(text, 2, end)
        if begin is None or _end_of_word(text, begin, end) is None:
            return None
    while text[end - 1] in BLANKS:
        end -= 1
    begin = _word(text, 2, end)
    if begin is None or begin == end:
        return None
    separator = _end_of_word(text, begin, end)
    argument = None if separator is None or text[separator] == 0 else _word(text, separator, end)
    if argument is None:
        return FirstLine(_string(text[begin:end]), None)
    return FirstLine(_string(text[begin:separator]), _string(text[argument:end]))


def _word(text: bytes, begin: int, last: int) -> int | None:
    """Return the place of the first byte that is not a blank, from ``begin`` to ``last`` inclusive."""
    return next((at for at in range(begin, last + 1) if text[at] not in BLANKS), None)


def _end_of_word(text: bytes, begin: int, last: int) -> int | None:
    """Return the place of the first blank or NUL, from ``begin`` to ``last`` inclusive."""
    return next((at for at in range(begin, last + 1) if text[at] in b" \t\0"), None)


def _string(text: bytes) -> bytes:
    return text.partition(b"\0")[0]


_NAMED = re.compile(rb"""(?:^|[=:'"]|^-\w{1,8})(/[^:'"]*)""")


def named(line: FirstLine) -> list[bytes]:
    """Return the absolute paths in the argument of a first line: whole words, what follows ``=``, ``:``, a quotation mark, or the
    letters of an option. env -S splits the argument into words, as other interpreters may do.
    """
    words = (line.argument or b"").split()
    return [path for word in words for path in _NAMED.findall(word)]


# --- ELF ---------------------------------------------------------------------------------------------------------------

_PT_INTERP = 3
_LONGEST = 4096  # bytes of the name of an ELF interpreter (PATH_MAX). The kernel executes no longer one
_LARGEST_TABLE = 65536
_HEADERS = (
    (struct.Struct("=32xQ14xHH"), struct.Struct("=I4xQ16xQ16x")),
    (struct.Struct("=28xI10xHH"), struct.Struct("=II8xI12x")),
)
"""The header of a file and one entry of its table, for programs of 64 and 32 bits (elf(5)). The first has the place of the table,
the size of an entry and the number of entries. The second has the type, the place and the size of a segment.
"""


def _loaders(file: int, head: bytes) -> list[bytes]:
    """Return the ELF interpreters in ``file``. The kernel tells 32 from 64 bits by the machine, and not by the class that the
    file claims. Therefore the file is read in both ways.
    """
    found: list[bytes] = []
    if not head.startswith(b"\x7fELF"):
        return found
    for header, entry in _HEADERS:
        if len(head) < header.size:
            continue
        place, size, count = header.unpack_from(head)
        if size != entry.size or count * size > _LARGEST_TABLE:
            continue
        table = _bytes(file, head, place, count * size)
        for kind, begin, length in entry.iter_unpack(table[: len(table) // size * size]):
            if kind == _PT_INTERP and 2 <= length <= _LONGEST:
                found.append(_string(_bytes(file, head, begin, length)))
    return found


def _bytes(file: int, head: bytes, begin: int, length: int) -> bytes:
    if begin + length <= len(head):
        return head[begin : begin + length]
    return os.pread(file, length, begin) if begin < 2**63 else b""
