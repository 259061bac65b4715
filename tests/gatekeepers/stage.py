# SPDX-License-Identifier: Apache-2.0
"""The examples of contrib/gatekeepers and contrib/providers as modules and as processes, and how jitd asks them.

Law: a server is reached at 127.0.0.1 alone, by HTTPS with a certificate made here, and ends with its test.
"""

from __future__ import annotations

import http.client
import importlib
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import ModuleType
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from http_message_signatures import HTTPMessageSigner
from http_message_signatures.algorithms import HMAC_SHA256
from http_message_signatures.resolvers import MappingKeyResolver

CONTRIB = Path(__file__).parents[2] / "contrib"
HOST = "127.0.0.1"
SECRET = b"0123456789abcdef0123456789abcdef"
URL = "https://changes.example.org/jit"
COVERED = ("@method", "@target-uri", "content-type")


def module(place: str, name: str) -> ModuleType:
    """The module ``name`` of a directory of contrib."""
    if str(CONTRIB / place) not in sys.path:
        sys.path.append(str(CONTRIB / place))
    return importlib.import_module(name)


def question(**more: object) -> dict[str, Any]:
    """A question that jitd asks a gatekeeper."""
    return {
        "version": 1,
        "gatekeeper": "change-calendar",
        "nonce": "n-1",
        "id": "K7QM-2XVD",
        "fingerprint": "ab" * 32,
        "deadline": "2026-11-22T07:00:00Z",
        "host": "db1.example.org",
        "service": "",
        "rule": "deploy",
        "policy": "cd" * 32,
        "requester": {
            "principal": "alice@EXAMPLE.ORG",
            "user": "alice",
            "uid": 1000,
            "groups": ["dba"],
            "group_ids": [1000],
            "person": "alice",
        },
        "command": {"argv": ["/bin/true"], "path": "/usr/bin/true"},
        "asked": {"lasts": None, "uses": 1, "timeout": None},
        "owed": [],
        "approved": [],
        "point": None,
        "facts": {},
        "claims": {"reason": "for CHG0030001", "tty": None, "parents": []},
    } | more


def certificate(file: Path) -> Path:
    """Write a certificate for HOST that has signed itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
    made = builder.sign(key, hashes.SHA256())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return file


@dataclass
class _Message:
    method: str
    url: str
    headers: dict[str, str]


@dataclass
class Served:
    """A server that runs: where it listens, and its certificate."""

    port: int
    certificate: Path

    def send(self, body: bytes, headers: dict[str, str], method: str = "POST") -> tuple[int, str, bytes]:
        """The status, the type and the content of the answer."""
        tls = ssl.create_default_context(cafile=self.certificate)
        connection = http.client.HTTPSConnection(HOST, self.port, timeout=30, context=tls)
        try:
            connection.request(method, "/jit", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type", ""), answer.read()
        finally:
            connection.close()

    def ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What it answers to a question that is signed as jitd signs."""
        body = json.dumps(asked).encode()
        status, kind, said = self.send(body, signed(body))
        assert (status, kind) == (200, "application/json"), said
        found: dict[str, Any] = json.loads(said)
        return found


def signed(body: bytes, secret: bytes = SECRET, url: str = URL, age: float = 0, tag: str = "jitd") -> dict[str, str]:
    """The header fields with which jitd-outside sends ``body``: RFC 9421, an HMAC, time and digest."""
    message = _Message("POST", url, {"Content-Type": "application/json"})
    signer = HTTPMessageSigner(
        signature_algorithm=HMAC_SHA256, key_resolver=MappingKeyResolver(public_keys={}, private_keys={"lab": secret})
    )
    at = datetime.now(UTC) - timedelta(seconds=age)
    signer.sign(message, key_id="lab", created=at, label=tag, tag=tag, covered_component_ids=COVERED, body=body)
    return message.headers


@contextmanager
def serving(script: Path, settings: Path, directory: Path) -> Iterator[Served]:
    """Start an example as a server."""
    pem, secret = certificate(directory / "server.pem"), directory / "secret"
    secret.write_bytes(SECRET + b"\n")
    line = [sys.executable, str(script), f"--settings={settings}", f"--listen={HOST}:0", f"--certificate={pem}"]
    line += [f"--secret={secret}", f"--url={URL}"]
    with subprocess.Popen(line, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            assert said.startswith("listening on "), said + process.stderr.read()
            yield Served(int(said.rpartition(":")[2]), pem)
        finally:
            process.kill()


def once(script: Path, *words: str, given: object) -> tuple[int, str, str]:
    """Status, output and complaint of an example that is asked on its standard input, as jitd-programs asks it."""
    done = subprocess.run(
        [str(script), *words], input=json.dumps(given), env={}, cwd="/", capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr
