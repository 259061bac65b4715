# SPDX-License-Identifier: Apache-2.0
r"""The only way from bytes or text of somebody else's to a terminal, a log or a page.

Law: what comes out is one line, moves no cursor, changes no colour, hides nothing, and reads back to the bytes that went in.
Bytes that are no UTF-8 are ``\xNN``, a backslash is doubled, and every code point that is a control, a format character,
unassigned, private, a line separator, a space other than U+0020, or a combining mark is ``\xNN``, ``\uNNNN`` or
``\UNNNNNNNN``. So is each Cyrillic or Greek letter in a word that has Latin ones, too: it may look like one of them.
"""

from __future__ import annotations

HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs", "Mn", "Me", "Mc"})
"""Unicode general categories that are escaped. Marks too: they draw over, or reorder, what stands before them."""
BLANK = frozenset({0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0})
"""Assigned, of a visible category, and drawn as nothing: Hangul fillers and the empty Braille cell."""
WIDTHS = {"x": 2, "u": 4, "U": 8}
"""How many digits an escape has."""
JOINERS = frozenset({"Mn", "Me", "Mc", "Cf"})
"""Categories of what stands within a word and does not part it."""
UNITS = "\u03bc\u03a9\u0394"
"""Mu, Omega and Delta, as in μs, kΩ and Δt: they make no word a mixed one. The signs micro, ohm and increment are no letters."""


def _alike(text: str) -> frozenset[int]:
    """Where in ``text`` a Cyrillic or Greek letter stands in one word with a Latin one."""
    from unicodedata import category, name

    found: list[int] = []
    strange: list[int] = []
    has_latin = False
    for at, char in enumerate(f"{text} "):
        if char.isascii():
            is_inside, scripts = char.isalnum(), ["LATIN"] if char.isalpha() else []
        else:
            is_inside, scripts = char.isalnum() or category(char) in JOINERS, name(char, "").split(" ")
        if not is_inside:
            found += strange if has_latin else []
            strange, has_latin = [], False
        elif "LATIN" in scripts:
            has_latin = True
        elif char not in UNITS and ("CYRILLIC" in scripts or "GREEK" in scripts):
            strange.append(at)
    return frozenset(found)


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


def shown(value: bytes | str) -> str:
    """``value`` as one visible line, reversible by ``unshown``."""
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    alike = frozenset() if text.isascii() else _alike(text)
    return "".join("\\\\" if c == "\\" else c if _is_plain(c) and at not in alike else _escaped(c) for at, c in enumerate(text))


def reshown(text: str) -> str:
    """``text``, which ``shown`` has made or is said to have, with nothing left that ``shown`` lets nobody have as it is.

    A backslash stays: to double it again would lie about what is escaped. What ``shown`` made comes back as it is.
    """
    first, *others = text.split("\\")
    return "\\".join([shown(first), *(_after_backslash(part) for part in others)])


def _after_backslash(part: str) -> str:
    """The digits of an escape are no part of the word that follows them."""
    end = 1 + WIDTHS.get(part[:1], -1)
    return part[:end] + shown(part[end:]) if part[1:end].isalnum() and part[:end].isascii() else shown(part)


def unshown(text: str) -> bytes:
    """The bytes that ``shown`` was given. Raises ValueError for text that it cannot have made."""
    out = bytearray()
    at = 0
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
        if kind not in WIDTHS:
            raise ValueError("a backslash that escapes nothing")
        digits = text[at + 2 : at + 2 + WIDTHS[kind]]
        if len(digits) != WIDTHS[kind] or not all(d in "0123456789abcdef" for d in digits):
            raise ValueError("an escape cut short")
        out += bytes([int(digits, 16)]) if kind == "x" else chr(int(digits, 16)).encode("utf-8", "surrogatepass")
        at += 2 + WIDTHS[kind]
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
