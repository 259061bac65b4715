# SPDX-License-Identifier: Apache-2.0
"""Asks an approver whether to approve a request. For some requests, the letter ``y`` is enough as the answer. For all other
requests, the approver must type the whole word ``yes``.

Law: the letter ``y`` approves a request only if all of the following conditions are met. The whole request was on the screen.
The request does not use break-glass. jitd knows for certain what would be run. The request does not give root, which the daemon
has found out (``core.grade``). If one of these conditions is not met, the approver must type the whole word ``yes``. The same is
true if the row tells no grade. The question names the command, the account and the host from the row on the screen.
"""

from __future__ import annotations

from jitd.cli.answer import Row, command_line, printable, words
from jitd.cli.question import LETTER, WORD, is_answered
from jitd.core.grade import Grade
from jitpam.wire.shown import cells

LETTER_IS_ENOUGH = frozenset(grade.word for grade in Grade if grade is not Grade.GIVES)
"""Grades (``core.grade``) of commands that a letter may approve."""
LEAST = 24
"""Minimum number of cells for the command in the question, even if the terminal is very narrow."""


def is_approved(row: Row, screen: int | None, *, is_unread: bool) -> bool:
    """Ask whether the person approves the request in ``row``. The question has at most two lines. ``screen`` is the number of
    cells in a line of the terminal on which ``row`` was printed. ``is_unread`` is True if a part of ``row`` was not on the
    screen. Return True if the answer is yes. Raises KeyboardInterrupt on Ctrl-C.
    """
    return is_answered(*question(row, screen, is_unread=is_unread))


def question(row: Row, screen: int | None, *, is_unread: bool) -> tuple[str, frozenset[bytes]]:
    """Return the text of the question to the approver about ``row``. Also return a set with the typed lines that mean yes. The
    parameters are the same as for ``is_approved``.
    """
    because = why_the_word(row, is_unread=is_unread)
    asked = f"approve {what(row, 2 * (screen or 80) - len('approve ? [y/N] '))}?"
    return (printable(f"{asked} {because}: type yes: "), WORD) if because else (printable(f"{asked} [y/N] "), LETTER)


def why_the_word(row: Row, *, is_unread: bool) -> str:
    """If the whole word ``yes`` is needed to approve ``row``, return the reason, which is a sentence without a full stop. If the
    letter ``y`` is enough, return an empty text.
    """
    if row.get("break_glass") or row.get("breaks_glass"):
        return "it is break-glass"
    if row.get("doubt"):
        return "what it runs is not known for certain"
    if gives_root(row):
        return "it gives root"
    if is_unread:
        return "not all of it was on the screen"
    return ""


def gives_root(row: Row) -> bool:
    """True if the request in ``row`` gives all that root may do. Also True if ``row`` tells no grade that jitd knows. Without the
    uid of the account, the account is taken for root.
    """
    is_of_root = bool(row.get("gives")) or row.get("run_as_uid", 0) == 0
    return is_of_root and row.get("grade") not in LETTER_IS_ENOUGH


def what(row: Row, room: int) -> str:
    """Return a short description of the request in ``row``. The description is shown in the question and in the lists. A long
    command is shortened in the middle, so that the description needs about ``room`` cells.
    """
    host = words(row, "host").partition(".")[0]
    if row.get("gives"):
        text, where = words(row, "gives"), f" for {words(row, 'account')} on {host}"
    elif not row.get("path") and not row.get("doubt"):
        text, where = "a login", f" as {words(row, 'run_as')} on {host}"
    else:
        argv = row.get("argv")
        text = command_line(argv) if isinstance(argv, list) else "-"
        where = f'" on {host}' if row.get("doubt") else f'" as {words(row, "run_as")} on {host}'
    start = '"' if where.startswith('"') else ""
    return f"{start}{_cut(text, max(LEAST, room - cells(start + where)))}{where}"


def _cut(text: str, room: int) -> str:
    """Shorten ``text`` to a width of about ``room`` cells. The beginning and the end of the text are kept. The number of removed
    characters is shown in the middle.
    """
    text = printable(text)
    if cells(text) <= room:
        return text
    each = max(1, (room - cells("…(+00000)…")) // 2)
    start, end = text[:each], text[-each:]
    while cells(start) > each:
        start = start[:-1]
    while cells(end) > each:
        end = end[1:]
    return f"{start}…(+{len(text) - len(start) - len(end)})…{end}"
