# SPDX-License-Identifier: Apache-2.0
"""A daemon that begins after a reboot, and finds many lives of the boot before: they end with a few commits, and with all that a
commit of their own would have recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.core.law import IllegalEvent
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.lifecycle.recovery import AT_ONCE
from tests.daemon.giving import House
from tests.scene import asked, free, permit, screened, submit
from tests.verified import verify

N = 2 * AT_ONCE + 1


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """N requests wait, and N grants hold."""
    made = House(tmp_path)
    for number in range(N):
        for word, decision in (("AAAA", permit()), ("BBBB", free())):
            request = asked(f"{word}-{number:04}", waits=False)
            made.lifecycle.handle(submit(request), screened(request, decision, attended=False))
    yield made
    made.store.close()


def recovered(house: House, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of records of each commit of the recovery."""
    commits: list[int] = []
    commit = house.store.commit

    def counted(changes: Any, records: Any, *more: Any) -> None:
        kept = list(records)
        commits.append(len(kept))
        commit(changes, kept, *more)

    monkeypatch.setattr(house.store, "commit", counted)
    asyncio.run(house.recovery.recover())
    return commits


def is_over(house: House) -> bool:
    verify(house.store)
    waited = {house.store.request(f"AAAA-{number:04}") for number in range(N)}
    held = {house.store.grant(f"BBBB-{number:04}") for number in range(N)}
    return {found and str(found.state) for found in (*waited, *held)} == {"expired"}


def test_what_a_reboot_has_ended_is_recorded_with_a_few_commits(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.restart("boot-2")
    assert recovered(house, monkeypatch) == [AT_ONCE, AT_ONCE, 1] * 2
    assert is_over(house)


def test_one_that_cannot_end_keeps_none_of_the_others(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if one of them could only end by itself."""
    house.restart("boot-2")
    handle = Lifecycle.handle

    def alone(self: Lifecycle, *events: Any, **more: Any) -> Any:
        if len(events) > 1 and "BBBB-0007" in {event.id for event in events}:
            raise IllegalEvent("it has ended already")
        return handle(self, *events, **more)

    monkeypatch.setattr(Lifecycle, "handle", alone)
    assert recovered(house, monkeypatch) == [AT_ONCE, AT_ONCE, 1, *[1] * AT_ONCE, AT_ONCE, 1]
    assert is_over(house)


def test_what_is_of_this_boot_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    before = house.store.head()
    house.restart()
    assert recovered(house, monkeypatch) == [] and house.store.head() == before
    assert (house.store.n_open(), len(list(house.store.grants()))) == (N, N)
