# SPDX-License-Identifier: Apache-2.0
"""The door, with a hostile carrier between the person and jitd: it can hide and delay, and nothing else."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import gssapi
import pytest

from jitpam.wire import messages
from jitpam.wire.coding import encode
from jitpam.wire.conversation import CLIENT, DOOR
from jitpam.wire.framing import SMALL, frame
from tests.attacks.at_door import (
    COUNTS,
    CUT,
    HELD,
    OFTEN,
    SHORT,
    SOURCE,
    AtDoor,
    at_door,
    carried,
    door_channel,
    door_house,
    door_of,
    honest,
)
from tests.attacks.mutated_wire import golden, is_complaint
from tests.attacks.raw import Raw, connected, initiator, review, shown_to, ticket_of, uid_of
from tests.mutation import Mutator
from tests.system.conftest import House
from tests.waiting import wait_for

POLICY = """
[[permit]]
name = "two-approvals"
who = ["user:carol"]
run_as = ["root"]
commands = [["**"]]
approvals = [{ need = 2, from = ["user:alice", "user:bob"] }]

[[permit]]
name = "one-approval"
who = ["group:dba", "user:alice"]
run_as = ["root"]
commands = [["**"]]
approvals = [{ need = 1, from = ["user:bob"] }]
grant = { lasts = "1h", uses = 100 }

[[permit]]
name = "as-bob"
who = ["user:alice"]
run_as = ["bob"]
commands = [["/usr/bin/sleep", "**"]]
"""
WORDS = (
    "list page show review basis signedreview revoke stop lock unlock signedunlock watch observe seen replay status audit stamp"
)
OF_THE_DOOR = {*WORDS.split(" "), "roll", "bye"}
BEFORE = {"carried", "hello", "token"}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A jitd with a door, as it is installed."""
    made = door_house(tmp_path_factory.mktemp("door"), policy=POLICY)
    yield made
    made.verify()
    made.close()


@pytest.fixture(scope="module")
def open_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A jitd to which approvals by the door count: what stops a lie here is the conversation alone."""
    made = door_house(tmp_path_factory.mktemp("open"), COUNTS, CUT, policy=POLICY)
    yield made
    made.verify()
    made.close()


def waits(house: House, who: str = "alice") -> str:
    with connected(house, who) as raw:
        return raw.submit("id", os.urandom(4).hex(), waits=False)


def is_untouched(house: House, id: str) -> bool:
    """True if nobody has decided about the request, and nothing was permitted by it."""
    found = house.request_of(id)
    return (
        str(found.state) == "pending" and not found.reviews and not any(one.id == id for one in house.kept("grants", ended=True))
    )


# --- what the door is for ----------------------------------------------------------------------------------------------


def test_who_comes_through_the_door_sees_and_denies_and_the_record_says_how_they_came(door: House) -> None:
    id = waits(door)
    before = door.head().number
    with at_door(door, "bob", source=SOURCE) as bob:
        assert id in [row["id"] for row in bob.rows(messages.List(what="requests", ended=False))]
        (row,) = bob.rows(messages.Show(id=id))
        assert isinstance(bob.ask(review(row, "deny", "not today"))[-1], messages.Done)
    assert str(door.request_of(id).state) == "denied"
    (record,) = [one for one in door.records(before) if one["event"] == "request.reviewed"]
    assert record["peer"] == {"carrier": "ssh", "source": SOURCE}
    said = door.jitd("audit", "show", "--id", id)
    assert f"(by the door: ssh from {SOURCE}, as the carrier tells)" in said.stdout, said


def test_an_approval_by_the_door_is_refused_in_words_and_does_nothing(door: House) -> None:
    id = waits(door)
    with at_door(door, "bob") as bob:
        (row,) = bob.rows(messages.Show(id=id))
        assert "by the door" in row["lacks"]
        bob.stamp()
        code, text = bob.refusal(review(row))
    assert code == "forbidden" and "takes no approval by the door: approve on the host" in text
    assert is_untouched(door, id)
    with connected(door, "bob") as raw:
        assert isinstance(raw.ask(review(row))[-1], messages.Done)


def test_nobody_has_the_rights_of_an_operator_at_the_door(door: House) -> None:
    """THREATS F-13. Not those of root either: the carrier here is root."""
    id = waits(door)
    lock = messages.Lock(whom="user", name="alice", lasts_for=60, reason="")
    with connected(door, "dave") as dave:
        assert dave.rows(messages.Show(id=id)), "an operator sees each request on the host"
    before = door.head()
    with at_door(door, "dave") as dave:
        assert dave.refusal(messages.Show(id=id))[0] == "unknown"
        assert dave.rows(messages.List(what="requests", ended=True)) == []
        dave.stamp()
        unlock = messages.Unlock(id=None, whom="all", name="", reason="")
        for message in (lock, unlock, messages.Status(), messages.Audit(), messages.List(what="locks", ended=False)):
            code, text = dave.refusal(message)
            assert code == "forbidden" and "by the door" in text, message
    assert door.head() == before and not door.kept("locks")


def test_who_may_act_as_somebody_by_a_run_does_not_approve_as_them_at_the_door(open_door: House) -> None:
    """THREATS F-13. There jitd cannot look in which process somebody is: it may be the requester's."""
    house = open_door
    running = house.ask("alice", "-u", "bob", "/usr/bin/sleep", "1000")
    wait_for(lambda: [run for run in house.kept("runs") if str(run.state) == "running"], what="alice's run as bob")
    id, of_carol = waits(house), waits(house, "carol")
    row = shown_to(house, "bob", id)
    with at_door(house, "bob") as bob:
        bob.stamp()
        code, text = bob.refusal(review(row))
        assert code == "forbidden", text
        bob.stamp()
        assert isinstance(bob.ask(review(shown_to(house, "bob", of_carol)))[-1], messages.Done)
    assert is_untouched(house, id)
    for run in house.kept("runs"):
        house.ended("stop", run.id)
    running.end()
    with at_door(house, "alice") as alice:
        alice.stamp()
        alice.ask(review(shown_to(house, "alice", of_carol)))
    assert str(house.request_of(of_carol).state) == "pending", "the two may have been alice"
    with at_door(house, "bob") as bob:
        bob.stamp()
        assert isinstance(bob.ask(review(row))[-1], messages.Done)


