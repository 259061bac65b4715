# SPDX-License-Identifier: Apache-2.0
"""What several modules of the table share: sets of words, and questions about files that a program trusts."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jitd.core.judging import Call
from jitd.core.shell_text import Word


def words(text: str) -> frozenset[str]:
    """Return the words of ``text``."""
    return frozenset(text.split())


def who_changes(call: Call, word: Word) -> str:
    """Return who can change the file or directory ``word``, as ``alice``. If any file may be meant, return ``anybody``."""
    path = call.absolute(word)
    return "anybody" if path is None or word.is_free else call.judge.changed_by(path).partition(",")[0]


def trusts(call: Call, files: Iterable[Word]) -> None:
    """The program does what ``files`` say. Files that only root can change say nothing new."""
    for file in files:
        if who := who_changes(call, file):
            path = call.absolute(file) or ""
            call.gives(f"does what {path or 'any file'} says, which {who} can change", path)


def gives(what: str) -> Callable[[Call], None]:
    """Return the function that judges a program that gives everything, however it is called."""

    def judge(call: Call) -> None:
        if [word.text for word in call.words] not in (["--version"], ["--help"], ["-V"], ["-h"]):
            call.gives(what)

    return judge


def changes(what: str) -> Callable[[Call], None]:
    """Return the function that judges a program that changes something, unless it is asked for its version or for help."""

    def judge(call: Call) -> None:
        if [word.text for word in call.words] not in (["--version"], ["--help"], ["-V"], ["-h"]):
            call.changes(what)

    return judge


def looks(verbs: str, what: str) -> Callable[[Call], None]:
    """Return the function that judges a program with verbs: those in ``verbs`` only show something, and others change ``what``
    the sentence says.
    """
    looking = words(verbs)

    def judge(call: Call) -> None:
        verb = call.verb
        if verb is None and not call.may_add_options:
            return
        if verb is None or verb.is_free or verb.text not in looking:
            call.changes(what)

    return judge


def nothing(call: Call) -> None:
    """The program shows what it is asked, and gives nothing beyond that."""
