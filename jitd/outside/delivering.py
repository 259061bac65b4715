# SPDX-License-Identifier: Apache-2.0
"""Delivers batches of events to sinks, and keeps the connection of each sink between two batches.

Law: a sink has one connection, and one batch at a time is delivered to it. An event is done when its receiver has taken it as far
as the receiver says so, or when the receiver will never take it. Everything else must be delivered again. A fault is an answer
that says how many events are done. No event is kept here: what was not confirmed is with the daemon.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence

import httpcore

from jitd.beside.answering import NoAnswer
from jitd.outside import batches, syslog
from jitd.outside.batches import Fate, Outcome
from jitd.outside.connecting import Checked, NotAllowed
from jitd.outside.deliveries import (
    LONGEST_WHY,
    Deliver,
    Delivered,
    Destination,
    Event,
    Https,
    Lines,
    Syslog,
)
from jitd.outside.fetching import PLAIN, ask, context_of, told
from jitd.outside.keys import Keys, NoSuchKey
from jitd.outside.line_files import LineFile
from jitd.outside.messages import Fetched
from jitpam.wire.declared import sentence

MOST_SINKS = 64
MOST_ANSWER = 1024 * 1024
"""Maximum number of bytes of the answer to a batch over HTTPS. Elasticsearch says something about each event."""
MOST_TOKEN = 4096
KEPT_FOR = 300.0
"""Seconds for which an unused connection to an HTTPS server is kept. A server often ends it earlier."""
TAKEN = Outcome(Fate.TAKEN)


class Deliveries:
    """Delivers batches, with the secrets in ``keys``."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._sinks: dict[str, _Sink] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def answer(self, question: Deliver) -> Delivered:
        return await self._sink(question).deliver(question)

    def _sink(self, question: Deliver) -> _Sink:
        found = self._sinks.pop(question.sink, None)
        if found is not None and found.destination != question.destination:
            self._end(found)
            found = None
        if found is None:
            if len(self._sinks) >= MOST_SINKS:
                self._end(self._sinks.pop(next(iter(self._sinks))))
            found = _sink_to(question.destination, self._keys)
        self._sinks[question.sink] = found  # the last one in the table was used last
        return found

    def _end(self, sink: _Sink) -> None:
        task = asyncio.get_running_loop().create_task(sink.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


class _Sink:
    """The sink with the destination ``destination``."""

    def __init__(self, destination: Destination) -> None:
        self.destination = destination
        self._turn = asyncio.Lock()

    async def deliver(self, question: Deliver) -> Delivered:
        """Deliver the events of ``question``. Every fault is part of the answer."""
        found: list[Outcome] = []
        try:
            async with asyncio.timeout(question.deadline_ms / 1000), self._turn:
                return await self._deliver(question, found)
        except TimeoutError:
            why = f"the receiver has not taken it within {question.deadline_ms / 1000:g} s"
        except (NoAnswer, NotAllowed, NoSuchKey) as fault:
            why = str(fault)
        except Exception as fault:
            if isinstance(self.destination, Lines) and isinstance(fault, OSError):
                why = f"the file cannot be written: {fault.strerror or fault}"
            else:
                why = told(fault, "HTTP" if isinstance(self.destination, Https) else "syslog")
        return _delivered(found, len(question.events), why)

    async def end(self) -> None:
        """Close the connection, after the batch that is being delivered."""
        async with self._turn:
            await self._close()

    async def _deliver(self, question: Deliver, found: list[Outcome]) -> Delivered:
        """Append to ``found`` what became of each event, in their order, and return the answer."""
        raise NotImplementedError

    async def _close(self) -> None:
        raise NotImplementedError


class _SyslogSink(_Sink):
    def __init__(self, destination: Syslog, keys: Keys) -> None:
        super().__init__(destination)
        self._to = destination
        self._keys = keys
        self._connection: syslog.Connection | None = None

    async def _deliver(self, question: Deliver, found: list[Outcome]) -> Delivered:
        if self._connection is None or not self._connection.stands():
            await self._close()
            certificate = self._keys.get(self._to.certificate) if self._to.certificate else b""
            self._connection = await syslog.connect(self._to, certificate)
            return Delivered(0, is_new=True)
        made = [self._outcome(event, question.sender) for event in question.events]
        to_send = [event for event, outcome in zip(question.events, made, strict=True) if outcome is TAKEN]
        is_sent = False
        try:
            too_long = await self._connection.send(to_send, question.sender)
            is_sent = True
        finally:
            if not is_sent:
                await self._close()
        for number, outcome in enumerate(made):
            found.append(_longer_than_socket() if question.events[number] in too_long else outcome)
        return _delivered(found, len(question.events), "")

    def _outcome(self, event: Event, host: str) -> Outcome:
        if syslog.is_too_long(event, self._to, host):
            return Outcome(
                Fate.NEVER, f"its message is longer than {self._to.longest} bytes, the longest that this receiver takes"
            )
        return TAKEN

    async def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _longer_than_socket() -> Outcome:
    return Outcome(Fate.NEVER, "its message is longer than a datagram to this socket may be")


class _FileSink(_Sink):
    def __init__(self, destination: Lines) -> None:
        super().__init__(destination)
        self._file = LineFile(destination)

    async def _deliver(self, question: Deliver, found: list[Outcome]) -> Delivered:
        if question.events:
            await asyncio.to_thread(self._file.write, [event.text for event in question.events])
        found += [TAKEN] * len(question.events)
        return _delivered(found, len(question.events), "")

    async def _close(self) -> None:
        await asyncio.to_thread(self._file.close)


class _HttpsSink(_Sink):
    def __init__(self, destination: Https, keys: Keys) -> None:
        super().__init__(destination)
        self._to = destination
        self._keys = keys
        self._pool: httpcore.AsyncConnectionPool | None = None

    async def _deliver(self, question: Deliver, found: list[Outcome]) -> Delivered:
        retry_after = await self._send(question.events, question.sender, found) if question.events else 0
        return _delivered(found, len(question.events), "", retry_after)

    async def _send(self, events: Sequence[Event], host: str, found: list[Outcome]) -> int:
        """Send ``events``, and append what became of them to ``found``, up to the first one that must be sent again. If the
        server refuses the content of the request, find the events that it refuses. Return the seconds after which the server
        wants to be asked again, and 0 if it did not say.
        """
        body = batches.body(self._to.template, events, host)
        answer = await self._ask(body)
        became = batches.outcomes(self._to.template, answer.status, answer.body, len(events), len(body))
        is_of_content = not 200 <= answer.status < 300 and became[0].fate in (Fate.NEVER, Fate.REFUSED)
        if is_of_content and len(events) > 1:
            half = len(events) // 2
            for part in (events[:half], events[half:]):
                n_before = len(found)
                retry_after = await self._send(part, host, found)
                if len(found) - n_before < len(part) or found[-1].fate is Fate.LATER:
                    return retry_after
            return 0
        for outcome in became:
            found.append(outcome)
            if outcome.fate is Fate.LATER:
                return batches.retry_after(answer.header("retry-after"))
        return 0

    async def _ask(self, body: bytes) -> Fetched:
        """Send ``body``. If a kept connection fails, which its server may have ended in the meantime, send it once more over a
        new one. Raises NoAnswer, NoSuchKey, NotAllowed, and the exceptions of httpcore.
        """
        pool, headers = self._connections(), self._headers()
        is_kept = bool(pool.connections)
        try:
            return await ask(pool, "POST", self._to.url, headers, body, MOST_ANSWER)
        except (httpcore.NetworkError, httpcore.RemoteProtocolError):
            if not is_kept:
                raise
        return await ask(pool, "POST", self._to.url, headers, body, MOST_ANSWER)

    def _connections(self) -> httpcore.AsyncConnectionPool:
        if self._pool is None:
            certificate = self._keys.get(self._to.certificate) if self._to.certificate else b""
            self._pool = httpcore.AsyncConnectionPool(
                ssl_context=context_of(self._to.ca, certificate),
                max_connections=1,
                max_keepalive_connections=1,
                keepalive_expiry=KEPT_FOR,
                network_backend=Checked(self._to.addresses),
            )
        return self._pool

    def _headers(self) -> dict[str, str]:
        headers = {name: value for name, value in PLAIN.items() if name != "Connection"}
        headers["Content-Type"] = batches.FORMS[self._to.template].content_type
        if self._to.secret:
            token = self._keys.get(self._to.secret).strip()
            if not token or len(token) > MOST_TOKEN or not token.isascii() or not token.decode("ascii").isprintable():
                raise NoAnswer(f"{self._to.secret} must contain one line of printable ASCII, which is a token")
            if self._to.scheme == "Basic":
                token = base64.b64encode(token)
            headers["Authorization"] = f"{self._to.scheme} {token.decode('ascii')}"
        return headers

    async def _close(self) -> None:
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None


def _sink_to(destination: Destination, keys: Keys) -> _Sink:
    if isinstance(destination, Syslog):
        return _SyslogSink(destination, keys)
    return _FileSink(destination) if isinstance(destination, Lines) else _HttpsSink(destination, keys)


def _delivered(found: Sequence[Outcome], n_events: int, why: str, retry_after: int = 0) -> Delivered:
    """Return the answer about a batch of ``n_events``. ``found`` contains the outcomes of the first events. ``why`` is the reason
    why the others have none.
    """
    takes_events = any(outcome.fate is Fate.TAKEN for outcome in found)
    refused = list[tuple[int, str]]()
    for number, outcome in enumerate(found):
        if outcome.fate is Fate.LATER or (outcome.fate is Fate.REFUSED and not takes_events):
            return Delivered(number, tuple(refused), sentence(outcome.why, LONGEST_WHY), retry_after)
        if outcome.fate is not Fate.TAKEN:
            refused.append((number, sentence(outcome.why, LONGEST_WHY)))
    if len(found) < n_events or not n_events:
        return Delivered(len(found), tuple(refused), sentence(why, LONGEST_WHY) if why else "", retry_after)
    return Delivered(n_events, tuple(refused))
