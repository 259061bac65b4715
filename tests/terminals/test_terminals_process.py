# SPDX-License-Identifier: Apache-2.0
"""jitd-terminals as a child of the daemon: what it is, whom it hears, and that it begins anew if something hangs."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from jitd.beside.connecting import ChildConnector
from jitd.beside.processes import TERMINALS
from jitd_outsiders.notifying.channel import Message, NobodyThere, NotSent
from jitd_outsiders.notifying.terminals import Terminals as Channel
from jitd_outsiders.terminals.client import Failed, Terminals
from jitd_outsiders.terminals.messages import Tell, Told
from tests.beside.children import OwnChild, of_account
from tests.terminals.seats import ACCOUNT, PERSON, TTY
from tests.waiting import status_of

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a process under another account")
T = TypeVar("T")
QUESTION = Tell((PERSON,), ("hello",))
MESSAGE = Message("waits", "K7QM-2XVD", "subject", ("hello",), (PERSON,))


def with_terminals(connector: ChildConnector, deed: Callable[[Terminals], Awaitable[T]]) -> T:
    async def whole() -> T:
        terminals = Terminals(connector)
        try:
            return await deed(terminals)
        finally:
            terminals.close()

    return asyncio.run(whole())


def test_it_is_its_account_with_the_group_tty_and_no_right_beside() -> None:
    """THREATS N-03."""
    connector = of_account(ACCOUNT, ChildConnector(TERMINALS))

    async def look(terminals: Terminals) -> dict[str, str]:
        assert await terminals.tell(QUESTION) == Told(0, 0)
        assert connector.pid is not None
        assert os.stat(f"/proc/{connector.pid}/mem").st_uid == 0, "it is not dumpable"
        assert Path(f"/proc/{connector.pid}/environ").read_bytes().replace(b"\0", b"") == b""
        return status_of(connector.pid)

    status = with_terminals(connector, look)
    account = pwd.getpwnam(ACCOUNT)
    assert set(status["Uid"].split()) == {str(account.pw_uid)} and set(status["Gid"].split()) == {str(account.pw_gid)}
    assert status["Groups"].split() == [str(TTY)]
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"


def test_it_has_left_the_network() -> None:
    """THREATS U-04."""
    connector = of_account(ACCOUNT, ChildConnector(TERMINALS))

    async def look(terminals: Terminals) -> int:
        assert await terminals.tell(QUESTION) == Told(0, 0)
        return os.stat(f"/proc/{connector.pid}/ns/net").st_ino

    assert with_terminals(connector, look) != os.stat("/proc/self/ns/net").st_ino


def test_a_killed_one_is_started_again_and_asked_again() -> None:
    connector = of_account(ACCOUNT, ChildConnector(TERMINALS))

    async def kill(terminals: Terminals) -> Told | Failed:
        assert await terminals.tell(QUESTION) == Told(0, 0)
        assert connector.pid is not None
        os.kill(connector.pid, 9)
        return await terminals.tell(QUESTION)

    assert with_terminals(connector, kill) == Told(0, 0)


def test_one_that_hangs_ends_and_says_so() -> None:
    """A directory that does not answer must not silence the channel for ever."""
    connector = of_account(ACCOUNT, OwnChild("tests.terminals.hanging", TERMINALS))
    said = with_terminals(connector, lambda terminals: terminals.tell(QUESTION))
    assert said == Failed("jitd-terminals has ended without an answer; see its log")


def test_what_cannot_be_asked_is_told() -> None:
    said = with_terminals(
        of_account(ACCOUNT, ChildConnector(TERMINALS)), lambda terminals: terminals.tell(Tell(("a\nb",), ("x",)))
    )
    assert isinstance(said, Failed) and "people is not the name of an account" in said.why


# --- the channel


def test_the_channel_says_that_nobody_is_logged_in_and_why_nobody_could_be_told() -> None:
    with pytest.raises(NobodyThere):
        with_terminals(of_account(ACCOUNT, ChildConnector(TERMINALS)), lambda terminals: Channel(terminals).send(MESSAGE))
    with pytest.raises(NotSent, match="no account no-such-account"):
        with_terminals(
            of_account("no-such-account", ChildConnector(TERMINALS)), lambda terminals: Channel(terminals).send(MESSAGE)
        )
