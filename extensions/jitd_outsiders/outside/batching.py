# SPDX-License-Identifier: Apache-2.0
"""Delivers events over HTTPS, in batches of the forms of ``batches``, and keeps the connection between two batches."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import httpcore

from jitd.beside.answering import NoAnswer
from jitd_outsiders.outside import batches
from jitd_outsiders.outside.connecting import Checked
from jitd_outsiders.outside.deliveries import Delivered, Event, Https
from jitd_outsiders.outside.fetching import PLAIN, ask, context_of, told
from jitd_outsiders.outside.keys import Keys
from jitd_outsiders.outside.messages import Fetched
from jitd_outsiders.outside.outcome import Fate, Outcome, delivered

MOST_ANSWER = 1024 * 1024  # bytes of the answer to a batch over HTTPS. Elasticsearch says something about each event.
MOST_TOKEN = 4096
KEPT_FOR = 300.0  # seconds for which an unused connection to an HTTPS server is kept. A server often ends it earlier.


class HttpsSink:
    """See ``sink.Sink``. The secrets are in ``keys``."""

    def __init__(self, to: Https, keys: Keys) -> None:
        self._to = to
        self._keys = keys
        self._pool: httpcore.AsyncConnectionPool | None = None

    async def deliver(self, events: Sequence[Event], sender: str, found: list[Outcome]) -> Delivered:
        retry_after = await self._send(events, sender, found) if events else 0
        return delivered(found, len(events), "", retry_after)

    def told(self, fault: Exception) -> str:
        return told(fault, "HTTP")

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

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None
