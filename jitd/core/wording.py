# SPDX-License-Identifier: Apache-2.0
"""Small parts of sentences that several modules of the core use.

Law: what a person typed stands in quotes in a sentence, and nothing in it ends them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from jitd.core.instead import HIDDEN as HIDDEN
from jitd.core.instead import INSTEAD as INSTEAD

TOO_LONG = "‹too long›"  # before the digest of a value that is too long for a sink


def is_instead(text: str) -> bool:
    """True if readers would take ``text`` for what jitd says in the place of a value. Nobody may type it (``server.reading``)."""
    return text.strip() in INSTEAD or text.lstrip().startswith(TOO_LONG)


def count(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 use`` or ``3 uses``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(words: tuple[str, ...], last: str) -> str:
    """Return ``words`` as one text, with commas between them. Before the last word, the text has ``last`` (``and`` or ``or``)."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def groups(names: Sequence[str], n_in_all: int) -> str:
    """Return the text about a person's groups: the ``names`` that are known, and how many more of ``n_in_all`` there are."""
    n_more = max(0, n_in_all - len(names))
    if not names:
        return f"{count(n_more, 'group')}, none of which a rule names" if n_more else "no group"
    return listed((*names, f"{n_more} more"), "and") if n_more else ", ".join(names)


def all_of(demands: tuple[str, ...], has_ways: Sequence[bool]) -> str:
    """Return ``demands`` as one text, joined by ``and``. For each demand, ``has_ways`` tells whether the demand has alternatives.
    If there are several demands, a demand with alternatives begins with ``either``, so that its ``or`` cannot be misread.
    """
    if not any(has_ways):
        return listed(demands, "and")
    either = "either " if len(demands) > 1 else ""
    return ", and ".join(f"{either if has else ''}{demand}" for demand, has in zip(demands, has_ways, strict=True))


_QUOTES = str.maketrans({char: f"\\x{ord(char):02x}" if char.isascii() else f"\\u{ord(char):04x}" for char in '"“”„‟″〃＂'})
"""What ends a quotation, or seems to."""


def in_quotes(typed: str) -> str:
    """Return ``typed``, the words of a person, in quotes. A quote within them is escaped, so that nothing stands behind the
    quotes but jitd's. One of INSTEAD, which nobody has typed, has no quotes. ``typed`` may be what ``shown`` returns, or the
    result is given to ``reshown``.
    """
    return typed if typed in INSTEAD else f'"{typed.translate(_QUOTES)}"'


_PLAIN = re.compile(r"[\w%+,./:=@~-]*+", re.ASCII)


def name_in_sentence(name: bytes | str) -> str:
    """Return ``name`` for a sentence, as ``jitd.files`` names a path in one. Somebody has chosen it, so it is in quotes unless it
    is one plain word, and a quote in it is escaped: a name never reads as a part of the sentence.
    """
    text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name
    return text if _PLAIN.fullmatch(text) else "'" + text.replace("'", "\\x27") + "'"


def with_words(sentence: str, typed: str) -> str:
    """Return ``sentence``, which jitd says, and after it what a person typed about it: ``revoked by bob: "wrong host"``."""
    return f"{sentence}: {in_quotes(typed)}" if typed else sentence


def is_in_quotes(text: str) -> bool:
    """True if ``text`` is a result of ``in_quotes``, so all of it is the words of one person."""
    return len(text) > 1 and text == in_quotes(text[1:-1])
