# SPDX-License-Identifier: Apache-2.0
"""Grants whose end in the KDC moves on: a real KDC, a real jitd-kdc, and the daemon's giver of tickets on the real clocks.

tests/daemon/test_renewals.py tests the decisions alone, on a clock that stands still.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.beside.deeds import Given, Taken
from jitd.beside.refusals import Failed, Refused
from jitd.core.effects import Moment
from jitd.core.holding import Account, Holding, HoldingState
from jitd_gates.messages import Take
from jitd_gates.service_tickets import ServiceTickets
from tests.gates.stage import KADMIND, NAME, Stage, new_id, staged
from tests.krb5.cache import tickets
from tests.krb5.realm import Realm, wait_until
from tests.waiting import PATIENCE, wait_for

ALICE = f"alice@{NAME}"


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged(address="127.0.77.3") as found:
        yield found


def now() -> Moment:
    return Moment(datetime.now(UTC), time.clock_gettime(time.CLOCK_BOOTTIME), "boot-1")


class Daemon:
    """The daemon's giver over ``stage``, and alice's holding of a gated service, which lasts an hour."""

    def __init__(self, stage: Stage, renew: int | None, held: Holding | None = None) -> None:
        self.stage = stage
        trials: Any = SimpleNamespace(fault_now=self._no_fault)
        self.holding = held or self._given(stage.gated())
        self.service = self.holding.thing.partition(":")[2]
        self.giver = ServiceTickets(
            stage.writer, trials, NAME, renew, now, lambda: [self.holding] if held else [], lambda id: self.holding
        )

    def _given(self, service: str) -> Holding:
        at = datetime.now(UTC).replace(microsecond=0)
        id = (code := new_id())[:4] + "-" + code[4:]
        thing = f"service-ticket:{service.partition('@')[0]}"
        return Holding(id, id, id, thing, ALICE, at + timedelta(hours=1), False, at, account=Account("alice", 1001))

    async def _no_fault(self, service: str) -> str:
        return ""

    def give(self) -> None:
        assert self.do(self.giver.give(self.holding)) == Given()
        self.holding = replace(self.holding, state=HoldingState.HELD, given_at=datetime.now(UTC))

    def take(self) -> Taken | Refused | Failed:
        """The holding's grant is revoked: this is recorded, and then jitd takes the thing back."""
        self.holding = replace(self.holding, state=HoldingState.TAKING)
        answer: Taken | Refused | Failed = self.do(self.giver.take(self.holding))
        return answer

    def do(self, deed: Any) -> Any:
        return self.stage.loop.run_until_complete(deed)

    def keep_for(self, is_over: Any) -> None:
        """Renewals go on until ``is_over``, which is asked again and again."""

        async def kept() -> None:
            keeping = asyncio.create_task(self.giver.keep())
            until = time.monotonic() + 3 * PATIENCE  # ten renewals alone take 20 seconds
            while not await asyncio.to_thread(is_over):
                assert time.monotonic() < until, self.giver.unrenewed
            keeping.cancel()

        self.do(kept())

    @property
    def end(self) -> int:
        """The end that the KDC has, by its own tool; 0 if it has no grant."""
        found = self.stage.grants(self.service).get(f"jit_grant:{self.holding.id.replace('-', '')}", "1 0")
        return int(found.split()[1])

    def ticket(self, kdc: Realm | None = None) -> int:
        """When the ticket ends that a KDC of the realm gives alice now; 0 if it refuses."""
        kdc = kdc or self.stage.realm
        cache = kdc.where / "cache"
        cache.unlink(missing_ok=True)
        kdc.login("alice", cache)
        kdc.attempt("kvno", self.service, cache=f"FILE:{cache}")
        return max([one.ends_at for one in tickets(cache) if one.server.startswith(self.service)], default=0)


