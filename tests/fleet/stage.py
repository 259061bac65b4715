# SPDX-License-Identifier: Apache-2.0
"""Three real hosts, one real KDC, and a desk that is no host.

Each host (tests/fleet/host.py) has its own key, settings, accounts and jitd, in namespaces of its own, and hears nothing of the
network but the KDC. The desk is the lab, in which no jitd runs. A person there has a ticket and a carrier: a command that leads
to ``jitd-door stdio`` on the host, or to its sshd.
Law: runs as root in the lab alone, and leaves nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from jitd.store.sqlite import SqliteStore
from tests.attacks.raw import REALM, kadmin
from tests.fleet.dial import build_dial
from tests.fleet.host import KDC
from tests.system.conftest import House
from tests.waiting import wait_for

HERE = Path(__file__).parent
TREE = HERE.parents[1]
NAMES = ("db1", "web2", "mail3")
DESK_ALONE = ("bob", "carol", "eve")
"""The people who have no account on a host."""
POLICY = """
[[permit]]
name = "by-door"
who = ["group:dba"]
run_as = ["*"]
commands = [["**"]]
approvals = [{ need = 1, from = ["group:remote"], door = true, ticket_age = "1h" }]
grant = { lasts = "1h", uses = 100 }
"""
CONFIG = f"""\
realms = ["{REALM}"]
host = "{{host}}"
[door]
listen = true
operators = {{{{ ticket_age = "1h" }}}}
[limits]
pending_per_person = 1000
[approvers."bob@{REALM}"]
person = "bob"
groups = ["remote"]
[approvers."carol@{REALM}"]
person = "carol"
groups = ["remote"]
"""
SSHD = """\
HostKey /etc/jitd/ssh_host_key
UsePAM yes
LogLevel ERROR
{match}"""
SSH = """\
Host *
    ProxyCommand {dial} {at}/%h/run/ssh
    IdentityFile {key}
    IdentitiesOnly yes
    BatchMode yes
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
    LogLevel ERROR
"""


class FleetHost(House):
    """One of the hosts. People and root of it are asked by its own names: ``run``, ``sudo``, ``jitd`` enter it."""

    def __init__(self, fleet: Fleet, name: str, address: str) -> None:
        self.name, self.host, self.address = name, f"{name}.example.test", address
        self.at = fleet.at / name
        self.pid = 0
        self.process = None
        self._clients = []
        self._asked = itertools.count(1)
        for directory in ("etc/policy.d", "run", "state", "said"):
            (self.at / directory).mkdir(parents=True, mode=0o755)
        (self.at / "state").chmod(0o700)
        self.root, self.database = self.at, self.at / "state/jitd.db"
        self.socket, self.door = self.at / "run/jitd.sock", self.at / "run/door.sock"
        self.log_file, self.config_file = self.at / "state/log", self.at / "etc/jitd.toml"
        self.config_file.write_text(CONFIG.format(host=self.host))
        (self.at / "etc/policy.d/50-test.toml").write_text(POLICY)
        self.service = f"jitd/{self.host}@{REALM}"
        kadmin("addprinc", "-randkey", self.service)
        kadmin("ktadd", "-k", str(self.at / "etc/jitd.keytab"), self.service)
        for file, column in (("passwd", None), ("shadow", None), ("group", 3)):
            (self.at / file).write_text(_without_people(Path("/etc", file).read_text(), column))
        shutil.copymode("/etc/shadow", self.at / "shadow")
        (self.at / "hostname").write_text(f"{self.host}\n")
        (self.at / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {self.host} {name}\n")
        (self.at / "krb5.conf").write_text(Path("/etc/krb5.conf").read_text().replace("127.0.0.1", KDC))
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.at / "etc/ssh_host_key"], check=True)
        shutil.copy(fleet.key.with_suffix(".pub"), self.at / "etc/jitd-door.keys")
        match = re.search(r"^Match User jitd-door\n(?:    .*\n)+", (TREE / "docs/fleet.md").read_text(), re.MULTILINE)
        assert match
        lines = match[0].replace("/etc/ssh/jitd-door.keys", "/etc/jitd/jitd-door.keys")
        (self.at / "etc/sshd_config").write_text(SSHD.format(match=lines))
        self.carriers = {"dial": f"{fleet.dial} {self.at}/run/dial", "ssh": f"ssh -T -F {fleet.ssh} jitd-door@{name}"}
        """The carriers that lead here, as somebody types them after ``--via``."""

    def start(self, priority: int = 0) -> FleetHost:
        """Start the host, and wait until its jitd answers."""
        for stale in ("run/dial", "run/ssh"):
            (self.at / stale).unlink(missing_ok=True)
        spaces = ("--fork", "--pid", "--mount", "--uts", "--ipc", "--net", "--mount-proc", "--kill-child")
        line = ["unshare", *spaces, "/usr/bin/python3", "-IS", HERE / "host.py", self.at, self.name, self.address]
        with (self.at / "host.log").open("ab") as log:
            self.init = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd="/")
        children = Path(f"/proc/{self.init.pid}/task/{self.init.pid}/children")
        self.pid = int(wait_for(lambda: children.read_text().split(), what="process 1 of a host")[0])
        wait_for(lambda: not os.path.samefile(f"/proc/{self.pid}/ns/net", "/proc/self/ns/net"), what="its network")
        batch = (
            f"link add f-{self.name} type veth peer name eth0 netns {self.pid}\nlink set f-{self.name} up\n"
            f"route add {self.address} dev f-{self.name} src {KDC}\n"
        )
        subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)
        assert self.init.stdin is not None and self.init.stdout is not None
        self.init.stdin.write("go\n")
        self.init.stdin.flush()
        said = self.init.stdout.readline()
        assert said == "ready\n", f"{self.name} has not started: {(self.at / 'host.log').read_text()}{self.log()}"
        return self

    def stop(self) -> None:
        """The whole host is gone, at once."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            self.init.wait()
            for stream in (self.init.stdin, self.init.stdout):
                assert stream is not None
                stream.close()
            self.pid = 0

    def close(self) -> None:
        self.stop()
        kadmin("delprinc", "-force", self.service)

    def inside(self, *words: str | bytes) -> list[str | bytes]:
        """The command line by which root runs ``words`` on this host."""
        return ["nsenter", "--target", str(self.pid), "--all", "--wdns=/", "--", *words]

    def line(self, who: str, *words: str | bytes, ticket: bool = True) -> list[str | bytes]:
        return self.inside(*(words if who == "root" else ("as", *([] if ticket else ["--no-ticket"]), who, *words)))

    def jitd(self, *words: str, who: str = "root", **more: object) -> subprocess.CompletedProcess[str]:
        return self.run(who, "jitd", *words, **more)

    def waits(self, *words: str, who: str = "alice") -> str:
        """The id of a request of ``who`` for ``words``, or for something harmless, which waits."""
        done = self.sudo(who, "--no-wait", *(words or ("id", os.urandom(4).hex())))
        found = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", done.stdout + done.stderr)
        assert found is not None, done
        return found[0]

    def state_of(self, id: str) -> str:
        return str(self.request_of(id).state)

    def is_untouched(self, id: str) -> bool:
        """True if nobody has decided about the request, and nothing was permitted by it."""
        found = self.request_of(id)
        return (
            str(found.state) == "pending"
            and not found.reviews
            and not any(one.id == id for one in self.kept("grants", ended=True))
        )

    def events(self, after: int) -> set[str]:
        """What the record tells of after the record of that number."""
        with contextlib.closing(SqliteStore.reading(self.database)) as store:
            return {json.loads(body)["event"] for _, body, _ in store.records(after)}


