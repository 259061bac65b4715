# SPDX-License-Identifier: Apache-2.0
"""A carrier that lies, between the product's own client and a real door.

It stands in the place of the command after ``--via``, on the other end of the same socket pair, sees the frames of both sides,
and changes one of them, or delivers them elsewhere. A lie follows from its seed and its number alone, and its ``repr`` makes it
again.
"""

from __future__ import annotations

import base64
import json
import pickle
import random
import re
import select
import socket
import subprocess
import sys
import threading
import time
from _socket import socket as Socket
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from jitpam.carrier import CARRIED_WITHIN, AtTheDoor, Command
from jitpam.client import NotAuthenticated, RefusedByDaemon, Unreachable
from jitpam.initiator import Initiator
from jitpam.wire.coding import encode
from jitpam.wire.framing import frame
from jitpam.wire.messages import Carried, DaemonHello, DaemonToken, Done, Item, Refused, Show, Slow, Stamp, Welcome
from tests.attacks.at_door import SOURCES
from tests.attacks.raw import review
from tests.mutation import EDGES, Mutator

TREE = Path(__file__).parents[2]
MARK = "\x1b]0;the wire\x07 LIE \x1b[2J"
"""What only a carrier says, and no person may be shown."""
IDLE = 0.3
"""Seconds without a byte after which a carrier that has lied ends: to wait longer is no other lie."""
UP = ("hello", "token", "show", "stamp", "review")
DOWN = ("hello", "token", "welcome", "row", "done", "stamped")
"""The frames of an approval until the word that permits is on its way."""
TOO_MANY = "says that it has too much to do"
"""What a client says whom the door's limits have stopped, so that nothing was tried."""


@dataclass(frozen=True)
class Lie:
    """What is done to the frame number ``at`` of those that go ``way``. ``of`` chooses where, or with what."""

    how: str
    way: str
    at: int
    of: int = 0


def _at(data: bytes, of: int) -> int:
    return of % len(data)