# --- who is heard, and what --------------------------------------------------------------------------------------------

SAID = {message.type: message for message in golden()}


def test_those_that_are_of_the_door_are_known_here() -> None:
    """What it takes does not close it: the end of who asks nothing for a minute would be taken for that."""
    assert {name for said in DOOR.values() for who, name in said if who == CLIENT} - BEFORE == OF_THE_DOOR


@pytest.mark.parametrize("name", sorted(SAID.keys() - OF_THE_DOOR))
def test_every_other_message_closes_the_door_and_does_nothing(door: House, name: str) -> None:
    """THREATS F-13. ``tests/wire/test_conversation.py`` has the table of all messages."""
    id = waits(door)
    with at_door(door, "bob") as bob:
        bob.rows(messages.Show(id=id))
        bob.say(SAID[name])
        assert bob.is_closed()
    assert is_untouched(door, id)
    with at_door(door, "bob") as bob:
        assert bob.rows(messages.Show(id=id))


@pytest.mark.parametrize(
    "first",
    [
        b"",
        carried() + carried(),
        carried("http"),
        carried(source=""),
        carried(source="x" * 129),
        carried(source="10.1.2.3 (root)"),
        carried(source="\x1b[2J"),
        frame(encode(messages.Bye())),
        frame(b"{}"),
    ],
    ids=["none", "two", "another carrier", "no source", "a long one", "a blank", "an escape", "another message", "nothing"],
)
def test_a_conversation_without_exactly_one_valid_frame_of_the_carrier_is_closed(door: House, first: bytes) -> None:
    hello = messages.Hello(version=messages.VERSION, authentication="krb5", nonce=os.urandom(32))
    with Raw(door_of(door)) as raw:
        raw.send(first)
        raw.say(hello)
        assert raw.hear() is None, "no hello is answered"
    with AtDoor(door) as raw:
        raw.say(hello)
        assert isinstance(raw.hear(), messages.DaemonHello)
        raw.send(carried())
        assert raw.is_closed()


