# SPDX-License-Identifier: Apache-2.0
"""How plainly somebody has to say yes to one request: the question before an approval, and which answer is enough.

Law: the letter ``y`` is enough only for what was read whole, skips no approval, and gives nobody a root shell, as far as is
known. For everything else, and for a row that does not say, it is the whole word. The question names the command, the account and
the host of the row that stands on the screen.
"""

from __future__ import annotations

from jitd.cli.answer import Row, command_line, printable, words
from jitd.cli.columns import cells
from jitd.cli.question import LETTER, WORD, is_answered
from jitd.core.command import Command, RunAs
from jitd.core.consequence import of_command
from jitpam.wire.shown import unshown

SHELLS = frozenset({"any-command", "prompt", "code", "shell", "command", "account", "container", "process"})
"""The classes of ``core.consequence`` by which somebody can get a shell of the account."""
NAMES_OF_SHELLS = frozenset(b"sh ash bash csh dash fish ksh mksh pwsh rbash tcsh zsh".split())
LEAST = 24
"""Cells that the command has in the question, however narrow the terminal is."""


def is_approved(row: Row, screen: int | None, *, is_unread: bool) -> bool:
    """Ask, on two lines at most, whether to approve ``row``, which stands on a terminal of ``screen`` cells a line; ``is_unread``
    if not all of it was on the screen. True if the answer is yes. Raises KeyboardInterrupt on Ctrl-C.
    """
    return is_answered(*question(row, screen, is_unread=is_unread))


def question(row: Row, screen: int | None, *, is_unread: bool) -> tuple[str, frozenset[bytes]]:
    """Return that question, and the lines that mean yes. The parameters are those of ``is_approved``."""
    because = why_the_word(row, is_unread=is_unread)
    asked = f"approve {what(row, 2 * (screen or 80) - len('approve ? [y/N] '))}?"
    return (printable(f"{asked} {because}: type yes: "), WORD) if because else (printable(f"{asked} [y/N] "), LETTER)


def why_the_word(row: Row, *, is_unread: bool) -> str:
    """Return why the whole word ``yes`` is needed to approve ``row``, as a sentence without its end; empty if ``y`` is enough."""
    if row.get("break_glass") or row.get("breaks_glass"):
        return "it is break-glass"
    if row.get("doubt"):
        return "what it runs is not known for certain"
    if gives_root_shell(row):
        return "it gives a root shell"
    if is_unread:
        return "not all of it was on the screen"
    return ""


def gives_root_shell(row: Row) -> bool:
    """True if ``row`` may give its requester a shell of an account with uid 0, as far as is known; also if ``row`` does not say
    what runs, or as whom.
    """
    if row.get("root_shell"):  # the daemon knows
        return True
    if row.get("gives") or row.get("run_as_uid", 0) != 0:
        return False
    try:
        argv = tuple(unshown(str(argument)) for argument in row["argv"])
        path = unshown(words(row, "path", ""))
    except (KeyError, TypeError, ValueError):
        return True
    if not argv or not path:  # a login
        return True
    command = Command(argv, path, b"", RunAs("root", 0, "root", 0), b"/", 0, 0, (), (), ())
    if any(one.kind in SHELLS for one in of_command(command)):
        return True
    return any(argument.rpartition(b"/")[2] in NAMES_OF_SHELLS for argument in argv[1:])


def what(row: Row, room: int) -> str:
    """Return what ``row`` asks for in a few words, as the question and lists have it. A long command is cut in its middle, so
    that all takes about ``room`` cells.
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
    """Shorten ``text`` to about ``room`` cells: its beginning and its end stay, and in between is how many characters do not."""
    text = printable(text)
    if cells(text) <= room:
        return text
    each = max(1, (room - len("…(+00000)…")) // 2)
    start, end = text[:each], text[-each:]
    while cells(start) > each:
        start = start[:-1]
    while cells(end) > each:
        end = end[1:]
    return f"{start}…(+{len(text) - len(start) - len(end)})…{end}"