def _flip(data: bytes, of: int) -> bytes:
    at = _at(data, of // 8)
    return data[:at] + bytes([data[at] ^ 1 << of % 8]) + data[at + 1 :]


def _mutate(data: bytes, of: int) -> bytes:
    draw = Mutator(of)
    while (made := draw.bytes_of(data)).startswith(data):
        pass  # bytes behind a word that is whole do not change the word
    return made


def _invent(way: str, of: int) -> bytes:
    """A frame that nobody has sealed, with text for the person's eyes."""
    said = (
        Refused(code="unauthenticated", text=MARK),
        Refused(code="not_done", text=MARK),
        Refused(code="protocol", text=MARK),
        Refused(code="failed", text=MARK),
        Refused(code="forbidden", text=MARK),
        Refused(code=MARK, text=MARK),
        Slow(left_ms=of % 90_000),
        Done(text=MARK),
        Item(row={"id": MARK, "argv": [MARK]}),
        DaemonHello(version=of % 3, nonce=bytes(32)),
        DaemonToken(token=MARK.encode()),
        Welcome(principal=MARK, user=MARK, host=MARK, until=None, operator=True),
    )
    return frame(encode(said[of % len(said)] if way == "down" else Stamp()))


FRAMES: dict[str, Callable[[Lie, bytes, list[bytes]], list[bytes]]] = {
    "flipped": lambda lie, data, before: [_flip(data, lie.of)],
    "cut": lambda lie, data, before: [data[: _at(data, lie.of)]],
    "shortened": lambda lie, data, before: [frame(data[4:][: _at(data[4:], lie.of)])],
    "lengthened": lambda lie, data, before: [frame(data[4:] + random.Random(lie.of).randbytes(1 + lie.of % 64))],
    "repeated": lambda lie, data, before: [data] * (2 + lie.of % 3),
    "left out": lambda lie, data, before: [],
    "an earlier one": lambda lie, data, before: [before[lie.of % len(before)] if before else frame(b"{}")],
    "noise": lambda lie, data, before: [frame(random.Random(lie.of).randbytes(max(1, len(data) - 4)))],
    "mutated": lambda lie, data, before: [_mutate(data, lie.of)],
    "invented before it": lambda lie, data, before: [_invent(lie.way, lie.of), data],
    "invented in its place": lambda lie, data, before: [_invent(lie.way, lie.of)],
    "huge": lambda lie, data, before: [(EDGES[lie.of % len(EDGES)] % (1 << 32)).to_bytes(4, "big") + data[4:]],
    "an unsealed twin": lambda lie, data, before: [frame(b'{"type":"review"}'), data],
}
"""What comes in the place of one frame."""
HOWS = (*FRAMES, "sent back", "late", "crossed", "elsewhere")
"""Those, and: it goes back to who said it, or after the next one, or to another conversation, or to another host."""
HELD = "held"
"""It goes on unchanged, ``of`` seconds later. This one is not drawn, because most of them would take as long."""
NOT_KNOWN = "whether it was done is not known: look before you try again"
_BROKEN = "Unreachable: jitd broke the protocol: "
OWN = re.compile(
    "("
    "Unreachable: the carrier closed the connection: the carrier"
    "|Unreachable: what the carrier leads to does not answer as jitd on HOST would: the carrier"
    r"(; if a shell on the way says that, its start files \(\.bashrc\) must say nothing where there is no terminal)?"
    f"|{_BROKEN}a message was not sealed by jitd/HOST, or came out of order: .*"
    f"|{_BROKEN}a frame of .*"
    "|Unreachable: jitd on HOST does not answer"
    "|(Unreachable|NotAuthenticated): what answers has not proved to be HOST, and .*"
    f")(; nothing was done|; {NOT_KNOWN})?"
)
"""What a client says if it notices that something is wrong."""


def drawn(seed: int, number: int) -> Lie:
    """The lie ``number`` of those that follow from ``seed``."""
    draw = random.Random(f"{seed} {number}")
    how = draw.choice(HOWS)
    way = draw.choice(("up", "up", "down"))
    at = draw.randrange(len(UP if way == "up" else DOWN))
    if way == "up" and at == len(UP) - 1 and how == "repeated":
        at -= 1  # of two that are the word itself, the first is the person's own
    if way == "down" and at == len(DOWN) - 1 and how in ("repeated", "late"):
        at -= 1  # the client has heard what it waits for, and speaks
    if how == "late" and way == "up" and at == len(UP) - 1:
        at -= 1
    if how == "crossed" and way == "up":
        at = max(at, 1)  # before that, each of the two ways is whole
    return Lie(how, way, at, draw.randrange(1 << 30))


_SMALL = re.compile(rb"(?s)([\xa0\xa1]\x03\x02\x01).")


def is_same(said: bytes, told: bytes) -> bool:
    """True if both are tokens, and differ only in a small integer of what Kerberos does not encrypt. Of these, MIT's library
    takes another type of the service's name, and of the answer. None of them says who somebody is, or proves it.
    """
    if said[:4] != told[:4]:
        return False
    try:
        one, other = (base64.b64decode(json.loads(data[4:])["token"], validate=True) for data in (said, told))
    except (ValueError, KeyError, TypeError):
        return False
    return _bare(one) == _bare(other)


def _bare(token: bytes) -> bytes:
    return _SMALL.sub(rb"\1\0", token[:128]) + token[128:]


class Crossing:
    """Two conversations that change doors at a frame, if both come so far."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2)
        self._doors: list[socket.socket] = []

    def other(self, mine: socket.socket) -> socket.socket:
        """The door of the other one. Raises StopIteration if it does not come so far: then nothing is crossed."""
        self._doors.append(mine)
        try:
            self._barrier.wait(5.0)
        except threading.BrokenBarrierError:
            raise StopIteration from None
        return next(door for door in self._doors if door is not mine)


def at_door(path: str) -> socket.socket:
    """What leads to the door at ``path``, as a carrier's own program does."""
    door = socket.socket(socket.AF_UNIX)
    try:
        door.connect(path)
        door.sendall(frame(encode(Carried(carrier="ssh", source=next(SOURCES)))))
    except OSError:
        door.close()
        raise
    return door


class Way:
    """One conversation's way. ``doors`` are that of the host, and that of another one, to which ``dial`` leads."""

    def __init__(
        self,
        end: Socket,
        doors: Sequence[str],
        lie: Lie | None,
        crossing: Crossing | None,
        is_spared: bool,
        hold: Callable[[float], None],
        dial: Callable[[str], socket.socket] = at_door,
    ) -> None:
        self._lie, self._crossing, self._is_spared, self._hold = lie, crossing, is_spared, hold
        self.is_told = False
        """True once the lie was told."""
        self._client = socket.socket(fileno=end.detach())
        self._sides = {"up": bytearray(), "down": bytearray()}
        self.seen: dict[str, list[bytes]] = {"up": [], "down": []}
        self._kept: list[bytes] = []
        is_elsewhere = lie is not None and lie.how == "elsewhere" and (lie.at == 0 or lie.way == "down")
        self._other = doors[1]
        self.is_told = is_elsewhere
        self._dial = dial
        self._door = dial(doors[1] if is_elsewhere else doors[0])
        self._owned = [self._door]
        threading.Thread(target=self._carry, daemon=True).start()

    @property
    def has_word(self) -> bool:
        """True if the carrier has had what permits."""
        return len(self.seen["up"]) >= len(UP)

    def _carry(self) -> None:
        try:
            with suppress(OSError, StopIteration, ValueError):  # the door of a crossed one may be closed by now
                self._copy()
        finally:
            for end in (self._client, *self._owned):
                end.close()

    def _copy(self) -> None:
        while True:
            poll = select.poll()
            poll.register(self._client, select.POLLIN)
            poll.register(self._door, select.POLLIN)
            ready = poll.poll(IDLE * 1000 if self.is_told else 10_000)
            if not ready:
                return
            for descriptor, _ in ready:
                way, source = ("up", self._client) if descriptor == self._client.fileno() else ("down", self._door)
                data = source.recv(1 << 16)
                if not data:
                    return
                side = self._sides[way]
                side += data
                while len(side) >= 4 and len(side) >= 4 + int.from_bytes(side[:4], "big"):
                    end = 4 + int.from_bytes(side[:4], "big")
                    one = bytes(side[:end])
                    del side[:end]
                    self._deliver(way, one)

    def _deliver(self, way: str, data: bytes) -> None:
        number = len(self.seen[way])
        self.seen[way].append(data)
        lie = self._lie
        if lie is not None and (way, number) == (lie.way, lie.at) and not (lie.how == "elsewhere" and self.is_told):
            if lie.how == "crossed":
                assert self._crossing is not None
                self._door = self._crossing.other(self._door)
            made = FRAMES[lie.how](lie, data, self.seen[way][:number]) if lie.how in FRAMES else []
            if len(made) == 1 and is_same(data, made[0]) and self._is_spared:
                raise StopIteration  # an honest one would permit
            self.is_told = True
            if lie.how == "sent back":
                return (self._client if way == "up" else self._door).sendall(data)
            if lie.how == "late":
                self._kept.append(data)
                return None
            if lie.how == "elsewhere":
                self._door = self._dial(self._other)
                self._owned.append(self._door)
            elif lie.how == HELD:
                self._hold(lie.of)
            elif lie.how != "crossed":
                return self._send(way, made)
        self._send(way, [data])
        if lie is not None and self._kept and (way, number) == (lie.way, lie.at + 1):
            self._send(way, [self._kept.pop()])
        return None

    def _send(self, way: str, said: list[bytes]) -> None:
        for one in said:
            (self._door if way == "up" else self._client).sendall(one)
        if self._lie is not None and self._lie.how == "cut" and self.is_told:
            raise StopIteration


class Led(AtTheDoor):
    """The product's client. What leads it is a Way in this process, and everything else is its own."""

    def __init__(self, host: str, initiator: Initiator, made: Callable[[Socket], Way]) -> None:
        super().__init__(host, Command(("the", "carrier")), initiator)
        self._made = made
        self.way: Way | None = None

    def _connect(self, until: float) -> None:
        self._socket.close()
        ours, theirs = socket.socketpair()
        self._socket = Socket(fileno=ours.detach())
        self._socket.setblocking(False)
        self.way = self._made(theirs)


Answer = tuple[str, bool, bool]
"""What a person is told; whether that is what nobody may believe; and whether the lie was told."""


@dataclass
class Target:
    """The host that is meant, with what is asked there; and the door of another one."""

    host: str
    doors: tuple[str, str]
    id: str
    cache: str


@dataclass
class Told:
    """What came of lies: how often a client said what; and each lie after which a client believed something, or said that
    nothing was done although its word was on its way.
    """

    said: Counter[str] = field(default_factory=Counter)
    believed: list[tuple[Lie, str]] = field(default_factory=list)
    n_told: int = 0
    n_untold: int = 0

    def __iadd__(self, other: Told) -> Told:
        self.said += other.said
        self.believed += other.believed
        self.n_told += other.n_told
        self.n_untold += other.n_untold
        return self


def led(
    target: Target,
    lie: Lie | None,
    crossing: Crossing | None = None,
    *,
    is_spared: bool = True,
    hold: Callable[[float], None] = time.sleep,
) -> Led:
    """The client of a person at a desk, not connected yet. With ``is_spared``, a lie that is_same is not told. ``hold`` has so
    many seconds pass on the clock of the host.
    """
    initiator = Initiator(target.host, target.cache.encode())
    initiator.obtain_ticket()
    return Led(target.host, initiator, lambda end: Way(end, target.doors, lie, crossing, is_spared, hold))


def connected(made: Led) -> Led:
    made.open(time.monotonic() + CARRIED_WITHIN)
    made.ready()
    return made


def unnoticed(target: Target, lies: Sequence[Lie]) -> list[Lie]:
    """Those of ``lies`` after which a client is connected. Each is about a frame of the handshake."""
    found = []

    def work(some: Sequence[Lie]) -> None:
        for lie in some:
            for _ in range(100):
                made = led(target, lie, is_spared=False)
                try:
                    welcome = connected(made).welcome
                    assert (welcome.principal, welcome.host) == ("bob@EXAMPLE.TEST", target.host)
                    found.append(lie)
                except (Unreachable, NotAuthenticated) as fault:
                    if TOO_MANY in str(fault):
                        time.sleep(0.2)
                        continue
                finally:
                    made.close()
                break

    at_once([partial(work, lies[k::8]) for k in range(8)])
    return found


Make = Callable[[Target, Lie | None, Crossing | None], Led]
"""What makes a client, and has it led by a Way: ``led``, for one."""


def approve(target: Target, lie: Lie | None, crossing: Crossing | None = None, make: Make = led) -> Answer:
    """A person at a desk approves ``target.id``. Return what they are told, and whether it was believed, and the lie told."""
    made = make(target, lie, crossing)
    try:
        connected(made)
        try:
            (row,) = made.ask(Show(id=target.id))
            if row["id"] != target.id:
                return f"another row: {row['id']}", True, True
            return made.do(review(row)), True, made.way is not None and made.way.is_told
        finally:
            made.close()
    except (Unreachable, NotAuthenticated, RefusedByDaemon) as fault:
        kind = Unreachable if isinstance(fault, Unreachable) else type(fault)
        said = f"{kind.__name__}: {fault}"
        way = made.way
        if way is None:
            return said, False, False
        return said, way.has_word and NOT_KNOWN not in said, way.is_told


def tell(target: Target, lies: Sequence[Lie], told: Told, lock: Any, make: Make = led) -> None:
    for lie in lies:
        for _ in range(1 if lie.how.startswith("invented") else 20):  # some of these are in the words of such a limit
            if lie.how == "crossed":
                crossing = Crossing()
                answers: list[Answer] = []

                def one_of_two(lie: Lie = lie, crossing: Crossing = crossing, into: list[Answer] = answers) -> None:
                    into.append(approve(target, lie, crossing, make))

                at_once([one_of_two] * 2)
            else:
                answers = [approve(target, lie, None, make)]
            if not any(TOO_MANY in said for said, _, _ in answers):
                break
            time.sleep(0.3)
        with lock:
            for said, is_believed, is_told in answers:
                told.said[said.replace(target.id, "ID").replace(target.host, "HOST")] += 1
                told.n_told += is_told
                told.n_untold += not is_told
                if is_believed:
                    told.believed.append((lie, said))


def tell_all(target: Target, lies: Sequence[Lie], n_threads: int = 8, make: Make = led) -> Told:
    """Tell all of ``lies``, several at once."""
    told, lock = Told(), threading.Lock()
    at_once([partial(tell, target, lies[k::n_threads], told, lock, make) for k in range(n_threads)])
    return told


def at_once(works: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def fewest(lies: Sequence[Lie], permits: Callable[[Sequence[Lie]], bool]) -> Sequence[Lie]:
    """Of ``lies``, which together permit, some that do so without the others."""
    n = 2
    while len(lies) > 1:
        size = -(-len(lies) // n)
        parts = [lies[at : at + size] for at in range(0, len(lies), size)]
        found = next((part for part in parts if permits(part)), None)
        if found is not None:
            lies, n = found, 2
        elif size == 1:
            break
        else:
            n = min(2 * n, len(lies))
    return lies


class Liar:
    """A process that tells lies, so that several hosts are lied to at once."""

    def __init__(self, target: Target, lies: Sequence[Lie]) -> None:
        line = [sys.executable, "-c", "from tests.fleet import lies; lies.serve()"]
        self._process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=TREE)
        assert self._process.stdin is not None
        with self._process.stdin as to:
            pickle.dump((target, lies), to)

    def end(self) -> Told:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            data = stream.read()
        assert self._process.wait() == 0
        told: Told = pickle.loads(data)
        return told


def serve() -> None:
    """The other half of Liar."""
    target, lies = pickle.load(sys.stdin.buffer)
    pickle.dump(tell_all(target, lies), sys.stdout.buffer)
