# SPDX-License-Identifier: Apache-2.0
"""An engine that does with each message what it likes: two real servers of NATS, one that hosts dial and one that the desk dials,
and a liar that alone carries between the two.

It can do whatever an engine can: keep a message back, change it, bring it late, twice, or elsewhere, and invent one. It can also
speak section 14 of the protocol to both sides, with numbers that fit, and lie about the frames inside (tests/fleet/lies.py).
"""

from __future__ import annotations

import asyncio
import itertools
import os
import queue
import random
import secrets
import socket
import threading
from _socket import socket as Socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from unittest.mock import patch

from contrib.fleet.hub import ADDRESSES, CLUSTER, SERVER, Hub
from jitd_fleet import nkey, subjects
from jitd_fleet.desk import Desk
from jitd_fleet.engine import Engine
from jitd_fleet.pump import Pump
from jitd_fleet.stream import HEAD, Kind, Side
from jitpam.carrier import AtTheDoor
from jitpam.initiator import Initiator
from tests.fleet.lies import Crossing, Lie, Target, Way
from tests.fleet.stage import Fleet

NEAR = f"tls://{ADDRESSES[1]}:4222"
"""The server that the desk dials. Hosts dial SERVER."""
N_CLIENTS = 24
UNKNOWN = nkey.Key(nkey.make()).public[:-6]
NAMES = (f"{UNKNOWN}{''.join(end)}" for end in itertools.product("ABCDEFGHIJKLMNOPQRSTUVWXYZ", repeat=6))
"""Names of desks that nobody has: an engine may invent one for each conversation, and so is no single source at a door."""
Message = tuple[str, str, bytes]
"""A subject, the subject of the reply, and the body."""
Carry = Callable[[Message], list[tuple[float, Message]]]
"""What a liar makes of a message that it is to carry: messages, each after so many seconds."""


def honest(message: Message) -> list[tuple[float, Message]]:
    return [(0.0, message)]


class Split(Hub):
    """The engine: two servers that know nothing of each other. ``clients`` are desks of their own, in this process."""

    def __init__(self, fleet: Fleet, approvers: tuple[str, ...], n_clients: int = 0) -> None:
        super().__init__(fleet, fleet.hosts, approvers, n=2)
        for machine in self.machines:
            conf = machine.at / "nats-server.conf"
            conf.write_text(conf.read_text().partition(CLUSTER)[0])
        self.seeds["liar"] = nkey.make()
        self._seeds = [nkey.make() for _ in range(n_clients)]
        self.approvers = (*approvers, *(f"client{number}" for number in range(n_clients)))
        self.seeds |= dict(zip(self.approvers[len(approvers) :], self._seeds, strict=True))
        self.write_permissions(*fleet.hosts, more=f"    {{ nkey: {self.public('liar')} }}\n")
        self.clients: queue.SimpleQueue[Client] = queue.SimpleQueue()

    @property
    def urls(self) -> list[str]:
        return [SERVER]

    def table(self) -> str:
        return super().table().replace(SERVER, NEAR)

    def kill_engine(self) -> None:
        for machine in self.machines:
            self.kill_server(machine.name)

    def start_engine(self) -> None:
        for machine in self.machines:
            self.start_server(machine.name)

    def start(self) -> Split:
        super().start()
        self.between = Between(self).start()
        for number, seed in enumerate(self._seeds):
            config = self.at / f"client{number}/jitd"
            config.mkdir(parents=True)
            (config / "nats.nk").write_text(f"{seed}\n")
            (config / "nats.nk").chmod(0o600)
            with patch.dict(os.environ, XDG_CONFIG_HOME=str(config.parent)):
                self.clients.put(Client(nkey.Key(seed).public, Desk("the carrier", (NEAR,), str(self.ca))))
        return self

    def close(self) -> None:
        self.between.close()
        super().close()


