# SPDX-License-Identifier: Apache-2.0
"""What is new in a request beside the last one that was approved, by the same rule and for the same person.

Law: a comparison helps to read, and stands beside the command, never in place of it. So it may shorten, and says by how much.
What cannot be compared is not called the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from jitd.cli.answer import Row, quoted, words
from jitd.cli.columns import cut_in_the_middle
from jitd.cli.instants import ago
from jitd.cli.labels import Line, counted, members

MOST_WORDS = 200
"""Up to this number of arguments two commands are compared. Comparing more would take long, and nobody would read it."""
MOST_TOLD = 6
"""How many differences are told one by one."""
WIDEST = 60
"""Cells that an argument takes at most in a comparison."""


def new(row: Row) -> Iterator[Line]:
    """Yield the lines about what is new in the request of ``row``; none if its viewer may not compare."""
    if row.get("gives") or row.get("doubt") or "last_approved" not in row or not row.get("may_review"):
        return
    last = row.get("last_approved")
    if not isinstance(last, dict):
        yield "new", f"all of it: {words(row, 'requester')} was given nothing by this rule before that you may see"
        return
    by = " and ".join(str(name) for name in members(last, "by"))
    when = f"{words(last, 'id')}, which {by} approved {ago(last.get('at'))}"
    found = [*_around(row, last), *_arguments(row, last)]
    if not found:
        yield "new", f"nothing: it is the same as {when}"
        return
    yield "new", f"{counted(len(found), 'difference')} from {when}:"
    for difference in found[:MOST_TOLD]:
        yield "new", difference
    if len(found) > MOST_TOLD:
        yield "new", f"and {len(found) - MOST_TOLD} more"


def _around(row: Row, last: Row) -> Iterator[str]:
    """Yield what is new about the file, the account and the directory."""
    if row.get("path") != last.get("path"):
        yield f"the file is {_short(words(row, 'path'))}, and was {_short(words(last, 'path'))}"
    elif not row.get("digest") or not last.get("digest"):
        if row.get("path"):
            yield "the content of the file cannot be compared"
    elif row.get("digest") != last.get("digest"):
        yield "the content of the file: it has changed since"
    for name, what in (("run_as", "the account"), ("run_as_group", "the group"), ("cwd", "the directory")):
        if row.get(name) != last.get(name):
            yield f"{what} is {_short(words(row, name))}, and was {_short(words(last, name))}"


def _arguments(row: Row, last: Row) -> Iterator[str]:
    """Yield what is new, argument by argument."""
    if not isinstance(last.get("argv"), list) or max(len(members(row, "argv")), len(last["argv"])) > MOST_WORDS:
        yield "the arguments are too many or too long to be compared"
        return
    now, before = ([str(word) for word in members(of, "argv")] for of in (row, last))
    for kind, first, last_, at, end in SequenceMatcher(None, before, now, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        was = before[first:last_]
        for number in range(at, end):
            text = f"argument {number} is {_short(now[number])}"
            yield f"{text}, and was {_short(was.pop(0))}" if was else f"{text}, and was not there"
        for word in was:
            yield f"{_short(word)} is not there, and was"


def _short(text: str) -> str:
    return cut_in_the_middle(quoted(text), WIDEST)
