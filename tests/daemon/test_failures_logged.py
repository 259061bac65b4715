# SPDX-License-Identifier: Apache-2.0
"""What the log says of clients that make jitd fail, again and again."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from jitd.server.complaints import Complaints
from jitd.server.connection import Connection
from jitd.store import StoreError
from jitd.verbs.limits import BURST


class Ended(Exception):
    """jitd's own fault."""


def client(complaints: Complaints, uid: int) -> Connection:
    found: Any = Connection.__new__(Connection)
    found._services, found._account = SimpleNamespace(complaints=complaints), uid
    return cast(Connection, found)


def test_who_makes_jitd_fail_does_not_fill_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    """THREATS O-12. Another account's failures are logged as before."""
    clock: Any = SimpleNamespace(boot=1000.0)
    complaints = Complaints(lambda *_: None, lambda: clock)
    for _ in range(3 * int(BURST)):
        client(complaints, 1001)._log("failed", fault=Ended("one"))
    client(complaints, 1002)._log("failed", fault=Ended("other"))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == BURST + 1
    assert lines[0] == "jitd: failed fault='Ended: one'" and lines[-1] == "jitd: failed fault='Ended: other'"


@pytest.mark.parametrize("fault", [TimeoutError(), StoreError("the database is locked")])
@pytest.mark.parametrize("waits", [True, False])
def test_what_fails_about_other_requests_keeps_the_answer_from_nobody(fault: Exception, waits: bool) -> None:
    """The request is made: its client is told so, whatever becomes of the search for requests that ask for the same."""

    async def alike(made: Any) -> list[Any]:
        raise fault

    told, logged = list[Any](), list[Exception]()
    connection: Any = Connection.__new__(Connection)
    connection._services = SimpleNamespace(lists=SimpleNamespace(alike=alike))
    connection._waiting = SimpleNamespace(
        repeats=lambda made, others: told.append(("repeats", made, others)),
        submitted=lambda made, others: told.append(("submitted", made, others)),
    )
    connection._log = lambda what, fault: logged.append(fault)
    asyncio.run(connection._tell_of("made", waits=waits))
    assert told == [("repeats" if waits else "submitted", "made", [])]
    assert logged == ([] if isinstance(fault, TimeoutError) else [fault]), "a defect is in the log"
