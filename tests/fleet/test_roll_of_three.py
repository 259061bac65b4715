# SPDX-License-Identifier: Apache-2.0
"""Three real hosts and a carrier that has a roll: a directory of words, which agents at the doors fill. Whoever carries changes
what is in it.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitpam.wire import coding, messages
from jitpam.wire.framing import FrameReader, frame
from jitpam.wire.messages import FROM_DAEMON
from tests.fleet.stage import NAMES, Fleet, FleetHost
from tests.marks import full
from tests.waiting import wait_for

DESK = """#!/usr/bin/python3 -IS
import sys

sys.path += ["/usr/lib/jitd", "/usr/lib/jitd/site-packages"]
from pathlib import Path

from jitd.cli import main
from jitd_fleet import hosts
from jitpam.carrier import Command

AT = Path({at!r})


class Carrier:
    name = "a carrier with a roll"

    def dial(self, host, within):
        with (AT / "dialled").open("a") as noted:
            noted.write(host.partition(".")[0] + chr(10))
        return Command((str(AT / "dial"), str(AT / host / "run/dial"))).dial(host, within)

    def roll(self, hosts):
        return {{file.name: file.read_bytes() for file in (AT / "words").iterdir() if not file.name.startswith(".")}}


carrier = Carrier()
hosts.Group.carrier = lambda group, host: carrier
raise SystemExit(main())
"""


class Agent(threading.Thread):
    """What has the roll called at the door of ``host``, and writes each word to ``file``, until it is told to hold the last."""

    def __init__(self, host: FleetHost, file: Path) -> None:
        super().__init__(daemon=True)
        self.file, self.holds = file, False
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(host.door))
        self.socket.sendall(frame(coding.encode(messages.Roll())))
        self.latest: dict[str, object] = {}
        self._one_at_a_time = threading.RLock()
        self.start()

    def run(self) -> None:
        frames = FrameReader()
        while data := self.socket.recv(1 << 16):
            frames.feed(data)
            while (body := frames.next_frame()) is not None:
                said = coding.decode(body, FROM_DAEMON)
                assert isinstance(said, messages.Item)
                with self._one_at_a_time:
                    if not self.holds:
                        self.bring(said.row)
                    self.latest = said.row  # last, so that who has seen it finds it in the file

    def bring(self, row: dict[str, object]) -> None:
        with self._one_at_a_time:
            fresh = self.file.with_name(f".{self.file.name}")
            fresh.write_text(json.dumps(row))
            fresh.rename(self.file)

    def go_on(self) -> None:
        """Hold the last word no longer."""
        with self._one_at_a_time:
            self.holds = False
            self.bring(self.latest)

    def has(self, n_waiting: int) -> None:
        wait_for(lambda: self.latest.get("waiting") == n_waiting, what=f"a word that {n_waiting} wait")

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.join()
        self.socket.close()


class Desk:
    """bob's desk, with a carrier that has a roll."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.words = fleet.at / "words"
        self.words.mkdir()
        self.dialled = fleet.at / "dialled"
        self.dialled.touch()
        self.dialled.chmod(0o666)
        self.jitd = fleet.at / "desk"
        self.jitd.write_text(DESK.format(at=str(fleet.at)))
        self.jitd.chmod(0o755)
        self.bob = pwd.getpwnam("bob")
        self.file = Path(self.bob.pw_dir, ".config/jitd/hosts.toml")
        self.pins = Path(self.bob.pw_dir, ".local/state/jitd/roll.json")
        self.file.parent.mkdir(parents=True, exist_ok=True)
        names = [host.host for host in fleet.hosts.values()]
        self.file.write_text(f'[all]\nhosts = {names}\nvia = "true"\n')
        os.chown(self.file, self.bob.pw_uid, self.bob.pw_gid)
        for host in fleet.hosts.values():
            (fleet.at / host.host).symlink_to(host.at)
        self.agents = {name: Agent(host, self.words / host.host) for name, host in fleet.hosts.items()}
        for agent in self.agents.values():
            agent.has(0)

    def asked(self, *words: str) -> tuple[list[str], subprocess.CompletedProcess[str]]:
        """Which hosts are dialled for ``jitd --hosts @all words``, and what is said."""
        self.dialled.write_text("")
        line = ["as", "bob", str(self.jitd), "--hosts", "@all", *words]
        done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd="/")
        return sorted(self.dialled.read_text().split()), done

    def close(self) -> None:
        for agent in self.agents.values():
            agent.close()
        self.file.unlink()
        shutil.rmtree(self.pins.parent, ignore_errors=True)


@pytest.fixture(scope="module")
def desk(three: Fleet) -> Iterator[Desk]:
    made = Desk(three)
    yield made
    made.close()


@pytest.fixture
def known(desk: Desk) -> Desk:
    """The desk knows each host, and nothing waits anywhere."""
    for agent in desk.agents.values():
        agent.go_on()
        agent.has(0)
    _, done = desk.asked("requests")
    assert done.returncode == 0, done
    asked, done = desk.asked("requests")
    assert asked == [] and "no open request" in done.stderr, done
    return desk


