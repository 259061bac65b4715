# SPDX-License-Identifier: Apache-2.0
"""``jitd-door nats``: keeps one connection to an engine, and carries each conversation that comes by it to the door of this host,
for hosts to which nobody can connect (PROTOCOL.md section 14). When a desk calls the roll, it answers with jitd's own word.

Law: as ``jitd-door stdio``, it reads none of the bytes, and logs none. Its key lets it speak to the engine, and gives no right at
jitd. Who may come, jitd decides. This process bounds only itself.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tomllib
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from jitd_fleet import subjects
from jitd_fleet.engine import Engine, NoEngine
from jitd_fleet.enrolling import KEY
from jitd_fleet.nkey import Key, NoKey, load
from jitd_fleet.own_door import SOCKET, say, why_not
from jitd_fleet.own_word import OwnWord
from jitd_fleet.pump import Pump
from jitd_fleet.servers import servers_of
from jitd_fleet.stream import Side, Why
from jitpam.wire.coding import encode
from jitpam.wire.framing import frame
from jitpam.wire.messages import Carried

SETTINGS = "/etc/jitd/door.toml"
MOST = 512  # conversations at the same time. Each keeps at most 256 KiB that jitd has not taken yet.
MOST_OF_ONE = 32  # the same, of one client, so that one of them leaves room for the others
MOST_BEGUN, MOST_BEGUN_BY_ONE = 96, 16  # conversations that are begun within a second, and those of one client. As at the door
MOST_CALLS, MOST_CALLS_OF_ONE = 50, 5
"""Maximum number of calls of the roll that are answered within a second. Whose call is not, asks the host itself. No desk calls
more often than MOST_CALLS_OF_ONE, so the key that does is named in the journal.
"""
SAYS_EVERY = 60.0  # seconds between two lines of the journal about the same thing: each who dials would write one
LEFT_WITHIN = 2.0  # seconds that the other ends have to hear that this one goes


class BadSettings(Exception):
    """The settings cannot be used. The message says why."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The table ``[nats]`` of door.toml."""

    servers: tuple[str, ...]
    host: str
    key: str = KEY
    ca: str = ""


