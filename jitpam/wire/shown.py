# SPDX-License-Identifier: Apache-2.0
r"""Escapes foreign bytes or text for a terminal, a log or a page. All foreign text must go through this module.

Law: the result is one line. The result moves no cursor, changes no colour and hides nothing. The original bytes can be restored
from the result. A byte that is not UTF-8 becomes ``\xNN``, and a backslash is doubled. Some code points become ``\xNN``,
``\uNNNN`` or ``\UNNNNNNNN``: controls, format characters, unassigned and private code points, line separators, spaces other than
U+0020, and combining marks. If a word has Latin letters, its Cyrillic and Greek letters are escaped in the same way, since they
may look like Latin letters.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from re import Pattern

HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs", "Mn", "Me", "Mc"})
"""Unicode general categories that are escaped. These categories include marks, because a mark changes the look of the character
before it.
"""
BLANK = frozenset({0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0})
"""Code points that are drawn as blanks although they belong to a visible category. These code points are the Hangul fillers and
the empty Braille cell.
"""
WIDTHS = {"x": 2, "u": 4, "U": 8}
"""Maps the letter of an escape to the number of digits that follow the letter."""
MOST_FORMS = 4096
"""Maximum number of code points in a table of shown forms."""
PIECE = 16 * 1024
"""Number of characters that one call of ``str.translate`` translates. During this call, no other thread of the daemon runs."""
MOST_MIXED = 256
"""``shown`` searches a text for at most this number of words with letters of two scripts. After the last of these words, every
Cyrillic and Greek letter is escaped.
"""

_LATIN = (
    r"A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u1d00-\u1d25\u1d2c-\u1d5c\u1d62-\u1d65\u1d6b-\u1d77\u1d79-\u1dbe\u1e00-\u1eff"
    r"\u2071\u207f\u2090-\u209c\u212a\u212b\u2132\u214e\u2160-\u2188\u2c60-\u2c7f\ua722-\ua787\ua78b-\ua7ff\uab30-\uab5a\uab5c-\uab64\uab66-\uab68"
    r"\ufb00-\ufb06\uff21-\uff3a\uff41-\uff5a\U0001df00-\U0001dfff"
)
_ALIKE = (
    r"\u0370-\u0374\u0376\u0377\u037a-\u037d\u037f\u0386\u0388-\u0393\u0395-\u03a8\u03aa-\u03bb\u03bd-\u03e1\u03f0-\u03f5\u03f7-\u03ff"
    r"\u1d26-\u1d2b\u1d5d-\u1d61\u1d66-\u1d6a\u1d78\u1dbf\u1f00-\u1fbc\u1fbe\u1fc2-\u1fcc\u1fd0-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ffc\uab65"
    r"\u0400-\u0481\u048a-\u052f\u1c80-\u1c8f\ua640-\ua66e\ua67f-\ua69d\U0001e030-\U0001e08e"
)
"""Letters that may look like Latin letters: Greek and Cyrillic letters, but not μ, Ω and Δ, as in μs, kΩ and Δt.

