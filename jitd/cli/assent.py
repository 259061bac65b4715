# SPDX-License-Identifier: Apache-2.0
"""Asks an approver whether to approve a request. For some requests, the letter ``y`` is enough as the answer. For all other
requests, the approver must type the whole word ``yes``.

Law: the letter ``y`` approves a request only if all of the following conditions are met. The whole request was on the screen.
The request does not use break-glass. jitd knows for certain what would be run. The request gives no root shell, and makes no
root shell possible later. If one of these conditions is not met, the approver must type the whole word ``yes``. The same is true
if it is not known whether the command gives a root shell. The question names the command, the account and the host from the row
on the screen.
"""

from __future__ import annotations

from jitd.cli.answer import Row, command_line, printable, words
from jitd.cli.question import LETTER, WORD, is_answered
from jitd.core.command import Command, RunAs
from jitd.core.consequence import makes_root_shell_possible, of_command
from jitpam.wire.shown import cells, unshown

SHELLS = frozenset({"any-command", "prompt", "code", "shell", "command", "account", "container", "process"})
"""Classes of consequences (``core.consequence``). A command with one of these classes gives a person a shell of the account that
runs the command.
"""
NAMES_OF_SHELLS = frozenset(b"sh ash bash csh dash fish ksh mksh pwsh rbash tcsh zsh".split())
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
    if gives_root_shell(row):
        return "it gives a root shell"
    if makes_one_possible(row):
        return "it makes a root shell possible later"
    if is_unread:
        return "not all of it was on the screen"
    return ""


def gives_root_shell(row: Row) -> bool:
    """True if the request in ``row`` may give a root shell. Also True if the request runs as root, but ``row`` contains no
    command. If ``row`` does not contain the uid of the account, the function assumes that the account is root.
    """
    if row.get("root_shell"):  # the daemon has found this out
        return True
    if row.get("gives") or row.get("run_as_uid", 0) != 0:
        return False
    command = _command_in(row)
    if command is None or any(one.kind in SHELLS for one in of_command(command)):
        return True
    return any(argument.rpartition(b"/")[2] in NAMES_OF_SHELLS for argument in command.argv[1:])


def makes_one_possible(row: Row) -> bool:
    """True if somebody can get a root shell after the command has ended, according to ``row``."""
    command = _command_in(row)
    is_of_root = not row.get("gives") and row.get("run_as_uid", 0) == 0
    return is_of_root and command is not None and makes_root_shell_possible(command)


def _command_in(row: Row) -> Command | None:
    """Return the command in ``row`` as a command that root runs. Return None if ``row`` is about a login or names no command."""
    try:
        argv = tuple(unshown(str(argument)) for argument in row["argv"])
        path = unshown(words(row, "path", ""))
    except (KeyError, TypeError, ValueError):
        return None
    return Command(argv, path, b"", RunAs("root", 0, "root", 0), b"/", 0, 0, (), (), ()) if argv and path else None


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
