# SPDX-License-Identifier: Apache-2.0
"""Room for large frames, and their time: how much is read of whom (THREATS S-15, S-07), without a daemon.

Law: sockets are real, and so is the event loop; nothing is told by how long it took.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable

import pytest

from jitd.core.party import OF_ROOT, Party
from jitd.server import channel, room
from jitd.server.channel import Channel
from jitd.server.room import Room, Slot
from jitpam.wire.framing import LARGE, LIMIT_BEFORE_AUTHENTICATION, SMALL, TOKEN, frame
from tests.waiting import PATIENCE

MIB = 1024 * 1024
ALICE, BOB = Party.of_account(1001), Party.of_account(1002)


# --- the room ------------------------------------------------------------------------------------------------------------


class Claim:
    """One connection that wants ``n_bytes``."""

    def __init__(self, of: Room, party: Party, n_bytes: int) -> None:
        self.place: Slot = of.place(party)
        self.holds = self.place.take(n_bytes, self._go_on)

    def _go_on(self) -> None:
        assert not self.holds
        self.holds = True

    def end(self) -> None:
        self.holds = False
        self.place.give()


def held(claims: list[Claim]) -> list[bool]:
    return [claim.holds for claim in claims]


def test_one_account_has_16_MiB_in_flight_and_the_next_of_its_frames_waits() -> None:
    """THREATS S-15: others have room meanwhile; what ends makes room in the order of coming."""
    of = Room()
    hers = [Claim(of, ALICE, 4 * MIB) for _ in range(6)]
    assert held(hers) == [True] * 4 + [False] * 2
    his = Claim(of, BOB, 4 * MIB)
    assert his.holds
    his.end()
    assert held(hers) == [True] * 4 + [False] * 2, "what another gives back is not hers"
    hers[2].end()
    assert held(hers) == [True, True, False, True, True, False]


def test_a_small_one_does_not_go_before_a_large_one_of_the_same_account() -> None:
    of = Room()
    hers = [Claim(of, ALICE, 15 * MIB), Claim(of, ALICE, 4 * MIB), Claim(of, ALICE, MIB)]
    assert held(hers) == [True, False, False]
    hers[0].end()
    assert held(hers) == [False, True, True]


def test_all_together_have_128_MiB_in_flight_and_who_came_first_is_first() -> None:
    """THREATS S-15: eight accounts take all of it; the next ones wait, root does not."""
    of = Room()
    taken = [Claim(of, Party.of_account(uid), 16 * MIB) for uid in range(2000, 2008)]
    assert all(held(taken))
    large, small, root = Claim(of, ALICE, 4 * MIB), Claim(of, BOB, MIB), Claim(of, OF_ROOT, 4 * MIB)
    assert held([large, small, root]) == [False, False, True]
    root.end()
    assert held([large, small]) == [False, False]
    taken[0].end()
    assert held([large, small]) == [True, True]


def test_who_gives_up_waiting_holds_up_nobody() -> None:
    of = Room()
    hers = [Claim(of, ALICE, 14 * MIB), Claim(of, ALICE, 4 * MIB), Claim(of, ALICE, MIB)]
    hers[1].end()
    assert held(hers) == [True, False, True]
    for claim in hers:
        claim.end()
    assert Claim(of, ALICE, 16 * MIB).holds, "all of it is there again"


# --- channels ------------------------------------------------------------------------------------------------------------


class Reader:
    """A channel of the daemon's, and the client's end."""

    def __init__(self, of: Room, party: Party, limit: int = LARGE) -> None:
        ours, self.client = socket.socketpair()
        self.client.setblocking(False)
        self.heard: list[int] = []
        self.ended: list[str | None] = []
        self.channel = Channel(ours, asyncio.get_running_loop(), of.place(party), self._hear, self.ended.append)
        self.channel.raise_limit(limit)

    def _hear(self, body: bytes) -> None:
        self.heard.append(len(body))
        self.channel.pause()  # as the daemon does until it is answered

    async def send(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self.client, data)

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not true():
                await asyncio.sleep(0.001)


def play(part: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(part())  # type: ignore[arg-type]


def test_a_fifth_large_frame_of_an_account_is_not_read_before_one_is_done_with() -> None:
    """THREATS S-15: what cannot be held is left where it is, in the client's hands. Others are read as ever."""

    async def part() -> None:
        of = Room()
        hers = [Reader(of, ALICE) for _ in range(5)]
        sending = [asyncio.ensure_future(one.send(frame(bytes(LARGE)))) for one in hers]
        await asyncio.gather(*sending[:4])
        await hers[3].until(lambda: all(one.heard for one in hers[:4]))
        his = Reader(of, BOB)
        await asyncio.gather(his.send(frame(bytes(LARGE))), his.until(lambda: his.heard))
        assert not hers[4].heard and not sending[4].done()
        hers[0].channel.resume()
        await sending[4]
        await hers[4].until(lambda: hers[4].heard)
        assert [one.ended for one in hers] == [[]] * 5

    play(part)


