# SPDX-License-Identifier: Apache-2.0
"""Which requests an approver approves with a single key, and for which they must type the word yes. Also describes a request in
a few words.

Law: a single key approves a request only if the daemon has told both grades (``core.grade``), and if the request neither gives
root nor destroys or stops something. The word is also needed if the request uses break-glass, and if jitd does not know for
certain what would be run. What a row leaves out asks for the word, or is what would (``jitpam.wire.rows``).
"""

from __future__ import annotations

from jitd.cli.answer import command_line, printable
from jitd.cli.findings import is_not_known
from jitd.core.grade import Damage, Grade
from jitd.core.root_groups import whose_power
from jitpam.wire.rows import UNKNOWN, Doubted, Edit, Edits, Login, NewFile, Program, Removal, Request, Things
from jitpam.wire.shown import cells

LOSSES = {
    Damage.NONE.word: "",
    Damage.STOPS.word: "it stops something that many need",
    Damage.DESTROYS.word: "it destroys something",
}
MAY_DESTROY = "it may destroy something"  # if the only loss is what jitd does not know
LEAST = 24  # cells for the command in the question, even if the terminal is very narrow


def why_the_word(row: Request) -> str:
    """Return why the word yes must be typed (a sentence without a full stop), or "" if a single key is enough."""
    if row.break_glass or row.breaks_glass:
        return "it is break-glass"
    what = row.what
    if isinstance(what, Doubted):
        return "what it runs is not known for certain"
    if not row.grade:
        return "jitd does not say what it gives"
    if not row.damage:
        return "jitd does not say what it destroys"
    is_of_root = isinstance(what, Things) or row.run_as_uid == 0 or whose_power(row.run_as, row.run_as_group) == "root"
    gives = "it gives root" if row.grade == Grade.GIVES.word and is_of_root else ""
    destroy = [one for one in row.findings if one.damage == Damage.DESTROYS.word]
    lost = MAY_DESTROY if destroy and all(map(is_not_known, destroy)) else LOSSES[row.damage]
    return f"{gives} and {lost.removeprefix('it ')}" if gives and lost else gives or lost


def question(row: Request, screen: int) -> str:
    """Return the question with the command, the account and the host, on about two lines of ``screen`` cells."""
    return printable(f"approve {what(row, 2 * screen - 40)}? {why_the_word(row)}: type yes (empty: back to the keys): ")


def what(row: Request, room: int) -> str:
    """Return a short description of the request in ``row``. The description is shown in the question and in the lists. A long
    command is shortened in the middle, so that the description needs about ``room`` cells.
    """
    host, command = row.host.partition(".")[0], command_line(row.argv) or UNKNOWN
    match row.what:
        case Things(names=names):
            text, where = " ".join(names), f" for {row.account} on {host}"
        case Login():
            text, where = "a login", f" as {row.run_as} on {host}"
        case Doubted():
            text, where = command, f'" on {host}'
        case Program() | Edit() | Edits() | NewFile() | Removal() as asked:
            whom = row.run_as if row.run_as_group in ("", row.run_as) else f"{row.run_as} with group {row.run_as_group}"
            how = " (a new file)" if isinstance(asked, NewFile) else " (to remove it)" if isinstance(asked, Removal) else ""
            text, where = command, f'"{how} as {whom} on {host}'
    start = '"' if where.startswith('"') else ""
    return f"{start}{_cut(text, max(LEAST, room - cells(start + where)))}{where}"


def _cut(text: str, room: int) -> str:
    """Keep the beginning and the end, and show in the middle how many characters were removed."""
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
