# SPDX-License-Identifier: Apache-2.0
r"""The only way from bytes or text of somebody else's to a terminal, a log or a page.

Law: what comes out is one line, moves no cursor, changes no colour, hides nothing, and reads back to the bytes that went in.
Bytes that are no UTF-8 are ``\xNN``, a backslash is doubled, and every code point that is a control, a format character,
unassigned, private, a line separator, a space other than U+0020, or a combining mark is ``\xNN``, ``\uNNNN`` or
``\UNNNNNNNN``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs", "Mn", "Me", "Mc"})
"""Unicode general categories that are escaped. Marks too: they draw over, or reorder, what stands before them."""
BLANK = frozenset({0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0})
"""Assigned, of a visible category, and drawn as nothing: Hangul fillers and the empty Braille cell."""


def _is_plain(char: str) -> bool:
    if char.isascii():
        return char.isprintable()
    from unicodedata import category  # only what is not ASCII pays for its table

    return category(char) not in HIDDEN_CATEGORIES and ord(char) not in BLANK


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\U{code:08x}"


class _Forms(dict[int, str]):
    """Code point → how it is shown, found out when it is first met. Bounded: there are a million of them."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        form = "\\\\" if char == "\\" else char if _is_plain(char) else _escaped(char)
        if len(self) < MOST_FORMS:
            self[code] = form
        return form


MOST_FORMS = 4096
"""Code points whose form is kept."""
PIECE = 16 * 1024
"""Characters that are translated in one go: no other thread has a turn meanwhile."""
_FORMS = _Forms()


def shown(value: bytes | str) -> str:
    """``value`` as one visible line, reversible by ``unshown``."""
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join(_translated(text))


def pieces(value: bytes | str) -> Iterator[str]:
    """``shown(value)``, a piece at a time: for what only wants to know how long it is."""
    return _translated(value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value)


def _translated(text: str) -> Iterator[str]:
    return (text[at : at + PIECE].translate(_FORMS) for at in range(0, len(text), PIECE))


def unshown(text: str) -> bytes:
    """The bytes that ``shown`` was given. Raises ValueError for text that it cannot have made."""
    out = bytearray()
    at = 0
    widths = {"x": 2, "u": 4, "U": 8}
    while at < len(text):
        char = text[at]
        if char != "\\":
            out += char.encode("utf-8")
            at += 1
            continue
        kind = text[at + 1 : at + 2]
        if kind == "\\":
            out += b"\\"
            at += 2
            continue
        if kind not in widths:
            raise ValueError("a backslash that escapes nothing")
        digits = text[at + 2 : at + 2 + widths[kind]]
        if len(digits) != widths[kind] or not all(d in "0123456789abcdef" for d in digits):
            raise ValueError("an escape cut short")
        out += bytes([int(digits, 16)]) if kind == "x" else chr(int(digits, 16)).encode("utf-8", "surrogatepass")
        at += 2 + widths[kind]
    return bytes(out)


_UNQUOTED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_^~*?[]{}#")


def shown_argument(argument: bytes) -> str:
    """One argument as an approver reads it: bare if it is plain, else in single quotes so that its ends are seen.

    A single quote inside is ``\\'``; two arguments and one argument with a space never look the same.
    """
    text = shown(argument)
    if text and all(c in _UNQUOTED for c in text):
        return text
    return "'" + text.replace("'", "\\'") + "'"


def shown_command(argv: list[bytes] | tuple[bytes, ...]) -> str:
    """The whole command on one line, nothing cut."""
    return " ".join(shown_argument(a) for a in argv)


def unshown_command(line: str) -> list[bytes]:
    """The argv that ``shown_command`` was given: the proof that what an approver reads is all there is.

    Raises ValueError for a line that it cannot have made.
    """
    argv: list[bytes] = []
    at = 0
    while at < len(line) or argv:
        if line[at : at + 1] == "'":
            end = at + 1
            while line[end : end + 1] != "'":
                if end >= len(line):
                    raise ValueError("a quote without its end")
                end += 2 if line[end] == "\\" else 1
            argv.append(unshown(line[at + 1 : end].replace("\\\\", "\\x5c").replace("\\'", "'")))
            at = end + 1
        else:
            end = line.find(" ", at)
            end = len(line) if end < 0 else end
            if end == at or not all(char in _UNQUOTED for char in line[at:end]):
                raise ValueError("an argument that should be quoted")
            argv.append(unshown(line[at:end]))
            at = end
        if at == len(line):
            break
        if line[at] != " ":
            raise ValueError("arguments run into each other")
        at += 1
    return argv