class Fleet:
    """The hosts, the KDC that they hear, and the desk."""

    def __init__(self) -> None:
        self.at = Path(tempfile.mkdtemp(prefix="fleet-", dir="/srv"))
        self.at.chmod(0o755)
        self.realm = REALM
        self.dial = build_dial(self.at / "dial")
        self.kdc: subprocess.Popen[bytes] | None = None
        self.key, self.ssh = self.at / "key", self.at / "ssh_config"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        bob = pwd.getpwnam("bob")
        os.chown(self.key, bob.pw_uid, bob.pw_gid)
        self.ssh.write_text(SSH.format(dial=self.dial, at=self.at, key=self.key))
        self.hosts = {name: FleetHost(self, name, f"198.51.100.{number}") for number, name in enumerate(NAMES, 11)}

    def start(self) -> Fleet:
        subprocess.run(["ip", "addr", "add", f"{KDC}/32", "dev", "lo"], check=True)
        conf = self.at / "kdc.conf"
        conf.write_text(Path("/etc/krb5kdc/kdc.conf").read_text().replace("127.0.0.1:88", f"{KDC}:88"))
        environ = {**os.environ, "KRB5_KDC_PROFILE": str(conf)}
        with (self.at / "kdc.log").open("wb") as log:
            self.kdc = subprocess.Popen(["krb5kdc", "-n", "-r", REALM], env=environ, cwd="/", stderr=log)
        wait_for(lambda: "starting" in (self.at / "kdc.log").read_text(), what="the KDC that the hosts hear")
        for host in self.hosts.values():
            host.start()
        return self

    def close(self) -> None:
        for host in self.hosts.values():
            host.close()
        if self.kdc is not None:
            self.kdc.terminate()
            self.kdc.wait()
            subprocess.run(["ip", "addr", "del", f"{KDC}/32", "dev", "lo"], check=True)
        shutil.rmtree(self.at)

    def verify(self) -> None:
        for host in self.hosts.values():
            host.verify()

    # --- the desk

    def desk(self, *words: str, who: str = "bob", ticket: bool = True, **more: object) -> subprocess.CompletedProcess[str]:
        """``jitd words`` at the desk, as ``who``."""
        line = ["as", *([] if ticket else ["--no-ticket"]), who, "jitd", *words]
        more = {"stdin": subprocess.DEVNULL, "cwd": "/", **more}
        return subprocess.run(line, capture_output=True, text=True, check=False, **more)  # type: ignore[call-overload, no-any-return]

    def jitd(self, name: str, *words: str, by: str = "dial", to: str = "", who: str = "bob") -> subprocess.CompletedProcess[str]:
        """``jitd --host name --via … words`` at the desk; with ``to``, the carrier leads to another host than the one meant."""
        via = self.hosts[to or name].carriers[by]
        return self.desk("--host", self.hosts[name].host, "--via", via, *words, who=who)


def _without_people(text: str, members: int | None) -> str:
    """A file of accounts without DESK_ALONE. ``members`` is the field in which a group has its members."""
    kept = []
    for line in text.splitlines():
        fields = line.split(":")
        if fields[0] in DESK_ALONE:
            continue
        if members is not None:
            fields[members] = ",".join(one for one in fields[members].split(",") if one not in DESK_ALONE)
        kept.append(":".join(fields))
    return "\n".join(kept) + "\n"


@contextlib.contextmanager
def fleet():  # type: ignore[no-untyped-def]
    made = Fleet()
    try:
        yield made.start()
        made.verify()
    finally:
        made.close()
