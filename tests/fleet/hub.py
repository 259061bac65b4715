# SPDX-License-Identifier: Apache-2.0
"""An engine between the desk and the hosts of the stage: a real nats-server, with TLS, keys, and the permissions that the product
writes, and an agent on each host.
"""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

from jitd_fleet import nkey
from tests.fleet.host import KDC
from tests.fleet.stage import Fleet, FleetHost
from tests.waiting import wait_for

SERVER = f"tls://{KDC}:4222"
CONF = """\
listen: {address}:4222
tls {{ cert_file: "{at}/hub.pem", key_file: "{at}/hub.key" }}
include permissions.conf
"""


def stop(entered: subprocess.Popen[Any]) -> int:
    """Stop what runs on a host: the child of the process that has entered it."""
    for child in Path(f"/proc/{entered.pid}/task/{entered.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGTERM)
    return entered.wait()


class Hub:
    """The engine. ``approvers`` are the people at the desk who have a key for it."""

    def __init__(self, fleet: Fleet, approvers: tuple[str, ...]) -> None:
        self.fleet, self.approvers = fleet, approvers
        self.at = fleet.at / "hub"
        self.at.mkdir(mode=0o755)
        self.server: subprocess.Popen[bytes] | None = None
        self.agents: dict[str, subprocess.Popen[bytes]] = {}
        self.seeds = {name: nkey.make() for name in (*fleet.hosts, *approvers)}
        self.ca = self.at / "hub.pem"
        line = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj", "/CN=hub"]
        line += ["-addext", f"subjectAltName=IP:{KDC}", "-keyout", str(self.at / "hub.key"), "-out", str(self.ca)]
        subprocess.run(line, check=True, capture_output=True)
        self.ca.chmod(0o644)
        self.write_permissions(*fleet.hosts)
        (self.at / "nats.conf").write_text(CONF.format(address=KDC, at=self.at))
        for name, host in fleet.hosts.items():
            self._set_up(name, host)
        for name in approvers:
            self._known_to(name)

    def write_permissions(self, *names: str, more: str = "") -> None:
        """Have the product write what the engine lets the hosts ``names`` and all approvers do. ``more`` is a user of its own."""
        hosts = {self.fleet.hosts[name].host: self.public(name) for name in names}
        people = {name: self.public(name) for name in self.approvers}
        table = [f"[all]\nhosts = {[*hosts]}\nnats = '{SERVER}'", "[all.keys]", *(f"'{one}' = '{hosts[one]}'" for one in hosts)]
        table += ["[all.approvers]", *(f"{one} = '{people[one]}'" for one in people)]
        config = self.at / "config/jitd"
        config.mkdir(parents=True, exist_ok=True)
        (config / "hosts.toml").write_text("\n".join(table))
        environ = {**os.environ, "XDG_CONFIG_HOME": str(config.parent)}
        done = subprocess.run(["/usr/bin/jitd-door", "permissions"], env=environ, capture_output=True, text=True, check=True)
        (self.at / "permissions.conf").write_text(done.stdout.replace("  ]\n", f"{more}  ]\n"))

    def public(self, name: str) -> str:
        return nkey.Key(self.seeds[name]).public

    def _set_up(self, name: str, host: FleetHost) -> None:
        etc = host.at / "etc"
        (etc / "hub.pem").write_bytes(self.ca.read_bytes())
        key = etc / "door.nk"
        key.write_text(f"{self.seeds[name]}\n")
        key.chmod(0o600)
        door = pwd.getpwnam("jitd-door")
        os.chown(key, door.pw_uid, door.pw_gid)
        (etc / "door.toml").write_text(f'[nats]\nservers = ["{SERVER}"]\nhost = "{host.host}"\nca = "/etc/jitd/hub.pem"\n')

    def _known_to(self, name: str) -> None:
        person = pwd.getpwnam(name)
        config = Path(person.pw_dir, ".config/jitd")
        config.mkdir(parents=True, exist_ok=True)
        hosts = [host.host for host in self.fleet.hosts.values()]
        (config / "hosts.toml").write_text(f'[all]\nhosts = {hosts}\nnats = "{SERVER}"\nca = "{self.ca}"\n')
        (config / "nats.nk").write_text(f"{self.seeds[name]}\n")
        (config / "nats.nk").chmod(0o600)
        for file in (config.parent, config, *config.iterdir()):
            os.chown(file, person.pw_uid, person.pw_gid)

    # --- what runs

    def start(self) -> Hub:
        self.start_server()
        for name in self.fleet.hosts:
            self.start_agent(name)
        return self

    def start_server(self) -> None:
        with (self.at / "log").open("ab") as log:
            self.server = subprocess.Popen(["nats-server", "-c", self.at / "nats.conf"], stdout=log, stderr=log, cwd="/")
        wait_for(self._listens, what="the engine")

    def reload(self) -> None:
        """Have the engine read its configuration again."""
        assert self.server is not None
        self.server.send_signal(signal.SIGHUP)

    def kill_server(self) -> None:
        assert self.server is not None
        self.server.send_signal(signal.SIGKILL)
        self.server.wait()

    def start_agent(self, name: str, program: tuple[str, ...] = ("/usr/bin/jitd-door", "nats")) -> None:
        said = self.fleet.hosts[name].at / "agent.log"
        as_door = ("setpriv", "--reuid=jitd-door", "--regid=jitd-door", "--clear-groups")
        with said.open("wb") as log:
            self.agents[name] = subprocess.Popen(self.fleet.hosts[name].inside(*as_door, *program), stderr=log, cwd="/")
        wait_for(lambda: "connected" in said.read_text(), what=f"the agent on {name}")

    def stop_agent(self, name: str) -> int:
        return stop(self.agents.pop(name))

    def close(self) -> None:
        for name in list(self.agents):
            self.stop_agent(name)
        self.kill_server()

    @staticmethod
    def _listens() -> bool:
        try:
            socket.create_connection((KDC, 4222), timeout=1.0).close()
        except OSError:
            return False
        return True
