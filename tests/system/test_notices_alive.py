# SPDX-License-Identifier: Apache-2.0
"""Notices, the whole way: a daemon, jitd-outside, and a server with TLS that is killed and comes back; kill -9 of the daemon.

Law: what waits is told, once, unless the daemon is killed between message and mark; and no request waits for a channel.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jitd.core.request import Request
from jitpam.wire.messages import Status
from tests.outside.server import Asked, Authority, Server, reply, serving
from tests.system.conftest import House
from tests.waiting import wait_for

POLICY = """
[[permit]]
name = "told"
who = ["group:dba"]
commands = [["/usr/bin/true", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
expires = "10m"
notify = ["chat"]
"""
PORT = 20443
"""Of the lab's own loopback. No connection is given such a port: a server that comes back finds it free."""
WORDS = map(str, itertools.count(1))
"""A word for each command, so that no grant answers for another one."""


class Chat:
    """A server that takes messages at one port. It can be killed, and come back at the same port."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._authority = Authority()
        self._pem = self._authority.issue("localhost")
        (place / "ca.pem").write_text(self._authority.pem)
        self.asked: list[Asked] = []
        self.before_answer: list[Any] = []
        self.earlier: set[str] = set()
        self._running: Any = None
        self.start()

    def start(self) -> None:
        self._running = serving(self._pem, self._place, port=PORT)
        server: Server = self._running.__enter__()
        server.deed = self._answer

    def stop(self) -> None:
        self._running.__exit__(None, None, None)

    def _answer(self, line: socket.socket, asked: Asked) -> None:
        self.asked.append(asked)
        deeds, self.before_answer[:] = self.before_answer[:], []
        for deed in deeds:
            deed()
        line.sendall(reply(b"ok", kind="text/plain"))

    @property
    def said(self) -> list[tuple[str, str]]:
        """Event and request of each message that arrived. Those of an earlier test's request do not count: they may be late."""
        told = [json.loads(one.body) for one in self.asked]
        return [(one["event"], one["request"]) for one in told if one["request"] not in self.earlier]


class Stage:
    def __init__(self, house: House, chat: Chat) -> None:
        self.house, self.chat = house, chat

    def submit(self) -> Request:
        done = self.house.run("alice", "jitsudo", "--no-wait", "/usr/bin/true", next(WORDS))
        assert done.returncode == 0, done.stderr
        return self.house.request_of(done.stdout.strip())

    def told(self, id: str) -> list[tuple[str, str]]:
        """The marks of the request ``id``: channel and event."""
        return [(row["channel"], mark["event"]) for row in self.house.show(id)["notices"] for mark in row["told"]]


@contextmanager
def staged() -> Iterator[Stage]:
    place = Path(tempfile.mkdtemp(dir="/var/tmp"))
    place.chmod(0o755)
    chat = Chat(place)
    reached = f'url = "https://localhost:{PORT}/hook"\nca = "{place}/ca.pem"\naddresses = ["127.0.0.0/8"]'
    house = House(POLICY, f'[notify.chat]\nkind = "webhook"\n{reached}')
    try:
        house.start()
        for name in ("alice", "bob"):
            assert house.run(name, "true").returncode == 0  # which gets the ticket
        yield Stage(house, chat)
        house.verify()
    finally:
        house.close()
        chat.stop()
        shutil.rmtree(place)


@pytest.fixture(scope="module")
def whole() -> Iterator[Stage]:
    with staged() as made:
        yield made


@pytest.fixture
def stage(whole: Stage) -> Iterator[Stage]:
    whole.chat.asked.clear()
    whole.chat.before_answer.clear()
    whole.chat.earlier = {request.id for request in whole.house.kept("requests", ended=True)}
    yield whole
    for request in whole.house.kept("requests"):
        whole.house.run("alice", "jitd", "withdraw", request.id)


def test_a_request_that_waits_is_told_and_how_it_ended_too_and_show_says_so(stage: Stage) -> None:
    made = stage.submit()
    wait_for(lambda: stage.chat.said == [("waits", made.id)], what="the message")
    wait_for(lambda: stage.told(made.id) == [("chat", "waits")], what="the mark")
    assert "told" in stage.house.jitd("show", made.id, who="bob").stdout
    stage.house.approved(made.id)
    wait_for(lambda: stage.chat.said[1:] == [("decided", made.id)], what="the end")
    told = json.loads(stage.chat.asked[-1].body)
    assert "approved by bob" in told["text"] and "http" not in told["text"]


def test_a_server_that_is_killed_delays_nothing_and_is_told_when_it_is_back(stage: Stage) -> None:
    stage.chat.stop()
    made = stage.submit()
    wait_for(lambda: stage.house.show(made.id)["notices"][0]["failing"], what="the failure")
    page = stage.house.jitd("show", made.id, who="bob").stdout
    assert "not told" in page and "chat" in page
    mine = stage.house.run("alice", "jitd", "show", made.id).stdout
    assert "not everybody could be told yet" in mine
    found = wait_for(lambda: _finding(stage), what="a line of the status")
    assert found.startswith("chat: could not tell people of 1 request, for ")
    other = stage.submit()
    stage.house.approved(other.id)  # nobody waits for the channel
    stage.chat.start()
    wait_for(lambda: ("waits", made.id) in stage.chat.said, what="the message", within=90)
    wait_for(lambda: not stage.house.show(made.id)["notices"][0]["failing"], what="no failure")
    assert stage.chat.said.count(("waits", made.id)) == 1
    assert all(id != other.id for _, id in stage.chat.said), "what is over by now is not told"


def _finding(stage: Stage) -> str:
    return next((str(row["says"]) for row in stage.house.asked(Status()) if not row["is_well"] and row["about"] == "notices"), "")


def test_a_daemon_that_is_killed_between_message_and_mark_tells_it_again_and_once_only(stage: Stage) -> None:
    assert stage.house.process is not None
    pid = stage.house.process.pid

    def kill() -> None:
        if stage.chat.said:
            os.kill(pid, signal.SIGKILL)
        else:
            stage.chat.before_answer.append(kill)

    stage.chat.before_answer.append(kill)
    stage.house.run("alice", "jitsudo", "--no-wait", "/usr/bin/true", next(WORDS))
    wait_for(lambda: stage.chat.said, what="the first message")
    stage.house.restart()
    (made,) = stage.house.kept("requests")
    wait_for(lambda: stage.chat.said.count(("waits", made.id)) == 2, what="the second message")
    wait_for(lambda: stage.told(made.id) == [("chat", "waits")], what="the mark")
    stage.house.restart()
    stage.house.approved(made.id)
    wait_for(lambda: ("decided", made.id) in stage.chat.said, what="the end")
    assert stage.chat.said.count(("waits", made.id)) == 2


def test_a_daemon_that_was_killed_before_it_told_tells_when_it_is_back(stage: Stage) -> None:
    stage.chat.stop()
    made = stage.submit()
    stage.house.restart()
    stage.chat.start()
    wait_for(lambda: stage.chat.said == [("waits", made.id)], what="the message")


def test_a_person_mutes_and_is_told_until_when(stage: Stage) -> None:
    done = stage.house.run("bob", "jitd", "mute", "--for=10m")
    assert done.returncode == 0 and " you are told nothing, except " in done.stdout + done.stderr
    done = stage.house.run("bob", "jitd", "mute", "--off")
    assert done.returncode == 0 and "you are told again what waits for you" in done.stdout + done.stderr
    refused = stage.house.jitd("mute")
    assert refused.returncode == 2 and "root may not review" in refused.stderr
    assert stage.house.run("bob", "jitd", "mute", "--for=31d").returncode == 2