class Between:
    """What carries between the two servers, in a thread. ``carry_of`` maps the key of a desk to what is done to its messages, and
    ``lies``, to what is done to the frames of its next conversation.
    """

    def __init__(self, hub: Split) -> None:
        self._hub = hub
        self._loop = asyncio.new_event_loop()
        self.carry_of: dict[str, Carry] = {}
        self.lies: dict[str, Client] = {}
        self._pumps: dict[str, Pump] = {}
        self._tasks: set[asyncio.Task[object]] = set()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def start(self) -> Between:
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10.0)
        return self

    async def _start(self) -> None:
        key = nkey.Key(self._hub.seeds["liar"])
        self.near, self.far = (Engine((at,), key, str(self._hub.ca), lambda: None) for at in (NEAR, SERVER))
        for engine in (self.near, self.far):
            await engine.connect(attempts=-1, name="liar")
        for subject in ("jit.h.>", subjects.roll("*", "*")):
            await self.near.subscribe(subject, self._from_desk)
        await self.far.subscribe("jit.c.>", self._from_host)
        for engine in (self.near, self.far):
            await engine.flush()

    def close(self) -> None:
        for engine in (self.near, self.far):
            asyncio.run_coroutine_threadsafe(engine.close(), self._loop).result(10.0)
        self._loop.call_soon_threadsafe(self._loop.stop)

    def say(self, message: Message) -> None:
        """Say ``message`` to whom its subject names: a desk or a host."""
        engine = self.near if message[0].startswith("jit.c.") else self.far
        self._begin(engine.publish(message[0], message[2], message[1]))

    def _begin(self, work) -> None:  # type: ignore[no-untyped-def]
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- messages

    def _from_desk(self, subject: str, reply: str, body: bytes | None) -> None:
        *_, client, id = subject.split(".")
        if ".dial." in subject and client in self.lies:
            return self._lead(self.lies[client], reply, id)
        if id in self._pumps:
            return self._pumps[id].hear(body or b"")
        return self._carry((subject, reply, body or b""), client)

    def _from_host(self, subject: str, reply: str, body: bytes | None) -> None:
        if body is None:
            return None
        _, _, client, _, id = subject.split(".")
        if id in self._pumps:
            return self._pumps[id].hear(body)
        return self._carry((subject, reply, body), client)

    def _carry(self, message: Message, client: str) -> None:
        for after, one in self.carry_of.get(client, honest)(message):
            self._loop.call_later(after, self.say, one) if after else self.say(one)

    # --- frames

    def _lead(self, client: Client, down: str, id: str) -> None:
        """Be the host to the desk, and a desk to the host. What is inside goes a way of lies."""
        host = client.target.host
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._pump(Side(is_host=True, now=self._loop.time()), ours, self.near, down, id)
        end = Socket(fileno=theirs.detach())
        client.way = Way(end, (host, client.target.doors[1]), client.lie, client.crossing, True, lambda _: None, self._dial)

    def _dial(self, host: str) -> socket.socket:
        """What leads to ``host``. Any thread may call this."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._loop.call_soon_threadsafe(self._reach, host, ours)
        return theirs

    def _reach(self, host: str, end: socket.socket) -> None:
        client, id = next(NAMES), secrets.token_hex(16)
        self._pump(Side(is_host=False, now=self._loop.time()), end, self.far, subjects.up(host, client, id), id)
        self._begin(self.far.publish(subjects.dial(host, client, id), b""))

    def _pump(self, side: Side, end: socket.socket, engine: Engine, subject: str, id: str) -> None:
        async def run() -> None:
            pump = self._pumps[id] = Pump(side, end, lambda message: engine.publish(subject, message))
            try:
                await pump.run()
            finally:
                del self._pumps[id]

        self._begin(run())


@dataclass
class Client:
    """A desk. ``lie`` and ``crossing`` are of its next conversation, about ``target``, which goes the way ``way``."""

    public: str
    desk: Desk
    target: Target = field(default_factory=lambda: Target("", ("", ""), "", ""))
    lie: Lie | None = None
    crossing: Crossing | None = None
    way: Way | None = None


class _Carrier:
    name = "the carrier"

    def __init__(self, client: Client) -> None:
        self._client = client

    def dial(self, host: str, within: float):  # type: ignore[no-untyped-def]
        return self._client.desk.dial(host, within)


class LedByEngine(AtTheDoor):
    """The product's client with the product's carrier. It gives its desk back when it is closed."""

    def __init__(self, hub: Split, target: Target) -> None:
        initiator = Initiator(target.host, target.cache.encode())
        initiator.obtain_ticket()
        self.client = hub.clients.get()
        self.client.target, self.client.way = target, None
        self._hub = hub
        super().__init__(target.host, _Carrier(self.client), initiator)

    @property
    def way(self) -> Way | None:
        return self._way if self.client is None else self.client.way

    def close(self) -> None:
        super().close()
        if self.client is not None:
            client, self._way, self.client = self.client, self.client.way, None
            self._hub.between.lies.pop(client.public, None)
            self._hub.between.carry_of.pop(client.public, None)
            self._hub.clients.put(client)


def led_by(hub: Split, target: Target, lie: Lie | None, crossing: Crossing | None) -> LedByEngine:
    """A person's client, whose frames go a way of lies. ``target.doors`` are the names of two hosts."""
    made = LedByEngine(hub, target)
    assert made.client is not None
    made.client.lie, made.client.crossing = lie, crossing
    hub.between.lies[made.client.public] = made.client
    return made


