# SPDX-License-Identifier: Apache-2.0
"""A throwaway realm with a KDC and a kadmind of its own, which load contrib/krb5's modules.

Law: all its files are in one directory, and its processes end with it. It touches neither the lab's realm nor its caches.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.waiting import is_living, wait_for

MODULE = Path("/usr/lib/jitd-krb5/jitd_kdc.so")
"""Where contrib/lab/inside installs it."""
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
GATED = "-allow_forwardable -allow_proxiable -allow_postdated -allow_dup_skey"
"""The flags that a gated entry has to have."""

CLIENTS = """\
[libdefaults]
    default_realm = {name}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    qualify_shortname = ""
    forwardable = true
    renew_lifetime = 7d
    dns_uri_lookup = false
    kdc_timesync = 0
    canonicalize = {canonicalize}
[realms]
{realms}
[domain_realm]
    db1.example.test = {name}
{more}
"""
SERVERS = """\
[kdcdefaults]
    kdc_listen = {address}:88
    kdc_tcp_listen = {address}:88
[realms]
    {name} = {{
        database_name = {where}/principal
        key_stash_file = {where}/stash
        acl_file = {where}/kadm5.acl
        kadmind_listen = {address}:749
        kpasswd_listen = {address}:464
        max_life = 1d
        max_renewable_life = 7d
        default_principal_flags = +renewable, +forwardable, +proxiable, +postdateable, +dup-skey
        supported_enctypes = aes256-cts-hmac-sha1-96:normal
{realm}
    }}
[logging]
    kdc = FILE:{where}/kdc.log
    admin_server = FILE:{where}/kadmind.log
    default = FILE:{where}/default.log