@contextmanager
def half_a_record(stage: Stage) -> Iterator[None]:
    """Somebody without a key connects to kadmind, and sends the beginning of a record (RFC 5531, section 11)."""
    with socket.create_connection((stage.realm.address, KADMIND)) as stranger:
        stranger.sendall(struct.pack(">I", 0x80000000 | 400) + bytes(100))
        wait_for(lambda: not stage._has_unread(), what="kadmind waits for the rest")
        yield


def test_half_a_record_stalls_kadmind_and_what_is_revoked_ends_all_the_same(stage: Stage) -> None:
    """THREATS T-26: the grant's string stays in the KDC, and no KDC gives a ticket for it."""
    daemon = Daemon(stage, 8)
    daemon.give()
    written = daemon.end
    assert 0 < daemon.ticket() <= written <= time.time() + 8
    with half_a_record(stage):
        said = daemon.take()
        assert isinstance(said, Failed) and "kadmind has not answered within 10 s; the KDC" in said.why
        wait_until(written)
        assert daemon.end == written, "it could not be deleted"
        assert daemon.ticket() == 0
    assert daemon.take() == Taken()
    assert daemon.end == 0


def test_a_long_grant_lives_through_ten_renewals(stage: Stage) -> None:
    """And each ticket ends with the end that stood in the KDC when it was issued, or sooner."""
    daemon = Daemon(stage, 4)
    daemon.give()
    ends = {daemon.end}

    def is_over() -> bool:
        ends.add(daemon.end)
        if len(ends) <= 10:
            return False
        ticket = daemon.ticket()
        assert ticket <= daemon.end
        return ticket > 0

    daemon.keep_for(is_over)
    assert max(ends) - min(ends) > 10
    assert daemon.giver.unrenewed == {}
    assert daemon.take() == Taken() and daemon.ticket() == 0


@pytest.mark.parametrize("server", ["kadmind", "krb5kdc"])
def test_a_server_of_the_kdc_that_was_away_is_not_noticed_by_who_holds_a_ticket(stage: Stage, server: str) -> None:
    daemon = Daemon(stage, 4)
    daemon.give()
    first = daemon.end
    stage.kill(server)
    if server == "kadmind":
        daemon.keep_for(lambda: bool(daemon.giver.unrenewed))
        assert "kadmind cannot be asked" in daemon.giver.unrenewed[daemon.holding.id].why
    stage.realm.start_one(server)
    daemon.keep_for(lambda: daemon.end > first and not daemon.giver.unrenewed and daemon.ticket() > 0)
    assert daemon.take() == Taken()


def test_after_a_start_all_are_renewed_first_of_all(stage: Stage) -> None:
    """Also what a version without renewals has given until the end of the grant."""
    before = Daemon(stage, None)
    before.give()
    assert before.end == int(before.holding.until.timestamp()) and 0 < before.ticket() <= before.end
    after = Daemon(stage, 600, before.holding)
    after.do(after.giver.renew_due())
    assert abs(after.end - time.time() - 600) < PATIENCE
    assert after.take() == Taken() and after.end == 0


def test_what_the_administrator_of_the_kdc_has_deleted_stays_deleted(stage: Stage) -> None:
    """THREATS T-27."""
    daemon = Daemon(stage, 4)
    daemon.give()
    assert stage.do(Take(daemon.holding.id.replace("-", ""), f"{daemon.service}@{NAME}")).__class__.__name__ == "Done"
    answer = daemon.do(daemon.giver._write(daemon.holding, renews=True))
    assert isinstance(answer, Refused) and "somebody has deleted it there" in answer.why
    assert daemon.end == 0 and daemon.ticket() == 0


def test_another_client_never_gets_what_an_id_gives_to_somebody(stage: Stage) -> None:
    """THREATS T-27: a renewal moves the end, and nothing else."""
    daemon = Daemon(stage, 600)
    daemon.give()
    before = stage.grants(daemon.service)
    daemon.holding = replace(daemon.holding, to=f"bob@{NAME}")
    answer = daemon.do(daemon.giver._write(daemon.holding, renews=True))
    assert isinstance(answer, Refused) and "for another client" in answer.why
    assert stage.grants(daemon.service) == before
