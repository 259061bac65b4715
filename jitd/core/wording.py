# SPDX-License-Identifier: Apache-2.0
"""Small parts of sentences that several modules of the core use.

Law: pure.
"""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 use`` or ``3 uses``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(words: tuple[str, ...], last: str) -> str:
    """Return ``words`` as one text, with commas between them. Before the last word, the text has ``last`` (``and`` or ``or``)."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), words[-1])))
