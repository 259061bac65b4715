# SPDX-License-Identifier: Apache-2.0
"""The ids of a person's groups, when the C library cannot list them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.deciding import groups
from jitd.deciding.subordinates import Subordinates
from jitd.server.identifying import Identifying
from jitd.workers import Workers


def test_a_list_of_groups_that_fails_is_no_membership(monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS S-02. Without memory, getgrouplist(3) gives -1 and leaves the number as it was. Nothing was listed."""
    monkeypatch.setattr(groups, "_LIBC", SimpleNamespace(getgrouplist=lambda user, gid, ids, number: -1))
    with pytest.raises(groups.CannotLookUp):
        groups.ids_of("alice", 1001)


@pytest.mark.parametrize("n_groups", [1, groups.FEW_IDS, groups.FEW_IDS + 1, 1000, groups.MOST_IDS])
def test_a_list_that_has_no_room_is_asked_for_again_with_more(monkeypatch: pytest.MonkeyPatch, n_groups: int) -> None:
    def getgrouplist(user: bytes, gid: int, ids: Any, number: Any) -> int:
        room, number._obj.value = number._obj.value, n_groups
        for n in range(min(room, n_groups)):
            ids[n] = gid + n
        return n_groups if n_groups <= room else -1

    monkeypatch.setattr(groups, "_LIBC", SimpleNamespace(getgrouplist=getgrouplist))
    assert groups.ids_of("alice", 1001) == tuple(range(1001, 1001 + n_groups))


def test_root_is_known_though_its_groups_cannot_be_listed_and_nobody_else_is(tmp_path: Path) -> None:
    def fails(*_: object) -> None:
        raise groups.CannotLookUp("the groups of the account cannot be looked up")

    async def part() -> None:
        lanes = Workers()
        there: Any = SimpleNamespace(root=fails, root_alone=lambda: "root alone", local=fails)
        asked = Identifying(there, lanes, Subordinates(tmp_path / "none"))
        assert await asked.local(0, lambda _: None) == "root alone"
        with pytest.raises(groups.CannotLookUp):
            await asked.local(1001, lambda _: None)
        lanes.close()

    asyncio.run(part())
