# SPDX-License-Identifier: Apache-2.0
"""Three real hosts, one real KDC, and a desk that is no host.

Each host (contrib/fleet/stage.py) has its own key, settings, accounts and jitd, in namespaces of its own, and hears nothing of
the network but the KDC. The desk is the lab, in which no jitd runs. A person there has a ticket and a carrier: a command that
leads to ``jitd-door stdio`` on the host, or to its sshd.
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
import socket
import subprocess
from pathlib import Path

from contrib.fleet.stage import REALM, Host, Stage
from jitd.store.sqlite import SqliteStore
from tests.fleet.dial import build_dial
from tests.system.conftest import House
from tests.waiting import wait_for

HERE = Path(__file__).parent
TREE = HERE.parents[1]
NAMES = ("db1", "web2", "mail3")
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
operators = ["user:dave"]
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


class FleetHost(Host, House):
    """One of the hosts. People and root of it are asked by its own names: ``run``, ``sudo``, ``jitd`` enter it."""

    def __init__(self, fleet: Fleet, name: str, address: str) -> None:
        host = f"{name}.example.test"
        Host.__init__(self, fleet.at / name, host, address, "dial", "ssh", config=CONFIG.format(host=host), policy=POLICY)
        self.process = None
        self._clients = []
        self._restarted: subprocess.Popen[bytes] | None = None
        self._asked = itertools.count(1)
        (self.at / "said").mkdir(mode=0o755)
        self.root, self.database = self.at, self.at / "state/jitd.db"
        self.socket, self.door = self.at / "run/jitd.sock", self.at / "run/door.sock"
        self.log_file, self.config_file = self.at / "state/log", self.at / "etc/jitd.toml"
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
        self.boot()
        return self

    def kill(self) -> None:
        """kill -9 of its jitd."""
        parent = self.pid if self._restarted is None else self._restarted.pid
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            with contextlib.suppress(OSError):
                if b"/jitd\0serve\0" in Path(f"/proc/{child}/cmdline").read_bytes():
                    os.kill(int(child), signal.SIGKILL)
        if self._restarted is not None:
            self._restarted.wait()

    def restart(self) -> None:
        """Start jitd, as a service manager does when it has ended, and wait until it answers."""
        line = self.inside("sh", "-c", "exec /usr/sbin/jitd serve </dev/null >>/var/lib/jitd/log 2>&1")
        self._restarted = subprocess.Popen(line, env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}, cwd="/")
        wait_for(self.has_door, what=f"jitd on {self.name}")

    def has_door(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.door)) == 0

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


class Fleet(Stage):
    """The hosts, the KDC that they hear, and the desk."""

    def __init__(self) -> None:
        super().__init__()
        self.realm = REALM
        self.dial = build_dial(self.at / "dial")
        self.key, self.ssh = self.at / "key", self.at / "ssh_config"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        bob = pwd.getpwnam("bob")
        os.chown(self.key, bob.pw_uid, bob.pw_gid)
        self.ssh.write_text(SSH.format(dial=self.dial, at=self.at, key=self.key))
        self.hosts = {name: FleetHost(self, name, f"198.51.100.{number}") for number, name in enumerate(NAMES, 11)}

    def start(self) -> Fleet:
        self.start_network()
        for host in self.hosts.values():
            host.start()
        return self

    def close(self) -> None:
        for host in self.hosts.values():
            host.close()
        super().close()

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


@contextlib.contextmanager
def fleet():  # type: ignore[no-untyped-def]
    made = Fleet()
    try:
        yield made.start()
        made.verify()
    finally:
        made.close()
