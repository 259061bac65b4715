# SPDX-License-Identifier: Apache-2.0
"""What a giver is told of a holding."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from jitd.givers.kinds import OF_NAME
from jitd.giving.orders import order_of
from tests.daemon.giving import ID, House

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHlHeQBbWlVgTaEjEQtpIqOCOYMuV4R4u4gzS1TVS0q9"


@pytest.mark.parametrize("kind", OF_NAME)
def test_what_was_brought_goes_to_the_thing_that_takes_it_and_to_no_other(tmp_path: Path, kind: str) -> None:
    """Several things may be asked for at once, with one key: a program of an administrator's does not get it."""

    async def scene() -> None:
        house = House(tmp_path)
        house.begin()
        await house.settle()
        held, granted = replace(house.held(), thing=f"{kind}:x"), house.grant()
        granted = replace(granted, command=replace(granted.command, brought=KEY))
        order, person = order_of(held, {ID: granted}.get)
        assert (order.brought, person) == ("" if OF_NAME[kind].BRINGS_KEY == "no" else KEY, granted.holder.person)
        house.close()

    asyncio.run(scene())
