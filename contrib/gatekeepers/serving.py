# SPDX-License-Identifier: Apache-2.0
"""What the gatekeepers and providers of this directory have in common: how jitd asks them, over HTTPS or on standard input.

With --listen it is a server (jitd.toml: kind = "webhook", or "http" for a provider). Without, it answers the one question on its
standard input (kind = "program").
Law: a question that cannot be read, or is not signed as it must be, gets no answer, and jitd denies. So does an error.
Sources: RFC 9421 and RFC 9530, by which jitd signs its questions; docs/gatekeepers.md.
"""

from __future__ import annotations

import argparse
import json
import ssl
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MOST = 64 * 1024
"""Most bytes of a question."""
PATIENCE = 10.0
"""Seconds that a client has to send its question."""
LONGEST_AGE = timedelta(seconds=60)
"""How old a signature may be. jitd's clock and ours must agree."""
COVERED = ("@method", "@target-uri", "content-type", "content-digest")
TAG = "jitd"
VERSION = 1

Question = dict[str, Any]
Answer = dict[str, Any]


class Unreadable(Exception):
    """The question cannot be answered, because of the question. The text says why."""


class Unavailable(Exception):
    """The question cannot be answered now: what has to be asked for that does not answer. The text says why."""


def gatekeeper(decide: Callable[[Question], Answer]) -> Callable[[Question], Answer]:
    """Return what answers a gatekeeper's question by ``decide``, which returns the answer without nonce and fingerprint."""

    def answer(question: Question) -> Answer:
        if question.get("version") != VERSION:
            raise Unreadable(f"this is version {VERSION} of the questions, and the question is of another one")
        same = {name: question.get(name) for name in ("nonce", "fingerprint")}
        if not all(isinstance(value, str) and value for value in same.values()):
            raise Unreadable("the question has no nonce, or no fingerprint")
        return same | decide(question)

    return answer