def approved(desk: Desk, name: str, id: str) -> None:
    done = desk.fleet.desk("--host", desk.fleet.hosts[name].host, "--via", desk.fleet.hosts[name].carriers["dial"], "approve",
                           "--yes", id)  # fmt: skip
    assert done.returncode == 0 and desk.fleet.hosts[name].state_of(id) == "approved", done
    desk.agents[name].has(0)


scripted = full("every day, tests/client/test_roll_called.py plays this with hosts that are made of scripts")


def test_hosts_are_asked_once_and_then_only_the_one_on_which_something_waits(desk: Desk) -> None:
    asked, done = desk.asked("requests")
    assert asked == sorted(NAMES) and done.returncode == 0, done
    assert desk.pins.stat().st_mode & 0o777 == 0o600 and desk.pins.stat().st_uid == desk.bob.pw_uid
    assert desk.asked("requests")[0] == []
    id = desk.fleet.hosts["web2"].waits()
    desk.agents["web2"].has(1)
    asked, done = desk.asked("requests")
    assert asked == ["web2"] and id in done.stdout and done.stderr == "", done
    approved(desk, "web2", id)
    assert desk.asked("requests")[0] == []


def test_a_host_that_is_left_out_is_asked_and_what_waits_there_is_shown(known: Desk) -> None:
    """THREATS F-28."""
    host, agent = known.fleet.hosts["web2"], known.agents["web2"]
    agent.holds = True
    agent.file.unlink()
    id = host.waits()
    asked, done = known.asked("requests")
    assert asked == ["web2"] and id in done.stdout and "jitd: web2: not heard since " in done.stderr, done
    approved(known, "web2", id)


def test_what_was_seen_is_not_denied_by_an_honest_word_from_before(known: Desk) -> None:
    """THREATS F-28. Nothing was wrong with it, and it is not behind what was told as the host's word when it was seen."""
    host, agent = known.fleet.hosts["web2"], known.agents["web2"]
    agent.holds = True
    old = dict(agent.latest)
    agent.file.unlink()
    id = host.waits()
    assert id in known.asked("requests")[1].stdout
    agent.bring(old)
    for _ in range(2):
        asked, done = known.asked("requests")
        assert asked == ["web2"] and id in done.stdout, done
    approved(known, "web2", id)
    agent.go_on()
    assert known.asked("requests")[0] == []


@scripted
def test_an_old_word_after_a_newer_one_is_told_and_the_host_is_asked(known: Desk) -> None:
    """THREATS F-28."""
    host, agent = known.fleet.hosts["db1"], known.agents["db1"]
    old = dict(agent.latest)
    id = host.waits()
    agent.has(1)
    assert known.asked("requests")[0] == ["db1"]
    agent.holds = True
    agent.bring(old)
    asked, done = known.asked("requests")
    assert asked == ["db1"] and id in done.stdout, done
    assert "jitd: db1: its record is older than what you saw at " in " ".join(done.stderr.split()), done
    approved(known, "db1", id)


@scripted
def test_the_word_of_another_host_and_one_that_was_changed_hide_nothing(known: Desk) -> None:
    """THREATS F-26."""
    hosts, agents = known.fleet.hosts, known.agents
    ids = {name: hosts[name].waits() for name in ("db1", "web2")}
    for name in ids:
        agents[name].has(1)
        agents[name].holds = True
    agents["db1"].bring(agents["mail3"].latest)
    signed = str(agents["web2"].latest["signed"]).replace("waiting 1", "waiting 0")
    agents["web2"].bring({**agents["web2"].latest, "waiting": 0, "signed": signed})
    asked, done = known.asked("requests")
    assert asked == ["db1", "web2"] and all(id in done.stdout for id in ids.values()), done
    said = " ".join(done.stderr.split())
    assert "db1: what was brought as its word is that of another host" in said
    assert "web2: what was brought as its word is not signed by its key" in said
    for name, id in ids.items():
        approved(known, name, id)


@scripted
def test_a_key_that_was_rotated_is_learnt_from_the_host_and_told_once(known: Desk) -> None:
    host, agent = known.fleet.hosts["mail3"], known.agents["mail3"]
    before = agent.latest["number"]
    assert host.jitd("audit", "key", "--rotate").returncode == 0
    wait_for(lambda: agent.latest["number"] != before, what="a word by the new key")
    asked, done = known.asked("requests")
    assert asked == ["mail3"] and "mail3: it has another key than before" in " ".join(done.stderr.split()), done
    asked, done = known.asked("requests")
    assert asked == [] and "another key" not in done.stderr, done


def test_a_host_that_is_gone_says_no_more_and_its_agent_connects_to_the_next_jitd(known: Desk) -> None:
    host = known.fleet.hosts["mail3"]
    host.stop()
    known.agents["mail3"].close()
    host.start()
    known.agents["mail3"] = agent = Agent(host, known.words / host.host)
    agent.has(0)
    id = host.waits()
    agent.has(1)
    asked, done = known.asked("requests")
    assert asked == ["mail3"] and id in done.stdout, done
    approved(known, "mail3", id)
