# SPDX-License-Identifier: Apache-2.0
"""Makes foreign text safe for a message to people. Foreign text is text that a requester chose, or that was read from a
directory.
Outside this host, mail readers and chats convert plain text into links, mentions and markup. The function ``outside`` changes
each place of the text that could be converted. People can still read the changed text. A terminal reacts only to control
characters. Therefore the function ``on_terminal`` does not change these places, and only converts the text to printable ASCII.
Law: the functions return one line of at most the given length. For readers outside this host, the line contains no ``@``, ``<``,
``>`` or ``://``, and nothing that looks like a domain name. The characters of this line are printable ASCII, letters, digits and
PUNCTUATION. For a terminal, the line contains only printable ASCII. A shortened line ends with CUT.
"""

from __future__ import annotations

import re

from jitpam.wire.shown import shown

MOST = 200  # characters of a requester's text
CUT = "... (cut)"  # the text that marks the end of a shortened line
PUNCTUATION = frozenset("\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb\u2013\u2014\u2026\u20ac\u00a3\u00a7\u00b0")
"""Characters outside ASCII that people type and no program interprets: quotation marks, dashes, currency signs and others."""
_LINKS = re.compile(
    r"(?P<path>\\\\)"  # a backslash, which ``shown`` has doubled; a doubled backslash begins a path on another host
    r"|(?P<scheme>(?<=[^\W_]):(?=[/\[]))"
    r"|(?P<call>(?:(?<=\bmailto)|(?<=\btel)|(?<=\bsip)|(?<=\bsms)|(?<=\bdata)|(?<=\bjavascript)|(?<=\bcallto)|(?<=\bmsteams)):)"
    r"|(?P<domain>(?<=[^\W_])\.(?=[^\W_]*[^\W\d_]{2}))"  # evil.com, and 1.2.3com
    r"|(?P<address>\b(?:[0-9]{1,3}\.){3}(?=[0-9]))",  # 192.0.2.1
    re.IGNORECASE,
)
_MARKUP = re.compile(r"\](?=[\[(])")  # between two adjacent pairs of brackets, which Markdown would read as a link
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
    """Return the beginning of ``text``, escaped, and if ``text`` is longer than ``most`` characters, more than ``most`` of it, so
    that the caller sees that it must be cut.
    """
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
