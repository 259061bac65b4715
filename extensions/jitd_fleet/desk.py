# SPDX-License-Identifier: Apache-2.0
"""The end of an engine's conversations at a desk: one connection for all hosts of a command, in a thread of its own.

Law: whatever is done to the messages on the way ends their conversation, and the person is told so in our own words.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from _socket import socket as Socket
from collections.abc import Collection, Coroutine, Mapping
from contextlib import suppress
from socket import AF_UNIX, SOCK_STREAM, socket, socketpair
from typing import Any, TypeVar

from jitd_fleet import subjects
from jitd_fleet.engine import Engine, NoEngine
from jitd_fleet.nkey import Key, NoKey, load, write
from jitd_fleet.pump import Pump
from jitd_fleet.roll import MOST_BYTES
from jitd_fleet.stream import Side, Why
from jitpam.carrier import ENDED_WITHIN, Stream
from jitpam.client import NoDescriptor, Unreachable

T = TypeVar("T")
KEY = "jitd/nats.nk"  # below XDG_CONFIG_HOME, or below `~/.config`
ATTEMPTS = 1
CONNECTED_WITHIN = 4.5
MOST_AT_ONE = 900  # conversations on one connection, each of which subscribes once (permissions.MOST_SUBSCRIPTIONS)
WORDS_WITHIN = 1.0  # seconds until a roll ends, in which hosts have to answer. A host that has not is asked itself
WORDS = {
    Why.DONE: "jitd on {host}, or who answers for it, has ended the conversation",
    Why.NO_DOOR: "the agent on {host} cannot reach its door: perhaps jitd does not run there",
    Why.FULL: "too many conversations are open at the agent on {host}: try again in a moment",
    Why.BROKEN: "a message to {host} was lost, repeated or changed on the way",
    Why.LEFT: "the agent on {host} was stopped",
    Why.MANGLED: "a message from {host} was lost, repeated or changed on the way",
    Why.UNHEARD: "what was sent to {host} was not acknowledged within 5 s",
    Why.NOBODY: "no agent of {host} is connected to the engine",
    Why.SILENT: "the agent of {host} does not answer within 5 s",
    Why.TWO: "more than one answers for {host}: two machines have this name, or the engine repeats what it carries",
    Why.ENGINE: "the connection to the engine is lost",
}

CLAIMS = (Why.NO_DOOR, Why.FULL, Why.BROKEN, Why.LEFT, Why.NOBODY)  # known to a desk by the engine alone, which may make it up


def key_file() -> str:
    return os.path.join(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"), KEY)


class _Stream:
    """A stream whose other end is with the thread of the engine."""

    def __init__(self, ours: socket, host: str, name: str) -> None:
        self.socket: Socket = ours
        self.is_done = threading.Event()
        self.why = Why.ENGINE
        self._host, self._name = host, name

    def has_ended(self) -> bool:
        return self.is_done.wait(ENDED_WITHIN)

    def how_it_ended(self) -> str:
        so_says = "so says " if self.why in CLAIMS else ""
        return f"{WORDS[self.why].format(host=self._host)} ({so_says}{self._name})"

    def end(self) -> None:
        self.socket.close()
        self.is_done.wait(ENDED_WITHIN)


class Desk:
    """The thread that speaks to the engine, the same for all hosts. Raises NoKey."""

    def __init__(self, name: str, servers: tuple[str, ...], ca: str) -> None:
        self._name, self._servers, self._ca = name, servers, ca
        self._key = _key()
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda *_: None)  # what is under way when the command ends is not told
        self._engine: asyncio.Task[_Connected] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        threading.Thread(target=self._loop.run_forever, name="engine", daemon=True).start()

    def dial(self, host: str, within: float) -> Stream:
        """Begin a stream to ``host``. Raises Unreachable."""
        try:
            ours, theirs = socketpair(AF_UNIX, SOCK_STREAM)
        except OSError as fault:
            raise NoDescriptor(f"no stream can be made: {fault.strerror} (see ulimit -n)") from None
        ours.setblocking(False)
        theirs.setblocking(False)
        stream = _Stream(ours, host, self._name)
        try:
            self._have(self._dial(stream, host, theirs), within)
        except BaseException:
            ours.close()
            raise
        return stream

    def roll(self, hosts: Collection[str]) -> Mapping[str, bytes]:
        """Return what comes as the word of each of ``hosts``. Wait no longer than WORDS_WITHIN. Raises Unreachable."""
        return self._have(self._roll(hosts), CONNECTED_WITHIN)

    def _have(self, work: Coroutine[Any, Any, T], within: float) -> T:
        """Have the thread of the engine do ``work``, and return what it returns. Raises Unreachable."""
        asked = asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, within), self._loop)
        try:
            return asked.result()
        except NoEngine as fault:
            raise Unreachable(str(fault)) from None
        except TimeoutError:
            raise Unreachable(f"{self._name} does not answer within {within:.0f} s") from None
        finally:
            asked.cancel()

    async def _connected(self) -> _Connected:
        """Return the connection to the engine. Raises NoEngine."""
        engine = self._engine
        if engine is not None and engine.done() and not _has_room(engine):
            if not engine.cancelled() and engine.exception() is None:
                engine.result().leave()
            engine = None
        if engine is None:
            engine = self._engine = self._loop.create_task(_connect(self._servers, self._key, self._ca))
        return await asyncio.shield(engine)

    async def _roll(self, hosts: Collection[str]) -> Mapping[str, bytes]:
        connected = await self._connected()
        try:
            return await connected.roll(hosts)
        except Exception:  # whatever the library says of a connection that is gone
            connected.is_lost = True
            raise NoEngine(WORDS[Why.ENGINE]) from None

    async def _dial(self, stream: _Stream, host: str, theirs: socket) -> None:
        """Have the bytes of ``theirs`` carried, as soon as there is a connection to the engine. Raises NoEngine."""
        try:
            connected = await self._connected()
        except BaseException:
            theirs.close()
            raise
        task = self._loop.create_task(connected.carry(stream, host, theirs))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Connected:
    def __init__(self, servers: tuple[str, ...], key: Key, ca: str) -> None:
        self.engine = Engine(servers, key, ca, self._lost)
        self.is_lost = False
        self._pumps: set[Pump] = set()
        self._is_left = False
        self._closing: asyncio.Task[None] | None = None

    @property
    def n_carried(self) -> int:
        return len(self._pumps)

    def leave(self) -> None:
        """Close the connection when its last conversation has ended: no other one begins here."""
        self._is_left = True
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._is_left and not self._pumps and self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self.engine.close())

    async def carry(self, stream: _Stream, host: str, theirs: socket) -> None:
        """Carry the bytes of ``theirs`` until the conversation has ended."""
        id = secrets.token_hex(16)
        client = self.engine.key.public
        up, down = subjects.up(host, client, id), subjects.down(client, host, id)

        async def publish(message: bytes) -> None:
            await self.engine.publish(up, message)

        def hear(subject: str, reply: str, message: bytes | None) -> None:
            if message is None:
                pump.stop(Why.NOBODY)
            else:
                pump.hear(message)

        pump = Pump(Side(is_host=False, now=asyncio.get_running_loop().time()), theirs, publish)
        self._pumps.add(pump)
        try:
            unsubscribe = await self.engine.subscribe(down, hear)
            await self.engine.publish(subjects.dial(host, client, id), b"", down)
            stream.why = await pump.run()
            stream.is_done.set()
            await unsubscribe()
        except Exception:  # whatever the library says of a connection that is gone: the stream says so
            self.is_lost = True
        finally:
            self._pumps.discard(pump)
            self._close_if_done()
            theirs.close()
            stream.is_done.set()

    async def roll(self, hosts: Collection[str]) -> Mapping[str, bytes]:
        """Call the roll, and return what comes first as the word of each of ``hosts``. Wait no longer than WORDS_WITHIN."""
        id = secrets.token_hex(16)
        at_server = subjects.reply_of_roll(self.engine.key.public, id)
        awaited = {subjects.token(host): host for host in hosts}
        found: dict[str, bytes] = {}
        is_whole = asyncio.Event()

        def hear(subject: str, reply: str, message: bytes | None) -> None:
            host = awaited.get(subjects.host_in(subject))
            if message is not None and host is not None and len(message) <= MOST_BYTES:
                found.setdefault(host, message)
            is_nobody = message is None and subject == at_server  # a host knows the ID, and may say so under its own name
            if is_nobody or len(found) == len(awaited):
                is_whole.set()

        public = self.engine.key.public
        unsubscribe = await self.engine.subscribe(subjects.words(public, id), hear)
        await self.engine.publish(subjects.roll(public, id), b"", at_server)
        with suppress(TimeoutError):
            await asyncio.wait_for(is_whole.wait(), WORDS_WITHIN)
        await unsubscribe()
        return found

    def _lost(self) -> None:
        self.is_lost = True
        for pump in self._pumps:
            pump.stop(Why.ENGINE)


async def _connect(servers: tuple[str, ...], key: Key, ca: str) -> _Connected:
    made = _Connected(servers, key, ca)
    await made.engine.connect(attempts=ATTEMPTS, name="")
    return made


def _has_room(engine: asyncio.Task[_Connected]) -> bool:
    if engine.cancelled() or engine.exception() is not None:
        return False
    return not engine.result().is_lost and engine.result().n_carried < MOST_AT_ONE


def _key() -> Key:
    """Return the key of this person. Make one if there is none, and say so. Raises NoKey."""
    file = key_file()
    if not os.path.lexists(file):
        made = write(file)
        raise NoKey(f"Your new key: {made.public}. Give it to the engine's administrator (docs/fleet.md)")
    return load(file)


_desks: dict[tuple[tuple[str, ...], str], Desk] = {}
_making = threading.Lock()


def desk(name: str, servers: tuple[str, ...], ca: str) -> Desk:
    """Return what speaks to this engine, which sentences call ``name``. Raises Unreachable if there is not a key."""
    with _making:
        if (servers, ca) not in _desks:
            try:
                _desks[servers, ca] = Desk(name, servers, ca)
            except NoKey as fault:
                raise Unreachable(str(fault)) from None
        return _desks[servers, ca]
