# SPDX-License-Identifier: Apache-2.0
"""An engine that lies, between a person at a desk and real hosts. What lies is a user of the real one that may say and hear
everything, which is all that an engine can do to a conversation but to keep messages back; for that, an agent is replaced.
"""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Callable, Iterator

import pytest

from contrib.fleet.hub import SERVER, Hub, stop
from jitd_fleet import nkey, subjects
from jitd_fleet.engine import Engine
from jitd_fleet.stream import Kind, Side
from tests.fleet.stage import Fleet

Heard = Callable[["Liar", str, str, bytes], None]
"""What a liar does when it hears a message: its subject, the subject of the reply, and its body."""


class Liar:
    """A user of the engine that may do everything, in a thread. ``hear`` gets each message of a conversation."""

    def __init__(self, hub: Hub, seed: str, hear: Heard) -> None:
        self._hub, self._seed, self._hear = hub, seed, hear
        self._loop = asyncio.new_event_loop()
        self.seen: list[tuple[str, bytes]] = []
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def __enter__(self) -> Liar:
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10.0)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._engine.close(), self._loop).result(10.0)
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _start(self) -> None:
        self._engine = Engine((SERVER,), nkey.Key(self._seed), str(self._hub.ca), lambda: None)
        await self._engine.connect(attempts=1, name="liar")
        await self._engine.subscribe("jit.>", self._heard)
        await self._engine.flush()

    def _heard(self, subject: str, reply: str, message: bytes | None) -> None:
        self.seen.append((subject, message or b""))
        self._hear(self, subject, reply, message or b"")

    def say(self, subject: str, message: bytes, reply: str = "") -> None:
        self._loop.create_task(self._engine.publish(subject, message, reply))


@pytest.fixture(scope="module")
def hub(three: Fleet) -> Iterator[Hub]:
    made = Hub(three, three.hosts, ("bob", "carol"))
    made.seeds["liar"] = nkey.make()
    made.write_permissions(*three.hosts, more=f"    {{ nkey: {made.public('liar')} }}\n")
    try:
        yield made.start()
    finally:
        made.close()


def liar(hub: Hub, hear: Heard) -> Liar:
    return Liar(hub, hub.seeds["liar"], hear)


def approved(hub: Hub, id: str, name: str = "db1") -> subprocess.CompletedProcess[str]:
    return hub.fleet.desk("approve", "--yes", f"{id}@{name}")


def is_data(message: bytes) -> bool:
    return message[:1] == bytes((Kind.DATA,))


OUT_OF_ORDER = (
    "lost, repeated or changed on the way",
    "more than one answers for db1.example.test",
    "has not arrived: try again",
)


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("way", ["jit.c.", "jit.h."])
def test_a_message_that_is_repeated_ends_the_conversation_in_words_and_nothing_is_permitted(
    hub: Hub, way: str, number: int
) -> None:
    """THREATS F-30."""
    host = hub.fleet.hosts["db1"]
    id = host.waits()
    n = 0

    def repeat(liar: Liar, subject: str, reply: str, message: bytes) -> None:
        nonlocal n
        if subject.startswith(way) and message[:1] not in (b"", bytes((Kind.RECEIVED,))):
            n += 1
            if n == number + 1:
                liar.say(subject, message)

    with liar(hub, repeat):
        done = approved(hub, id)
    if n <= number:
        pytest.skip("the conversation has not so many messages")
    was_last = n == number + 1 and done.returncode == 0  # of its way: who hears it again has heard all
    if was_last or "its answer was lost on the way" in done.stderr:  # the person's word was on its way before the lie was told
        assert done.returncode == 0 and host.state_of(id) == "approved", done
        return
    assert done.returncode != 0 and any(words in done.stderr for words in OUT_OF_ORDER), done
    assert host.is_untouched(id)


@pytest.mark.parametrize("kind", list(Kind))
def test_an_invented_message_ends_the_conversation_in_words_and_nothing_is_permitted(hub: Hub, kind: Kind) -> None:
    """THREATS F-31."""
    host = hub.fleet.hosts["db1"]

    def invent(liar: Liar, subject: str, reply: str, message: bytes) -> None:
        if message[:1] == bytes((Kind.OPENED,)):
            liar.say(subject, bytes((kind,)) + (1).to_bytes(4, "big") + b"\0")

    with liar(hub, invent):
        for _ in range(5):  # on a busy host, a lie may come when all is over
            id = host.waits()
            done = approved(hub, id)
            if done.returncode != 0:
                break
    assert done.returncode != 0 and "db1.example.test" in done.stderr and "\0" not in done.stderr, done
    assert host.is_untouched(id)