def read(file: str = SETTINGS) -> Settings:
    """Read the settings. systemd passes the key, which is root's, if this is a service of it. Raises BadSettings."""
    try:
        with open(file, "rb") as opened:
            table = tomllib.load(opened).get("nats")
    except OSError as fault:
        raise BadSettings(f"{file} cannot be read: {fault.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise BadSettings(f"{file} is not TOML: {fault}") from None
    if not isinstance(table, dict):
        raise BadSettings(f"{file} needs a table [nats] with servers and host")
    if unknown := sorted(table.keys() - {"servers", "host", "key", "ca"}):
        raise BadSettings(f"{file}: [nats] has no key {unknown[0]} (it has: ca, host, key, servers)")
    if (servers := servers_of(table.get("servers"))) is None:
        raise BadSettings(f"{file}: servers must be a list such as ['tls://hub1.example.org:4222']")
    host, key, ca = table.get("host"), table.get("key", KEY), table.get("ca", "")
    if not isinstance(host, str) or not subjects.HOST.fullmatch(host):
        raise BadSettings(f"{file}: host must be the name in the host's key, in lower case (klist -k /etc/jitd/jitd.keytab)")
    if not isinstance(key, str) or not isinstance(ca, str):
        raise BadSettings(f"{file}: key and ca must be names of files")
    if directory := os.environ.get("CREDENTIALS_DIRECTORY"):
        key = os.path.join(directory, "door.nk")
    return Settings(servers, host, key, ca)


def serve() -> int:
    """Carry until SIGTERM. Return the exit status: 0, or 1 if there is no key, or the settings are wrong."""
    try:
        settings = read()
        key = load(settings.key)
        return asyncio.run(_serve(settings, key))
    except (BadSettings, NoKey, NoEngine) as fault:
        say(f"jitd-door: {fault}", 2)
        return 1


async def _serve(settings: Settings, key: Key) -> int:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    engine = Engine(settings.servers, key, settings.ca, ended.set)
    engine.tell = lambda sentence: say(f"jitd-door: {sentence}", 2)
    agent = Agent(engine, settings.host)
    connecting = asyncio.ensure_future(agent.start())
    ending = asyncio.ensure_future(ended.wait())
    await asyncio.wait((connecting, ending), return_when=asyncio.FIRST_COMPLETED)
    if not connecting.done():
        connecting.cancel()
        return 0
    connecting.result()
    say(f"jitd-door: connected, as {settings.host} with the key {key.public}", 2)
    await ending
    await agent.leave()
    await engine.close()
    return 0


class _Counted:
    """Counts what clients have done in the present second: at most ``most``, and ``most_of_one`` of each."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._since = -1.0
        self._of: Counter[str] = Counter()

    def is_greedy(self, client: str) -> bool:
        """True if ``client`` has done as much in this second as one may."""
        return self._of[client] >= self._most_of_one

    def another(self, client: str, now: float) -> bool:
        """Count another one of ``client``. Return False if there are too many."""
        if now >= self._since + 1:
            self._since = now
            self._of.clear()
        if self.is_greedy(client) or self._of.total() >= self._most:
            return False
        self._of[client] += 1
        return True


class Agent:
    """Carries what comes by ``engine`` for ``host`` to the door at ``path``."""

    def __init__(self, engine: Engine, host: str, path: str = SOCKET) -> None:
        self._engine, self._host, self._path = engine, host, path
        self._pumps: dict[tuple[str, str], Pump] = {}  # by client and id
        self._tasks: set[asyncio.Task[None]] = set()
        self._word = OwnWord(path)
        self._following: asyncio.Task[None] | None = None
        self._begun = _Counted(MOST_BEGUN, MOST_BEGUN_BY_ONE)
        self._calls = _Counted(MOST_CALLS, MOST_CALLS_OF_ONE)
        self._said_at: dict[str, float] = {}  # by what was said, when it was said last

    async def start(self) -> None:
        await self._engine.subscribe(subjects.up(self._host, "*", "*"), self._hear)
        await self._engine.subscribe(subjects.dial(self._host, "*", "*"), self._dialled)
        await self._engine.subscribe(subjects.roll("*", "*"), self._called)
        self._engine.changed = self._engine_is
        await self._engine.connect(attempts=-1, name=self._host)

    def _engine_is(self, is_there: bool) -> None:
        """Have the roll called only while the engine is there, so that jitd can tell of an agent that has none."""
        if self._following is not None:
            self._following.cancel()
            self._following = None
        if is_there:
            self._following = asyncio.get_running_loop().create_task(self._word.follow())

    async def leave(self) -> None:
        """End all conversations."""
        self._engine_is(False)
        for pump in self._pumps.values():
            pump.leave()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LEFT_WITHIN)

    def _hear(self, subject: str, reply: str, message: bytes | None) -> None:
        named = subjects.caller(subject)
        pump = None if named is None else self._pumps.get(named)
        if pump is not None and message is not None:
            pump.hear(message)

    def _dialled(self, subject: str, reply: str, message: bytes | None) -> None:
        named = subjects.caller(subject)
        if named is None or len(self._tasks) >= 2 * MOST:
            return  # no client writes this
        self._begin(self._carry(*named))

    def _called(self, subject: str, reply: str, message: bytes | None) -> None:
        named = subjects.caller(subject)
        if named is None or not self._word.newest or len(self._tasks) >= 2 * MOST:
            return
        client, id = named
        if not self._calls.another(client, asyncio.get_running_loop().time()):
            if self._calls.is_greedy(client):
                self._name(client, f"calls the roll more than {MOST_CALLS_OF_ONE} times a second")
            return
        self._begin(self._answer(subjects.down(client, self._host, id), self._word.newest))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, subject: str, word: bytes) -> None:
        with suppress(Exception):  # whatever the library says of a connection that is gone: nobody waits for a word
            await self._engine.publish(subject, word)

    async def _carry(self, client: str, id: str) -> None:
        if (client, id) in self._pumps:
            return  # dialled twice, and each would be counted as the other
        down = subjects.down(client, self._host, id)

        async def publish(message: bytes) -> None:
            await self._engine.publish(down, message)

        door = socket.socket(socket.AF_UNIX)
        try:
            door.setblocking(False)
            why = self._reach(door, client) if self._is_room_for(client) else Why.FULL
            if why is not None:
                await publish(Side.refusal(why))
                return
            side = Side(is_host=True, now=asyncio.get_running_loop().time())
            pump = self._pumps[client, id] = Pump(side, door, publish)
            try:
                await pump.run()
            finally:
                del self._pumps[client, id]
        except Exception as fault:  # one conversation, whatever it is, ends no other one
            self._say("fault", f"a conversation has ended: {type(fault).__name__}")
        finally:
            door.close()

    def _name(self, client: str, does: str) -> None:
        """Say which key asks too much of this host: the engine can take it out, and has no limit of its own for it."""
        self._say("key", f"the key {client} {does} (permissions.conf of the engine says whose it is)")

    def _say(self, about: str, words: str) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._said_at.get(about, -SAYS_EVERY) >= SAYS_EVERY:
            self._said_at[about] = now
            say(f"jitd-door: {words}", 2)

    def _is_room_for(self, client: str) -> bool:
        n = sum(other == client for other, _ in self._pumps)
        is_room = n < MOST_OF_ONE and len(self._pumps) < MOST
        if is_room and self._begun.another(client, asyncio.get_running_loop().time()):
            return True
        if n >= MOST_OF_ONE or self._begun.is_greedy(client):
            self._name(client, f"begins more than {MOST_BEGUN_BY_ONE} conversations a second, or has {MOST_OF_ONE}")
        return False

    def _reach(self, door: socket.socket, client: str) -> Why | None:
        """Connect ``door``, and say who carries. Return why this cannot be done, or None."""
        try:
            door.connect(self._path)
            door.send(frame(encode(Carried(carrier="nats", source=client))))
        except BlockingIOError:  # as many wait for jitd as may
            return Why.FULL
        except OSError as fault:
            self._say("door", why_not(fault))
            return Why.NO_DOOR
        return None
