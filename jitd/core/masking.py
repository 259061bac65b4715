# SPDX-License-Identifier: Apache-2.0
"""Masks: which words of a command are secrets, and what people read in place of them.

Law: a mask never hides the first word of a command, and never a word that begins with ``-``. What a mask hides is judged like
every other word, and it is executed. Only what is shown and recorded changes. A mask hides too much rather than too little: the
masks of all rules about a program apply, whichever rule decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jitd.core.instead import MASKED as MASKED
from jitd.core.spelling import spelled

NAMED_BY_A_MASK = "a masked word names this file"
Blank = tuple[int, int]  # of a masked word: its place in the command line, and how many bytes before the mask are shown


@dataclass(frozen=True, slots=True)
class Mask:
    """One mask. It hides the word after ``literal`` if ``is_next``, and otherwise the rest of a word that begins with it."""

    literal: bytes
    is_next: bool

    def __str__(self) -> str:
        return f"{self.literal.decode('utf-8', 'surrogateescape')}{' ' if self.is_next else ''}*"


def read_mask(text: str) -> Mask:
    """Read a mask: ``--password *`` (the next word) or ``--password=*`` (the rest). Raises ValueError with the reason."""
    literal, is_next = (text[:-2], True) if text.endswith(" *") else (text[:-1], False)
    if not text.endswith("*") or not literal:
        raise ValueError('a mask is an option, a space and a star ("--password *"), or a beginning and a star ("--password=*")')
    if any(character in literal for character in "*?") or (is_next and " " in literal):
        raise ValueError(f'"{text}" has one star, at its end, and what stands before it is taken literally')
    if literal == "-":
        raise ValueError(f'"{text}" would hide every option')
    return Mask(literal.encode("utf-8", "surrogateescape"), is_next)


def places(argv: Sequence[bytes], masks: Iterable[Mask]) -> tuple[Blank, ...]:
    """Return what ``masks`` hide in ``argv``, in order. Of several masks of a word, the one that shows least counts."""
    masks = tuple(masks)
    found: dict[int, int] = {}
    for at, word in enumerate(argv):
        for mask in masks:
            if mask.is_next:
                if word == mask.literal and at + 1 < len(argv) and not argv[at + 1].startswith(b"-"):
                    found[at + 1] = 0
            elif at > 0 and word.startswith(mask.literal) and len(word) > len(mask.literal):
                found[at] = min(len(mask.literal), found.get(at, len(mask.literal)))
    return tuple(sorted(found.items()))


def masked(argv: Sequence[bytes], hidden: Iterable[Blank]) -> tuple[bytes, ...]:
    """Return ``argv`` as people read it: with ``MASKED`` at the places ``hidden``."""
    words = list(argv)
    for at, start in hidden:
        words[at] = words[at][:start] + MASKED.encode()
    return tuple(words)


def is_quoting(text: str, argv: Sequence[bytes], hidden: Iterable[Blank]) -> bool:
    """True if ``text``, whose writer knows ``argv``, has in it what is masked at one of the places ``hidden``."""
    parts = (argv[at][start:] for at, start in hidden)
    return any(part and (spelled(part) in text or part.decode("utf-8", "backslashreplace") in text) for part in parts)
