# SPDX-License-Identifier: Apache-2.0
r"""Escapes foreign bytes or text for a terminal, a log or a page. All foreign text must go through this module.

Law: the result is one line. The result moves no cursor, changes no colour and hides nothing. The original bytes can be restored
from the result. A byte that is not UTF-8 becomes ``\xNN``, and a backslash is doubled. A character is shown as it is only if
the module ``characters`` says so. Every other one becomes ``\xNN``, ``\uNNNN`` or ``\UNNNNNNNN``: for example controls, format
characters, marks, blanks other than U+0020, letters that are written from right to left, and new characters that terminals may
not know. In the same way, characters are marked that may be read as others: letters of several scripts in one word, and in
arguments also what looks like ASCII punctuation.
"""

from __future__ import annotations

from jitpam.wire.characters import (
    ASCII_MARK,
    CJK,
    CLEAR,
    FULLWIDTH,
    HAN,
    HIDDEN,
    LATIN,
    NEUTRAL,
    OTHERS,
    OTHERS_ALIKE,
    SPACE,
    STROKE,
    SYMBOL,
    WIDE,
    WITHIN,
    kind,
    most_cells,
)
from jitpam.wire.characters import (
    usual_cells as usual_cells_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from re import Pattern

WIDTHS = {"x": 2, "u": 4, "U": 8}  # maps the letter of an escape to the number of digits that follow the letter
MOST_FORMS = 4096  # code points in a table of shown forms
PIECE = 16 * 1024
"""Number of characters that one call of ``str.translate`` translates. During this call, no other thread of the daemon runs."""
MOST_MIXED = 256  # places of a text at which something may be marked. After the last of them, all that may be marked is escaped

_patterns: list[Pattern[str]] = []


def _compiled() -> list[Pattern[str]]:
    """Return two patterns for a string that contains the kind of each character. Both match what is marked: the first one in
    sentences, the second one in arguments.

    A word is marked unless its scripts are used together (UTS #39, Highly Restrictive): Latin, Han and one of kana, Hangul and
    Bopomofo, or only one other script. A stroke is marked if it stands beside ASCII and not beside a CJK letter. In an argument,
    these are marked too: all symbols, strokes and CJK punctuation that no CJK letter stands beside, and words in which each
    letter looks like an ASCII one.

    The search takes linear time: a word is tried once, and no part of a pattern is tried again with fewer characters
    (possessive quantifiers).
    """
    if not _patterns:
        import re  # imported only for text that is not ASCII

        neutral, cjk, ascii_ = NEUTRAL + WITHIN, CJK, ASCII_MARK + NEUTRAL + LATIN
        east = neutral + HAN + STROKE
        usual = [east + width + script for width in (LATIN, FULLWIDTH) for script in CJK.replace(HAN, "")]
        usual += [neutral + alike + other for alike, other in zip(OTHERS_ALIKE, OTHERS, strict=True)]
        word = LATIN + FULLWIDTH + east + cjk + OTHERS + OTHERS_ALIKE
        end = f"(?![{word}])"
        mixed = f"(?<![{word}])(?!(?:{'|'.join(f'[{letters}]*+' for letters in usual)}){end})[{word}]++"
        stroke, beside = STROKE, cjk + STROKE
        left = f"(?<=[{ascii_}{FULLWIDTH}])[{stroke}]++(?![{cjk}])"
        right = f"(?<![{beside}])[{stroke}]++(?=[{ascii_}{FULLWIDTH}])"
        alone = f"(?<![{beside}{WIDE}])[{stroke}{WIDE}]++(?![{cjk}])"
        alike = f"(?<![{word}])[{neutral}]*+[{OTHERS_ALIKE}][{neutral}{OTHERS_ALIKE}]*+{end}"
        sentence = f"{mixed}|{left}|{right}"
        _patterns[:] = [re.compile(sentence), re.compile(f"{sentence}|{alone}|{alike}|{SYMBOL}++")]
    return _patterns


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\U{code:08x}"


class _Table(dict[int, str]):
    """Maps a code point to a text. An entry is added when a code point occurs for the first time, up to MOST_FORMS entries."""

    def __init__(self, text_for: Callable[[str], str]) -> None:
        super().__init__()
        self._text_for = text_for

    def __missing__(self, code: int) -> str:
        text = self._text_for(chr(code))
        if len(self) < MOST_FORMS:
            self[code] = text
        return text


def _form(char: str) -> str:
    return "\\\\" if char == "\\" else char if kind(char) in CLEAR else _escaped(char)


def _form_if_marked(char: str) -> str:
    """Return the form of ``char`` where it is marked. There, only ASCII, Latin letters, ideographs and units are shown."""
    return _form(char) if char.isascii() or kind(char) in LATIN + HAN + NEUTRAL else _escaped(char)


_KINDS, _FORMS, _FORMS_OF_MARKED = _Table(kind), _Table(_form), _Table(_form_if_marked)
_CALM = frozenset(SPACE + ASCII_MARK + NEUTRAL + LATIN + HAN + WITHIN + HIDDEN)
"""Kinds of which nothing is ever marked: ASCII, units, Latin letters and ideographs, and what is escaped anyway."""
_CELLS = _Table(lambda char: "." * most_cells(char))
_USUAL_CELLS = _Table(lambda char: "." * usual_cells_of(char))


def shown(value: bytes | str) -> str:
    """Return ``value``, such as a reason or a name, as one visible line. ``unshown`` restores the same bytes from this line."""
    return _shown(_text(value), of_argument=False)


def pieces(value: bytes | str) -> Iterator[str]:
    """Yield the text of ``shown(value)`` in pieces. This function is for a caller that needs only the length of the text."""
    return _pieces(_text(value), of_argument=False)


def shown_of_argument(value: bytes | str) -> str:
    """Like ``shown``, for an argument or a line of one. What is usual in sentences, but looks like an ASCII character that has a
    meaning in commands, is escaped as well. ``unshown`` restores the same bytes.
    """
    return _shown(_text(value), of_argument=True)


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _shown(text: str, *, of_argument: bool) -> str:
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join(_pieces(text, of_argument=of_argument))


def _pieces(text: str, *, of_argument: bool) -> Iterator[str]:
    at, forms = 0, _FORMS
    if not text.isascii():
        kinds = "".join(_translated(text, _KINDS))
        found_in = _compiled()[of_argument].finditer(kinds) if not _CALM.issuperset(kinds) else ()
        for n_found, found in enumerate(found_in, 1):
            yield from _translated(text[at : found.start()], _FORMS)
            yield from _translated(text[found.start() : found.end()], _FORMS_OF_MARKED)
            at = found.end()
            if n_found == MOST_MIXED:
                forms = _FORMS_OF_MARKED
                break
    yield from _translated(text[at:], forms)


def _translated(text: str, forms: _Table) -> Iterator[str]:
    return (text[at : at + PIECE].translate(forms) for at in range(0, len(text), PIECE))


def cells(text: str) -> int:
    """Return the greatest number of cells that a terminal needs for ``text``, which is one visible line. Terminals draw some
    characters in one cell or in two. A line that must not be wider than a terminal is measured by this function.
    """
    return len(text) if text.isascii() else sum(len(piece) for piece in _translated(text, _CELLS))


def usual_cells(text: str) -> int:
    """Return the number of cells that most terminals need for ``text``, which is one visible line. Columns are aligned by it."""
    return len(text) if text.isascii() else sum(len(piece) for piece in _translated(text, _USUAL_CELLS))


def reshown(text: str) -> str:
    """Escape everything in ``text`` that ``shown`` escapes, except backslashes. ``text`` should be the output of ``shown``, but
    any text is allowed.

    A backslash is not doubled, because it already begins an escape. If ``text`` is the output of ``shown``, this function
    returns ``text`` without a change.
    """
    first, *others = text.split("\\")
    return "\\".join([shown(first), *(_after_backslash(part) for part in others)])


def _after_backslash(part: str) -> str:
    """Escape ``part``, which is the text after a backslash. If ``part`` begins with the letter and the digits of an escape, they
    do not belong to the word that follows them.
    """
    end = 1 + WIDTHS.get(part[:1], -1)
    return part[:end] + shown(part[end:]) if part[1:end].isalnum() and part[:end].isascii() else shown(part)


def unshown(text: str) -> bytes:
    """Return the bytes for which ``shown`` returned ``text``. Raises ValueError if ``shown`` cannot return such a text."""
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
            raise ValueError("the text ends within an escape sequence")
        out += bytes([int(digits, 16)]) if kind == "x" else chr(int(digits, 16)).encode("utf-8", "surrogatepass")
        at += 2 + WIDTHS[kind]
    return bytes(out)


INSTEAD = ("‹masked›", "‹forgotten›", "‹hidden›", "‹missing›")
"""What people read in the place of what they are not told, or of the end of it."""
_UNQUOTED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_")
"""Characters that no shell takes for more than themselves, except ``=`` at the beginning of a word, and in the first word."""


def shown_argument(argument: bytes) -> str:
    """Return one argument in the form that an approver sees: as bash and zsh read it, so that a line of them can be pasted into
    a shell. A plain argument has no quotes. Any other argument is put in single quotes, so that both of its ends are visible and
    a ``*`` stands for itself. One of INSTEAD at its end is shown as it is.

    What ``shown`` escapes stands in ``$'…'``, where the same escapes have the same meaning. Two arguments never look the same as
    one argument with a space.
    """
    end = next((word for word in INSTEAD if argument.endswith(word.encode())), "")
    text = shown_of_argument(argument[: len(argument) - len(end.encode())])
    is_plain = bool(text or end) and _UNQUOTED.issuperset(text) and text[:1] != "="  # zsh reads =ls as /usr/bin/ls
    return text + end if is_plain else _in_quotes(text, end)


def shown_line(line: bytes) -> str:
    """Return a line of a text in quotes, as ``shown_argument`` returns an argument in which nothing is masked."""
    return _in_quotes(shown_of_argument(line), "")


def reshown_argument(text: str) -> str:
    """Return ``shown_argument`` of what ``shown`` showed as ``text``, or if that cannot be, with each backslash visible."""
    try:
        return shown_argument(unshown(text))
    except ValueError:
        return shown_argument(text.encode("utf-8", "surrogateescape"))


def _in_quotes(text: str, end: str) -> str:
    """``text`` is the output of ``shown_of_argument``."""
    if "\\" not in text.replace("\\\\", ""):  # its backslashes are its own, and stand for themselves in single quotes
        return "'" + text.replace("\\\\", "\\").replace("'", "'\\''") + end + "'"
    return "$'" + text.replace("'", "\\'") + end + "'"


def shown_command(argv: list[bytes] | tuple[bytes, ...]) -> str:
    """Return the whole command on one line. Nothing is shortened."""
    words = [shown_argument(argument) for argument in argv]
    if words and "=" in words[0] and _UNQUOTED.issuperset(words[0]):  # a shell would set a variable
        words[0] = f"'{words[0]}'"
    return " ".join(words)
