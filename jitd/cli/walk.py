# SPDX-License-Identifier: Apache-2.0
"""``jitd approve`` without an id shows the requests that wait for the person, one after the other. It begins with the oldest
request. For each request, it asks the person for a single key.

Law: a key applies only to the request that was printed right before the question. An answer is sent with the fingerprint of the
printed request. The list of waiting requests is fetched again after each answer, and never while a question is open. A single key
never approves or denies a request. After the key ``a``, jitd asks the same question as ``jitd approve ID``. After the key ``d``,
jitd asks why the person denies the request. While the person decides, no connection to jitd is open.
"""

from __future__ import annotations

from jitd.cli.answer import Row, say, words
from jitd.cli.assent import is_approved
from jitd.cli.brief import brief
from jitd.cli.call import NotDone, called_as_reviewer
from jitd.cli.naming import awaits_me, reviewable
from jitd.cli.page import page
from jitd.cli.question import AGAIN, LEAVE, key, sentence
from jitd.cli.reading import put
from jitd.cli.terminal_size import width
from jitd.cli.verdict import fetched, fingerprint_of, sent
from jitpam.client import RefusedByDaemon
from jitpam.wire.faults import LocalProtocolError

KEYS = "advsq"
QUESTION = "a approve, d deny, s skip, v everything, q quit: "
BELOW = 4
"""After a request was printed, this number of lines stays free on the screen. The questions about the request need these
lines.
"""
ENDINGS = ("forbidden", "late", "unknown")
"""Codes of errors. After an error with one of these codes, the person cannot decide about the request any more."""
OVER = "over"
"""``walk`` uses this value in place of a key after an error whose code is in ENDINGS."""


def walk(comment: str) -> int:
    """Show the requests that wait for the person, one after the other. Each approval is sent with ``comment``. Return the exit
    status.

    Raises the errors of ``connect``, and KeyboardInterrupt on Ctrl-C.
    """
    over: set[str] = set()
    n_skipped = 0
    while waiting := [row for row in reviewable() if awaits_me(row) and words(row, "id") not in over]:
        id = words(waiting[0], "id")
        try:
            with called_as_reviewer() as daemon:
                row = fetched(daemon, id)
            fingerprint_of(row)  # raises an error if the row has no fingerprint, because an answer must be bound to it
        except (NotDone, RefusedByDaemon) as fault:
            _must_be_about_it(fault)
            over.add(id)
            continue
        if not awaits_me(row):  # somebody else has answered first
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
    more = " more" if over else ""
    say(f"nothing{more} waits for you" + (f", but for the {n_skipped} that you skipped" if n_skipped else ""))
    return 0


def _must_be_about_it(fault: NotDone | RefusedByDaemon) -> None:
    """If the reason for ``fault`` is that the person could not be authenticated, raise ``fault`` again. Every other request
    would fail in the same way. For all other reasons, print ``fault``.
    """
    if fault.code == "unauthenticated":
        raise fault
    say(str(fault))


def _decided(row: Row, place: str, comment: str) -> str:
    """Show the request in ``row``, ask the person, and perform the chosen action. Return the key of the action, which is ``a``,
    ``d``, ``s`` or ``q``. If the request must be shown again because no action was performed, return an empty text.

    Raises NotDone and RefusedByDaemon.
    """
    print()
    is_unread = put(brief(row, width(), place), below=BELOW)
    while True:
        print()
        pressed = key(QUESTION, KEYS)
        if pressed == "v":
            is_unread = put(page(row, width()), below=BELOW)
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
    """Ask whether to approve ``row``. If the answer is yes, send the approval. Return True if the approval was sent."""
    if not is_approved(row, width(), is_unread=is_unread):
        say(f"request {words(row, 'id')} is not approved: nothing was sent")
        return False
    with called_as_reviewer() as daemon:
        say(sent(daemon, row, "approve", comment))
    return True


def _denied(row: Row) -> bool:
    """Ask for a reason. If the person types a reason, send the denial of ``row``. Return True if the denial was sent."""
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
