# SPDX-License-Identifier: Apache-2.0
"""Patterns in the syntax of RE2 (https://github.com/google/re2/wiki/Syntax), for texts that a stranger wrote, such as a reason.

Law: searching takes time linear in the text, for any pattern. A pattern is tried when the policy is loaded. One that would take
long for each text is refused there.
"""

from __future__ import annotations

import re

from cel_expr_python import cel

from jitd.core.conditions import Pattern

MOST_STEPS = 3000
"""The most steps of a pattern. RE2 compiles a pattern again for each text, at 2 to 4 µs a step."""
MOST_STEPS_IN_LOOP = 100
"""The most steps of a pattern with which each member of a list is compared."""
_BROAD = 10
"""As how many steps a class counts that has nearly all characters, such as ``.``: it has a step for each length of UTF-8."""
_SCRIPT = 1000
"""As how many steps a class counts that is a table of Unicode, such as ``\\pL``."""
_PIECE = re.compile(
    r"\\[pP](?:\{[^}]*\}|.)|\\Q|\\x\{[^}]*\}|\\.|\[\^?\]?(?:\[:[^]]*:\]|\\.|[^]\\])*\]|\{(\d+)(?:,(\d*))?\}|\(\?[^:()]*:?|.",
    re.DOTALL,
)

_FINDS = cel.NewEnv(variables={"text": cel.Type.STRING, "pattern": cel.Type.STRING}).compile("text.matches(pattern)")


def read_pattern(text: str) -> Pattern:
    """Return the pattern that ``text`` spells. Raises ValueError with a sentence if it spells none."""
    if fault := fault_in_pattern(text, MOST_STEPS):
        raise ValueError(fault)
    return Pattern(text, lambda searched: _is_found(text, searched) is True)


def fault_in_pattern(text: str, most: int) -> str:
    """Return why ``text`` is not a pattern of at most ``most`` steps; empty if it is one."""
    if steps_of(text) > most:
        return "it is too large: each text would take long to compare"
    found = _is_found(text, "")
    return found if isinstance(found, str) else ""


def _is_found(pattern: str, text: str) -> bool | str:
    """Return whether some part of ``text`` matches, or a sentence if that cannot be said."""
    try:
        found = _FINDS.eval(data={"text": text, "pattern": pattern})
        value = found.value()
    except RuntimeError:  # a text that has no UTF-8
        return "it holds half of a character (a surrogate)"
    if found.type() == cel.Type.BOOL and isinstance(value, bool):
        return value
    return str(value).splitlines()[0].rpartition("invalid regular expression: ")[2][:200]


def steps_of(pattern: str) -> int:
    """Return at least as many steps as RE2 makes of ``pattern``, roughly: a repeat counts all that it repeats."""
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
    """Return the steps of one character or class."""
    if re.search(r"\\[pP]", piece):
        return _SCRIPT
    return _BROAD if piece == "." or re.search(r"^\[\^|\[:\^|\\[DSWC]", piece) else 1