def test_a_token_of_somebody_unknown_takes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS S-15: of each account so many bytes are held, also before it has proved anything. What is small waits for none."""
    monkeypatch.setattr(room, "OF_ONE", 2 * TOKEN)

    async def part() -> None:
        of = Room()
        hers = [Reader(of, ALICE, LIMIT_BEFORE_AUTHENTICATION) for _ in range(3)]
        sending = [asyncio.ensure_future(one.send(frame(bytes(TOKEN)))) for one in hers]
        await hers[1].until(lambda: all(one.heard for one in hers[:2]))
        small, his = Reader(of, ALICE, LIMIT_BEFORE_AUTHENTICATION), Reader(of, BOB, LIMIT_BEFORE_AUTHENTICATION)
        await small.send(frame(bytes(SMALL)))
        await asyncio.gather(small.until(lambda: small.heard), his.send(frame(bytes(TOKEN))), his.until(lambda: his.heard))
        assert not hers[2].heard
        hers[0].channel.close()
        await hers[2].until(lambda: hers[2].heard)
        await asyncio.gather(*sending)

    play(part)


def test_a_connection_that_ends_gives_its_room_back() -> None:
    """THREATS S-15: in the middle of a frame, while it waits for room, and while it is answered."""

    async def part() -> None:
        of = Room()
        hers = [Reader(of, ALICE) for _ in range(6)]
        for one in hers[:4]:
            await one.send(frame(bytes(LARGE))[: 2 * SMALL])
        waiting = [asyncio.ensure_future(one.send(frame(bytes(LARGE)))) for one in hers[4:]]
        await asyncio.sleep(0.01)
        hers[0].client.close()
        await hers[4].until(lambda: hers[4].heard)
        hers[5].channel.close()
        hers[4].channel.close()
        for one in hers[1:4]:
            one.channel.close()
        for task in waiting:
            task.cancel()
        assert of.place(ALICE).take(16 * MIB, lambda: None)

    play(part)


def test_what_comes_while_nothing_is_read_is_left_where_it_is_and_wakes_the_loop_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most clients say nothing before they are answered: only then is the loop told of a pause. An end is noticed later, too."""

    async def part() -> None:
        of, woken = Room(), 0
        readable = Channel._readable

        def counted(self: Channel) -> None:
            nonlocal woken
            woken += 1
            readable(self)

        monkeypatch.setattr(Channel, "_readable", counted)
        hers = Reader(of, ALICE)
        await hers.send(frame(bytes(3)))
        await hers.until(lambda: hers.heard)
        await hers.send(frame(bytes(5)))
        await hers.until(lambda: woken == 2)
        for _ in range(20):
            await asyncio.sleep(0)
        assert (woken, hers.heard) == (2, [3])
        hers.channel.resume()
        await hers.until(lambda: hers.heard == [3, 5])
        hers.client.close()
        await hers.until(lambda: woken == 4)
        assert hers.ended == []
        hers.channel.resume()
        await hers.until(lambda: hers.ended)
        assert hers.ended == [None]

    play(part)


