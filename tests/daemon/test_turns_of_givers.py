# SPDX-License-Identifier: Apache-2.0
"""The turns of people at one giver: a deed may hang, and a person may have many of them. Law: told by the order of the deeds."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jitd.core.grant import Grant
from jitd.core.holding import Account, Holding, HoldingState
from jitd.core.request import issued
from jitd_outsiders.asking.settings import Program
from jitd_things.givers import messages
from jitd_things.givers.kind import Taken
from jitd_things.givers.program import ProgramGiver
from jitd_things.giving.admin_programs import AdminPrograms
from jitd_things.giving.host_things import HostThings
from tests.scene import START, asked, moment, permit, person, thing

PEOPLE = {"AAAA-0001": "alice", "AAAA-0002": "alice", "AAAA-0003": "alice", "BBBB-0001": "bob", "CCCC-0001": "carol"}


def grant_of(id: str) -> Grant:
    request = asked(id, who=person(PEOPLE[id]), what=thing("program:vpn"))
    return issued(replace(request, obligations=permit().obligations, rule="rule-1"), moment()).grant


def held(id: str, name: str) -> Holding:
    until = START + timedelta(hours=1)
    return Holding(
        id,
        id,
        id,
        name,
        PEOPLE[id],
        until,
        stays=False,
        giving_at=START,
        state=HoldingState.TAKING,
        account=Account(PEOPLE[id], 1001),
    )


class Hanging:
    """What does the deeds: each hangs until it is let go on."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self._going_on = asyncio.Semaphore(0)

    async def ask(self, question: Any) -> Taken:
        assert isinstance(question, messages.Take)
        await self._hang(question.order.account)
        return Taken("")

    async def run(self, name: str, program: Program, body: bytes, within: float) -> bytes:
        await self._hang(json.loads(body)["account"])
        return b'{"said": "taken"}'

    async def _hang(self, who: str) -> None:
        self.begun.append(who)
        await self._going_on.acquire()

    async def let_one_go_on(self) -> None:
        self._going_on.release()
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.mark.parametrize("kind", ["sudoers", "program"])
def test_the_stuck_things_of_one_person_are_taken_back_in_turn_with_those_of_others(kind: str) -> None:
    """THREATS S-18: a deed that hangs takes half a minute, and bob waited for all of alice's. Two at a time never happen."""

    async def whole() -> None:
        hanging = Hanging()
        line: Any = hanging
        program = Program(("/bin/true",))
        settings = ProgramGiver("vpn", give=program, take=program, deadline_for=30)
        programs = AdminPrograms({"vpn": settings}, hanging.run, grant_of)
        giver = HostThings("sudoers", ["vpn"], line, grant_of, lambda uid: ()) if kind == "sudoers" else programs
        taking = [asyncio.create_task(giver.take(held(id, f"{kind}:vpn"))) for id in PEOPLE]
        for n_begun in range(1, len(PEOPLE) + 1):
            for _ in range(20):
                await asyncio.sleep(0)
            assert len(hanging.begun) == n_begun
            await hanging.let_one_go_on()
        assert hanging.begun == ["alice", "bob", "carol", "alice", "alice"]
        assert [type(answer) for answer in await asyncio.gather(*taking)] == [Taken] * len(PEOPLE)

    asyncio.run(whole())
