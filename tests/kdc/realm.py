# SPDX-License-Identifier: Apache-2.0
"""A realm of the tests' own: krb5kdc and kadmind over a database in a directory, at ports of their own.

Law: it uses nothing of the host's realm, and leaves no process.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

NAME, HOST = "OWN.TEST", "lab.example.test"
WRITER = f"jitd-kdc/{HOST}@{NAME}"
WITHIN = 20.0

KRB5 = """\
[libdefaults]
    default_realm = {realm}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    forwardable = true
[realms]
    {realm} = {{
        kdc = 127.0.0.1:{kdc}
        admin_server = 127.0.0.1:{kadmin}
    }}
"""
KDC = """\
[kdcdefaults]
    kdc_listen = 127.0.0.1:{kdc}
    kdc_tcp_listen = 127.0.0.1:{kdc}
[realms]
    {realm} = {{
        database_name = {directory}/principal
        key_stash_file = {directory}/stash
        acl_file = {directory}/kadm5.acl
        kadmind_listen = 127.0.0.1:{kadmin}
        kpasswd_listen = 127.0.0.1:{kpasswd}
        max_life = 1d
        max_renewable_life = 7d
        supported_enctypes = aes256-cts-hmac-sha1-96:normal
    }}
[logging]
    kdc = FILE:{directory}/kdc.log
    admin_server = FILE:{directory}/kadmind.log
    default = FILE:{directory}/krb5lib.log
[plugins]
{plugins}
"""


def free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Realm:
    """Its files are below ``directory``. ``plugin`` is jitd's object for krb5kdc and kadmind; without one, an ACL serves."""

    def __init__(self, directory: Path, plugin: Path | None = None) -> None:
        self.directory = directory
        self.kdc_port, self.kadmin_port, kpasswd = free_ports(3)
        words = {"realm": NAME, "directory": directory, "kdc": self.kdc_port, "kadmin": self.kadmin_port, "kpasswd": kpasswd}
        kinds = ("kdcpolicy", "kadm5_auth") if plugin else ()
        plugins = "\n".join(f"    {kind} = {{\n        module = jitd:{plugin}\n    }}" for kind in kinds)
        (directory / "krb5.conf").write_text(KRB5.format(**words))
        (directory / "kdc.conf").write_text(KDC.format(**words, plugins=plugins))
        (directory / "kadm5.acl").write_text("" if plugin else f"{WRITER} im *\n")
        self.environment = {
            "PATH": os.environ["PATH"],
            "KRB5_CONFIG": str(directory / "krb5.conf"),
            "KRB5_KDC_PROFILE": str(directory / "kdc.conf"),
        }
        self.keytab = directory / "jitd-kdc.keytab"
        self.kdc: subprocess.Popen[bytes] | None = None
        self.kadmind: subprocess.Popen[bytes] | None = None
        self.run("kdb5_util", "create", "-r", NAME, "-s", "-P", "test")
        self.local(f"addprinc -randkey {WRITER}", f"ktadd -k {self.keytab} {WRITER}")

    def run(self, *line: str, stdin: str = "") -> str:
        done = subprocess.run(line, env=self.environment, input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def local(self, *queries: str) -> str:
        """What kadmin.local says to ``queries``."""
        return self.run("kadmin.local", "-r", NAME, stdin="\n".join(queries) + "\n")

    def strings(self, service: str) -> dict[str, str]:
        """The string attributes that the database has, as kadmin.local prints them."""
        said = self.run("kadmin.local", "-r", NAME, "getstrs", service)
        return dict(line.split(": ", 1) for line in said.splitlines() if ": " in line)

    def gate(self, service: str, *, granted_by: str = HOST, approval: str = "required") -> str:
        """Make a gated service; return its name with the realm."""
        self.local(
            f"addprinc -randkey -allow_forwardable -allow_proxiable -allow_postdated -allow_dup_skey "
            f'-maxrenewlife 0 -maxlife "1 hour" {service}',
            f"setstr {service} jit_approval {approval}",
            f'setstr {service} jit_granted_by "{granted_by}"',
        )
        return f"{service}@{NAME}"

    # --- its processes

    def start_kdc(self) -> None:
        self.kdc = self._start("krb5kdc", "-n", "-r", NAME, "-P", str(self.directory / "kdc.pid"))
        self._wait(self.kdc_port, self.kdc)

    def start_kadmind(self) -> None:
        self.kadmind = self._start("kadmind", "-nofork", "-r", NAME, "-P", str(self.directory / "kadmind.pid"))
        self._wait(self.kadmin_port, self.kadmind)

    def kill(self, process: subprocess.Popen[bytes] | None) -> None:
        """``kill -9``; it has ended when this returns."""
        if process is not None and process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
            process.kill()
            process.wait()

    def close(self) -> None:
        self.kill(self.kdc)
        self.kill(self.kadmind)

    def _start(self, *line: str) -> subprocess.Popen[bytes]:
        with open(self.directory / f"{line[0]}.out", "ab") as out:
            return subprocess.Popen(line, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def _wait(self, port: int, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + WITHIN
        while time.monotonic() < until:
            assert process.poll() is None, "it has ended; see its log"
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.02)
        raise AssertionError(f"nothing answers at port {port}")
