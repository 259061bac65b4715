# SPDX-License-Identifier: Apache-2.0
"""Who reviews what is overdue is shown what it was, and nobody else is who was not before."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jitd.core.rights import Act
from jitd.core.subject import LOCAL, ROOT, Subject
from tests.daemon.asking import ALICE, BOB
from tests.daemon.records import read
from tests.daemon.test_break_glass import DAVE, DUE, GlassHouse, house
from tests.scene import person

__all__ = ["house"]  # a fixture

SECRET = "MARKED-REASON"
NARROWED: dict[str, Any] = {"visible_to": ("group:privacy",)}
AUDITOR = person("erin", groups=frozenset({"audit"}))
ROOT_HERE = person("eve", principal=ROOT, user="root", person="root", uid=0, ticket_ends_at=None)
AT_NO_TICKET = person("dave", principal=LOCAL + "dave", groups=frozenset({"dave"}), ticket_ends_at=None)


async def is_shown(house: GlassHouse, who: Subject, id: str) -> bool:
    """Whether all that ``who`` reads of the request has its contents. They agree with each other."""
    rows = [await house.lists.show(who, id)]
    rows += [row async for row in house.lists.requests(who, ended=True) if row["id"] == id]
    rows += [row async for row in house.lists.runs(who, ended=True) if row["request"] == id]
    rows += [row for row in await house.rows(who, ended=True) if row["id"] == id]
    assert len(rows) == 4
    (narrowed,) = {row["narrowed"] for row in rows}
    assert (SECRET in json.dumps(rows[:2])) is not narrowed
    return not narrowed


def may_watch(house: GlassHouse, who: Subject, id: str) -> bool:
    return house.access.may(Act.REPLAY, who, house.found(id))


def test_an_operator_reads_what_they_have_to_review_while_it_is_overdue_and_no_longer(house: GlassHouse) -> None:
    house.glass(**NARROWED)

    async def play() -> None:
        id = await house.shattered(reason=SECRET)
        assert await is_shown(house, BOB, id), "he was skipped"
        assert not await is_shown(house, DAVE, id) and not may_watch(house, DAVE, id)
        house.pass_time(DUE)
        assert await is_shown(house, DAVE, id) and may_watch(house, DAVE, id)
        (begun,) = await read(house.records, DAVE, event="owed_review.begun")
        assert "‹hidden›" not in json.dumps(begun, ensure_ascii=False)
        assert await house.give(id, DAVE, comment="it was right")
        assert not await is_shown(house, DAVE, id) and not may_watch(house, DAVE, id)

    house.run(play())


@pytest.mark.parametrize("who", [AUDITOR, ROOT_HERE, AT_NO_TICKET], ids=["an auditor", "root", "an operator without a ticket"])
def test_what_is_overdue_is_shown_to_nobody_who_may_not_review_it(house: GlassHouse, who: Subject) -> None:
    """THREATS S-11."""
    house.glass(**NARROWED)
    config: Any = house.decider._config
    config.auditors = ("group:audit",)

    async def play() -> None:
        id = await house.shattered(reason=SECRET)
        house.pass_time(DUE)
        assert not await is_shown(house, who, id) and not may_watch(house, who, id)

    house.run(play())


def test_an_operator_reads_only_the_request_that_is_overdue(house: GlassHouse) -> None:
    house.glass(**NARROWED)

    async def play() -> None:
        late = await house.shattered(reason=SECRET)
        house.pass_time(DUE)
        await house.give(late, BOB)
        other = await house.shattered(reason=SECRET)
        assert not await is_shown(house, DAVE, other)
        assert await is_shown(house, ALICE, other)

    house.run(play())