Of a block that Unicode still fills, both tables have the code points that are free, too: a Python that knows more letters than
the one these tables were made with may show them, and one that knows fewer escapes them as unassigned.
"""
_WITHIN = (
    r"\u00ad\u0300-\u036f\u0483-\u0489\u061c\u180e\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20d0-\u20ff"
    r"\ua66f-\ua672\ua674-\ua67d\ufe00-\ufe0f\ufe20-\ufe2f\ufeff\U0001e08f\U000e0000-\U000e01ef"
)
"""Code points that do not end a word: marks, and characters that are not visible."""


_patterns: list[Pattern[str]] = []


def _compiled() -> list[Pattern[str]]:
    """Return two patterns. The first pattern matches a letter that may look like a Latin letter. The second pattern matches a
    word that has both such letters and Latin letters.

    The parts of the second pattern have no letter in common. Therefore no character is tried twice, and the search takes linear
    time.
    """
    if not _patterns:
        import re  # imported only for text that is not ASCII

        letter = rf"(?:[^\W_]|[{_WITHIN}])"
        other = rf"(?![{_LATIN}{_ALIKE}]){letter}"
        latin, alike = rf"[{_LATIN}](?:[{_LATIN}]|{other})*[{_ALIKE}]", rf"[{_ALIKE}](?:[{_ALIKE}]|{other})*[{_LATIN}]"
        word = rf"(?<![^\W_])(?<![{_WITHIN}])(?:{other})*(?:{latin}|{alike}){letter}*"
        _patterns[:] = [re.compile(f"[{_ALIKE}]"), re.compile(word)]
    return _patterns


def _is_plain(char: str) -> bool:
    if char.isascii():
        return char.isprintable()
    from unicodedata import category  # imported only for text that is not ASCII

    return category(char) not in HIDDEN_CATEGORIES and ord(char) not in BLANK


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\U{code:08x}"


class _Forms(dict[int, str]):
    """Maps a code point to its shown form. An entry is added when a code point occurs for the first time, up to MOST_FORMS
    entries.
    """

    def __missing__(self, code: int) -> str:
        form = self.form_of(chr(code))
        if len(self) < MOST_FORMS:
            self[code] = form
        return form

    def form_of(self, char: str) -> str:
        """Return the form in which ``char`` is shown."""
        return "\\\\" if char == "\\" else char if _is_plain(char) else _escaped(char)


class _FormsInMixed(_Forms):
    """Like _Forms, but for a word with letters of two scripts. In such a word, letters that may look like Latin letters are
    escaped.
    """

    def form_of(self, char: str) -> str:
        """Return the form in which ``char`` is shown."""
        return _escaped(char) if _compiled()[0].match(char) else super().form_of(char)


_FORMS = _Forms()
_FORMS_IN_MIXED = _FormsInMixed()


def shown(value: bytes | str) -> str:
    """Return ``value`` as one visible line. ``unshown`` restores the same bytes from this line."""
    text = _text(value)
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join(_pieces(text))


def pieces(value: bytes | str) -> Iterator[str]:
    """Yield the text of ``shown(value)`` in pieces. This function is for a caller that needs only the length of the text."""
    return _pieces(_text(value))


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _pieces(text: str) -> Iterator[str]:
    at, forms = 0, _FORMS
    if not text.isascii():
        alike, mixed = _compiled()
        words = mixed.finditer(text) if alike.search(text) else iter(())
        for n_found, word in enumerate(words, 1):
            yield from _translated(text[at : word.start()], _FORMS)
            yield from _translated(word[0], _FORMS_IN_MIXED)
            at = word.end()
            if n_found == MOST_MIXED:
                forms = _FORMS_IN_MIXED
                break
    yield from _translated(text[at:], forms)


def _translated(text: str, forms: _Forms) -> Iterator[str]:
    return (text[at : at + PIECE].translate(forms) for at in range(0, len(text), PIECE))


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


_UNQUOTED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_^~*?[]{}#")


def shown_argument(argument: bytes) -> str:
    """Return one argument in the form that an approver sees. A plain argument has no quotes. Any other argument is put in single
    quotes, so that both of its ends are visible.

    A single quote in the argument is written as ``\\'``. Two arguments never look the same as one argument with a space.
    """
    text = shown(argument)
    if text and all(c in _UNQUOTED for c in text):
        return text
    return "'" + text.replace("'", "\\'") + "'"


def shown_command(argv: list[bytes] | tuple[bytes, ...]) -> str:
    """Return the whole command on one line. Nothing is shortened."""
    return " ".join(shown_argument(a) for a in argv)


def unshown_command(line: str) -> list[bytes]:
    """Return the argv for which ``shown_command`` returned ``line``. The argv can be restored because ``line`` shows the whole
    command.

    Raises ValueError if ``shown_command`` cannot return such a line.
    """
    argv: list[bytes] = []
    at = 0
    while at < len(line) or argv:
        if line[at : at + 1] == "'":
            end = at + 1
            while line[end : end + 1] != "'":
                if end >= len(line):
                    raise ValueError("a quote that is not closed")
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
            raise ValueError("two arguments without a space between them")
        at += 1
    return argv
