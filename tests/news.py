# SPDX-License-Identifier: Apache-2.0
"""News: what somebody is told because they wait long for a directory of accounts, a KDC or a gatekeeper.

On a busy host, any of them takes long enough. So a test that compares to the letter what a person is told compares it without
news. With ``pytest --news-at-once``, all news is said at once, as on the busiest of hosts.
Law: the words are the product's own.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from jitd.verbs.sentences import asking
from jitpam.news import SILENT_KDC, SLOW_DIRECTORY

_SOME = "\0"
_SENTENCES = SLOW_DIRECTORY, SILENT_KDC.format(realm=_SOME, seconds=3), asking((_SOME,))
_ANY = "|".join(re.escape(sentence).replace(re.escape(_SOME), "[^\r\n]+") for sentence in _SENTENCES)
NEWS = re.compile(rf"(?:^|(?<=\r))jit(?:sudo|d): (?:{_ANY})\r*\n", re.MULTILINE)
LIBRARY = Path("/usr/lib/jitd")
AT_ONCE = {
    "jitd/server/identifying.py": ("\nSLOW_AFTER = 1.0\n", "\nSLOW_AFTER = 0.0\n"),
    "jitd/lifecycle/waiters.py": ("\nTOLD_AFTER = 1.0\n", "\nTOLD_AFTER = 0.0\n"),
    "jitpam/initiator.py": ("within(timeout_for, self._obtain", "within(timeout_for if news is None else 0.0, self._obtain"),
}
"""Where it stands after how many seconds somebody is told, and what stands there for news at once."""


def without_news(said: str) -> str:
    """What jitsudo, jitd or the PAM module has said on standard error or on a terminal, without news."""
    return NEWS.sub("", said)


def say_at_once() -> None:
    """Change jitd as it is installed in this lab. What has begun before is as it was."""
    for name, (after_a_while, at_once) in AT_ONCE.items():
        file = LIBRARY / name
        text = file.read_text("utf-8")
        assert text.count(after_a_while) == 1, f"{name} has no {after_a_while.strip()!r} any more"
        file.write_text(text.replace(after_a_while, at_once), "utf-8")
        subprocess.run(["/usr/bin/python3", "-IS", "-m", "compileall", "-q", file], check=True)
