# SPDX-License-Identifier: Apache-2.0
"""The engine between a desk and hosts of a stage: nats-server of Debian, on a machine of its own, or three of them as a cluster,
with TLS, keys, and the permissions that the product writes; and an agent on each host.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contrib.fleet.stage import HERE, Host, Machine, NotStaged, Stage, wait_for
from jitd_fleet import nkey

ADDRESSES = ("198.51.100.2", "198.51.100.3", "198.51.100.4")
SERVER = f"tls://{ADDRESSES[0]}:4222"
CA = "/etc/jitd/hubs.pem"
"""Where hosts and desks have the certificate that signs those of the servers."""
NATS_SERVER = "/usr/sbin/nats-server"
CLUSTER = "cluster {"
"""From this line on, nats.conf is for several servers."""


def child_of(entered: subprocess.Popen[Any]) -> int:
    """What runs on a machine: the child of the process that has entered it; 0 if it has ended."""
    children = Path(f"/proc/{entered.pid}/task/{entered.pid}/children").read_text().split()
    return int(children[0]) if children else 0


def stop(entered: subprocess.Popen[Any], by: int = signal.SIGTERM) -> int:
    """Stop what runs on a machine."""
    if entered.poll() is None and (child := child_of(entered)):
        os.kill(child, by)
    return entered.wait()


def openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


class Hub:
    """``approvers`` are the people at the desk who have a key for it. Without ``desk``, that is the lab itself."""

    def __init__(
        self, stage: Stage, hosts: Mapping[str, Host], approvers: tuple[str, ...], *, desk: Machine | None = None, n: int = 1
    ) -> None:
        self.fleet: Any = stage
        self.hosts, self.approvers, self.desk = hosts, approvers, desk
        self.at = stage.at / "hub"
        self.at.mkdir(mode=0o755)
        self.machines = [
            Machine(stage.at / f"hub{k}", f"hub{k}.example.org", ADDRESSES[k - 1], "engine") for k in range(1, n + 1)
        ]
        self.servers: dict[str, subprocess.Popen[bytes]] = {}
        self.agents: dict[str, subprocess.Popen[bytes]] = {}
        self.seeds = {name: nkey.make() for name in (*hosts, *approvers)}
        self.ca = self.at / "ca.pem"
        ca = ["req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj", "/CN=ca", "-keyout", self.at / "ca.key"]
        openssl(*ca, "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", self.ca)
        for machine in self.machines:
            self._certify(machine)
        self.write_permissions(*hosts)
        for name, host in hosts.items():
            self._set_up(name, host)
        shutil.copy(self.ca, desk.at / "etc/hubs.pem" if desk else CA)
        for name in approvers:
            self.tell_desk(name)

    def _certify(self, machine: Machine) -> None:
        """Give it its configuration, a key and a certificate."""
        text = (HERE / "nats.conf").read_text()
        (machine.at / "nats-server.conf").write_text(text if len(self.machines) > 1 else text.partition(CLUSTER)[0])
        nats = machine.at / "nats"
        openssl("req", "-newkey", "ed25519", "-nodes", "-subj", f"/CN={machine.host}", "-keyout", nats / "hub.key",
                "-addext", f"subjectAltName=DNS:{machine.host},IP:{machine.address}", "-out", self.at / "hub.csr")  # fmt: skip
        openssl("x509", "-req", "-in", self.at / "hub.csr", "-CA", self.ca, "-CAkey", self.at / "ca.key", "-days", "2",
                "-copy_extensions", "copy", "-out", nats / "hub.pem")  # fmt: skip
        openssl("verify", "-x509_strict", "-CAfile", self.ca, nats / "hub.pem")  # as Python 3.13 does, whatever Python is here
        shutil.copy(self.ca, nats / "ca.pem")
        shutil.chown(nats / "hub.key", "root", "nats")
        (nats / "hub.key").chmod(0o640)

    # --- what the administrator writes

    @property
    def urls(self) -> list[str]:
        return [f"tls://{machine.address}:4222" for machine in self.machines]

    def table(self) -> str:
        """hosts.toml of a desk."""
        return f'[all]\nhosts = {[host.host for host in self.hosts.values()]}\nnats = {self.urls}\nca = "{CA}"\n'

    def table_with_keys(self, names: tuple[str, ...]) -> str:
        """hosts.toml of the administrator, with the keys of the hosts ``names``."""
        keys = [f"'{self.hosts[name].host}' = '{self.public(name)}'" for name in names]
        people = [f"{name} = '{self.public(name)}'" for name in self.approvers]
        return "\n".join([f"{self.table()}[all.keys]", *keys, "[all.approvers]", *people])

    def settings(self, host: Host) -> str:
        """door.toml of a host."""
        servers = (HERE / "door.toml").read_text().partition("servers = ")[2].partition("\n")[0]
        text = (HERE / "door.toml").read_text().replace(servers, str(self.urls))
        return text.replace("db17.example.org", host.host)

    def write_permissions(self, *names: str, more: str = "") -> None:
        """Have the product write what the engine lets the hosts ``names`` and all approvers do. ``more`` is a user of its own."""
        config = self.at / "config/jitd"
        config.mkdir(parents=True, exist_ok=True)
        (config / "hosts.toml").write_text(self.table_with_keys(names))
        environ = {**os.environ, "XDG_CONFIG_HOME": str(config.parent)}
        done = subprocess.run(["/usr/bin/jitd-door", "permissions"], env=environ, capture_output=True, text=True, check=False)
        if done.returncode > 1:
            raise NotStaged(done.stderr)
        for machine in self.machines:
            (machine.at / "nats/permissions.conf").write_text(done.stdout.replace("  ]\n", f"{more}  ]\n"))

    def public(self, name: str) -> str:
        return nkey.Key(self.seeds[name]).public

    def _set_up(self, name: str, host: Host) -> None:
        etc = host.at / "etc"
        shutil.copy(self.ca, etc / "hubs.pem")
        key = etc / "door.nk"
        key.write_text(f"{self.seeds[name]}\n")
        key.chmod(0o600)
        shutil.chown(key, "jitd-door", "jitd-door")
        (etc / "door.toml").write_text(self.settings(host))

    def tell_desk(self, name: str) -> None:
        """Write what a person there has: hosts.toml, and the key."""
        person = pwd.getpwnam(name)
        config = Path(person.pw_dir, ".config/jitd")
        config.mkdir(parents=True, exist_ok=True)
        (config / "hosts.toml").write_text(self.table())
        (config / "nats.nk").write_text(f"{self.seeds[name]}\n")
        (config / "nats.nk").chmod(0o600)
        for file in (config.parent, config, *config.iterdir()):
            os.chown(file, person.pw_uid, person.pw_gid)

    # --- what runs

    def start(self) -> Hub:
        names = {machine.host: machine.address for machine in self.machines}
        for machine in self.machines:
            machine.knows(names)
            machine.boot()
            self.start_server(machine.name)
        for name in self.hosts:
            self.start_agent(name)
        return self

    def start_server(self, name: str = "hub1") -> None:
        """As nats-server.service of Debian does."""
        (machine,) = (one for one in self.machines if one.name == name)
        line = machine.inside("setpriv", "--reuid=nats", "--regid=nats", "--init-groups", NATS_SERVER)
        with self.log(name).open("ab") as log:
            self.servers[name] = subprocess.Popen([*line, "-c", "/etc/nats-server.conf"], stdout=log, stderr=log, cwd="/")

        def listens() -> bool:
            if self.servers[name].poll() is not None:
                raise NotStaged(f"nats-server has ended: {self.log(name).read_text()}")
            try:
                socket.create_connection((machine.address, 4222), timeout=1.0).close()
            except OSError:
                return False
            return True

        wait_for(listens, "the engine")

    def log(self, name: str = "hub1") -> Path:
        return self.at / f"{name}.log"

    def reload(self) -> None:
        """Have the engine read its configuration again."""
        for server in self.servers.values():
            os.kill(child_of(server), signal.SIGHUP)

    def kill_server(self, name: str = "hub1") -> None:
        stop(self.servers.pop(name), signal.SIGKILL)

    def said(self, name: str) -> str:
        """What the agent of a host said."""
        return (self.hosts[name].at / "agent.log").read_text()

    def start_agent(self, name: str, program: tuple[str, ...] = ("/usr/bin/jitd-door", "nats")) -> None:
        as_door = ("setpriv", "--reuid=jitd-door", "--regid=jitd-door", "--clear-groups")
        with (self.hosts[name].at / "agent.log").open("wb") as log:
            self.agents[name] = subprocess.Popen(self.hosts[name].inside(*as_door, *program), stderr=log, cwd="/")
        wait_for(lambda: "connected" in self.said(name), f"the agent on {name}")

    def wait_for_agents(self) -> None:
        """Until each is connected to a server: as the kernel has it, the agents say it once only."""

        def is_connected(host: Host) -> bool:
            line = host.inside("ss", "-Htn", "state", "established", "dport", "=", ":4222")
            return bool(subprocess.run(line, stdout=subprocess.PIPE, check=True).stdout)

        for host in self.hosts.values():
            wait_for(lambda host=host: is_connected(host), f"the agent on {host.name}")  # type: ignore[misc]

    def stop_agent(self, name: str, by: int = signal.SIGTERM) -> int:
        return stop(self.agents.pop(name), by)

    def close(self) -> None:
        for name in list(self.agents):
            self.stop_agent(name)
        for name in list(self.servers):
            self.kill_server(name)
        for machine in self.machines:
            machine.stop()
        if self.desk is None:
            Path(CA).unlink(missing_ok=True)
