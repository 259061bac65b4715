# SPDX-License-Identifier: Apache-2.0
"""``jitd`` without a verb lists the requests that wait for the person. On a terminal, Enter then shows them one by one
(``walk``). Otherwise the command tells how to answer a request. It also lists the reviews that are owed after break-glass.

Law: the list itself is not what a person approves: it may shorten a command. If no request waits, the command prints a sentence
and succeeds.
"""

from __future__ import annotations

import os

from jitd.cli import far
from jitd.cli.answer import answer, say
from jitd.cli.assent import what
from jitd.cli.columns import cut, wrapped
from jitd.cli.everywhere import everywhere
from jitd.cli.glass import owed_sentences
from jitd.cli.hosts import Everywhere, in_turn
from jitd.cli.instants import left
from jitd.cli.naming import awaits_me, barred, oldest_first
from jitd.cli.question import AGAIN, Keyboard, can_ask
from jitd.cli.terminal_size import width, width_of_errors
from jitpam.wire.messages import List
from jitpam.wire.rows import OwedReview, Request
from jitpam.wire.shown import cells

FOOT = "Enter reviews them · q quit"
MOST = 15  # requests in the list. With a longer list, the head and the possible answers might not fit on the screen.
MOST_OF_ONE = 400  # maximum width of the text of a request, in cells


def tell() -> int:
    """Print the requests that wait for the person, the oldest first. Return the exit status. Raises what ``connect`` raises."""
    with everywhere() as hosts:
        rows, reviews = hosts.answers(List(what="requests", ended=False), List(what="reviews", ended=False))
        waiting = _tell(hosts, list(map(Request.read, rows)), list(map(OwedReview.read, reviews)))
    return _reviewed() if waiting and can_ask() else 0


def _tell(hosts: Everywhere, rows: list[Request], reviews: list[OwedReview]) -> bool:
    """Print what waits. Return True if any request waits for the person."""
    mine = sum(row.mine for row in rows)
    waiting = oldest_first(filter(awaits_me, rows))
    if far.many() is not None:
        waiting = in_turn(waiting, {})
    if waiting:
        _list(waiting)
    else:
        say(hosts.nothing(_nothing(reviews)))
    for because in barred(rows):
        say(because)
    if others := len(rows) - len(waiting) - mine:
        say(f"{_count(others)} that {'waits' if others == 1 else 'wait'} for others: {far.typed('jitd requests')}")
    if mine:
        say(f"{_count(mine)} of your own {'waits' if mine == 1 else 'wait'}: {far.typed('jitd requests')}")
    for sentence in owed_sentences(reviews, width_of_errors()):
        say(sentence)
    if not waiting and far.is_here():
        say("all that jitd can do: jitd --help")
    return bool(waiting)


def _reviewed() -> int:
    """Wait for Enter, and then show the requests one by one. Return the exit status."""
    pressed = AGAIN
    while pressed == AGAIN:
        with Keyboard() as keyboard:
            print(FOOT, end="")
            pressed = keyboard.wait("\nq")
        print()
    if pressed != "\n":
        return 0
    from jitd.cli.walk import walk

    return walk("")


def _nothing(reviews: list[OwedReview]) -> str:
    """If the person may give an owed review, the sentence says only that no request waits."""
    if any(row.may_give for row in reviews):
        return "no request waits for you"
    return "nothing waits for you" + (": root may not review" if os.geteuid() == 0 and far.is_here() else "")


def _list(waiting: list[Request]) -> None:
    room = width()
    where = f" on {there.host}" if (there := far.there()) else ""
    answer(f"{_count(len(waiting))} {'waits' if len(waiting) == 1 else 'wait'} for you{where}:")
    answer()
    for row in waiting[:MOST]:
        only = "  (you may only deny it)" if row.lacks or row.barred else ""
        id = far.id_of(row.id, row.host)
        start = f"  {id}  {left(row.expires_at):>3} left  {row.account}: "
        text = what(row, MOST_OF_ONE)
        if room and cells(start + text + only) > room:
            answer(cut(start.removesuffix(": ") + only, room))
            for piece in wrapped(what(row, room - 6), room - 6):
                answer(f"      {piece}")
        else:
            answer(start + text + only)
    if len(waiting) > MOST:
        answer(f"  and {len(waiting) - MOST} more: {far.typed('jitd requests')}")
    answer()
    if not can_ask():
        answer(f"  {far.typed('jitd approve')}         shows them one by one, and asks")
        answer(f"  {far.typed_of_one('jitd approve')}      shows one, and asks")
        answer(f"  {far.typed_of_one('jitd deny')} --reason TEXT")


def _count(number: int) -> str:
    return f"{number} request{'' if number == 1 else 's'}"
