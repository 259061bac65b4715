# SPDX-License-Identifier: Apache-2.0
"""A daemon that answers jitd's verbs from a script, and rows as the real one gives them. Law: no socket, no KDC, no clock."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from jitd import cli
from jitd.cli import call, lists
from jitd.core.approvers import may_review
from jitd.core.decision import Approval
from jitd.core.request import Request, transition
from jitd.core.subject import is_one_person
from jitd.verbs.outlook import outlook
from jitd.verbs.rows import request_row
from jitpam.wire import rows as wire
from jitpam.wire.messages import List, Message
from jitpam.wire.rows import Grant, Listed, Lock, Run
from tests.graders import FINDINGS
from tests.scene import asked, command, moment, permit, person, screened

HOSTILE = b"\x1b]0;title\x07\x1b[2J\x1b[31m\r\nroot  fine\x9b5A\x08\xff\xe2\x80\xae\xe2\x80\x8b\\"
"""Title, clear, colour, new line, C1, backspace, no UTF-8, bidi override, zero width, backslash."""

Row = dict[str, Any]


def waiting(*argv: str | bytes, **changes: Any) -> Request:
    """A request that owes one approval from group:ops."""
    fresh = asked(what=command(*argv), **changes)
    pending, _ = transition(fresh, screened(fresh, permit(Approval(1, ("group:ops",)))), moment())
    return pending


def row_for(request: Request, viewer: str = "bob", **changes: Any) -> Row:
    """What ``viewer`` is shown of ``request``, as it comes off the wire."""
    who = person(viewer)
    owed = request.obligations.approvals if request.obligations else ()
    row = {
        "findings": [],
        **request_row(
            request,
            who,
            may_review=bool(may_review(owed, who, request.requester)),
            is_own=is_one_person(who, request.requester),
        ).written(),
        **{name: outlook(FINDINGS, request)[name] for name in ("grade", "damage")},
        "grant": None,
        "runs": [],
        "realm": who.realm,
        **changes,
    }
    return json.loads(json.dumps(row))  # type: ignore[no-any-return]


def lines_of(columns: lists.Columns[Any], rows: list[Row], screen: int | None) -> list[str]:
    """The list with ``columns`` of ``rows`` that came off the wire, whatever they are about."""
    return lists.lines_of(columns, list(map(kind_of(columns).read, rows)), screen)


def kind_of(columns: lists.Columns[Any]) -> type[Listed]:
    for kind, of_it in (Grant, (lists.GRANTS, lists.LIVE_GRANTS)), (Run, (lists.RUNS, lists.LIVE_RUNS)), (Lock, (lists.LOCKS,)):
        if columns in of_it:
            return kind
    return wire.Request


class Script:
    """A daemon that gives ``rows`` to every question, but ``reviews`` if it is asked what is owed; or raises ``fault``. ``heard``
    is what it was asked.

    With ``tells`` it prints what is more than a question, for a process that cannot be looked into."""

    def __init__(
        self,
        *rows: Row,
        fault: Exception | None = None,
        said: str = "",
        changes: tuple[list[Row], ...] = (),
        reviews: tuple[Row, ...] = (),
    ) -> None:
        self.rows = rows
        self.reviews = reviews
        self.fault = fault
        self.said = said
        self.changes = changes
        self.heard: list[Message] = []
        self.with_ticket: list[bool] = []
        self.tells = False
        self.is_sent = True
        self.number: int | None = None
        """What a door says with each list as the number of the newest record."""

    def connect(self, program: str = "jitd", *, with_ticket: bool = False) -> Script:
        self.with_ticket.append(with_ticket)
        return self

    def ask(self, message: Message) -> Iterator[Row]:
        self.heard.append(message)
        if self.fault:
            raise self.fault
        yield from self.reviews if isinstance(message, List) and message.what == "reviews" else self.rows

    def do(self, message: Message) -> str:
        self.heard.append(message)
        if self.tells:
            print(f"SENT {message.type}", flush=True)
        if self.fault:
            raise self.fault
        return self.said

    def watch(self, message: Message) -> Iterator[list[Row]]:
        self.heard.append(message)
        yield from self.changes
        raise KeyboardInterrupt

    def asks_beside(self, followed: object) -> None:
        pass

    def close(self) -> None:
        pass


def jitd(script: Script, *words: str) -> int:
    """One command line of jitd against ``script``; its exit status."""
    found = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        with patch.object(call, "connect", script.connect), patch.object(sys, "argv", ["jitd", *words]):
            return cli.main()
    finally:  # a verb may end by them in its own way, and this process is not over with it
        for number, handler in found.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)