@pytest.mark.parametrize("authentication", ["root", "local", "spnego", ""])
@pytest.mark.parametrize("uid", [0, "bob"])
def test_at_the_door_nothing_but_kerberos_proves_who_somebody_is(door: House, authentication: str, uid: int | str) -> None:
    """THREATS F-13: also if the carrier is root."""
    if uid:
        os.chmod(door.socket.with_name("door.sock"), 0o666)
    with AtDoor(door, uid=uid_of(uid) if isinstance(uid, str) else uid) as raw:
        raw.say(messages.Hello(version=messages.VERSION, authentication=authentication, nonce=os.urandom(32)))
        refused = raw.hear()
        assert isinstance(refused, messages.Refused) and refused.code == "unauthenticated"
        assert raw.is_closed()


@pytest.mark.parametrize("when", ["with the carrier's frame", "with hello", "with a question"])
def test_descriptors_close_the_door(door: House, when: str) -> None:
    with ExitStack() as opened:
        raw = opened.enter_context(at_door(door, "bob") if when == "with a question" else AtDoor(door, source=""))
        null = os.open("/dev/null", os.O_RDONLY)
        opened.callback(os.close, null)
        if when == "with hello":
            raw.send(carried())
        said = {
            "with the carrier's frame": carried(),
            "with hello": frame(encode(messages.Hello(version=1, authentication="krb5", nonce=bytes(32)))),
            "with a question": frame(raw.seal(encode(messages.List(what="requests", ended=False)))),
        }
        raw.send_descriptors(said[when], [null])
        assert raw.is_closed()


def test_the_socket_is_for_root_and_the_group_of_carriers_alone(door: House) -> None:
    with pytest.raises(PermissionError):
        door.socket.with_name("door.sock").chmod(0o660)
        Raw(door_of(door), uid_of("alice"))


# --- the hostile carrier -----------------------------------------------------------------------------------------------

N_FRAMES = 6
"""Of an approval: the carrier's, hello, the token, show, stamp, review."""


def approval(house: House, id: str, lie: Callable[[int, bytes], list[bytes]] = honest) -> AtDoor:
    """bob approves by the door. What fails because of ``lie`` ends it."""
    raw = AtDoor(house, lie)
    with suppress(AssertionError, gssapi.exceptions.GSSError, AttributeError):
        raw.sign_in(ticket_of("bob"))
        (row,) = raw.rows(messages.Show(id=id))
        raw.stamp()
        assert isinstance(raw.ask(review(row))[-1], messages.Done)
    return raw


def flipped(data: bytes) -> list[bytes]:
    at = 4 + (len(data) - 4) // 2
    return [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]]


