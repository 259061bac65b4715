# SPDX-License-Identifier: Apache-2.0
"""A server that answers as the manuals of HashiCorp Vault and OpenBao say: tokens, leases, a database, an SSH CA. It is our own.

Law: what is there is in ``tokens`` and ``leases``; a lease ends with its token. test_real_vault.py plays the real OpenBao.
Sources: the HTTP APIs of Vault and OpenBao (see ``jitd_outsiders.outside.leasing``), and what their servers are known to say to
errors.
"""

from __future__ import annotations

import itertools
import json
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket
from typing import Any

from tests.outside.server import Asked, Authority, Server, reply, serving

OURS = "hvs.jitds-own-token"
"""The token in jitd's file."""


@dataclass
class Token:
    accessor: str
    meta: dict[str, str]
    ends: float
    parent: str
    is_used: bool = False
    """Somebody has sent it."""


@dataclass
class Lease:
    path: str
    token: str
    data: dict[str, Any]
    ends: float


@dataclass
class Vault:
    """``fault`` is what the server says to everything, as status and error; None: it works. ``before`` is called before each
    answer with the path, and may wait, raise ConnectionError (nothing is said), or return an answer of its own.
    ``lasts`` is the longest lease, in seconds. ``is_new``: it says nothing of an accessor that is not there.
    """

    server: Server
    authority: Authority
    ca: Path
    fault: tuple[int, str] | None = None
    before: Callable[[str], bytes | None] = lambda path: None
    after: Callable[[str], None] = lambda path: None
    stuck: str = ""
    """Why the database does not end the user of a lease, if it does not. The lease stays, without its token too."""
    lasts: int = 3600
    is_new: bool = False
    namespace: str = ""
    tokens: dict[str, Token] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    seen: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    ssh: Path = Path("/")

    def __post_init__(self) -> None:
        self.server.deed = self._answer
        self.tokens[OURS] = Token("the-accessor-of-jitd", {}, time.time() + 10**8, "", is_used=True)

    # --- for tests ---------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return self.server.url("/")

    def live(self, account: str = "") -> list[str]:
        """The ids of leases that are good now, of ``account`` if one is named."""
        with self.lock:
            self._expire()
            found = self.leases.items()
            return [id for id, one in found if not account or self.tokens[one.token].meta.get("account") == account]

    def snapshot(self) -> object:
        """All leases, and the tokens that somebody has sent. Another one may be nobody's: if jitd is killed before it has the
        answer, nobody knows that token, and it ends by itself (ADR 0059).
        """
        with self.lock:
            self._expire()
            return sorted(token.accessor for token in self.tokens.values() if token.is_used), sorted(self.leases)

    def keep(self, id: str) -> None:
        """Have a lease there that is an administrator's own."""
        self.leases[id] = Lease(id.rpartition("/")[0], OURS, {"password": "the admin's"}, time.time() + 10**8)

    def revoke_by_hand(self, account: str = "") -> None:
        for id in self.live(account):
            del self.leases[id]

    def asked(self, path: str) -> list[dict[str, Any]]:
        """The bodies that came to ``path``."""
        return [body for _, at, body in self.seen if at == path]

    # --- the server --------------------------------------------------------------------------------------------------

    def _answer(self, line: socket, asked: Asked) -> None:
        path = asked.target.removeprefix("/v1/")
        body = json.loads(asked.body) if asked.body else {}
        self.seen.append((asked.method, path, body))
        try:
            own = self.before(path)
        except ConnectionError:
            return
        if own is None:
            with self.lock:
                self._expire()
                own = self._said(asked, path, body)
        self.after(path)
        line.sendall(own)

    def _said(self, asked: Asked, path: str, body: dict[str, Any]) -> bytes:
        if self.fault is not None:
            return errors(*self.fault)
        token = asked.headers.get("x-vault-token", "")
        if token not in self.tokens or asked.headers.get("x-vault-namespace", "") != self.namespace:
            return errors(403, "permission denied")
        assert asked.headers["x-vault-request"] == "true"
        self.tokens[token].is_used = True
        match asked.method, path:
            case "POST", "auth/token/create":
                return self._create(token, body)
            case "POST", "auth/token/revoke-self":
                self._end_token(token)
                return reply(status=204)
            case "POST", "auth/token/revoke-accessor":
                return self._revoke_accessor(body["accessor"])
            case "POST", "sys/leases/revoke":
                assert body["sync"] is True
                if self.stuck and body["lease_id"] in self.leases:
                    return errors(400, f"failed to revoke: {self.stuck}")
                self.leases.pop(body["lease_id"], None)
                return reply(status=204)
            case "POST", "sys/leases/lookup":
                return self._lookup(body["lease_id"])
            case "GET", "database/creds/reporting":
                data = {"username": f"v-{next(self.numbers)}", "password": secrets.token_hex(32)}
                return self._lease(token, path, data)
            case "POST", "pki/issue/web":
                return self._lease(token, path, {"certificate": "PEM", "for": body["common_name"], "number": 1.5, "none": None})
            case "GET", "secret/static":
                return self._made(None, lease="", seconds=2764800, data={"password": "the same for all"})
            case "POST", "ssh/sign/ops":
                return self._sign(body)
        return errors(404)

    def _create(self, parent: str, body: dict[str, Any]) -> bytes:
        made, number = f"hvs.{secrets.token_hex(12)}", next(self.numbers)
        seconds = int(body["ttl"].removesuffix("s"))
        assert body["ttl"] == body["explicit_max_ttl"] and body["renewable"] is False and body["type"] == "service"
        self.tokens[made] = Token(f"accessor-{number}", body["meta"], time.time() + seconds, parent)
        auth = {"client_token": made, "accessor": f"accessor-{number}", "lease_duration": seconds, "renewable": False}
        return self._made(auth)

    def _lease(self, token: str, path: str, data: dict[str, Any]) -> bytes:
        id = f"{path}/{secrets.token_hex(12)}"
        self.leases[id] = Lease(path, token, data, time.time() + self.lasts)
        return self._made(None, id, self.lasts, data)

    def _made(self, auth: object, lease: str = "", seconds: int = 0, data: object = None) -> bytes:
        whole = {
            "request_id": "f00341c1-fad5", "lease_id": lease, "renewable": bool(lease), "lease_duration": seconds, "data": data,
            "wrap_info": None, "warnings": None, "auth": auth,
        }  # fmt: skip
        return reply(json.dumps(whole).encode())

    def _revoke_accessor(self, accessor: str) -> bytes:
        found = [token for token, one in self.tokens.items() if one.accessor == accessor]
        if not found and not self.is_new:
            return errors(400, "1 error occurred:\n\t* invalid accessor\n\n")
        for token in found:
            self._end_token(token)
        return reply(status=204)

    def _end_token(self, token: str) -> None:
        del self.tokens[token]
        for id in [] if self.stuck else [id for id, lease in self.leases.items() if lease.token == token]:
            del self.leases[id]
        for child in [one for one, of in self.tokens.items() if of.parent == token]:
            self._end_token(child)

    def _expire(self) -> None:
        for token in [token for token, one in self.tokens.items() if one.ends <= time.time()]:
            if token in self.tokens:
                self._end_token(token)
        for id in [id for id, lease in self.leases.items() if lease.ends <= time.time()]:
            del self.leases[id]

    def _lookup(self, id: str) -> bytes:
        if id not in self.leases:
            return errors(400, "invalid lease")
        ttl = int(self.leases[id].ends - time.time())
        return reply(json.dumps({"data": {"id": id, "renewable": True, "ttl": ttl, "last_renewal": None}}).encode())

    def _sign(self, body: dict[str, Any]) -> bytes:
        """The SSH secrets engine signs by ssh-keygen here."""
        assert body["cert_type"] == "user"
        if int(body["ttl"].removesuffix("s")) > self.lasts:
            return errors(400, f"ttl is larger than maximum allowed {self.lasts}")
        with tempfile.TemporaryDirectory(dir=self.ssh) as place:
            key = Path(place) / "key.pub"
            key.write_text(body["public_key"] + "\n")
            now, seconds = int(time.time()), int(body["ttl"].removesuffix("s"))
            who = ["-I", "vault", "-n", body.get("valid_principals", "ops"), "-V", f"{now - 30:#x}:{now + seconds:#x}"]
            subprocess.run(["ssh-keygen", "-q", "-s", self.ssh / "ca", *who, key], check=True)
            certificate = (Path(place) / "key-cert.pub").read_text()
        return self._made(None, data={"serial_number": "1", "signed_key": certificate})


def errors(status: int, *sentences: str) -> bytes:
    """An answer with ``sentences`` as errors."""
    return reply(json.dumps({"errors": list(sentences)}).encode(), status)


@contextmanager
def vault(directory: Path, port: int = 0, authority: Authority | None = None) -> Iterator[Vault]:
    """A Vault of our own on 127.0.0.1. Its files are in ``directory``."""
    authority = authority or Authority("the tests' own vault")
    ca = directory / "vault-ca.pem"
    ca.write_text(authority.pem)
    ca.chmod(0o644)
    ssh = directory / "ssh"
    shutil.rmtree(ssh, ignore_errors=True)
    ssh.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", ssh / "ca"], check=True)
    with serving(authority.issue("localhost", "127.0.0.1"), directory, port=port) as server:
        yield Vault(server, authority, ca, ssh=ssh)
