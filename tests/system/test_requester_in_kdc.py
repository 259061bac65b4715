# SPDX-License-Identifier: Apache-2.0
"""The KDC is asked about whoever asks: a live lease, ``--resume`` and a new request, while their tickets are still good."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tests.system.breakages import Broken, kadmin, kdc_down, kdc_silent
from tests.waiting import wait_for

LEASE = """
[[permit]]
name = "lab-dba"
who = ["group:dba"]
commands = [["/usr/bin/true"], ["/usr/bin/id", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "1h", uses = 200 }
"""
ALICE = "alice@EXAMPLE.TEST"
NO_TICKETS = f"the KDC issues no tickets for {ALICE} any more: the account is disabled, locked, expired or deleted"


@contextlib.contextmanager
def shut_out(query: str, again: str) -> Iterator[None]:
    kadmin(query)
    try:
        yield
    finally:
        kadmin(again)


SHUT_OUT: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
    "disabled": lambda: shut_out(f"modprinc -allow_tix {ALICE}", f"modprinc +allow_tix {ALICE}"),
    "expired": lambda: shut_out(f"modprinc -expire yesterday {ALICE}", f"modprinc -expire never {ALICE}"),
}


def again(house, *words: str):
    """``jitsudo words`` as alice, with the tickets that she has."""
    return house.run("alice", "env", "-u", "KRB5CCNAME", "jitsudo", *words, ticket=False)


def leased(house) -> None:
    waits = house.ask("alice", "--for=1h", "--uses=200", "true")
    assert house.approve(waits.id).returncode == 0 and waits.end() == 0
    assert again(house, "true").returncode == 0


@pytest.mark.parametrize("how", SHUT_OUT)
def test_who_is_shut_out_asks_and_uses_nothing_until_let_in_again(own_house, how: str) -> None:
    """THREATS K-26."""
    house = own_house(policy=LEASE).start()
    leased(house)
    approved = house.sudo("alice", "--no-wait", "id").stdout.strip()
    assert house.approve(approved).returncode == 0
    with SHUT_OUT[how]():
        wait_for(lambda: again(house, "true").returncode == 121, what="a refusal")
        before = house.rows("grants")
        for line in (("true",), (f"--resume={approved}",), ("--no-wait", "id", "-u")):
            refused = again(house, *line)
            assert refused.returncode == 121 and NO_TICKETS in refused.stderr, refused
        assert house.rows("grants") == before, "no use is taken"
    wait_for(lambda: again(house, "true").returncode == 0, what="a use")
    assert again(house, f"--resume={approved}").returncode == 0
    house.at_rest().verify()


@pytest.mark.parametrize("away", [kdc_down, kdc_silent], ids=["is down", "is silent"])
def test_while_the_kdc_is_away_a_lease_goes_on(own_house, away: Broken) -> None:
    """THREATS K-26: a missing answer denies nobody."""
    house = own_house(policy=LEASE).start()
    leased(house)
    with away(house):
        for _ in range(3):
            used = again(house, "true")
            assert used.returncode == 0, used
    house.at_rest().verify()