LIES: dict[str, Callable[[bytes], list[bytes]]] = {
    "a byte is flipped": flipped,
    "its length is flipped": lambda data: [data[:3] + bytes([data[3] ^ 1]) + data[4:]],
    "it comes twice": lambda data: [data, data],
    "it is cut, and the next follows": lambda data: [data[: len(data) // 2]],
    "it is another": lambda data: [frame(os.urandom(len(data)))],
    "a frame that is not wrapped comes before it": lambda data: [frame(encode(messages.Stamp())), data],
}


@pytest.mark.parametrize(
    ("at", "lie"),  # of two that are the last one, the first is bob's own approval, as he sent it
    [(at, lie) for at in range(1, N_FRAMES + 1) for lie in LIES if (at, lie) != (N_FRAMES, "it comes twice")],
)
def test_a_frame_that_the_carrier_changes_ends_the_conversation_and_permits_nothing(open_door: House, at: int, lie: str) -> None:
    """THREATS F-01."""
    id = waits(open_door)
    raw = approval(open_door, id, lambda number, data: LIES[lie](data) if number == at else [data])
    raw.socket.shutdown(socket.SHUT_WR)
    assert raw.is_closed()
    raw.close()
    assert is_untouched(open_door, id)


def test_the_same_conversation_with_an_honest_carrier_permits(open_door: House) -> None:
    id = waits(open_door)
    raw = approval(open_door, id)
    assert len(raw.sent) == N_FRAMES and str(open_door.request_of(id).state) == "approved"
    raw.close()


@pytest.mark.parametrize("at", range(1, N_FRAMES))
def test_frames_in_another_order_permit_nothing(open_door: House, at: int) -> None:
    """THREATS F-01. The carrier keeps one frame, and delivers it after the next; and so it may keep the last but one for ever."""
    id = waits(open_door)
    kept: list[bytes] = []

    def lie(number: int, data: bytes) -> list[bytes]:
        if number == at:
            kept.append(data)
            return []
        return [data, *kept] if number == at + 1 else [data]

    raw = AtDoor(open_door, lie)
    context = None
    with suppress(AssertionError, gssapi.exceptions.GSSError):
        # all frames that need no answer of jitd are sent at once, so that there is a next one
        if at > 3:
            raw.sign_in(ticket_of("bob"))
            row = shown_to(open_door, "bob", id)
            for message in (messages.Show(id=id), messages.Stamp(), review(row)):
                raw.say(message)
        else:
            raw.say(messages.Hello(version=messages.VERSION, authentication="krb5", nonce=os.urandom(32)))
            raw.say(messages.Token(token=bytes(initiator(ticket_of("bob"), bytes(32)).step() or b"")))
            raw.say(messages.Show(id=id))
    raw.socket.shutdown(socket.SHUT_WR)
    assert raw.is_closed()
    raw.close()
    assert context is None and is_untouched(open_door, id)


def test_a_whole_conversation_that_is_played_again_permits_nothing(open_door: House) -> None:
    """THREATS F-02. The nonce of jitd is another one, so the token is bound to another conversation."""
    id = waits(open_door)
    row = shown_to(open_door, "bob", id)
    told: list[bytes] = []

    def lie(number: int, data: bytes) -> list[bytes]:
        return [] if number == N_FRAMES else [data]  # jitd never gets the approval of the first time

    raw = AtDoor(open_door, lie)
    raw.sign_in(ticket_of("bob"))
    raw.rows(messages.Show(id=id))
    raw.stamp()
    raw.say(review(row))
    told += raw.sent
    raw.close()
    wait_for(open_door.is_signed, what="the checkpoint of all records until now")
    before = open_door.head()
    for _ in range(2):
        with Raw(door_of(open_door)) as again:
            for one in told:
                again.send(one)
            assert again.is_closed()
    assert open_door.head() == before, "nothing is recorded of bob"
    assert is_untouched(open_door, id)


@pytest.mark.parametrize("way", ["to the local socket", "to the door"])
def test_a_conversation_is_delivered_where_it_was_meant_for_or_proves_nothing(open_door: House, way: str) -> None:
    """THREATS F-03 and F-04: the carrier here has bob's own uid."""
    if way == "to the door":
        raw: Raw = AtDoor(open_door)
        Raw.greet(raw)
        channel = _channel_at_the_socket(raw)
    else:
        raw = Raw(open_door, uid_of("bob"))
        raw.greet()
        channel = door_channel(*raw.hellos)
    refused = raw.offer(bytes(initiator(ticket_of("bob"), channel).step() or b""))
    assert isinstance(refused, messages.Refused) and refused.code == "unauthenticated"
    assert raw.is_closed()
    raw.close()


def _channel_at_the_socket(raw: Raw) -> bytes:
    from tests.attacks.raw import channel_of

    return channel_of(*raw.hellos)


def test_two_clients_whose_answers_are_crossed_are_refused(open_door: House) -> None:
    """THREATS F-04: each of the two gets the hello of the other's conversation."""
    one, two = AtDoor(open_door), AtDoor(open_door)
    ours = [raw.greet() and raw.hellos for raw in (one, two)]
    for raw, mine, other in ((one, ours[0], ours[1]), (two, ours[1], ours[0])):
        refused = raw.offer(bytes(initiator(ticket_of("bob"), door_channel(mine[0], other[1])).step() or b""))
        assert isinstance(refused, messages.Refused) and refused.code == "unauthenticated"
        raw.close()


def test_an_approval_that_was_under_way_for_6_s_permits_nothing(tmp_path: Any) -> None:
    """THREATS F-01: the carrier holds it, or anything before it."""
    house = door_house(tmp_path, COUNTS, HELD, policy=POLICY)
    try:
        id = waits(house)
        before = house.head()
        with at_door(house, "bob") as bob:
            (row,) = bob.rows(messages.Show(id=id))
            for _ in range(2):
                bob.stamp()
                code, text = bob.refusal(review(row))
                assert (code, text) == (
                    "late", "your answer arrived more than 2.5 s late and was not used: answer again"
                )  # fmt: skip
            bob.stamp()
            assert bob.refusal(messages.Unlock(id=None, whom="all", name="", reason=""))[0] == "late"
            assert house.head() == before and is_untouched(house, id)
            assert isinstance(bob.ask(review(row, "deny"))[-1], messages.Done), "what denies may come late"
        assert str(house.request_of(id).state) == "denied"
    finally:
        house.close()


def test_one_stamp_serves_one_message_of_one_conversation(open_door: House) -> None:
    """THREATS F-01."""
    one, two = waits(open_door), waits(open_door)
    rows = [shown_to(open_door, "bob", id) for id in (one, two)]
    with at_door(open_door, "bob") as bob, at_door(open_door, "bob") as again:
        assert bob.refusal(review(rows[0]))[0] == "late", "without one"
        bob.stamp()
        bob.stamp()
        assert again.refusal(review(rows[0]))[0] == "late", "with that of another conversation"
        assert bob.refusal(review(rows[0], "reviewed"))[0] != "late"
        assert bob.refusal(review(rows[0]))[0] == "late", "a refused message has used it up"
        assert is_untouched(open_door, one)
        bob.stamp()
        assert isinstance(bob.ask(review(rows[0]))[-1], messages.Done)
        assert bob.refusal(review(rows[1]))[0] == "late"
    assert is_untouched(open_door, two)


# --- floods --------------------------------------------------------------------------------------------------------------


def has_no_room(house: House, source: str, carrier: str = "ssh") -> bool:
    """True if a stranger who comes so is refused at once, and false if jitd waits for what they say."""
    with AtDoor(house, source=source, carrier=carrier) as raw:
        raw.say(messages.Hello(version=messages.VERSION, authentication="krb5", nonce=os.urandom(32)))
        heard = raw.hear()
        if not isinstance(heard, messages.Refused):
            return False
        assert heard.code == "not_done" and raw.is_closed()
        return True


def test_strangers_at_the_door_take_no_place_of_anybody_else(door: House) -> None:
    """THREATS F-08. 64 of all carriers, 48 of one, 16 of one source; and who is known, or sits on the host, needs none of these
    places.
    """
    id = waits(door)
    with ExitStack() as dialled, at_door(door, "bob", source="10.9.9.9") as known:

        def fill(source: str, carrier: str) -> AtDoor:
            return [dialled.enter_context(AtDoor(door, source=source, carrier=carrier)) for _ in range(16)][-1]

        for source in range(3):
            raw = fill(f"10.0.0.{source}", "tcp")
            assert has_no_room(door, f"10.0.0.{source}", "tcp")
        assert has_no_room(door, "10.0.0.99", "tcp")
        assert not has_no_room(door, "10.0.0.98", "ssh")
        assert known.rows(messages.Show(id=id))
        fill("10.0.0.0", "ssh")
        assert has_no_room(door, "10.0.0.99", "ssh")
        assert known.rows(messages.Show(id=id))
        with connected(door, "alice") as alice:
            assert alice.rows(messages.Show(id=id))
        assert raw.is_closed(), "after 5 s"
    with at_door(door, "bob") as bob:
        assert bob.rows(messages.Show(id=id))


def test_three_keys_of_an_engine_leave_room_for_others(door: House) -> None:
    """THREATS F-08, F-36. 4 of one key: a key is one person, where an address may be many."""
    with ExitStack() as dialled:
        for key in ("UA", "UB", "UC"):
            for _ in range(4):
                assert not has_no_room(door, key, "nats")
                dialled.enter_context(AtDoor(door, source=key, carrier="nats"))
            assert has_no_room(door, key, "nats")
        assert not has_no_room(door, "UD", "nats")


def test_who_has_not_said_by_which_carrier_they_come_takes_no_place_of_strangers(door: House) -> None:
    """THREATS F-24: of a flood by one carrier, many have connected and not yet said by which carrier they come."""
    with ExitStack() as dialled:
        for _ in range(80):
            dialled.enter_context(AtDoor(door, source=""))
        assert not has_no_room(door, "10.0.0.99", "ssh")


def test_all_addresses_of_one_ipv6_site_are_one_source(door: House) -> None:
    """THREATS F-08: a stranger has 2^64 of them."""
    with ExitStack() as dialled:
        for at in range(16):
            dialled.enter_context(AtDoor(door, source=f"2001:db8:0:7:{at:x}::1", carrier="tcp"))
        assert has_no_room(door, "2001:db8:0:7:ffff::2", "tcp")
        assert not has_no_room(door, "2001:db8:0:8::1", "tcp")


class HungUp(Exception):
    pass


class HangsUp(AtDoor):
    """A carrier that ends as soon as it has sent its frame ``last``."""

    last = 1

    def send(self, data: bytes) -> None:
        super().send(data)
        if len(self.sent) == self.last:
            self.close()
            raise HungUp


@pytest.mark.parametrize("last", [1, 2, 3])
def test_who_hangs_up_within_the_handshake_is_counted_back(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, last: int) -> None:
    """THREATS F-08: with the person's own token, too, a carrier does not keep the person out."""
    monkeypatch.setattr(HangsUp, "last", last)
    house = door_house(tmp_path, limits="connections_per_uid = 3\n")
    try:
        for _ in range(12):
            with pytest.raises(HungUp):
                HangsUp(house).sign_in(ticket_of("bob"))
        with ExitStack() as held:
            for _ in range(3):
                held.enter_context(at_door(house, "bob"))
            with AtDoor(house) as beyond, pytest.raises(AssertionError, match="not_done"):
                beyond.sign_in(ticket_of("bob"))
    finally:
        house.close()


def test_who_is_known_is_counted_by_the_person_and_apart_from_the_host(tmp_path: Any) -> None:
    """THREATS F-08."""
    house = door_house(tmp_path, limits="connections_per_uid = 3\n")
    try:
        with ExitStack() as held:
            for source in range(3):
                held.enter_context(at_door(house, "bob", source=f"10.0.0.{source}"))
            with AtDoor(house, source="10.0.0.9") as beyond, pytest.raises(AssertionError, match="not_done"):
                beyond.sign_in(ticket_of("bob"))
            held.enter_context(at_door(house, "carol"))
            for _ in range(3):
                held.enter_context(connected(house, "bob"))
    finally:
        house.close()


def test_somebody_who_sends_slowly_or_nothing_is_closed(door: House) -> None:
    """THREATS F-08."""
    with ExitStack() as dialled:
        silent = [dialled.enter_context(AtDoor(door, source=source)) for source in ("", "10.0.0.1")]
        halves = [dialled.enter_context(AtDoor(door, source="")) for _ in range(2)]
        halves[0].send(carried()[:5])
        halves[1].send(carried() + b"\0")
        greeted = dialled.enter_context(AtDoor(door))
        greeted.greet()
        assert all(one.is_closed() for one in (*silent, *halves, greeted))


@pytest.mark.parametrize("when", ["at once", "after the carrier's frame", "when somebody is known"])
def test_a_huge_frame_closes_the_door(door: House, when: str) -> None:
    """THREATS F-08."""
    with AtDoor(door, source="") as raw:
        size = 1 << 20
        if when != "at once":
            raw.send(carried())
        if when == "when somebody is known":
            raw.sign_in(ticket_of("bob"))
            size = SMALL + 4096
        raw.send(size.to_bytes(4, "big") + bytes(1024))
        assert raw.is_closed()


def test_a_conversation_in_which_nothing_is_asked_ends_and_one_that_watches_goes_on(tmp_path: Any) -> None:
    """THREATS F-08."""
    house = door_house(tmp_path, SHORT)
    try:
        with at_door(house, "bob") as watching, at_door(house, "bob") as idle:
            watching.say(messages.Watch(ended=False))
            rows = [messages.Item(row={"age": 0}), messages.Item(row={"number": house.head().number})]
            assert [watching.hear() for _ in range(3)] == [*rows, messages.Done(text="")]
            assert idle.is_closed()
            id = waits(house)
            heard = watching.hear()
            assert isinstance(heard, messages.Item) and heard.row["id"] == id
    finally:
        house.close()


FOLLOW = {
    "watch": messages.Watch(ended=False),
    "audit": messages.Audit(event="no.", follow=True),
}


@pytest.mark.parametrize("what", FOLLOW)
def test_who_follows_something_at_the_door_is_given_signs_of_life_with_their_age(tmp_path: Any, what: str) -> None:
    """THREATS F-37. The first one comes before everything else. Nobody on this host gets one."""
    house = door_house(tmp_path, OFTEN, door='operators = { ticket_age = "1h" }\n')
    try:
        with at_door(house, "dave") as far, connected(house, "dave") as here:
            for one in (here, far):
                one.say(FOLLOW[what])
            ages: list[Any] = []
            while len(ages) < 4 or ages[-1] == ages[0]:  # in whole seconds
                heard = far.hear()
                if isinstance(heard, messages.Item) and "age" in heard.row:
                    ages.append(heard.row["age"])
                elif isinstance(heard, messages.Done):
                    assert ages and what == "watch" and heard == messages.Done(text="")
            assert ages == sorted(ages) and ages[0] == 0
            if what == "watch":
                assert here.hear() == messages.Done(text="")
            assert not here._poll.poll(0)  # the other one has heard four by now
    finally:
        house.close()


def test_signs_of_life_end_with_what_was_followed(tmp_path: Any) -> None:
    """THREATS F-37. They would be rows of the next answer."""
    house = door_house(tmp_path, OFTEN)
    try:
        with at_door(house, "bob") as bob:
            bob.say(messages.Replay(id="K7QM-2XVD", follow=True))
            assert bob.hear() == messages.Item(row={"age": 0})
            assert isinstance(bob.hear(), messages.Refused)
            assert not bob._poll.poll(1200)
            assert bob.rows(messages.List(what="requests", ended=False)) == []
    finally:
        house.close()


def test_each_list_at_the_door_ends_with_the_number_of_the_newest_record(door: House) -> None:
    """THREATS F-28. Nobody on this host gets the number."""
    with at_door(door, "bob") as bob, at_door(door, "bob") as watches, connected(door, "bob") as here:
        watches.say(messages.Watch(ended=False))
        id = waits(door)
        until = door.head().number
        for what in ("requests", "reviews", "grants"):
            *rows, number, _ = bob.ask(messages.List(what=what, ended=False))
            assert number == messages.Item(row={"number": door.head().number}), "after the last row"
            assert {"number": until} not in [one.row for one in rows if isinstance(one, messages.Item)]
            assert not any("number" in row for row in here.rows(messages.List(what=what, ended=False)))
        heard = iter(watches.hear, None)
        assert any(isinstance(one, messages.Item) and one.row.get("id") == id for one in heard)
        number = next(one for one in heard if isinstance(one, messages.Item) and one.row.keys() == {"number"})
        assert number.row["number"] >= until and next(heard) == messages.Done(text="")


# --- frames that are nearly right ----------------------------------------------------------------------------------------


def play(house: House, seed: int) -> str:
    """One conversation of a stranger, in which something is nearly right. What jitd answers to it, as types of messages."""
    mutator = Mutator(seed)
    random = mutator.random
    said = [carried(random.choice(("ssh", "tcp", "nats")), f"10.{seed >> 16}.{seed >> 8 & 255}.{seed & 255}")]
    hello = messages.Hello(version=messages.VERSION, authentication="krb5", nonce=random.randbytes(32))
    said.append(frame(encode(hello)))
    said.append(frame(encode(messages.Token(token=random.randbytes(random.choice((0, 1, 600, 70_000)))))))
    others = [message for name, message in SAID.items() if name != "roll"]  # an agent is answered before it says who it is
    said += [frame(encode(random.choice(others))) for _ in range(random.randrange(3))]
    at = random.randrange(len(said))
    match random.randrange(4):
        case 0:
            said[at] = mutator.bytes_of(said[at])
        case 1:
            said[at] = frame(mutator.bytes_of(said[at][4:]))
        case 2:
            said.insert(at, frame(encode(random.choice(others))))
        case 3:
            said.pop(at)
    heard = []
    with Raw(door_of(house)) as raw:
        for one in said:
            raw.send(one)
        with suppress(OSError):
            raw.socket.shutdown(socket.SHUT_WR)
        while (message := raw.hear()) is not None:
            heard.append(message.type)
    return " ".join(heard)


def test_no_stranger_hears_more_than_a_hello_and_a_refusal_whatever_they_send(door: House) -> None:
    """THREATS F-08."""
    id = waits(door)
    wait_for(door.is_signed, what="the checkpoint of all records until now")
    before, log = door.head(), len(door.log())
    assert {play(door, seed) for seed in range(200)} <= {"", "hello", "refused", "hello refused"}
    assert door.head() == before and is_untouched(door, id)
    assert [line for line in door.log()[log:].splitlines() if is_complaint(line)] == []
