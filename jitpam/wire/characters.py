# SPDX-License-Identifier: Apache-2.0
"""Says of each character whether it may be shown to people, and how many cells of a terminal it needs.

Law: the answers are the same with every version of Python. They come from Unicode 3.2 (2002), which each Python contains beside
its own version (``unicodedata.ucd_3_2_0``). Every terminal in use has a width for each of these characters. A character is
escaped unless one of the kinds below contains it.
"""

from __future__ import annotations

SPACE = " "
ASCII_MARK = "p"  # punctuation of ASCII
NEUTRAL = "n"  # ASCII digits, and UNITS
LATIN, HAN, KANA, HANGUL, BOPOMOFO = "L", "C", "K", "G", "O"
FULLWIDTH = "F"  # letters and digits of ASCII with the width of an ideograph
STROKE = "B"  # STROKES: what is used beside CJK letters, and looks like ASCII punctuation
WIDE = "W"  # other punctuation and symbols of CJK
SYMBOL = "S"  # SYMBOLS
WITHIN = "w"  # escaped. Such a character does not end a word, because what is on both sides of it may be read as one word.
HIDDEN = "e"  # escaped. Such a character ends a word.
CJK = HAN + KANA + HANGUL + BOPOMOFO
SCRIPTS = (
    *("GREEK", "CYRILLIC", "ARMENIAN", "GEORGIAN", "ETHIOPIC", "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA"),
    *("TAMIL", "TELUGU", "KANNADA", "MALAYALAM", "SINHALA", "THAI", "LAO", "TIBETAN", "MYANMAR", "KHMER"),
)
"""Other scripts whose letters are shown: the recommended scripts of UAX #31. Hebrew, Arabic and Thaana are not among them: a
terminal may draw their letters, and the digits and marks beside these, in another order than the text has.
"""
OTHERS = "".join(chr(0x100 + at) for at in range(len(SCRIPTS)))  # the kind of the letters of each of SCRIPTS
OTHERS_ALIKE = "".join(chr(0x200 + at) for at in range(len(SCRIPTS)))  # those of SCRIPTS that are in ALIKE
CLEAR = SPACE + ASCII_MARK + NEUTRAL + LATIN + CJK + STROKE + FULLWIDTH + WIDE + SYMBOL + OTHERS + OTHERS_ALIKE
"""All kinds of characters that may be shown."""

UNITS = "\u00b5\u03bc\u03a9\u2126\u0394"  # letters that are also units and signs: µs, μs, kΩ, kΩ, Δt
SYMBOLS = "¡¢£¤¥§©«®°±²³¶·¹º»¼½¾¿ª×÷–—‘’‚“”„†‡•…‰′″‹›€№™←↑→↓↔∂∆∏∑√∞≈≠≤≥✓"  # shown in sentences, and escaped in arguments
STROKES = "ーｰ゠一ノ丿丶丨ㅡㅣㄧㆍ＂＃＄％＆＇＊＋－．／＜＝＞＠［＼］＾＿｀｛｜｝"
LETTERS = "ÆÐØÞßæðøþĐđĦħŁłŊŋŒœŦŧƁƊƏƐƆɓɔɗəɛ"
"""Latin letters that are shown although they are not an ASCII letter with marks. All further Latin letters, such as the dotless i
and the letters of phonetic alphabets, may be taken for other letters.
"""
ALIKE = "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγινορσυϜϳЅІЈАВЕЗКМНОРСТУХЬабгеорсухѕіјѡѴѵҮүһҽӀӠԁԌՍՏՕագզհոռսցքօଠഠဝყሀዐ"
"""Letters of SCRIPTS that look like one ASCII letter or digit (UTS #39, confusables): Greek, Cyrillic and others."""