# --- lies about messages -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OfMessage:
    """What is done to the message number ``at`` of those that go ``way`` in a conversation. ``of`` chooses where."""

    how: str
    way: str
    at: int
    of: int = 0


HOLDS = 6.0
MESSAGE_HOWS = ("lost", "repeated", "late", "held", "flipped", "lengthened", "sent back", "another kind")
MUTE_HOWS = ("cut", "all from here")
"""After these, nothing may come any more, and only the time tells."""


def drawn_of_message(seed: int, number: int, hows: Sequence[str] = MESSAGE_HOWS) -> OfMessage:
    draw = random.Random(f"{seed} message {number}")
    return OfMessage(draw.choice(hows), draw.choice(("up", "down")), draw.randrange(14), draw.randrange(1 << 20))


class Lying:
    """Tells ``lie`` in one conversation. An instance is what Between carries by."""

    def __init__(self, lie: OfMessage) -> None:
        self._lie, self._n = lie, {"up": 0, "down": 0}
        self._late: list[Message] = []
        self._is_ended = False
        self.is_told = False
        self._up = ""

    def __call__(self, message: Message) -> list[tuple[float, Message]]:
        subject, reply, body = message
        if reply:
            self._up = subject.replace(".dial.", ".c.")
            self._down = reply
            return [(0.0, message)]
        way = "down" if subject.startswith("jit.c.") else "up"
        n = self._n[way]
        self._n[way] += 1
        if self._is_ended:
            return []
        if (way, n) != (self._lie.way, self._lie.at):
            late, self._late = (self._late, []) if way == self._lie.way else ([], self._late)
            return [(0.0, message), *((0.0, one) for one in late)]
        self.is_told = True
        return [(after, (to, "", said)) for after, to, said in self._told(subject, body)]

    def _told(self, subject: str, body: bytes) -> list[tuple[float, str, bytes]]:
        of = self._lie.of
        match self._lie.how:
            case "lost":
                return []
            case "all from here":
                self._is_ended = True
                return []
            case "repeated":
                return [(0.0, subject, body)] * 2
            case "late":
                self._late.append((subject, "", body))
                return []
            case "held":
                return [(HOLDS, subject, body)]
            case "flipped":
                at = of // 8 % HEAD  # bytes behind it are those of a frame (tests/fleet/lies.py)
                return [(0.0, subject, body[:at] + bytes([body[at] ^ 1 << of % 8]) + body[at + 1 :])]
            case "cut":
                return [(0.0, subject, body[: of % len(body)])]
            case "lengthened":
                return [(0.0, subject, body + bytes(1 + of % 64))]
            case "sent back":
                return [(0.0, self._down if subject == self._up else self._up, body)]
        return [(0.0, subject, bytes([of % 9]) + body[1:])]


class Keeping:
    """Keeps all that a desk says from its DATA number ``n`` on, and sets ``has_kept``. An instance is what Between carries by."""

    def __init__(self, n: int) -> None:
        self._left = n
        self.has_kept = threading.Event()

    def __call__(self, message: Message) -> list[tuple[float, Message]]:
        if message[0].startswith("jit.c.") or message[1]:
            return [(0.0, message)]
        self._left -= message[2][:1] == bytes((Kind.DATA,))
        if self._left >= 0:
            return [(0.0, message)]
        self.has_kept.set()
        return []


class Still:
    """Once ``stands`` is set, keeps all that the host says, and acknowledges it in the place of the desk. ``kept`` has it. An
    instance is what Between carries by.
    """

    def __init__(self) -> None:
        self.stands = threading.Event()
        self.kept: list[bytes] = []
        self._up = ""

    def __call__(self, message: Message) -> list[tuple[float, Message]]:
        subject, reply, body = message
        if reply:
            self._up = subject.replace(".dial.", ".c.")
        if not self.stands.is_set() or not subject.startswith("jit.c.") or body[0] == Kind.RECEIVED:
            return [(0.0, message)]
        self.kept.append(body)
        return [(0.0, (self._up, "", bytes((Kind.RECEIVED,)) + body[1:HEAD]))]


def lied_to(hub: Split, target: Target, lying: Carry) -> LedByEngine:
    """A person's client, in whose messages ``lying`` lies."""
    made = LedByEngine(hub, target)
    assert made.client is not None
    hub.between.carry_of[made.client.public] = lying
    return made
