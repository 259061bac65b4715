# SPDX-License-Identifier: Apache-2.0
"""The unit that dials out to an engine, and the engine, set up as docs/fleet.md says."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.at_door import GROUP
from tests.booted.conftest import Service, show, systemctl
from tests.booted.test_door_unit import HOSTS, RULE
from tests.law.tree import TREE
from tests.waiting import status_of, wait_for

UNIT = "jitd-door-nats.service"
SERVER = "tls://127.0.0.1:4222"
ETC, NATS = Path("/etc/jitd"), Path("/etc/nats")
CONF = Path("/etc/nats-server.conf")


def door(*words: str) -> str:
    return subprocess.run(["jitd-door", *words], capture_output=True, text=True, check=False, cwd="/").stdout


@pytest.fixture
def by_nats(service: Service) -> Iterator[Service]:
    bob = pwd.getpwnam("bob")
    ca = ETC / "hub.pem"
    NATS.mkdir()
    (lines,) = re.findall(r"^```\n(openssl req -x509 (?:.*\n)*?)```$", (TREE / "docs/fleet.md").read_text(), re.MULTILINE)
    typed = lines.replace("DNS:hub1.example.org", "IP:127.0.0.1")
    subprocess.run(["sh", "-euc", typed], cwd=NATS, check=True, capture_output=True)
    shutil.chown(NATS / "hub.key", "root", "nats")
    (NATS / "hub.key").chmod(0o640)
    shutil.copy(NATS / "hubs.pem", ca)
    ca.chmod(0o644)
    group = f'[lab]\nhosts = ["lab.example.test"]\nnats = "{SERVER}"\nca = "{ca}"\n'
    HOSTS.write_text(group)
    (ETC / "door.toml").write_text(f'[nats]\nservers = ["{SERVER}"]\nhost = "lab.example.test"\nca = "{ca}"\n')
    made = service.run("bob", "jitd", "--host", "lab", "requests")
    assert made.returncode == 125 and "Your new key: " in made.stderr, made
    of_bob = made.stderr.partition("Your new key: ")[2].split()[0].rstrip(".")
    HOSTS.write_text(f'{group}[lab.keys]\n"lab.example.test" = "{door("enrol").strip()}"\n[lab.approvers]\nbob = "{of_bob}"\n')
    (NATS / "permissions.conf").write_text(door("permissions"))
    before = CONF.read_text()
    systemctl("start", "nats-server")  # as the package does
    CONF.write_text((TREE / "contrib/fleet/nats.conf").read_text().partition("cluster {")[0])
    try:
        systemctl("restart", "nats-server")
        systemctl("stop", "jitd.socket", "jitd.service")
        systemctl("start", "jitd.socket", "jitd-door.socket", "jitd.service")
        systemctl("enable", "--now", UNIT)
        with service.with_rules(RULE):
            yield service
    finally:
        systemctl("disable", "--now", UNIT)
        systemctl("stop", "nats-server")
        CONF.write_text(before)
        shutil.rmtree(NATS)
        for file in (HOSTS, ca, ETC / "door.toml", ETC / "door.nk"):
            file.unlink()
        shutil.rmtree(Path(bob.pw_dir, ".config/jitd"))
        systemctl("stop", "jitd.socket", "jitd-door.socket", "jitd.service")
        systemctl("start", "jitd.socket", "jitd.service")


def test_an_approver_comes_by_an_engine_and_the_record_says_so(by_nats: Service) -> None:
    wait_for(lambda: by_nats.run("bob", "jitd", "--host", "lab", "requests").returncode == 0, what="the agent")
    asking = by_nats.ask("alice", "id")
    done = by_nats.run("bob", "jitd", "approve", f"{asking.id}@lab", "--yes", "--comment", "seen from afar")
    assert done.returncode == 0, done.stderr
    assert asking.end() == 0, asking.err
    found = by_nats.jitd("audit", "show", "--id", asking.id)
    assert "(by the door: nats from U" in found.stdout
    main = int(show(UNIT, "MainPID")["MainPID"])
    assert status_of(main)["Uid"].split()[0] == str(pwd.getpwnam(GROUP).pw_uid)
    assert status_of(main)["CapEff"].strip("0") == "" and status_of(main)["Seccomp"] == "2"
    assert (ETC / "door.nk").stat().st_uid == 0 and os.stat(ETC / "door.nk").st_mode & 0o777 == 0o600
    systemctl("kill", "--signal=KILL", UNIT)
    wait_for(lambda: by_nats.run("bob", "jitd", "--host", "lab", "requests").returncode == 0, what="the next agent")

    limits, _, _ = door("permissions").partition("authorization {")  # a server refuses to read other ones while it runs
    (NATS / "permissions.conf").write_text(f"{limits}authorization {{ users = [] }}\n")
    systemctl("reload", "nats-server")
    wait_for(lambda: by_nats.run("bob", "jitd", "--host", "lab", "requests").returncode == 125, what="the end of the keys")
    (NATS / "permissions.conf").write_text(door("permissions"))
    systemctl("reload", "nats-server")
    wait_for(lambda: by_nats.run("bob", "jitd", "--host", "lab", "requests").returncode == 0, what="the agent, known again")
