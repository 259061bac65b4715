# SPDX-License-Identifier: Apache-2.0
"""One question to another host: connect, prove who asks, send, and read an answer of bounded size.

Law: nothing is followed: no redirect, no proxy, no cookie, no compressed body. Each question has a connection of its own. The
server's certificate is verified against its name. Every fault is a NoAnswer, with a sentence.
Sources: RFC 9110, RFC 9112; ssl.create_default_context.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

import httpcore

from jitd.beside.answering import NoAnswer
from jitd.outside.connecting import Checked, NotAllowed
from jitd.outside.keys import Keys, NoSuchKey
from jitd.outside.messages import HEADERS, LONGEST_FIELD, MOST_BODY, Fetch, Fetched

JSON = "application/json"
MOST_CONTEXTS = 64


async def fetch(question: Fetch, keys: Keys, now: Callable[[], datetime]) -> Fetched:
    """Ask ``question``, and return the answer. ``now`` gives the time (aware) that a signature names. Raises NoAnswer."""
    try:
        async with asyncio.timeout(question.deadline_ms / 1000):
            return await _fetch(question, keys, now)
    except TimeoutError:
        raise NoAnswer(f"no answer within {question.deadline_ms / 1000:g} s") from None
    except NoAnswer:
        raise
    except (NoSuchKey, NotAllowed) as fault:
        raise NoAnswer(str(fault)) from None
    except Exception as fault:
        raise NoAnswer(told(fault)) from None


async def _fetch(question: Fetch, keys: Keys, now: Callable[[], datetime]) -> Fetched:
    headers = {"Accept": JSON, "Accept-Encoding": "identity", "User-Agent": "jitd", "Connection": "close"}
    if question.method == "POST":
        headers["Content-Type"] = JSON
    if question.secret:
        from jitd.outside.signing import signed  # what is imported for this takes a tenth of a second

        headers |= {"Content-Type": JSON}
        key = keys.get(question.secret)
        headers = signed(question.method, question.url, headers, question.body, key=key, key_id=question.key_id, at=now())
    certificate = keys.get(question.certificate) if question.certificate else b""
    context = None if question.socket else context_of(question.ca, certificate)
    pool = httpcore.AsyncConnectionPool(
        ssl_context=context,
        max_connections=1,
        max_keepalive_connections=0,
        uds=question.socket or None,
        network_backend=Checked(question.addresses),
    )
    content = question.body if question.method == "POST" else None
    async with pool, pool.stream(question.method, question.url, headers=list(headers.items()), content=content) as response:
        if response.status < 100 or response.status > 999:
            raise NoAnswer(f"the answer has the status {response.status}")
        found = _handed_on(response.headers)
        body = bytearray()
        async for part in response.aiter_stream():
            body += part
            if len(body) > MOST_BODY:
                raise NoAnswer(f"the answer is longer than {MOST_BODY} bytes")
    return Fetched(response.status, found, bytes(body))


def _handed_on(headers: list[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Return the fields of HEADERS. Raises NoAnswer if one of them stands twice or has odd characters, or if the body is
    compressed.
    """
    found: dict[str, str] = {}
    for raw_name, raw in headers:
        name = raw_name.decode("latin-1").lower()
        if name == "content-encoding" and raw.strip().lower() not in (b"", b"identity"):
            raise NoAnswer("the answer is compressed, which was not asked for")
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
    """Return what verifies the server: by the authorities ``ca`` (PEM), or by the host's if it is empty. ``certificate`` (PEM,
    with its key) is shown to the server. Raises NoAnswer.
    """
    try:
        context = ssl.create_default_context(cadata=ca or None)
    except ssl.SSLError:
        raise NoAnswer("ca has no certificate that can be read (PEM)") from None
    if certificate:
        _show(context, certificate)
    return context


def _show(context: ssl.SSLContext, certificate: bytes) -> None:
    """Let ``context`` show ``certificate``. Raises NoAnswer."""
    descriptor = os.memfd_create("client_certificate", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, certificate)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=lambda: b"")
    except (ssl.SSLError, OSError):
        raise NoAnswer("client_certificate is not a certificate with its key (PEM, without a passphrase)") from None
    finally:
        os.close(descriptor)


def told(fault: BaseException, protocol: str = "HTTP") -> str:
    """Return the reason that lies at the bottom of ``fault``, which came about while ``protocol`` was spoken."""
    while (deeper := fault.__cause__ or fault.__context__) is not None:
        fault = deeper
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {fault.verify_message}"
    if isinstance(fault, ssl.SSLError):
        return f"TLS failed: {fault.reason or fault}"
    if isinstance(fault, ValueError):  # of a key that cannot sign
        return str(fault)
    if isinstance(fault, OSError):
        number = fault.errno or 0  # below 0 for names, of which strerror says more
        return f"it cannot be reached: {os.strerror(number) if number > 0 else fault.strerror or fault}"
    return f"it did not answer as {protocol} has it: {fault or type(fault).__name__}"
