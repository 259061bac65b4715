# SPDX-License-Identifier: Apache-2.0
"""One question to another host. This module connects to the host, authenticates, sends the question, and reads an answer of
limited size. Law: redirects, proxies, cookies and compressed bodies are not used. Each question has its own connection. The
server's certificate is verified against the server's name. Every fault becomes a NoAnswer that contains a sentence.
Sources: RFC 9110, RFC 9112; ssl.create_default_context.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

import httpcore

from jitd.beside.answering import NoAnswer
from jitd_outsiders.outside.connecting import Checked, NotAllowed
from jitd_outsiders.outside.keys import Keys, NoSuchKey
from jitd_outsiders.outside.messages import HEADERS, LONGEST_FIELD, MOST_BODY, Fetch, Fetched

T = TypeVar("T")
JSON = "application/json"
PLAIN = {"Accept": JSON, "Accept-Encoding": "identity", "User-Agent": "jitd", "Connection": "close"}
"""The header fields of every request."""
MOST_CONTEXTS = 64


async def fetch(question: Fetch, keys: Keys, now: Callable[[], datetime]) -> Fetched:
    """Return the answer to ``question``. ``now`` gives the aware time of a signature. Raises NoAnswer."""
    return await within(question.deadline_ms, _fetch(question, keys, now))


async def within(deadline_ms: int, asking: Awaitable[T]) -> T:
    """Await ``asking`` for at most ``deadline_ms`` milliseconds, and return its result. Every fault becomes NoAnswer."""
    try:
        async with asyncio.timeout(deadline_ms / 1000):
            return await asking
    except TimeoutError:
        raise NoAnswer(f"no answer within {deadline_ms / 1000:g} s") from None
    except NoAnswer:
        raise
    except (NoSuchKey, NotAllowed) as fault:
        raise NoAnswer(str(fault)) from None
    except Exception as fault:
        raise NoAnswer(told(fault)) from None


async def _fetch(question: Fetch, keys: Keys, now: Callable[[], datetime]) -> Fetched:
    headers = dict(PLAIN)
    if question.method == "POST":
        headers["Content-Type"] = JSON
    if question.secret:
        from jitd_outsiders.outside.signing import signed  # importing this module takes a tenth of a second

        headers |= {"Content-Type": JSON}
        key = keys.get(question.secret)
        headers = signed(question.method, question.url, headers, question.body, key=key, key_id=question.key_id, at=now())
    certificate = keys.get(question.certificate) if question.certificate else b""
    context = None if question.socket else context_of(question.ca, certificate)
    content = question.body if question.method == "POST" else None
    backend = Checked(question.addresses)
    return await exchange(question.method, question.url, headers, content, context, backend, question.socket)


async def exchange(
    method: str,
    url: str,
    headers: Mapping[str, str],
    content: bytes | None,
    context: ssl.SSLContext | None,
    backend: Checked,
    socket: str = "",
) -> Fetched:
    """Send one request over its own connection, and return the whole answer. ``backend`` checks the server's address, and
    ``context`` the server, but for a Unix ``socket``. Raises NoAnswer, and the exceptions of httpcore.
    """
    pool = httpcore.AsyncConnectionPool(
        ssl_context=context,
        max_connections=1,
        max_keepalive_connections=0,
        uds=socket or None,
        network_backend=backend,
    )
    async with pool:
        return await ask(pool, method, url, headers, content)


async def ask(
    pool: httpcore.AsyncConnectionPool,
    method: str,
    url: str,
    headers: Mapping[str, str],
    content: bytes | None,
    most_body: int = MOST_BODY,
) -> Fetched:
    """Return the whole answer to one request over ``pool``. Raises NoAnswer, and the exceptions of httpcore."""
    async with pool.stream(method, url, headers=list(headers.items()), content=content) as response:
        if response.status < 100 or response.status > 999:
            raise NoAnswer(f"the answer has the status {response.status}")
        found = _handed_on(response.headers)
        body = bytearray()
        async for part in response.aiter_stream():
            body += part
            if len(body) > most_body:
                raise NoAnswer(f"the answer is longer than {most_body} bytes")
    return Fetched(response.status, found, bytes(body))


def _handed_on(headers: list[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Return the fields in HEADERS. Raises NoAnswer if one is there twice or unusual, or if the body is compressed."""
    found: dict[str, str] = {}
    for raw_name, raw in headers:
        name = raw_name.decode("latin-1").lower()
        if name == "content-encoding" and raw.strip().lower() not in (b"", b"identity"):
            raise NoAnswer("the answer is compressed, but jitd asks for an answer without compression")
        if name not in HEADERS:
            continue
        if name in found:
            raise NoAnswer(f"the answer has the header field {name} twice")
        if not raw.isascii() or len(raw) > LONGEST_FIELD or not raw.decode("ascii").replace("\t", " ").isprintable():
            raise NoAnswer(f"the header field {name} of the answer is too long, or has odd characters")
        found[name] = raw.decode("ascii")
    return tuple(sorted(found.items()))


@lru_cache(maxsize=MOST_CONTEXTS)
def context_of(ca: str, certificate: bytes) -> ssl.SSLContext:
    """Return a context that verifies the server with the authorities in ``ca`` (PEM). If ``ca`` is empty, the authorities of the
    host are used. The context presents ``certificate`` (PEM, with its key) to the server. Raises NoAnswer.
    """
    try:
        context = ssl.create_default_context(cadata=ca or None)
    except ssl.SSLError:
        raise NoAnswer("ca has no certificate that can be read (PEM)") from None
    if certificate:
        _show(context, certificate)
    return context


def _show(context: ssl.SSLContext, certificate: bytes) -> None:
    """Raises NoAnswer."""
    descriptor = os.memfd_create("client_certificate", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, certificate)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=lambda: b"")
    except (ssl.SSLError, OSError):
        raise NoAnswer("client_certificate is not a certificate with its key (PEM, without a passphrase)") from None
    finally:
        os.close(descriptor)


def told(fault: BaseException, protocol: str = "HTTP") -> str:
    """Return a sentence about the first cause of ``fault``. The fault occurred while ``protocol`` was used."""
    while (deeper := fault.__cause__ or fault.__context__) is not None:
        fault = deeper
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {fault.verify_message}"
    if isinstance(fault, ssl.SSLError):
        return f"TLS failed: {fault.reason or fault}"
    if isinstance(fault, ValueError):  # from a key that cannot sign
        return str(fault)
    if isinstance(fault, OSError):
        number = fault.errno or 0  # an error of a name lookup has no positive number; for such an error strerror says more
        return f"it cannot be reached: {os.strerror(number) if number > 0 else fault.strerror or fault}"
    return f"it gave no valid {protocol} answer: {fault or type(fault).__name__}"
