# SPDX-License-Identifier: Apache-2.0
"""Who reads what was committed: each is told in its turn, and a fault of one reaches neither the commit nor another reader."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.core.chain import Seal
from jitd.core.condition import Family, Line, gauge
from jitd.core.effects import Moment
from jitd.failures import Failure, counted
from jitd.lifecycle import readers
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.lifecycle.readers import Reader, Readers
from jitd.store import Life
from jitd.store.sqlite import SqliteStore
from tests.scene import asked, moment, submit
from tests.waiting import PATIENCE


class Good(Reader):
    """It writes into ``page`` what it is told."""

    def __init__(self, name: str, page: list[str]) -> None:
        self._name = name
        self._page = page

    def begin(self) -> None:
        self._page.append(f"{self._name} begins")

    def look(self, head: Seal) -> None:
        self._page.append(f"{self._name} sees {head.number}")

    def changed(self, before: Life | None, after: Life, now: Moment) -> None:
        self._page.append(f"{self._name} counts {after.id}")

    def signed(self, number: int) -> None:
        self._page.append(f"{self._name} sees {number} signed")

    async def keep(self) -> None:
        self._page.append(f"{self._name} reads")

    async def finish(self) -> None:
        self._page.append(f"{self._name} has finished")

    def lines(self, now: float) -> Iterator[Line]:
        yield Line(self._name, f"well at {now}")

    def gauges(self) -> Iterator[Family]:
        yield gauge(self._name, "Help.", 1)


class Broken(Reader):
    """It fails at whatever it is told, but begins. Its task fails ``n_times``, and then ``is_up`` is set."""

    def __init__(self, n_times: int = 0) -> None:
        self.n_times = n_times
        self.is_up = asyncio.Event()

    def look(self, head: Seal) -> None:
        raise ValueError("it cannot look")

    def changed(self, before: Life | None, after: Life, now: Moment) -> None:
        raise KeyError(after.id)

    def signed(self, number: int) -> None:
        raise RecursionError("it cannot read")

    async def keep(self) -> None:
        self.n_times -= 1
        if self.n_times >= 0:
            raise OSError("it cannot keep on")
        self.is_up.set()
        await asyncio.Event().wait()

    async def finish(self) -> None:
        raise MemoryError("it cannot finish")


class Silent(Reader):
    """It needs nothing of what a reader is told."""


def several(*added: tuple[str, Reader]) -> Readers:
    found = Readers()
    for name, reader in added:
        found.add(name, reader)
    return found


def test_readers_begin_and_are_told_in_the_order_in_which_they_were_added_and_finish_in_the_reverse_order() -> None:
    """The journal is added before the sinks, and so its last lines say what a sink has refused at the end."""
    page: list[str] = []
    all_of_them = several(("a", Good("a", page)), ("silent", Silent()), ("b", Good("b", page)))
    all_of_them.begin()
    all_of_them.look(Seal(7, bytes(32)))
    all_of_them.signed(7)
    asyncio.run(all_of_them.finish())
    assert page == [
        *("a begins", "b begins", "a sees 7", "b sees 7", "a sees 7 signed", "b sees 7 signed"),
        *("b has finished", "a has finished"),
    ]
    assert [line.about for line in all_of_them.lines(5.0)] == ["a", "b"]
    assert [family.name for family in all_of_them.gauges()] == ["a", "b"]


def test_a_fault_of_a_reader_reaches_neither_the_commit_nor_another_reader(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page: list[str] = []
    all_of_them = several(("a", Good("a", page)), ("broken", Broken()), ("b", Good("b", page)))
    store = SqliteStore(tmp_path / "jitd.db")
    lifecycle = Lifecycle(store, lambda: moment(0), lambda: "policy", all_of_them.look, all_of_them.changed)
    before = counted()[Failure.JITD]
    made = asked()
    lifecycle.handle(submit(made))
    assert store.request(made.id) == made and store.head().number == 1, "it is committed"
    assert page == ["a sees 1", "b sees 1", f"a counts {made.id}", f"b counts {made.id}"]
    assert counted()[Failure.JITD] == before + 2
    assert capsys.readouterr().err.count("a reader of the record had an error") == 2
    all_of_them.signed(7)
    assert page[4:] == ["a sees 7 signed", "b sees 7 signed"]
    store.close()


def test_a_reader_that_fails_at_each_commit_is_in_the_log_once(capsys: pytest.CaptureFixture[str]) -> None:
    all_of_them = several(("broken", Broken()))
    for number in range(1, 100):
        all_of_them.look(Seal(number, bytes(32)))
    assert capsys.readouterr().err.count("\n") == 1


def test_the_task_of_a_reader_that_fails_begins_again_and_those_of_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "AGAIN_AFTER", 0.001)
    page: list[str] = []

    async def play() -> None:
        broken = Broken(3)
        all_of_them = several(("broken", broken), ("b", Good("b", page)))
        reading = asyncio.create_task(all_of_them.keep())
        async with asyncio.timeout(PATIENCE):
            await broken.is_up.wait()
            await all_of_them.finish()
        assert broken.n_times == -1 and not reading.done()
        reading.cancel()

    asyncio.run(play())
    assert page == ["b reads", "b has finished"]


def test_the_daemon_does_not_start_if_a_reader_cannot_begin() -> None:
    class Lost(Reader):
        def begin(self) -> None:
            raise OSError("its place cannot be read")

    with pytest.raises(OSError, match="place"):
        several(("lost", Lost())).begin()
