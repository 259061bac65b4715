# SPDX-License-Identifier: Apache-2.0
"""A real server with TLS on this host, which does what a test wants it to do, and the authority that made its certificates.

Law: it is reached at 127.0.0.1 alone, and all of its threads end with it.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.waiting import PATIENCE

JSON = "application/json"
LOOPBACK = ("127.0.0.0/8",)


class Authority:
    """Makes certificates, and is one."""

    def __init__(self, name: str = "the tests' own authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = self._builder(self._name, self._key, days=1).add_extension(x509.BasicConstraints(True, None), critical=True)
        self.certificate = builder.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=9))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, *names: str, days: int = 1) -> bytes:
        """A certificate for ``names`` with its key (PEM). ``days`` may be negative: it has expired then."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        known = [x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name) for name in names]
        own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = self._builder(subject, key, days).add_extension(x509.SubjectAlternativeName(known), critical=False)
        made = builder.add_extension(own, critical=False).sign(self._key, hashes.SHA256())
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return made.public_bytes(serialization.Encoding.PEM) + private


@dataclass
class Asked:
    """A request that arrived. ``peer`` is the name in the client's certificate, empty without one."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    peer: str = ""


Deed = Callable[[socket.socket, Asked], None]


def reply(body: bytes = b"", status: int = 200, kind: str = JSON, **more: str) -> bytes:
    """The bytes of a whole answer. ``more`` are header fields; an underscore is a hyphen."""
    head = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}"] + ([f"Content-Type: {kind}"] if kind else [])
    head += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + body


def says(answer: bytes) -> Deed:
    return lambda line, asked: line.sendall(answer)


@dataclass
class Server:
    """``deed`` answers each request. ``asked`` are all that arrived, ``n_connections`` all that were opened."""

    context: ssl.SSLContext | None
    listener: socket.socket
    deed: Deed = says(reply(b"{}"))
    asked: list[Asked] = field(default_factory=list)
    n_connections: int = 0
    n_own: int = 0
    lines: set[socket.socket] = field(default_factory=set)
    threads: list[threading.Thread] = field(default_factory=list)
    is_closed: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def url(self, target: str = "/", host: str = "localhost") -> str:
        return f"https://{host}:{self.port}{target}"

    def n_so_far(self) -> int:
        """How many connections others have opened until now. They are accepted in turn, so one of our own, which is not counted,
        is closed by the server when it has counted all that came before.
        """
        self.n_own += 1
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as own, suppress(ConnectionError):
            own.shutdown(socket.SHUT_WR)
            while own.recv(65536):
                pass
        return self.n_connections - self.n_own

    def _listen(self) -> None:
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            self.n_connections += 1
            thread = threading.Thread(target=self._serve, args=(line,), daemon=True)
            thread.start()
            self.threads.append(thread)  # ``close`` joins it, which it can only when it was started

    def _serve(self, line: socket.socket) -> None:
        with suppress(OSError), line:
            secured = line
            if self.context is not None:
                secured = self.context.wrap_socket(line, server_side=True, do_handshake_on_connect=False)
            self.lines.add(secured)
            with secured:
                if isinstance(secured, ssl.SSLSocket):
                    secured.do_handshake()
                asked = self._read(secured)
                if asked is not None:
                    self.asked.append(asked)
                    self.deed(secured, asked)

    def _read(self, line: socket.socket) -> Asked | None:
        data = b""
        while b"\r\n\r\n" not in data:
            part = line.recv(65536)
            if not part:
                return None
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
        while len(body) < int(headers.get("content-length", "0")):
            part = line.recv(65536)
            if not part:
                return None
            body += part
        method, target, _ = first.split(" ")
        shown = line.getpeercert() if isinstance(line, ssl.SSLSocket) else None
        peer = dict(part[0] for part in shown["subject"])["commonName"] if shown else ""  # type: ignore[misc,index,union-attr]
        return Asked(method, target, headers, body, str(peer))

    def close(self) -> None:
        self.is_closed.set()
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for line in tuple(self.lines):
            with suppress(OSError):  # SSLSocket's own shutdown and close take the TLS from under the thread that reads by it
                socket.socket.shutdown(line, socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(10)
        for line in tuple(self.lines):
            line.close()


@contextmanager
def serving(certificate: bytes | None, directory: Path, clients: str = "", at: str = "", port: int = 0) -> Iterator[Server]:
    """A server with ``certificate``, on ``port`` of 127.0.0.1 (0: any port), or without TLS at the Unix socket ``at``.
    ``clients`` is the authority whose certificates clients must show.
    """
    context = None
    if certificate is not None:
        file = directory / "server.pem"
        file.write_bytes(certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        if clients:
            context.load_verify_locations(cadata=clients)
            context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.socket(socket.AF_UNIX if at else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(at or ("127.0.0.1", port))
    if at:
        Path(at).chmod(0o666)
    listener.listen(128)
    server = Server(context, listener)
    listening = threading.Thread(target=server._listen, daemon=True)
    listening.start()
    try:
        yield server
    finally:
        server.close()
        listening.join(10)