def test_one_clients_messages_in_the_conversation_of_another_one_end_it(hub: Hub) -> None:
    """THREATS F-34."""
    host = hub.fleet.hosts["db1"]
    ids = [host.waits(), host.waits()]
    of_held = ""
    is_crossing = threading.Event()

    def cross(liar: Liar, subject: str, reply: str, message: bytes) -> None:
        nonlocal of_held
        if subject.startswith("jit.h.db1_example_test.c.") and is_data(message):
            if not is_crossing.is_set():
                of_held = subject
            elif subject != of_held:
                liar.say(of_held, message)

    line = ["as", "bob", "jitd", "--host", "db1", "requests", "--watch"]
    with liar(hub, cross), subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=-1, stderr=-1, text=True, cwd="/") as held:
        assert held.stdout is not None and held.stderr is not None
        try:
            assert held.stdout.readline()
            is_crossing.set()
            done = approved(hub, ids[0])
            assert "a message to db1.example.test was lost, repeated or changed on the way" in held.stderr.read()
        finally:
            held.kill()
    assert done.returncode == 0 and host.state_of(ids[0]) == "approved", done
    assert host.is_untouched(ids[1])


def test_who_hides_a_host_is_told_within_seconds_and_the_others_are_listed(hub: Hub) -> None:
    """THREATS F-30. The agent is gone, and the engine says in its place that it is there."""
    hub.stop_agent("mail3")

    def pretend(liar: Liar, subject: str, reply: str, message: bytes) -> None:
        if subject.startswith("jit.h.mail3_example_test.dial."):
            liar.say(reply, Side(is_host=True, now=0.0).outgoing()[0])

    with liar(hub, pretend):
        done = hub.fleet.desk("--hosts", "@all", "requests")
    assert done.returncode == 1, done
    assert "what was sent to mail3.example.test was not acknowledged within 5 s" in done.stderr, done
    assert done.stderr.splitlines()[-1] == "jitd: 1 of 3 hosts did not do what was asked"
    done = hub.fleet.desk("--host", "mail3", "requests")
    assert done.returncode == 125 and "no agent of mail3.example.test is connected to the engine" in done.stderr, done
    hub.start_agent("mail3")


def test_another_host_in_its_place_is_refused(hub: Hub) -> None:
    """THREATS F-03. All messages are led to another host."""
    ids = {name: hub.fleet.hosts[name].waits() for name in ("web2", "mail3")}
    hub.stop_agent("web2")

    def lead(liar: Liar, subject: str, reply: str, message: bytes) -> None:
        if "web2_example_test" in subject and subject.startswith("jit.h."):
            liar.say(subject.replace("web2", "mail3"), message, reply.replace("web2", "mail3"))
        elif subject.startswith("jit.c.") and "mail3_example_test" in subject:
            liar.say(subject.replace("mail3", "web2"), message)

    with liar(hub, lead):
        done = approved(hub, ids["web2"], "web2")
    assert done.returncode != 0 and "what answers has not proved to be web2.example.test" in done.stderr, done
    assert all(hub.fleet.hosts[name].is_untouched(id) for name, id in ids.items())
    hub.start_agent("web2")


def test_two_machines_with_one_name_are_told(hub: Hub) -> None:
    """THREATS F-32."""
    host = hub.fleet.hosts["db1"]
    id = host.waits()
    as_door = ("setpriv", "--reuid=jitd-door", "--regid=jitd-door", "--clear-groups", "/usr/bin/jitd-door", "nats")
    with subprocess.Popen(host.inside(*as_door), stderr=subprocess.PIPE, text=True) as second:
        assert second.stderr is not None and "connected" in second.stderr.readline()
        done = approved(hub, id)
        stop(second)
    assert done.returncode != 0 and "more than one answers for db1.example.test" in done.stderr, done
    assert host.is_untouched(id)


def test_a_key_hears_and_says_nothing_but_its_own(hub: Hub) -> None:
    """THREATS F-33, F-36. The engine is honest here: strangers, hosts and approvers are not."""
    heard: list[str] = []
    bob, web2, db1 = hub.public("bob"), "web2.example.test", "db1.example.test"

    async def spy(seed: str, subject: str, says: tuple[str, ...]) -> None:
        engine = Engine((SERVER,), nkey.Key(seed), str(hub.ca), lambda: None)
        await engine.connect(attempts=1, name="")
        await engine.subscribe(subject, lambda subject, reply, message: heard.append(subject))
        for one in says:
            await engine.publish(one, b"\1\0\0\0\0")
        await engine.flush()
        assert hub.fleet.desk("--host", "db1", "requests").returncode == 0
        await engine.flush()
        await engine.close()

    with liar(hub, lambda *_: None) as all_of_it:
        asyncio.run(spy(hub.seeds["carol"], f"jit.c.{bob}.>", (f"jit.c.{bob}.db1_example_test.{'0' * 32}",)))
        as_bob = (subjects.dial(db1, bob, "3" * 32), subjects.up(db1, bob, "4" * 32), subjects.roll(bob, "5" * 32))
        asyncio.run(spy(hub.seeds["carol"], "jit.h.>", as_bob))
        asyncio.run(spy(hub.seeds["web2"], "jit.h.db1_example_test.>", (f"jit.c.{bob}.db1_example_test.{'1' * 32}",)))
        asyncio.run(spy(hub.seeds["web2"], "jit.c.>", (subjects.dial(db1, bob, "2" * 32), subjects.up(web2, bob, "2" * 32))))
    assert heard == []
    said = {subject for subject, _ in all_of_it.seen}
    assert said and not any(subject.endswith(digit * 32) for subject in said for digit in "012345")
    stranger = hub.fleet.desk("--host", "db1", "requests", who="eve")
    assert stranger.returncode != 0
