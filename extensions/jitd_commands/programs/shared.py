# SPDX-License-Identifier: Apache-2.0
"""What several modules of the table share: sets of words, questions about files that a program trusts, and short judges."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from jitd_commands.judging import Call, Row, Verdict
from jitd_commands.shell_text import Word

UNWRITTEN = "so what the guest has not written is lost"
"""What goes with a hard power-off of a machine (ADR 0155)."""


def words(text: str) -> frozenset[str]:
    """Return the words of ``text``."""
    return frozenset(text.split())


def who_changes(call: Call, word: Word) -> str:
    """Return who can change the file or directory ``word``, as ``alice``. If any file may be meant, return ``anybody``."""
    path = call.absolute(word)
    return "anybody" if path is None or word.is_free else call.judge.changed_by(path).partition(",")[0]


def joined(words: Iterable[Word]) -> Word:
    """Return the text that a program makes of ``words``, which it joins with blanks."""
    made: list[str] = []
    for word in words:
        made.append(word.text)
        if word.is_free:
            return Word(" ".join(made), is_free=True)
    return Word(" ".join(made))


def joins(here: Call, call: Call, words: Iterable[Word]) -> None:
    """A shell runs the text that the program makes of ``words``."""
    call.runs_text(joined(words))


def objects(call: Call, other: str) -> str:
    """Return the operands as a sentence names them, or ``other`` if there are none."""
    return " ".join(word.text for word in call.operands if word.text)[:60] or other


def trusts(call: Call, files: Iterable[Word]) -> None:
    """The program does what ``files`` say, and may show lines of them."""
    for file in files:
        call.trusts(file)


def obeys(call: Call, files: Iterable[Word]) -> None:
    """The program does what ``files`` say, and shows nothing of them."""
    for file in files:
        call.obeys(file)


def gives(what: str, *, unless: str = "") -> Verdict:
    """Return the function that judges a program that gives everything, however it is called, unless it is asked for its version
    or for help, or its only word is one of ``unless``.
    """
    judge = _judge(Call.gives, what, unless)

    def judged(call: Call) -> None:
        judge(call)
        call.knows_all()  # no option takes anything off it

    return judged


def changes(what: str) -> Verdict:
    """Return the function that judges a program that changes something, unless it is asked for its version or for help."""
    return _judge(Call.changes, what)


def _judge(says: Callable[[Call, str], None], what: str, unless: str = "") -> Verdict:
    quiet = words(f"--version --help -V -h {unless}")

    def judge(call: Call) -> None:
        if len(call.words) == 1 and call.words[0].text in quiet:
            return call.knows_all()
        says(call, what)

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


def texts(call: Call) -> None:
    """Every word is a text, whether it begins with a hyphen or not."""
    call.knows_all()


def rows_of(judge: Verdict, table: str, *, also: str = "", operands: str = "", is_plain: bool = False) -> tuple[Row, ...]:
    """Return a row for each line of ``table``, which has the names of programs, with commas between, and the options that do
    nothing more beside ``also``. ``operands`` and ``is_plain`` are those of the rows. A line that is indented further continues
    the line before.
    """
    lines = re.sub(r"\n {5,}", " ", table).strip().split("\n")
    rows = (line.strip().partition(" ") for line in lines)
    return tuple(
        Row(programs.replace(",", " "), judge, f"{options} {also}", operands=operands, is_plain=is_plain)
        for programs, _, options in rows
    )
