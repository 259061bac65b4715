# SPDX-License-Identifier: Apache-2.0
"""Somebody with a key, at a real nats-server, against real agents and the desk of somebody else. They write the protocol of NATS
themselves, and may say all that the server lets a key say.
"""

from __future__ import annotations

import itertools
import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contrib.fleet.hub import ADDRESSES, Hub, child_of
from jitd_fleet import nkey, permissions, subjects
from tests.client.test_engine_bytes import NOBODY
from tests.fleet.stage import Fleet
from tests.waiting import PATIENCE, wait_for

ID = b"0" * 32
SUFFIXES = [
    ID,
    b"\xff\xfe",
    ID + b"\xff",
    ID + b"\x0c1",
    ID + b"\x0b1",
    ID + b"\x0cx",
    b"\0\x1b[2J",
    b"*",
    b">",
    ID[1:],
    b"x" * 3000,
]
REPLIES = [b"", b"\xff", b"a\x0cb", b"1", b"jit.h.db1_example_test.dial", b"x" * 500]
HEADERS = [
    b"NATS",
    b"NATS/1.0",
    b"NATS/1.0 ",
    b"NATS/1.0\r\n",
    b"NATS/1.0 \xff\xfe\xfd\r\n\r\n",
    b"NATS/1.0 503 \xff\r\n\r\n",
    b"NATS/1.0\r\n\xff\xff\r\n\r\n",
    b"NATS/1.0\r\n:\r\n\r\n",
    b"\r\n\r\n",
    b"\0" * 5000,
    NOBODY,
]


class Hostile:
    """A connection of ``name``, who has a key. ``said`` is what the server has said."""

    def __init__(self, hub: Hub, name: str) -> None:
        self.key = nkey.Key(hub.seeds[name])
        self.public = self.key.public.encode()
        plain = socket.create_connection((ADDRESSES[0], 4222), timeout=PATIENCE)
        line = b""
        while not line.endswith(b"\r\n"):  # and nothing of TLS
            assert (byte := plain.recv(1)), f"the server has hung up after {line!r}"
            line += byte
        info = json.loads(line.removeprefix(b"INFO "))
        self._socket = ssl.create_default_context(cafile=str(hub.ca)).wrap_socket(plain, server_hostname=ADDRESSES[0])
        self.said = b""
        told = {"nkey": self.key.public, "sig": self.key.sign(info["nonce"]).decode(), "headers": True, "no_responders": True}
        self.say(b"CONNECT " + json.dumps({**told, "verbose": False, "pedantic": False, "protocol": 1}).encode() + b"\r\n")
        self.until_taken()

    def __enter__(self) -> Hostile:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def say(self, data: bytes) -> None:
        self._socket.sendall(data)

    def hear(self) -> bytes:
        heard = self._socket.recv(1 << 16)
        self.said += heard
        return heard

    def until_taken(self) -> None:
        """Wait until the server has taken all that was said."""
        at = len(self.said)
        self.say(b"PING\r\n")
        while b"PONG\r\n" not in self.said[at:]:
            assert self.hear(), self.said[-1000:]

    def publish(self, subject: bytes, body: bytes = b"", header: bytes = b"", reply: bytes = b"") -> None:
        to = b" ".join(filter(None, (subject, reply)))
        if header:
            self.say(b"HPUB %s %d %d\r\n" % (to, len(header), len(header) + len(body)) + header + body + b"\r\n")
        else:
            self.say(b"PUB %s %d\r\n" % (to, len(body)) + body + b"\r\n")


@pytest.fixture(scope="module")
def hub(three: Fleet) -> Iterator[Hub]:
    made = Hub(three, three.hosts, ("bob", "carol"))
    try:
        yield made.start()
    finally:
        made.close()


def connections(hub: Hub) -> dict[str, str]:
    """The connection of each agent, by its host."""
    line = ("ss", "-Htn", "state", "established", "dport", "=", ":4222")
    found = {
        name: subprocess.run(host.inside(*line), stdout=-1, text=True, check=True).stdout for name, host in hub.hosts.items()
    }
    assert all(len(one.splitlines()) == 1 for one in found.values()), found
    return {name: one.split()[2] for name, one in found.items()}


