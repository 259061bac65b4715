# SPDX-License-Identifier: Apache-2.0
"""What the daemon depends on, taken away while it runs, and given back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from jitd.core.condition import Line
from jitd.lifecycle.looks import Look, Looks

LOST = "nobody but root can authenticate: jitd's keytab /etc/jitd/jitd.keytab is missing"


class Stage:
    def __init__(self) -> None:
        self.now = 100.0
        self.said = ""
        self.is_silent = False
        self.key = Look("keytab", "jitd has its key", lambda: self.said)
        self.other = Look("disk", "there is room", lambda: "")
        self.looks = Looks((self.key, self.other), self.in_thread, lambda: self.now)

    async def in_thread(self, read: Callable[[], str]) -> str:
        if self.is_silent and read is self.key.read:
            raise TimeoutError
        return read()

    def look(self) -> tuple[float, str] | None:
        asyncio.run(self.looks.look())
        return self.key.missing


def test_what_is_lost_is_told_until_it_is_there_again_and_each_is_logged_once(capfd: pytest.CaptureFixture[str]) -> None:
    stage = Stage()
    assert stage.look() is None and capfd.readouterr().err == ""
    stage.said = LOST
    for _ in range(2):
        assert stage.look() == (100.0, LOST)
        stage.now += 10
    assert capfd.readouterr().err.count("something that jitd depends on is not in order") == 1
    stage.said = "nobody but root can authenticate: it cannot be read"
    assert stage.look() == (100.0, stage.said), "it was not there in between"
    stage.said = ""
    assert stage.look() is None and stage.look() is None
    assert capfd.readouterr().err.count("what was not in order is in order again") == 1


def test_a_look_that_gets_no_answer_changes_nothing_and_holds_up_no_other_one() -> None:
    stage = Stage()
    stage.said, stage.is_silent = LOST, True
    assert stage.look() is None
    stage.is_silent = False
    assert stage.look() == (100.0, LOST)
    stage.said, stage.is_silent = "", True
    assert stage.look() == (100.0, LOST)


def test_what_is_missing_has_a_line_with_its_time_and_a_metric() -> None:
    stage = Stage()
    stage.look()
    assert list(stage.looks.lines(100.0)) == [Line("keytab", "jitd has its key"), Line("disk", "there is room")]
    stage.said = LOST
    stage.look()
    told = "nobody but root can authenticate, for 3 minutes by now: jitd's keytab /etc/jitd/jitd.keytab is missing"
    assert next(stage.looks.lines(280.0)) == Line("keytab", f"{told}; see also: jitd doctor", False)
    (family,) = stage.looks.gauges()
    assert [(labels, value) for _, labels, value in family.samples] == [(("keytab",), 1), (("disk",), 0)]


def test_what_is_not_worth_a_line_has_one_only_while_it_is_not_in_order() -> None:
    said = "sudo does not ask jitd by its plugin: /etc/sudo.conf has no line of its plugin"
    one = Look("sudo", "", lambda: said)
    looks = Looks((one,), Stage().in_thread, lambda: 100.0)
    assert list(looks.lines(100.0)) == []
    asyncio.run(looks.look())
    assert [line.about for line in looks.lines(100.0)] == ["sudo"]
    said = ""
    asyncio.run(looks.look())
    assert list(looks.lines(100.0)) == []