def kind(char: str) -> str:
    if char.isascii():
        return NEUTRAL if char.isdigit() else LATIN if char.isalpha() else SPACE if char == " " else _printable(char)
    if "\uac00" <= char <= "\ud7a3":
        return HANGUL
    if "\u3400" <= char <= "\u4db5" or "\u4e00" <= char <= "\u9fa5":
        return STROKE if char in STROKES else HAN
    if char >= "\U00010000":
        return HAN if "\U00020000" <= char <= "\U0002a6d6" else WITHIN
    if char in UNITS:
        return NEUTRAL
    if char in SYMBOLS:
        return SYMBOL
    if char in STROKES:
        return STROKE
    from unicodedata import ucd_3_2_0  # imported only for text that is not ASCII

    category = ucd_3_2_0.category(char)
    if category in ("Cc", "Cs", "Zl", "Zp", "Zs"):
        return HIDDEN
    if category[0] in "CM":
        return WITHIN
    if category[0] in "PS" or category == "No":
        return WIDE if _is_cjk_symbol(char) else HIDDEN
    return _kind_of_letter(char, ucd_3_2_0.name(char, "").split())


def _printable(char: str) -> str:
    return ASCII_MARK if char.isprintable() else HIDDEN


def _is_cjk_symbol(char: str) -> bool:
    """``char`` is punctuation, a symbol or a number. Radicals, strokes and forms for vertical lines are not shown."""
    from unicodedata import ucd_3_2_0

    is_form = "\u2e80" <= char <= "\u2fff" or "\ua490" <= char <= "\ua4cf" or "\ufe10" <= char <= "\ufe6f" or char >= "\uffe8"
    return (ucd_3_2_0.east_asian_width(char) in "WFH" and not is_form) or "\u2460" <= char <= "\u2473"


def _kind_of_letter(char: str, name: list[str]) -> str:
    """``char`` is a letter or a digit, or a number that is a letter. ``name`` is the list of the words of its name."""
    from unicodedata import ucd_3_2_0

    if "\u2160" <= char <= "\u2169" or "\u2170" <= char <= "\u2179":  # Roman numerals, usual beside ideographs
        return WIDE
    first, second = (*name, "", "")[:2]
    if first == "FULLWIDTH":
        return FULLWIDTH
    if (first, second) == ("HANGUL", "LETTER"):  # one that does not join others
        return HANGUL
    if first == "HALFWIDTH" and second == "KATAKANA" and name[2] == "LETTER":
        return KANA
    if ucd_3_2_0.normalize("NFKC", char) != char or second in ("CHOSEONG", "JUNGSEONG", "JONGSEONG", "FILLER"):
        return WITHIN
    kinds = {"CJK": HAN, "IDEOGRAPHIC": HAN, "HIRAGANA": KANA, "KATAKANA": KANA, "KATAKANA-HIRAGANA": KANA, "BOPOMOFO": BOPOMOFO}
    if first in kinds:
        return kinds[first]
    if first == "LATIN":
        return LATIN if char in LETTERS or ucd_3_2_0.normalize("NFD", char)[0].isascii() else WITHIN
    if first not in SCRIPTS or ucd_3_2_0.category(char) == "Nd":
        return WITHIN
    return (OTHERS_ALIKE if char in ALIKE else OTHERS)[SCRIPTS.index(first)]


def most_cells(char: str) -> int:
    """Return the greatest number of cells that a terminal draws ``char`` in, if ``char`` is shown."""
    return 1 if _width(char) == "narrow" else 2


def usual_cells(char: str) -> int:
    """Return the number of cells that most terminals draw ``char`` in, if ``char`` is shown. In a terminal for East Asia, letters
    such as the Cyrillic ones may be wide.
    """
    return 2 if _width(char) == "wide" else 1


def _width(char: str) -> str:
    from unicodedata import ucd_3_2_0

    width = ucd_3_2_0.east_asian_width(char)
    if width in "WF" or kind(char) in (WITHIN, HIDDEN):
        return "wide"
    return "either" if width == "A" else "narrow"