def resident(pid: int) -> int:
    """MiB that a process has."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) // 1024


def heard_by_agents(hub: Hub, carol: Hostile) -> Iterator[bytes]:
    """The subjects that carol may publish to, and agents hear, without their last word."""
    yield b"jit.roll." + carol.public
    for host in hub.fleet.hosts.values():
        token = subjects.token(host.host).encode()
        yield b"jit.h." + token + b".dial." + carol.public
        yield b"jit.h." + token + b".c." + carol.public


def test_no_message_of_an_approver_ends_a_connection_of_an_agent_or_what_others_watch(hub: Hub) -> None:
    """THREATS F-36."""
    web2 = hub.fleet.hosts["web2"]
    first = web2.waits()
    before = connections(hub)
    line = ["as", "bob", "jitd", "--host", "web2", "requests", "--watch"]
    with subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=-1, stderr=-1, text=True, cwd="/") as held:
        assert held.stdout is not None
        try:
            assert held.stdout.readline()
            with Hostile(hub, "carol") as carol:
                for to in heard_by_agents(hub, carol):
                    for suffix, reply in itertools.product(SUFFIXES, REPLIES):
                        carol.publish(to + b"." + suffix, reply=reply)
                    for header, body in itertools.product(HEADERS, (b"", b"x", bytes(60_000))):
                        carol.publish(to + b"." + ID, body, header)
                carol.until_taken()
            id = web2.waits()
            seen = ""
            while id not in seen:
                seen = held.stdout.readline()
                assert seen, "it goes on"
        finally:
            held.kill()
    assert connections(hub) == before
    for one in (first, id):
        web2.jitd("withdraw", one, who="alice")


def test_a_host_that_says_that_nobody_listens_hides_no_other_host(hub: Hub) -> None:
    """THREATS F-28. It hears each roll with its ID, and answers first, as the server does."""
    desk = hub.fleet.desk
    wait_for(lambda: desk("--hosts", "@all", "requests").returncode == 0, what="the words of all hosts")
    hub.stop_agent("web2")
    try:
        line = ["as", "bob", "jitd", "--hosts", "@all", "requests"]
        with Hostile(hub, "web2") as web2:
            web2.say(b"SUB jit.roll.*.* 1\r\n")
            web2.until_taken()
            asked = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=-1, stderr=-1, text=True, cwd="/")
            while b"MSG jit.roll." not in web2.said:
                assert web2.hear()
            _, _, bob, id = web2.said.partition(b"MSG ")[2].split()[0].split(b".")
            web2.publish(b"jit.c.%s.web2_example_test.%s" % (bob, id), header=NOBODY)
            web2.publish(b"jit.c.%s.roll.%s" % (bob, id), header=NOBODY)
            web2.until_taken()
            _, told = asked.communicate()
    finally:
        hub.start_agent("web2")
    assert b"Permissions Violation for Publish to" in web2.said and b".roll." in web2.said
    assert "web2: not heard since " in told and "db1: not heard" not in told and "mail3: not heard" not in told, told


def test_a_key_that_floods_all_agents_is_named_and_when_it_ends_everybody_is_there(hub: Hub) -> None:
    """THREATS F-36. While it lasts, conversations may end: the engine ends the connection of an agent that it finds too slow."""
    ends_at = time.monotonic() + 5.0
    with Hostile(hub, "carol") as carol:
        tos = list(heard_by_agents(hub, carol))
        number = 0
        while time.monotonic() < ends_at:
            for to in tos:
                number += 1
                carol.publish(b"%s.%032x" % (to, number), bytes(20_000))
    for name in hub.hosts:
        log = hub.said(name)
        assert f"the key {carol.key.public} calls the roll more than 5 times a second" in log, log
        assert len(log.splitlines()) < 12, log
        assert resident(child_of(hub.agents[name])) < 150
    host = hub.fleet.hosts["db1"]
    id = host.waits()
    wait_for(lambda: hub.fleet.desk("approve", "--yes", f"{id}@db1").returncode == 0, what="an approval after the flood")
    assert host.state_of(id) == "approved"
    assert resident(child_of(hub.servers["hub1"])) < 400


def test_a_connection_subscribes_no_more_often_than_a_desk_needs(hub: Hub) -> None:
    """THREATS F-36."""
    with Hostile(hub, "carol") as carol:
        for number in range(permissions.MOST_SUBSCRIPTIONS + 1):
            carol.say(b"SUB jit.c.%s.x.%d %d\r\n" % (carol.public, number, number + 1))
        carol.until_taken()
        assert b"-ERR 'maximum subscriptions exceeded'" in carol.said
    assert hub.fleet.desk("--host", "db1", "requests").returncode == 0
