# SPDX-License-Identifier: Apache-2.0
"""``jitd approve`` without an id: one request after the other, oldest first, each with a question of single keys.

Law: a key is about the request that was printed, with its fingerprint, right before the question, and about no other: which
requests wait is asked again after each answer, never while a question is open. No key decides alone: ``a`` asks the question of
``jitd approve ID``, ``d`` asks for a reason. No connection is held while a person thinks.
"""

from __future__ import annotations

from jitd.cli.answer import Row, say, words
from jitd.cli.assent import is_approved
from jitd.cli.brief import brief
from jitd.cli.call import NotDone, called_as_reviewer
from jitd.cli.naming import awaits_me, reviewable
from jitd.cli.page import page
from jitd.cli.question import AGAIN, LEAVE, key, sentence
from jitd.cli.reading import put, screen
from jitd.cli.verdict import fetched, fingerprint_of, sent
from jitpam.client import RefusedByDaemon
from jitpam.wire.faults import LocalProtocolError

KEYS = "advsq"
QUESTION = "a approve, d deny, s skip, v everything, q quit: "
BELOW = 4
"""Lines of the screen that the questions below a request take."""
ENDINGS = ("forbidden", "late", "unknown")
"""Codes of refusals after which the person has nothing more to decide about a request."""
OVER = "over"
"""What ``_decided`` would return if there were a key for that."""


def walk(comment: str) -> int:
    """Walk through the requests that wait for the person. ``comment`` goes with each approval. Returns the exit status.

    Raises as ``connect``, and KeyboardInterrupt on Ctrl-C.
    """
    over: set[str] = set()
    n_skipped = 0
    while waiting := [row for row in reviewable() if awaits_me(row) and words(row, "id") not in over]:
        id = words(waiting[0], "id")
        try:
            with called_as_reviewer() as daemon:
                row = fetched(daemon, id)
            fingerprint_of(row)  # this raises if there is nothing to bind an answer to
        except (NotDone, RefusedByDaemon) as fault:
            _must_be_about_it(fault)
            over.add(id)
            continue
        if not awaits_me(row):  # somebody else was quicker
            over.add(id)
            continue
        try:
            deed = _decided(row, f"1 of {len(waiting)}: " if len(waiting) > 1 else "", comment)
        except (NotDone, RefusedByDaemon) as fault:
            _must_be_about_it(fault)
            deed = OVER if fault.code in ENDINGS else ""
        if deed == "q":
            return 0
        if deed:
            over.add(id)
            n_skipped += deed == "s"
    say("nothing more waits for you" + (f", but for the {n_skipped} that you skipped" if n_skipped else ""))
    return 0


def _must_be_about_it(fault: NotDone | RefusedByDaemon) -> None:
    """Say what was refused. Raises ``fault`` if it is not about one request, but about the person."""
    if fault.code == "unauthenticated":
        raise fault
    say(str(fault))


def _decided(row: Row, place: str, comment: str) -> str:
    """Show ``row`` and do what the person wants. Return the key of what was done: ``a d s q``; empty if nothing was.

    Raises NotDone and RefusedByDaemon.
    """
    print()
    is_unread = put(brief(row, screen(), place), below=BELOW)
    while True:
        print()
        pressed = key(QUESTION, KEYS)
        if pressed == "v":
            is_unread = put(page(row, screen()), below=BELOW)
        elif pressed == "a" and row.get("lacks"):
            say(f"you may only deny it: its rule {words(row, 'lacks')}")
        elif pressed == "a":
            return "a" if _approved(row, comment, is_unread=is_unread) else ""
        elif pressed == "d":
            return "d" if _denied(row) else ""
        elif pressed == AGAIN:
            return ""
        else:
            return "q" if pressed == LEAVE else pressed


def _approved(row: Row, comment: str, *, is_unread: bool) -> bool:
    """Ask, and send the approval of ``row`` if the answer is yes. True if it was sent."""
    if not is_approved(row, screen(), is_unread=is_unread):
        say(f"request {words(row, 'id')} is not approved: nothing was sent")
        return False
    with called_as_reviewer() as daemon:
        say(sent(daemon, row, "approve", comment))
    return True


def _denied(row: Row) -> bool:
    """Ask why, and send the denial of ``row`` if there is an answer. True if it was sent."""
    because = sentence(f"deny {words(row, 'id')}: why ({words(row, 'account')} is told; empty: not denied)? ")
    if not because:
        say(f"request {words(row, 'id')} is not denied: nothing was sent")
        return False
    try:
        with called_as_reviewer() as daemon:
            say(sent(daemon, row, "deny", because))
    except LocalProtocolError as fault:
        raise NotDone(str(fault)) from None
    return True
