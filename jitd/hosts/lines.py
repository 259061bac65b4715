# SPDX-License-Identifier: Apache-2.0
"""Splits a file of ``/etc/pam.d`` into lines and words. Law: the bytes of the file are split exactly as libpam splits them. There
are two kinds of libpam (``LINES``). In both, a line that ends with a backslash goes on, text after a NUL is lost, and a carriage
return is not treated as a space.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

BUFFER = 1024  # the size of the buffer that libpam 1.5 has for a line, in bytes. The final NUL is included.
BLANK = b" \n\t"
BRACKETED = re.compile(rb"\[((?:\\\]|[^\]])*)\]?")
WORD = re.compile(rb"[^ \n\t]+")


@dataclass(frozen=True, slots=True)
class ConfigLine:
    """A line together with its continuation lines. ``number`` is the number of the first line."""

    number: int
    text: bytes


@dataclass(slots=True)
class Lines:
    """The lines of a file. If libpam reads a line in an odd way, ``odd`` contains the line's number and the kind of oddity."""

    lines: list[ConfigLine] = field(default_factory=list)
    odd: list[tuple[int, str]] = field(default_factory=list)
    is_whole: bool = True  # false if libpam refuses the file. libpam then refuses the service too.


CUT, LOST, CARRIED = "cut", "lost", "carried"
"""The oddities: a line is too long (CUT), bytes after a NUL are lost, the file ends with a continued line (CARRIED)."""


def lines_of_a_buffer(data: bytes) -> Lines:
    """Return all lines without their comments, as libpam 1.5 does. Empty lines are left out.

    After 1022 bytes, libpam ends a line. The rest of the line becomes a new line, even if the line was a comment. A line that
    ends with a backslash continues after blank lines and comments.
    """
    found = Lines()
    at, number = 0, 1
    while at < len(data):
        text, began = b"", 0
        while True:
            room = BUFFER - len(text) - 1
            if at >= len(data) or not room:  # on a full line without an end, libpam loops for ever
                if began:
                    found.odd.append((began, CARRIED if room else CUT))
                    found.is_whole = False
                return found
            end = data.find(b"\n", at, at + room) + 1 or min(at + room, len(data))
            piece, at, here = data[at:end], end, number
            number += piece.count(b"\n")
            if not piece.endswith(b"\n") and data[end : end + 1] not in (b"", b"\n"):
                found.odd.append((here, CUT))
            seen, nul, _ = piece.partition(b"\0")
            if nul:
                found.odd.append((here, LOST))
            written = seen.lstrip(BLANK)
            if not written or written.startswith(b"#"):
                if not began and at >= len(data):
                    return found
                continue
            began = began or here
            before_comment, hash_sign, _ = seen.partition(b"#")
            carried = seen.rstrip(BLANK)
            if hash_sign or not carried.endswith(b"\\"):
                found.lines.append(ConfigLine(began, text + before_comment))
                break
            text += carried[:-1] + b" "
    return found


def lines_of_any_length(data: bytes) -> Lines:
    """Return all lines without their comments, as libpam 1.7 does. Empty lines are left out.

    A line has no greatest length. After a line that ends with a backslash, a blank line and a comment are the end of that line. A
    NUL hides all that follows in that line, also what is continued on further lines.
    """
    found = Lines()
    text: bytes | None = None
    began, is_hidden = 0, False
    for here, piece in enumerate(_pieces(data), 1):
        carried = piece.rstrip(BLANK)
        is_carried = carried.endswith(b"\\")
        if is_carried:
            piece = carried[:-1] + b" "
        seen, nul, _ = piece.partition(b"\0")
        if nul:
            found.odd.append((here, LOST))
        written, comment, _ = seen.lstrip(b" \t").partition(b"#")
        is_carried = is_carried and not comment
        if piece.lstrip(b" \t") and (is_carried or text is not None or written.strip(b"\n")):
            if text is None:
                text, began, is_hidden = b"", began or here, False
            text += b"" if is_hidden else written
            is_hidden = is_hidden or bool(nul)
        if is_carried:
            began = began or here
            continue
        if text:
            found.lines.append(ConfigLine(began, text))
        text, began = None, 0
    if began:
        found.odd.append((began, CARRIED))
        found.is_whole = False
    return found


def _pieces(data: bytes) -> list[bytes]:
    """Return the lines of ``data`` with their line breaks."""
    pieces = data.split(b"\n")
    return [piece + b"\n" for piece in pieces[:-1]] + [piece for piece in pieces[-1:] if piece]


LINES: dict[str, Callable[[bytes], Lines]] = {"1.5": lines_of_a_buffer, "1.7": lines_of_any_length}
"""Version of libpam → how it splits a file. The versions are those of ``jitd.versions``."""


def words_of(text: bytes) -> list[str]:
    """Return the words of a line. A word in brackets ends at the next closing bracket. The brackets are removed."""
    words: list[str] = []
    at = 0
    while True:
        while at < len(text) and text[at : at + 1] in (b" ", b"\n", b"\t"):
            at += 1
        if at >= len(text):
            return words
        if text[at : at + 1] == b"[":
            bracketed = BRACKETED.match(text, at)
            assert bracketed is not None
            word, at = bracketed[1].replace(b"\\]", b"]"), bracketed.end()
        else:
            plain = WORD.match(text, at)
            assert plain is not None
            word, at = plain[0], plain.end() + 1
        words.append(word.decode("utf-8", "surrogateescape"))
