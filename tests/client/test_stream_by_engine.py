# SPDX-License-Identifier: Apache-2.0
"""One conversation that an engine carries in messages, between two sides without I/O: what an honest engine carries arrives, and
what a hostile one does ends it.
"""

from __future__ import annotations

import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitd_fleet import desk
from jitd_fleet.stream import MOST_PIECE, QUIET_FOR, RECEIVED_WITHIN, RETURNED_AT, WINDOW, Broken, Kind, Side, Why


class Talk:
    """Two sides, and what an engine has on the way. ``said`` and ``heard`` are bytes, by who says them."""

    def __init__(self) -> None:
        self.now = 0.0
        self.client, self.host = Side(is_host=False, now=0.0), Side(is_host=True, now=0.0)
        self.said = {"client": b"", "host": b""}
        self.heard = {"client": b"", "host": b""}
        self.way: dict[str, list[bytes]] = {"client": [], "host": []}

    def side(self, name: str) -> Side:
        return self.client if name == "client" else self.host

    def collect(self) -> None:
        for name, way in self.way.items():
            way += self.side(name).outgoing()

    def deliver(self, name: str, message: bytes) -> None:
        """Let the other side hear what ``name`` has said."""
        other = self.host if name == "client" else self.client
        data = other.hear(message, self.now)
        self.heard[name] += data
        if data:
            other.take(len(data), self.now)

    def settle(self) -> None:
        """An honest engine carries all that there is."""
        self.collect()
        while any(self.way.values()):
            for name, way in self.way.items():
                while way:
                    self.deliver(name, way.pop(0))
            self.collect()

    def say(self, name: str, data: bytes) -> None:
        side = self.side(name)
        if data := data[: side.room()]:
            side.say(data, self.now)
            self.said[name] += data


def opened() -> Talk:
    talk = Talk()
    talk.settle()
    return talk


NAMES = st.sampled_from(("client", "host"))
WORDS = st.lists(st.tuples(NAMES, st.binary(min_size=1, max_size=300)), max_size=12)


@given(WORDS)
@settings(max_examples=200)
def test_what_an_honest_engine_carries_arrives_whole_and_in_order(words: list[tuple[str, bytes]]) -> None:
    talk = opened()
    for name, data in words:
        talk.say(name, data)
        talk.settle()
    assert talk.heard == talk.said
    talk.client.end(Why.DONE, talk.now)
    talk.settle()
    assert talk.host.ended_by is Why.DONE and talk.client.is_over and talk.host.is_over


DEEDS = st.sampled_from(("lose", "repeat", "swap", "change", "send back", "late copy"))


@given(WORDS, st.lists(st.tuples(st.integers(0, 40), DEEDS, st.integers(0, 10_000)), min_size=1, max_size=4))
@settings(max_examples=500)
def test_whatever_an_engine_does_the_bytes_are_a_beginning_of_those_that_were_said_or_it_has_changed_them_itself(
    words: list[tuple[str, bytes]], deeds: list[tuple[int, str, int]]
) -> None:
    """THREATS F-30. A message is lost, repeated or reordered: then nothing comes that was not said, in its order. What an engine
    writes itself, or sends back to who has said it, is noticed by the seals inside.
    """
    talk, n = Talk(), 0
    seen: dict[str, list[bytes]] = {"client": [], "host": []}
    todo = dict((at, (deed, of)) for at, deed, of in deeds)
    is_forged = is_broken = is_done = False
    waiting = list(words)
    try:
        while True:
            talk.collect()
            if not any(talk.way.values()):
                if not waiting:
                    break
                talk.say(*waiting.pop(0))
                talk.collect()
                if not any(talk.way.values()):
                    continue
            name = "host" if talk.way["host"] else "client"
            message = talk.way[name].pop(0)
            deed, of = todo.pop(n, ("", 0))
            n += 1
            is_done |= bool(deed)
            if deed == "lose":
                continue
            if deed == "swap" and talk.way[name]:
                talk.way[name].insert(1, message)
                message = talk.way[name].pop(0)
            if deed == "change":
                is_forged = True
                message = message[: of % len(message)] + bytes((of % 256,)) + message[of % len(message) + 1 :]
            seen[name].append(message)
            talk.deliver(name, message)
            if deed == "repeat":
                talk.deliver(name, message)
            if deed == "send back":  # as if the other side had said it
                is_forged = True
                talk.deliver("host" if name == "client" else "client", message)
            if deed == "late copy":
                talk.deliver(name, seen[name][of % len(seen[name])])
    except Broken:
        is_broken = True
    if not is_forged:
        for name in talk.said:
            assert talk.said[name].startswith(talk.heard[name])
        if not is_done:
            assert not is_broken and talk.heard == talk.said
        elif not is_broken and talk.heard != talk.said:
            assert is_noticed_in_time(talk)


