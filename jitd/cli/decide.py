# SPDX-License-Identifier: Apache-2.0
"""The review of one request at a terminal: shows the page about the request, waits for a key, and sends the answer.

Law: a key applies only to the request on the screen, and the answer is sent with the fingerprint of this request. The key that
approves is offered, and accepted, only after each line of the page was on the screen. If the command gives everything that the
account may do, the person must also type the word yes (``assent``). A denial needs words. While the person decides, no connection
to jitd is open.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from jitd.cli.answer import printable, say
from jitd.cli.assent import question, why_the_word
from jitd.cli.brief import brief
from jitd.cli.call import NotDone, called_as_reviewer
from jitd.cli.page import page
from jitd.cli.question import answered, sentence
from jitd.cli.reading import Key, Reading
from jitd.cli.terminal_size import terminal_size
from jitd.cli.verdict import fingerprint_of, sent
from jitpam.wire.faults import LocalProtocolError
from jitpam.wire.rows import Request


class Deed(Enum):
    """What the person did with a request."""

    APPROVED = "approved"
    DENIED = "denied"
    SKIPPED = "skipped"
    LEFT = "left"


@dataclass(frozen=True)
class Decided:
    """What the person did, and what jitd answered. If nothing was sent, the text is empty."""

    deed: Deed
    said: str = ""


def decide(row: Request, comment: str, place: str = "") -> Decided:
    """Show the request in ``row``, and let the person decide about it. Send an approval with ``comment``. ``place`` is printed
    before the request, such as ``1 of 3: ``.

    Raises NotDone and RefusedByDaemon if the answer was not accepted, and KeyboardInterrupt on Ctrl-C.
    """
    fingerprint_of(row)  # raises an error if the row has no fingerprint, because an answer must be bound to it
    brief_page, whole_page = Reading(lambda width: brief(row, width, place)), Reading(lambda width: page(row, width))
    shown = brief_page

    def keys(is_read: bool) -> list[Key]:
        is_offered = not (row.lacks or row.barred) and (is_read or brief_page.is_read or whole_page.is_read)
        view = "view all" if shown is brief_page else "view less"
        return [*([("a", "approve")] if is_offered else []), ("d", "deny"), ("s", "skip"), ("v", view), ("q", "quit")]

    print()
    while True:
        pressed = shown.key(keys)
        if pressed == "a" and is_assured(row):
            return Decided(Deed.APPROVED, review(row, "approve", comment))
        if pressed == "d" and (because := why_denied(f"deny {row.id}", row.account)):
            return Decided(Deed.DENIED, review(row, "deny", because))
        if pressed == "v":
            shown = whole_page if shown is brief_page else brief_page
            shown.show_again()
        elif pressed == "s":
            return Decided(Deed.SKIPPED)
        elif pressed not in ("a", "d"):
            return Decided(Deed.LEFT)


def is_assured(row: Request) -> bool:
    """True if the key that was pressed is enough to approve ``row``, or if the person types the word as well. After any other
    word, ask again. After an empty line, return False.
    """
    if not why_the_word(row):
        return True
    while (typed := answered(question(row, terminal_size().columns))) != "yes":
        if typed == "":
            return False
        say("pasted text does not count" if typed is None else "only the word yes approves it")
    return True


def why_denied(what: str, account: str) -> str:
    """Ask why the person denies ``what``. ``account`` is told. Return an empty text if nothing is denied."""
    return sentence(printable(f"{what}: why ({account} is told; empty: back to the keys)? "))


def review(row: Request, verdict: str, comment: str) -> str:
    """Send the answer about ``row`` to jitd. Return a sentence with the result. Raises NotDone and RefusedByDaemon."""
    try:
        with called_as_reviewer() as daemon:
            return sent(daemon, row, verdict, comment)
    except LocalProtocolError as fault:  # the comment cannot be sent
        raise NotDone(str(fault)) from None