def passes(until: datetime | None = None, mark: str = "") -> Answer:
    """Return the answer that nothing speaks against it, until ``until`` (aware)."""
    held = {"until": until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")} if until else {}
    return {"answer": "pass"} | held | ({"mark": mark} if mark else {})


def denies(because: str, mark: str = "") -> Answer:
    """Return the answer that denies. People read ``because``: it says what is wrong and what to do."""
    return {"answer": "deny", "because": because[:500]} | ({"mark": mark} if mark else {})


def requires(what: dict[str, Any]) -> Answer:
    """Return the answer that passes if ``what`` is added: approvals, lasts, uses, record, reason."""
    return {"answer": "require", "require": what}


def read(body: bytes) -> Question:
    """Return the question in ``body``. Raises Unreadable."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable("the question is not JSON") from None
    if not isinstance(found, dict):
        raise Unreadable("the question is not an object")
    return found


# --- signatures ----------------------------------------------------------------------------------------------------------


@dataclass
class Message:
    """What http_message_signatures wants to see of a request."""

    method: str
    url: str
    headers: dict[str, str]


class Signatures:
    """Checks that a question was signed with ``secret``, for the server at ``url``, a moment ago, and for the first time."""

    def __init__(self, secret: bytes, url: str) -> None:
        from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver
        from http_message_signatures.algorithms import HMAC_SHA256

        class OneKey(HTTPSignatureKeyResolver):
            def resolve_public_key(self, key_id: str) -> bytes:
                return secret

        self._verifier = HTTPMessageVerifier(signature_algorithm=HMAC_SHA256, key_resolver=OneKey())
        self._url = url
        self._turn = threading.Lock()
        self._seen: dict[tuple[tuple[str, str], ...], float] = {}

    def check(self, method: str, headers: dict[str, str], body: bytes) -> None:
        """Return if the question is signed. Raises Unreadable."""
        from http_message_signatures import HTTPMessageSignaturesException

        message = Message(method, self._url, headers)
        try:
            found = self._verifier.verify(message, max_age=LONGEST_AGE, expect_tag=TAG, require_components=COVERED, body=body)
        except HTTPMessageSignaturesException as fault:
            raise Unreadable(f"the question is not signed with our secret, for {self._url}: {fault}") from None
        if len(found) != 1:
            raise Unreadable("the question has more than one signature")
        # What was verified, and not the text of a header: a signature has many spellings, and its label is not signed.
        now, verified = time.monotonic(), tuple(found[0].covered_components.items())
        with self._turn:
            self._seen = {seen: at for seen, at in self._seen.items() if now - at < 3 * LONGEST_AGE.total_seconds()}
            if verified in self._seen:
                raise Unreadable("this question was asked before")
            self._seen[verified] = now


# --- HTTPS ---------------------------------------------------------------------------------------------------------------


class Server(ThreadingHTTPServer):
    """Answers questions by POST. ``signatures`` is None if TLS alone is to prove who asks."""

    daemon_threads = True

    def __init__(
        self,
        at: tuple[str, int],
        answer: Callable[[Question], Answer],
        certificate: Path,
        signatures: Signatures | None = None,
        client_ca: Path | None = None,
    ) -> None:
        super().__init__(at, _Handler)
        self.answer = answer
        self.signatures = signatures
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        if client_ca is not None:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        # The handshake is made when a client's thread reads first: one that is silent keeps nobody else waiting.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say in one line that a connection broke."""
        print(f"{client_address}: {sys.exc_info()[1]}", file=sys.stderr, flush=True)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = PATIENCE
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer one question."""
        self.close_connection = True
        try:
            body = self._body()
            if self.server.signatures is not None:
                self.server.signatures.check("POST", {name.lower(): value for name, value in self.headers.items()}, body)
            said = json.dumps(self.server.answer(read(body))).encode("ascii")
        except Unreadable as fault:
            self._say(400, "text/plain; charset=utf-8", str(fault).encode())
        except Unavailable as fault:
            self._say(502, "text/plain; charset=utf-8", str(fault).encode())
        else:
            self._say(200, "application/json", said)

    def _body(self) -> bytes:
        """Raises Unreadable."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or len(length) > 6 or int(length) > MOST:
            raise Unreadable(f"the question must have a length of at most {MOST} bytes")
        return self.rfile.read(int(length))

    def _say(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if status != 200:
            print(f"{self.client_address[0]}: {status}: {body.decode()}", file=sys.stderr, flush=True)

    def log_message(self, *args: object) -> None:
        """Say nothing of what went well."""


# --- the command line ----------------------------------------------------------------------------------------------------


def main(what: str, settings: str, make: Callable[[Path], Callable[[Question], Answer]], words: Sequence[str]) -> int:
    """Run the command line. ``what`` says what this is, ``settings`` is the default file of settings, and ``make`` reads such a
    file and returns what answers; it raises ValueError and OSError. Returns the exit status.
    """
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--settings", type=Path, default=Path(settings), help=f"default: {settings}")
    parser.add_argument("--listen", metavar="ADDRESS:PORT", help="be a server; else answer one question on standard input")
    parser.add_argument("--certificate", type=Path, help="the server's certificate and its key (PEM)")
    parser.add_argument("--url", help="the URL that jitd.toml has for this server")
    parser.add_argument("--secret", type=Path, help="the file that jitd.toml names as `secret`; jitd signs with it")
    parser.add_argument("--client-ca", type=Path, help="who has issued jitd's client certificate (PEM)")
    told = parser.parse_args(words)
    try:
        answer = make(told.settings)
        if told.listen is None:
            print(json.dumps(answer(read(sys.stdin.buffer.read(MOST + 1)))))
            return 0
        if told.certificate is None or (told.secret is None) != (told.url is None):
            parser.error("--listen needs --certificate; --secret and --url need each other")
        address, _, port = told.listen.rpartition(":")
        signatures = Signatures(told.secret.read_bytes().strip(), told.url) if told.secret else None
        with Server((address.strip("[]"), int(port)), answer, told.certificate, signatures, told.client_ca) as server:
            print(f"listening on {server.server_address[0]}:{server.server_address[1]}", file=sys.stderr, flush=True)
            server.serve_forever()
    except (Unreadable, Unavailable, ValueError, OSError) as fault:
        print(f"{Path(sys.argv[0]).name}: {fault}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0
