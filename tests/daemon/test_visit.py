# SPDX-License-Identifier: Apache-2.0
"""A conversation at the door by a clock that stands still: which messages need a stamp, and how long one holds; and whom the door
knows.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.core.authentication import Authentication, Demand
from jitd.core.law import ByDoor
from jitd.deciding.accounts import Accounts
from jitd.server.door import Begun
from jitd.server.identifying import Identifying
from jitd.server.visit import Visit
from jitd.verbs.refusal import Refusal
from jitpam.wire import messages
from jitpam.wire.conversation import CLIENT, DOOR
from jitpam.wire.faults import RemoteProtocolError
from tests.scene import moment, person

FREE = {
    *("list", "page", "show", "basis", "watch", "replay", "status", "audit", "observe", "revoke", "stop", "lock", "stamp", "roll")
}
"""What permits nothing, however late it comes."""
NEITHER = {"seen", "bye"}
"""What is no question."""
APPROVE, DENY, REVIEWED = (
    messages.Review(id="K7QM-2XVD", verdict=verdict, fingerprint=b"", comment="") for verdict in ("approve", "deny", "reviewed")
)
SIGNED = messages.SignedReview(id="K7QM-2XVD", verdict="approve", fingerprint=b"", comment="", receipt="", signature="")
UNLOCK = messages.Unlock(id=None, whom="all", name="", reason="")


class Clock:
    def __init__(self) -> None:
        self.boot = 1000.0

    def __call__(self) -> Any:
        return replace(moment(), boot=self.boot)


def visited(is_room: bool = True) -> tuple[Visit, Clock]:
    clock = Clock()
    return Visit(clock, lambda way: is_room, lambda: is_room), clock


def is_late(visit: Visit, message: messages.Message) -> bool:
    try:
        visit.admit(message)
    except Refusal as no:
        assert no.code == "late" and "was not used" in no.text
        return True
    return False


def test_every_message_of_the_door_permits_nothing_or_needs_a_stamp() -> None:
    """THREATS F-01. A row for each message that the door takes: what is new needs a stamp until this table says otherwise."""
    asked = {name for (speaker, name), _ in DOOR["ready"].items() if speaker == CLIENT} - NEITHER
    assert asked == FREE | {"review", "signedreview", "unlock", "signedunlock"}
    for name in asked - {"review", "signedreview"}:
        message: Any = messages.FROM_CLIENT[name].__new__(messages.FROM_CLIENT[name])
        assert is_late(visited()[0], message) is (name not in FREE), name
    assert [is_late(visited()[0], one) for one in (APPROVE, SIGNED, REVIEWED, DENY)] == [True, True, True, False]
    assert is_late(visited()[0], messages.Review(id="", verdict="Deny", fingerprint=b"", comment="")), "a word that is none"


@pytest.mark.parametrize("message", [APPROVE, SIGNED, REVIEWED, UNLOCK], ids=["approve", "signed", "reviewed", "unlock"])
@pytest.mark.parametrize(
    ("after", "late"), [(0.0, False), (2.5, False), (2.501, True), (6.0, True), (600.0, True), (3600.0, True), (-1.0, True)]
)
def test_a_stamp_holds_for_half_of_5_s_of_jitds_own_clock(message: messages.Message, after: float, late: bool) -> None:
    """THREATS F-01."""
    visit, clock = visited()
    visit.stamp()
    clock.boot += after
    assert is_late(visit, message) is late
    assert is_late(visit, message), "it serves one message"


def test_what_denies_uses_up_no_stamp_and_the_newest_one_counts() -> None:
    visit, clock = visited()
    visit.stamp()
    clock.boot += 2
    visit.stamp()
    clock.boot += 2
    assert not is_late(visit, DENY)
    assert not is_late(visit, APPROVE)
    assert is_late(visit, APPROVE)


def test_the_way_is_what_the_carrier_says_and_is_asked_for_room_once() -> None:
    visit, _ = visited()
    visit.carried(messages.Carried(carrier="nats", source="2001:db8::1"))
    assert visit.way == ByDoor("nats", "2001:db8::1")
    full, _ = visited(is_room=False)
    with pytest.raises(Refusal) as refused:
        full.carried(messages.Carried(carrier="ssh", source="local"))
    assert refused.value.code == "not_done"


@pytest.mark.parametrize(
    ("carrier", "source"),
    [("", "x"), ("SSH", "x"), ("ssh", ""), ("ssh", "a b"), ("ssh", "ä"), ("ssh", "x" * 129), ("ssh", "x\n")],
)
def test_a_carriers_frame_that_is_not_valid_is_a_fault(carrier: str, source: str) -> None:
    visit, _ = visited()
    with pytest.raises(RemoteProtocolError):
        visit.carried(messages.Carried(carrier=carrier, source=source))


def test_so_many_conversations_begin_within_a_second_and_no_more_and_one_source_leaves_room_for_others() -> None:
    """THREATS F-08. One carrier leaves room, too. A proof that is made up is refused at once, so those that are open are few
    however many come.
    """
    at = [0.0]
    begun = Begun(lambda: at[0])
    ways = [ByDoor("tcp", f"10.0.0.{n}") for n in range(9)]
    assert [begun.another(ways[0]) for _ in range(20)].count(True) == 16
    assert [begun.another(way) for way in ways[1:] for _ in range(16)].count(True) == 96 - 16
    assert [begun.another(ByDoor("ssh", f"10.0.0.{n}")) for n in range(9) for _ in range(16)].count(True) == 128 - 96
    at[0] = 0.999
    assert not begun.another(ByDoor("nats", "10.0.0.0"))
    at[0] = 1.0
    assert all(begun.another(way) for way in ways)


# --- whom the door knows ---------------------------------------------------------------------------------------------

GIVEN = Authentication(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), (), (), "", "", ("EXAMPLE.TEST",))


def known_at_the_door(uid: int | None) -> Any:
    """Whom the door knows by a principal that maps to an account with ``uid``, or to none."""
    seen: list[Authentication] = []

    def subject(principal: bytes, ends_at: datetime, given: Authentication) -> Any:
        seen.append(given)
        return None if uid is None else replace(person("bob"), uid=uid, authentication=given)

    async def run_within(left: float, share: object, work: Any, *args: Any) -> Any:
        return work(*args)

    accounts: Any = SimpleNamespace(subject=subject, visitor=lambda *told: None)
    accounts.of_principal = partial(Accounts.of_principal, accounts)
    workers: Any = SimpleNamespace(names=SimpleNamespace(run_within=run_within))
    proof: Any = SimpleNamespace(principal=b"bob@EXAMPLE.TEST", ends_at=datetime(2026, 11, 2, tzinfo=UTC), authentication=GIVEN)
    identifying = Identifying(accounts, workers, SimpleNamespace())  # type: ignore[arg-type]
    who = asyncio.run(identifying.by_door(proof, lambda left: None))
    assert [one.by_door for one in seen] == [True]
    return who


def test_the_door_knows_people_with_an_account_and_nobody_as_uid_0() -> None:
    """THREATS F-13. A principal that jitd.toml maps to a second account with uid 0 is root on the host only for who is uid 0."""
    assert known_at_the_door(None) is None
    assert known_at_the_door(0) is None
    who = known_at_the_door(1002)
    assert who.is_by_door and not who.is_root and not GIVEN.by_door


@pytest.mark.parametrize("demand", [Demand(), Demand(ticket_age=600), Demand(indicators=("otp",))])
def test_no_demand_takes_an_approval_by_the_door(demand: Demand) -> None:
    given = replace(GIVEN, indicators=("otp",), by_door=True)
    assert demand.lack(given) == "takes no approval by the door: approve on the host"
    assert demand.lack(replace(given, by_door=False)) == ""
    assert given.detail()["by_door"] is True and "by_door" not in GIVEN.detail()
