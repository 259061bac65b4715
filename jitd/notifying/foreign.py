# SPDX-License-Identifier: Apache-2.0
"""Foreign text in a message to people: words that a requester chose, or that come from a directory.

Outside this host, mail readers and chats show the message, and make links, mentions and markup of plain text. So such text is
changed where they would do that (``outside``), in a way that people can read. A terminal makes nothing of plain text but by
control characters, so there it stands as it is, in ASCII (``on_terminal``).
Law: pure. The result is one line of at most the length that was asked for. Outside it has no ``@``, ``<``, ``>``, ``://``, no
name that ends like a domain, and no character but printable ASCII, letters, digits and PUNCTUATION. On a terminal it is printable
ASCII. What was cut ends with CUT.
"""

from __future__ import annotations

import re

from jitpam.wire.shown import shown

MOST = 200
"""Most characters of what a requester wrote."""
CUT = "... (cut)"
"""The end of text that was longer."""
PUNCTUATION = frozenset("\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb\u2013\u2014\u2026\u20ac\u00a3\u00a7\u00b0")
"""Signs beyond ASCII that people type, and that mean nothing to a program: quotation marks, dashes, currencies."""
_LINKS = re.compile(
    r"(?P<path>\\\\)"  # a backslash, which ``shown`` has doubled: two of them begin a path of another host
    r"|(?P<scheme>(?<=[^\W_]):(?=[/\[]))"
    r"|(?P<call>(?:(?<=\bmailto)|(?<=\btel)|(?<=\bsip)|(?<=\bsms)|(?<=\bdata)|(?<=\bjavascript)|(?<=\bcallto)|(?<=\bmsteams)):)"
    r"|(?P<domain>(?<=[^\W_])\.(?=[^\W_]*[^\W\d_]{2}))"  # evil.com, and 1.2.3com
    r"|(?P<address>\b(?:[0-9]{1,3}\.){3}(?=[0-9]))",  # 192.0.2.1
    re.IGNORECASE,
)
_MARKUP = re.compile(r"\](?=[\[(])")
"""What makes a link of two pairs of brackets in Markdown."""
_SIGNS = str.maketrans({"@": "(at)", "<": "\u2039", ">": "\u203a", "`": "'"})


def outside(text: str, most: int = MOST) -> str:
    """Return ``text`` as one line of at most ``most`` characters for a message that leaves this host."""
    line = "".join(char if _is_kept(char) else _spelled(char) for char in _first(text, most))
    line = _MARKUP.sub("] ", _LINKS.sub(_broken, line).translate(_SIGNS))
    return _cut(line, most)


def on_terminal(text: str, most: int = MOST) -> str:
    """Return ``text`` as one line of at most ``most`` characters of printable ASCII for a terminal of this host."""
    return _cut("".join(char if char.isascii() else _spelled(char) for char in _first(text, most)), most)


def _first(text: str, most: int) -> str:
    """Return the beginning of ``text``, escaped: all that can count for ``most`` characters, and one more."""
    return shown(text[: most + 1])


def _is_kept(char: str) -> bool:
    return char.isascii() or char.isalpha() or char.isdecimal() or char in PUNCTUATION


def _spelled(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _broken(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "path":
            return "(\\)"
        case "address":
            return f"{found[0][:-1]}[.]"
        case _:
            return f"[{found[0]}]"


def _cut(line: str, most: int) -> str:
    return line if len(line) <= most else line[: most - len(CUT)] + CUT
