# SPDX-License-Identifier: Apache-2.0
"""Patterns in the syntax of RE2 (https://github.com/google/re2/wiki/Syntax). The author of the policy writes the pattern. jitd
compares it with a text that a user wrote, such as a reason.

Law: for every pattern, the time of a search grows only linearly with the length of the text. jitd tests each pattern when it
loads the policy. It refuses a pattern if searches with this pattern would need much time.
"""

from __future__ import annotations

import re

from cel_expr_python import cel

from jitd.core.conditions import Pattern

MOST_STEPS = 3000
"""Maximum number of steps of a pattern. A step is an instruction in the program to which RE2 compiles the pattern. RE2 compiles a
pattern again for each text. The compilation of a pattern needs 2 to 4 µs for each step.
"""
MOST_STEPS_IN_LOOP = 100  # steps of a pattern that is compared with each member of a list
_BROAD = 10  # steps of a class of nearly all characters, such as `.`: characters have different lengths in UTF-8
_SCRIPT = 1000  # steps of a character class that is a Unicode table
_PIECE = re.compile(
    r"\\[pP](?:\{[^}]*\}|.)|\\Q|\\x\{[^}]*\}|\\.|\[\^?\]?(?:\[:[^]]*:\]|\\.|[^]\\])*\]|\{(\d+)(?:,(\d*))?\}|\(\?[^:()]*:?|.",
    re.DOTALL,
)

_FINDS = cel.NewEnv(variables={"text": cel.Type.STRING, "pattern": cel.Type.STRING}).compile("text.matches(pattern)")


def read_pattern(text: str) -> Pattern:
    """Return the pattern that is written in ``text``. Raises ValueError with a sentence if ``text`` is not a valid pattern."""
    if fault := fault_in_pattern(text, MOST_STEPS):
        raise ValueError(fault)
    return Pattern(text, lambda searched: _is_found(text, searched) is True)


def fault_in_pattern(text: str, most: int) -> str:
    """Return the reason if ``text`` is not a valid pattern or has more than ``most`` steps. Otherwise return an empty text."""
    if steps_of(text) > most:
        return "it is too large: each text would take long to compare"
    found = _is_found(text, "")
    return found if isinstance(found, str) else ""


def _is_found(pattern: str, text: str) -> bool | str:
    """Return whether some part of ``text`` matches, or a sentence if the search is not possible."""
    try:
        found = _FINDS.eval(data={"text": text, "pattern": pattern})
        value = found.value()
    except RuntimeError:  # the text cannot be encoded in UTF-8
        return "it contains half of a character (a surrogate)"
    if found.type() == cel.Type.BOOL and isinstance(value, bool):
        return value
    return str(value).partition("\n")[0].rpartition("invalid regular expression: ")[2][:200]


def steps_of(pattern: str) -> int:
    """Return a rough upper limit of the steps that RE2 makes of ``pattern``, with each repetition counted."""
    sizes, last = [0], 0
    for piece in _PIECE.finditer(pattern):
        if piece[0].startswith("("):
            sizes.append(0)
            last = 0
        elif piece[0] == ")" and len(sizes) > 1:
            last = sizes.pop() + 1
            sizes[-1] += last
        elif piece[1] is not None:
            times = max(int(piece[1]), int(piece[2] or 0))
            sizes[-1] += last * max(0, min(times, 1000) - 1)
            last *= max(1, min(times, 1000))
        elif piece[0] not in "*+?":
            last = _size(piece[0])
            sizes[-1] += last
    return sum(sizes)


def _size(piece: str) -> int:
    """Return the number of steps of one character or of one character class."""
    if re.search(r"\\[pP]", piece):
        return _SCRIPT
    return _BROAD if piece == "." or re.search(r"^\[\^|\[:\^|\\[DSWC]", piece) else 1