def test_a_frame_that_begins_and_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS S-07: small or large, in its length or after it; what ends in time, and silence after it, are none."""
    monkeypatch.setattr(channel, "FRAME_WITHIN", 0.3)

    async def part() -> None:
        of = Room()
        whole = Reader(of, ALICE)
        await whole.send(frame(bytes(9)))
        await whole.until(lambda: whole.heard)
        whole.channel.resume()
        for half in (b"\0", frame(bytes(9))[:9], frame(bytes(LARGE))[: 2 * SMALL]):
            slow = Reader(of, ALICE)
            with contextlib.suppress(ConnectionError):  # on a busy host it is given up before all of that has come
                await slow.send(half)
            await slow.until(lambda slow=slow: slow.ended)  # type: ignore[misc]
            assert slow.ended == ["it did not end a frame in time"]
        await whole.send(frame(bytes(7)))
        await whole.until(lambda: len(whole.heard) == 2)
        assert whole.ended == []

    play(part)


def test_the_time_that_a_frame_waits_for_room_is_not_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other side: who is made to wait is not let go for it."""
    monkeypatch.setattr(room, "OF_ONE", LARGE)

    async def is_played(within: float) -> bool:
        """False if the host was too busy to have a large frame read in that time."""
        of = Room()
        first, second = Reader(of, ALICE), Reader(of, ALICE)
        with contextlib.suppress(ConnectionError):
            await first.send(frame(bytes(LARGE)))
        await first.until(lambda: first.heard or first.ended)
        if not first.heard:
            return False
        sending = asyncio.ensure_future(second.send(frame(bytes(LARGE))))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2.5 * within):
                await second.until(lambda: second.ended)
        assert second.ended == []
        first.channel.resume()
        with contextlib.suppress(ConnectionError):
            await sending
        await second.until(lambda: second.heard or second.ended)
        return bool(second.heard)

    async def part() -> None:
        for within in (0.2, 2.0, 10.0):
            monkeypatch.setattr(channel, "FRAME_WITHIN", within)
            if await is_played(within):
                return
        pytest.fail("no large frame is read in ten seconds")

    play(part)


def given(reader: Reader, number: int) -> None:
    for _ in range(number):
        reader.channel.send(b"given", os.open(os.devnull, os.O_RDONLY))


def test_a_client_that_does_not_receive_what_it_is_given_is_given_no_more() -> None:
    """THREATS S-22: the kernel counts what waits for root, on the whole host."""

    async def part() -> None:
        reader, before = Reader(Room(), ALICE), len(os.listdir("/proc/self/fd"))
        given(reader, channel.MOST_GIVEN)
        assert not reader.ended
        given(reader, 2)
        assert reader.ended == ["it does not receive what it is given"]
        assert len(os.listdir("/proc/self/fd")) == before, "the daemon has closed its own"
        for _ in range(channel.MOST_GIVEN):
            _, (descriptor,), _, _ = socket.recv_fds(reader.client, 1 << 16, 1)
            os.close(descriptor)
        assert reader.client.recv(1) == b"", "what came before is there, and nothing more"

    play(part)


def test_a_client_that_receives_what_it_is_given_is_given_any_number() -> None:
    """THREATS S-22."""

    async def part() -> None:
        reader = Reader(Room(), ALICE)
        for _ in range(3):
            given(reader, channel.MOST_GIVEN)
            for _ in range(channel.MOST_GIVEN):
                _, (descriptor,), _, _ = socket.recv_fds(reader.client, 1 << 16, 1)
                os.close(descriptor)
        assert not reader.ended
        reader.channel.close()

    play(part)
