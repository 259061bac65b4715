# SPDX-License-Identifier: Apache-2.0
"""What readers get in the place of something that they are not told.

Law: pure, for Python 3.9 and later. Part of verify.py, so it imports nothing of jitd. jitd seals none of these words, but MASKED
where a mask hid a word that was typed, and nobody may type one (``server.reading``).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

HIDDEN = "‹hidden›"  # a part that the reader may not see
FORGOTTEN = "‹forgotten›"  # a value that is kept no longer
MISSING = "‹missing›"  # a value that is not there, although it was never forgotten
MASKED = "‹masked›"  # a masked word, or its rest. It does not tell the length
INSTEAD = (FORGOTTEN, HIDDEN, MASKED, MISSING)


def sealed_instead(part: Any, words: Collection[str] = INSTEAD) -> str:
    """Return one of ``words`` that is a text in ``part``, which was sealed, or an empty text. A reader would take it for what
    jitd says where it does not tell something, and no jitd has written it.
    """
    if isinstance(part, str):
        return part if part in words else ""
    if isinstance(part, (list, dict)):
        for one in part.values() if isinstance(part, dict) else part:
            if found := sealed_instead(one, words):
                return found
    return ""


NOT_OF_VALUES = (FORGOTTEN, HIDDEN)
"""Those that no value is. A mask hides a word before it becomes one, and an object one of whose values has gone is written anew
with MISSING in its place.
"""