def is_noticed_in_time(talk: Talk) -> bool:
    for side in (talk.client, talk.host):
        try:
            side.tick(talk.now + RECEIVED_WITHIN)
        except Broken:
            return True
    return False


@pytest.mark.parametrize("lost", range(4))
def test_a_message_that_is_lost_ends_the_conversation_within_five_seconds(lost: int) -> None:
    """THREATS F-30. The last message of all, too, behind which no gap is seen."""
    talk = opened()
    for number in range(4):
        talk.say("client", b"word %d " % number)
    talk.collect()
    del talk.way["client"][lost]
    try:
        talk.settle()
    except Broken as broken:
        assert broken.why is Why.MANGLED and talk.said["client"].startswith(talk.heard["client"])
        return
    assert lost == 3
    talk.client.tick(RECEIVED_WITHIN - 0.1)
    with pytest.raises(Broken, match="UNHEARD"):
        talk.client.tick(RECEIVED_WITHIN)


@given(st.lists(st.sampled_from(("say", "take", "hour")), max_size=60))
@settings(max_examples=100)
def test_who_does_not_take_its_bytes_holds_at_most_the_credit_and_is_waited_for_without_a_limit(steps: list[str]) -> None:
    talk = opened()
    kept = 0
    for step in steps:
        if step == "say" and (room := talk.host.room()):
            talk.host.say(bytes(room), talk.now)
            (message,) = talk.host.outgoing()
            kept += len(talk.client.hear(message, talk.now))
        elif step == "take" and kept:
            n = min(kept, RETURNED_AT)
            talk.client.take(n, talk.now)
            kept -= n
        elif step == "hour":
            talk.now += 3600.0
        talk.settle()
        assert kept <= WINDOW
        for side in (talk.client, talk.host):
            side.tick(talk.now)
        talk.settle()
    talk.client.take(kept, talk.now)
    talk.settle()
    assert talk.host.room() == MOST_PIECE


def test_more_than_the_credit_is_not_taken() -> None:
    """THREATS F-31."""
    talk = opened()
    for number in range(WINDOW // MOST_PIECE):
        talk.client.hear(bytes((Kind.DATA,)) + (number + 1).to_bytes(4, "big") + bytes(MOST_PIECE), 0.0)
    with pytest.raises(Broken, match="MANGLED"):
        talk.client.hear(bytes((Kind.DATA,)) + (number + 2).to_bytes(4, "big") + b"x", 0.0)


@given(st.binary(max_size=40))
@settings(max_examples=500)
def test_no_message_does_more_than_end_the_conversation(message: bytes) -> None:
    """THREATS F-31."""
    for talk in (Talk(), opened()):
        for side in (talk.client, talk.host):
            try:
                side.hear(message, 0.0)
            except Broken as broken:
                assert isinstance(broken.why, Why)


def test_a_second_host_of_the_name_is_told_from_a_lost_message() -> None:
    """THREATS F-32."""
    talk = opened()
    with pytest.raises(Broken, match="TWO"):
        talk.client.hear(Side(is_host=True, now=0.0).outgoing()[0], 0.0)


def test_a_host_that_does_not_answer_is_silent_after_five_seconds() -> None:
    side = Side(is_host=False, now=0.0)
    assert side.room() == 0 and side.due() == RECEIVED_WITHIN
    with pytest.raises(Broken, match="SILENT"):
        side.tick(RECEIVED_WITHIN)


def test_a_side_that_has_been_quiet_asks_whether_the_other_one_is_there() -> None:
    talk = opened()
    talk.now = QUIET_FOR
    talk.client.tick(talk.now)
    (probe,) = talk.client.outgoing()
    assert probe[0] == Kind.PROBE
    with pytest.raises(Broken, match="UNHEARD"):
        talk.client.tick(QUIET_FOR + RECEIVED_WITHIN)


@pytest.mark.parametrize("why", list(Why))
def test_what_an_engine_can_make_up_is_told_as_what_it_says(why: Why) -> None:
    """THREATS F-31. DONE is told as of the host, or of who answers for it."""
    ours, theirs = socket.socketpair()
    stream = desk._Stream(ours, "db1.example.org", "nats at hub1:4222")
    stream.why = why
    stream.is_done.set()
    is_said = why is Why.NOBODY or (isinstance(why.value, int) and why is not Why.DONE)
    assert ("(so says nats at hub1:4222)" in stream.how_it_ended()) is is_said
    stream.end()
    theirs.close()
