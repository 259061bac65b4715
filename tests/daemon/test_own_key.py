# SPDX-License-Identifier: Apache-2.0
"""A keytab that is lost while the daemon runs, and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from jitd.server.acceptor import NoKey
from jitd.server.own_key import OwnKey

LOST = "jitd's keytab /etc/jitd/jitd.keytab is missing"


class Stage:
    def __init__(self) -> None:
        self.now = 100.0
        self.fault: Exception | None = None
        self.is_silent = False
        self.key = OwnKey(self.read, self.in_thread, lambda: self.now)

    def read(self) -> None:
        if self.fault is not None:
            raise self.fault

    async def in_thread(self, work: Callable[[], object]) -> object:
        if self.is_silent:
            raise TimeoutError
        return work()

    def look(self) -> tuple[float, str] | None:
        asyncio.run(self.key.look())
        return self.key.missing


def test_a_lost_keytab_is_told_until_it_is_there_again_and_each_is_logged_once(capfd: pytest.CaptureFixture[str]) -> None:
    stage = Stage()
    assert stage.look() is None and capfd.readouterr().err == ""
    stage.fault = NoKey(LOST)
    for _ in range(2):
        assert stage.look() == (100.0, LOST)
        stage.now += 10
    assert capfd.readouterr().err.count("nobody but root can authenticate") == 1
    stage.fault = NoKey("it cannot be read")
    assert stage.look() == (100.0, "it cannot be read"), "nobody could authenticate in between"
    stage.fault = None
    assert stage.look() is None and stage.look() is None
    assert capfd.readouterr().err.count("people can authenticate again") == 1


def test_a_look_that_gets_no_answer_changes_nothing() -> None:
    stage = Stage()
    stage.fault, stage.is_silent = NoKey(LOST), True
    assert stage.look() is None
    stage.is_silent = False
    assert stage.look() == (100.0, LOST)
    stage.fault, stage.is_silent = None, True
    assert stage.look() == (100.0, LOST)
