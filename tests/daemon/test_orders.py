# SPDX-License-Identifier: Apache-2.0
"""What a giver is told of a holding."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from jitd.core.holding import HoldingState
from jitd.lifecycle.integrity import _rebuilt
from jitd_things.givers.kinds import OF_NAME
from jitd_things.giving.orders import order_of_given, order_to_give
from tests.daemon.giving import ID, House

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHlHeQBbWlVgTaEjEQtpIqOCOYMuV4R4u4gzS1TVS0q9"


BRING_KEY = {"account": "may", "ssh-certificate": "must", "vault": "may"}


def test_which_kinds_want_a_key_of_the_person() -> None:
    assert {name: kind.BRINGS_KEY for name, kind in OF_NAME.items() if kind.BRINGS_KEY != "no"} == BRING_KEY


@pytest.mark.parametrize("kind", OF_NAME)
def test_what_was_brought_goes_to_the_thing_that_takes_it_and_to_no_other(tmp_path: Path, kind: str) -> None:
    """Several things may be asked for at once, with one key: a program of an administrator's does not get it."""

    async def scene() -> None:
        house = House(tmp_path)
        house.begin()
        await house.settle()
        held, granted = replace(house.held(), thing=f"{kind}:x"), house.grant()
        granted = replace(granted, command=replace(granted.command, brought=KEY))
        order = order_to_give(held, {ID: granted}.get)
        assert order.brought == (KEY if kind in BRING_KEY else "")
        house.close()

    asyncio.run(scene())


@pytest.mark.parametrize("kind", OF_NAME)
def test_what_was_given_is_taken_back_by_its_holding_alone(tmp_path: Path, kind: str) -> None:
    """THREATS O-02: from the moment before it is given, and also if the holding has to be made from its records."""

    async def scene() -> None:
        house = House(tmp_path)
        house.begin(what=f"{kind}:x")  # the House has no giver of it, so the order to give it is refused
        (held,) = house.store.holdings()
        assert held.state is HoldingState.GIVING
        holder = house.grant().holder
        rebuilt = _rebuilt(house.store, ID)
        assert rebuilt is not None and rebuilt.account == held.account
        order = order_of_given(held)
        assert (order.holding, order.name, order.account, order.uid) == (ID, "x", holder.user, holder.uid)
        assert order.until == int(house.grant().ends_at.timestamp())
        house.close()

    asyncio.run(scene())