[plugins]
    kdcpolicy = {{
        module = jitd:{module}
    }}
    kadm5_auth = {{
        module = jitd:{module}
    }}
{more}
"""


CLOCK_REALTIME_COARSE = 5
"""The clock of time(2), which Kerberos reads: up to a tick behind that of time.time(). Python has no name for it."""


def wait_until(instant: int) -> None:
    """Wait until Kerberos reads ``instant`` (seconds since the epoch) on its clock."""
    wait_for(lambda: time.clock_gettime(CLOCK_REALTIME_COARSE) >= instant, what=f"the second {instant}")


class Failed(Exception):
    """A command did not do what it was to do; the text is what it said."""


class Realm:
    """A realm called ``name`` that serves at ``address`` (of 127.0.0.0/8), with its files in ``where``."""

    def __init__(self, name: str, where: Path, address: str, *, module: Path = MODULE) -> None:
        self.name, self.where, self.address, self.module = name, where, address, module
        self.others: list[Realm] = []
        self.for_realm = self.for_servers = self.for_clients = ""
        self.for_environment: dict[str, str] = {}
        self._pids: dict[str, int] = {}
        where.mkdir(parents=True, exist_ok=True)

    # --- files and processes ---------------------------------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which this realm is the default one."""
        return {"PATH": PATH, "LANG": "C.UTF-8", "KRB5_CONFIG": f"{self.where}/krb5.conf",
                "KRB5_KDC_PROFILE": f"{self.where}/kdc.conf", "HOME": str(self.where), **self.for_environment}  # fmt: skip

    def write(self) -> None:
        """Write its two files of settings."""
        realms = "".join(
            f"    {one.name} = {{\n        kdc = {one.address}\n        admin_server = {one.address}\n    }}\n"
            for one in (self, *self.others)
        )
        clients = CLIENTS.format(name=self.name, realms=realms, more=self.for_clients, canonicalize="false")
        servers = SERVERS.format(name=self.name, address=self.address, where=self.where, module=self.module,
                                 realm=self.for_realm, more=self.for_servers)  # fmt: skip
        (self.where / "krb5.conf").write_text(clients)
        (self.where / "kdc.conf").write_text(servers)

    def create(self) -> None:
        """Write the settings, make the database, and start both servers."""
        self.write()
        (self.where / "kadm5.acl").write_text(f"*/admin@{self.name} *\n")
        self.run("kdb5_util", "create", "-r", self.name, "-s", "-P", os.urandom(16).hex())
        self.start()

    def start(self) -> None:
        """Start krb5kdc and kadmind. Both return when they listen."""
        self.start_one("krb5kdc")
        self.start_one("kadmind")

    def start_one(self, server: str) -> None:
        """Start ``krb5kdc`` or ``kadmind``."""
        pid = self.where / f"{server}.pid"
        pid.unlink(missing_ok=True)
        self.run(server, "-r", self.name, "-P", str(pid))
        wait_for(lambda: pid.exists() and pid.read_text().strip(), what=str(pid))  # written after the parent has returned
        self._pids[server] = int(pid.read_text())

    def stop(self) -> None:
        """End both servers, and wait for their ends."""
        for server in list(self._pids):
            self.stop_one(server)

    def stop_one(self, server: str) -> None:
        """End one server, and wait for its end."""
        pid = self._pids.pop(server)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not is_living(pid), what=f"the end of {server}")

    def pid(self, server: str) -> int:
        """The process of a server."""
        return self._pids[server]

    # --- commands --------------------------------------------------------------------------------------------------------

    def run(self, *command: str, stdin: str = "", cache: str = "", **more: str) -> str:
        """What a command says, in this realm's environment. Raises Failed if its status is not 0."""
        done = self.attempt(*command, stdin=stdin, cache=cache, **more)
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)}: {done.stdout.strip()}")
        return done.stdout

    def attempt(self, *command: str, stdin: str = "", cache: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        """The same with its status, whatever that is. ``cache`` is a credential cache."""
        environment = self.environment | more | ({"KRB5CCNAME": cache} if cache else {})
        return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env=environment, cwd="/", check=False)  # fmt: skip

    def local(self, *queries: str) -> str:
        """What kadmin.local says to some queries. Raises Failed where one of them failed."""
        said = self.run("kadmin.local", "-r", self.name, stdin="".join(f"{query}\n" for query in queries))
        if " while " in said or "usage:" in said.lower():
            raise Failed(f"kadmin.local: {queries}: {said.strip()}")
        return said

    def strings(self, service: str) -> dict[str, str]:
        """The string attributes of a principal."""
        lines = self.local(f"getstrs {service}").splitlines()
        pairs = [line.partition(": ")[::2] for line in lines if ": " in line and not line.startswith("kadmin.local:")]
        return dict(pairs)

    # --- people and services ---------------------------------------------------------------------------------------------

    def add_person(self, name: str, *options: str) -> None:
        """A person whose password is the name, twice."""
        self.local(f"addprinc {' '.join(options)} -pw {name * 2} {name}")

    def add_service(self, name: str, *options: str) -> None:
        """A service with a random key, in no keytab."""
        self.local(f"addprinc -randkey {' '.join(options)} {name}")

    def gate(self, service: str, mode: str = "required") -> None:
        """Gate a service, as the administrator does."""
        self.local(f'modprinc {GATED} -maxrenewlife 0 -maxlife "8 hours" {service}', f"setstr {service} jit_approval {mode}")

    def grant(self, service: str, client: str, seconds: float = 600.0, id: str = "K7QM2XVD") -> None:
        """Write a grant by the administrator's hand, ``seconds`` from now."""
        self.set_string(service, f"jit_grant:{id}", f"1 {int(time.time() + seconds)} {client}")

    def set_string(self, service: str, key: str, value: str) -> None:
        """Write any string."""
        quoted = value.replace('"', '""')
        self.local(f'setstr {service} {key} "{quoted}"')

    def take(self, service: str, id: str = "K7QM2XVD") -> None:
        """Delete a grant."""
        self.local(f"delstr {service} jit_grant:{id}")

    # --- what is seen ----------------------------------------------------------------------------------------------------

    @contextmanager
    def heard(self, log: str = "kdc.log") -> Iterator[list[str]]:
        """The lines that a log gets meanwhile."""
        file = self.where / log
        before = file.stat().st_size if file.exists() else 0
        lines: list[str] = []
        yield lines
        with file.open(encoding="utf-8", errors="replace") as text:
            text.seek(before)
            lines += text.read().splitlines()

    def login(self, name: str, cache: Path, *options: str) -> str:
        """A TGT for a person in a new cache, whose name is returned."""
        self.run("kinit", *options, "-c", f"FILE:{cache}", name, stdin=f"{name.partition('@')[0] * 2}\n")
        return f"FILE:{cache}"
