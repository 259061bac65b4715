# SPDX-License-Identifier: Apache-2.0
"""Small parts of sentences that several modules of the core use."""

from __future__ import annotations

from collections.abc import Sequence


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


def in_quotes(sentence: object) -> str:
    """Return the words of a person in quotes. A quote within them is escaped, so that nothing stands behind the quotes but
    jitd's.
    """
    said = str(sentence).replace('"', "\\x22")
    return f'"{said}"'
