# SPDX-License-Identifier: Apache-2.0
"""What the log says of clients that make jitd fail, again and again."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from jitd.core.party import Party
from jitd.deciding.command_lookup import NO_COMMAND
from jitd.server.acceptor import CannotNote, NoKey, NoKeyFor, NotAuthenticated, WrongClock
from jitd.server.complaints import LINES, UNPROVED, Complaints
from jitd.server.connection import Connection
from jitd.store import StoreError
from jitpam.wire import messages
from jitpam.wire.shown import shown_argument


class Ended(Exception):
    """jitd's own fault."""


def client(complaints: Complaints, uid: int) -> Connection:
    found: Any = Connection.__new__(Connection)
    found._services, found._party = SimpleNamespace(complaints=complaints), Party.of_account(uid)
    return cast(Connection, found)


def test_who_makes_jitd_fail_does_not_fill_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    """THREATS O-12. Another account's failures are logged as before."""
    clock: Any = SimpleNamespace(boot=1000.0)
    complaints = Complaints(lambda *_: None, lambda: clock)
    for _ in range(3 * int(LINES)):
        client(complaints, 1001)._log("failed", fault=Ended("one"))
    client(complaints, 1002)._log("failed", fault=Ended("other"))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == LINES + 1 and complaints.n_unlogged() == 2 * LINES and complaints.n_unlogged() == 0
    assert lines[0] == "jitd: failed fault='Ended: one'" and lines[-1] == "jitd: failed fault='Ended: other'"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            NoKeyFor("it has not the key"),
            [f"jitd: no key for a ticket uid=1001 fault='it has not the key' sender={shown_argument(UNPROVED.encode())}"],
        ),
        (NoKey("jitd's keytab is missing"), ["jitd: no key fault='jitd'\\''s keytab is missing'"]),
        (CannotNote("no space"), ["jitd: no replay cache fault='no space'"]),
        (WrongClock("set the time"), ["jitd: wrong clock uid=1001 fault='set the time'"]),
        (NotAuthenticated("your ticket has expired"), []),
    ],
)
def test_what_an_administrator_has_to_mend_is_in_the_log_and_the_rest_is_counted(
    fault: NotAuthenticated | NoKey, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    clock: Any = SimpleNamespace(boot=1000.0)
    complaints = Complaints(lambda *_: None, lambda: clock)
    complaints.unproved(Party.of_account(1001), fault)
    assert capsys.readouterr().err.splitlines() == said and complaints.n_strangers() == (0 if said else 1)


@pytest.mark.parametrize("fault", [TimeoutError(), StoreError("the database is locked")])
@pytest.mark.parametrize("waits", [True, False])
def test_what_fails_about_other_requests_keeps_the_answer_from_nobody(fault: Exception, waits: bool) -> None:
    """The request is made: its client is told so, whatever becomes of the search for requests that ask for the same."""

    async def alike(made: Any) -> list[Any]:
        raise fault

    async def submit(*given: Any, **named: Any) -> str:
        return "made"

    told, logged = list[Any](), list[Exception]()
    connection: Any = Connection.__new__(Connection)
    connection._services = SimpleNamespace(lists=SimpleNamespace(alike=alike), requests=SimpleNamespace(submit=submit))
    connection._waiting = SimpleNamespace(
        begin=None,
        not_kept=lambda made, preserved: None,
        repeats=lambda made, others: told.append(("repeats", made, others)),
        submitted=lambda made, others: told.append(("submitted", made, others)),
    )
    connection._log = lambda what, fault: logged.append(fault)
    asked = {"stays": False, "reason": None, "lasts_for": None, "tty": None, "login_session": 0, "parents": []}
    message = messages.Get(thing="sudoers:x", **asked, waits=waits, if_owed=True)
    asyncio.run(connection._submit(None, message, NO_COMMAND))
    assert told == [("repeats" if waits else "submitted", "made", [])]
    assert logged == ([] if isinstance(fault, TimeoutError) else [fault]), "a defect is in the log"
