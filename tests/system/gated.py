# SPDX-License-Identifier: Apache-2.0
"""A daemon whose rules name gatekeepers and a provider, and those who answer: a server with TLS, and two programs.

Law: who is asked answers when the test says so, and each question that arrives is counted. Each command writes down that it ran.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import ssl
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from jitd.core.request import Request
from tests.outside.server import Asked, Authority, Server, reply, serving
from tests.system.clients import Client
from tests.system.conftest import House
from tests.system.killing import descendants
from tests.waiting import wait_for

PASS: dict[str, Any] = {"answer": "pass"}
FREEZE: dict[str, Any] = {"answer": "deny", "because": "freeze until Monday"}
APPROVED: dict[str, Any] = {"answer": "require", "require": {"approvals": [{"need": 1, "from": ["group:ops"]}]}}
OPS = 'approvals = [{ need = 1, from = ["group:ops"] }]'
KEYS = {
    "free": 'gatekeepers = ["calendar"]',
    "asked": f'gatekeepers = ["calendar"]\n{OPS}',
    "leased": f'gatekeepers = ["calendar"]\n{OPS}\ngrant = {{ lasts = "1h", uses = 5 }}',
    "ticket": f'gatekeepers = ["ticket"]\n{OPS}',
    "kept": 'gatekeepers = ["kept"]',
    "risky": 'when = "fact.risk < 50"',
}
"""Name of a rule, which is the first argument of its command, and what is special in it."""
PROGRAM = """#!/usr/bin/python3 -IS
import json, os, sys
told = json.load(sys.stdin)
with open("{place}/asked", "a") as asked:
    asked.write(str(os.getpid()) + "\\n")
with open("{place}/says") as says:  # a pipe while the answer is to wait
    said = json.load(says)
json.dump({{"nonce": told["nonce"], "fingerprint": told["fingerprint"], **said}}, sys.stdout)
"""
PROVIDER = """#!/usr/bin/python3 -IS
import json
import os
with open("{place}/asked-risk", "a") as asked:
    asked.write("asked\\n")
with open("{place}/risk") as risk:
    print(json.dumps({{"facts": {{"risk": int(risk.read())}}}}))
"""


class Calendar:
    """A webhook. While it is held, it answers nobody. ``ended`` are the questions whose connection ended before the answer."""

    def __init__(self, server: Server) -> None:
        self.says: dict[str, Any] = PASS
        self.ended: list[Asked] = []
        self._may_answer = threading.Event()
        self._may_answer.set()
        self._server = server
        server.deed = self._answer

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def asked(self) -> list[Asked]:
        """All questions that have arrived."""
        return self._server.asked

    def hold(self) -> None:
        self._may_answer.clear()

    def answer(self, says: dict[str, Any]) -> None:
        """Give this answer to those who wait, and to all who come."""
        self.says = says
        self._may_answer.set()

    def _answer(self, line: Any, asked: Asked) -> None:
        while not self._may_answer.wait(0.005) and not self._server.is_closed.is_set():
            if select.select([line], [], [], 0)[0]:
                try:
                    gone = line.recv(1) == b""
                except ssl.SSLWantReadError:
                    continue
                except OSError:
                    gone = True
                if gone:
                    self.ended.append(asked)
                    return
        told = json.loads(asked.body)
        said = {"nonce": told["nonce"], "fingerprint": told["fingerprint"], **self.says}
        line.sendall(reply(json.dumps(said).encode()))


class Ticket:
    """A gatekeeper that is a program, and the provider of ``fact.risk``. All is in the directory ``place``, which is root's."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for name, text in (("ticket", PROGRAM), ("provider", PROVIDER)):
            (place / name).write_text(text.format(place=place))
            (place / name).chmod(0o755)
        for name in ("asked", "asked-risk", "ran"):
            (place / name).touch()
            (place / name).chmod(0o666)
        self.rate(0)
        self.answer(PASS)

    @property
    def pids(self) -> list[int]:
        """The processes of all questions that have arrived."""
        return [int(word) for word in (self.place / "asked").read_text().split()]

    @property
    def n_asked_for_risk(self) -> int:
        return len((self.place / "asked-risk").read_text().splitlines())

    def rate(self, risk: int) -> None:
        (self.place / "risk").write_text(str(risk))
        (self.place / "risk").chmod(0o644)

    def rate_not(self) -> None:
        """The provider fails."""
        (self.place / "risk").write_text("unknown")

    def hold(self) -> None:
        os.mkfifo(self.place / "new", 0o644)
        (self.place / "new").chmod(0o644)
        (self.place / "new").rename(self.place / "says")

    def answer(self, says: dict[str, Any]) -> None:
        """Give this answer to all who come; those who wait at the pipe have it from there."""
        pipe = self.place / "says"
        waiting = self.place / "pipe"
        if pipe.is_fifo():
            pipe.rename(waiting)
        (self.place / "new").write_text(json.dumps(says))
        (self.place / "new").chmod(0o644)
        (self.place / "new").rename(pipe)
        if waiting.is_fifo():
            end = os.open(waiting, os.O_RDWR)  # it does not wait for a reader
            os.write(end, json.dumps(says).encode())
            os.close(end)
            waiting.unlink()


class Gated:
    """The daemon ``house``, and who answers it."""

    def __init__(self, house: House, calendar: Calendar, ticket: Ticket) -> None:
        self.house, self.calendar, self.ticket = house, calendar, ticket
        self._n_trials = 0

    def command(self, rule: str) -> list[str]:
        """A command that ``rule`` is about. It writes down that it ran."""
        return ["sh", "-c", _script(rule, self.ticket.place)]

    def start_anew(self) -> None:
        """Nobody has been asked, all pass, and nothing has run. The daemon keeps for a second that a question has failed. A
        reason is a part of the question, so each trial has its own, and none is about what has just failed in another.
        """
        self.house.at_rest()
        self._n_trials += 1
        self.calendar.asked.clear()
        self.calendar.ended.clear()
        self.calendar.answer(PASS)
        self.ticket.answer(PASS)
        self.ticket.rate(0)
        for name in ("asked", "asked-risk", "ran"):
            os.truncate(self.ticket.place / name, 0)

    def start(self, rule: str, *options: str, who: str = "alice") -> Client:
        reason = () if "--reason" in options else ("--reason", f"trial {self._n_trials}")
        return Client(self.house, who, "jitsudo", *reason, *options, *self.command(rule))

    def resume(self, id: str) -> Client:
        return Client(self.house, "alice", "jitsudo", "--resume", id)

    @property
    def ran(self) -> list[str]:
        """The rules under which something ran, in order."""
        return (self.ticket.place / "ran").read_text().split()

    def submitted(self) -> Request:
        """The request that alice has open, once it is stored."""
        return wait_for(lambda: next(iter(self.house.kept("requests")), None), what="the request")

    def found(self, id: str) -> Request:
        return self.house.request_of(id)

    def events(self, id: str) -> list[str]:
        """What the record says of a request and its grant, in order."""
        return [record["event"] for record in self.house.records() if record.get("id") == id]

    def process(self, name: str) -> int:
        """The helper ``name``, once it is there."""
        house = self.house
        assert house.process is not None

        def pid() -> int:
            assert house.process is not None
            for one in descendants(house.process.pid):
                with suppress(OSError):  # a program that has answered meanwhile
                    if Path(f"/proc/{one}/comm").read_text() == f"jitd-{name}\n":
                        return one
            return 0

        return wait_for(pid, what=f"the process {name}")

    def approve(self, id: str) -> None:
        self.house.approved(id)

    def n_granted(self) -> Counter[str]:
        """Id of a request → the number of grants that the record says it got."""
        return Counter(record["id"] for record in self.house.records() if record["event"] == "grant.issued")


def _config(server: Server, ca: Path, place: Path) -> str:
    reached = f'url = "{server.url()}"\nca = "{ca}"\naddresses = ["127.0.0.0/8"]\ndeadline = "50s"\nkind = "webhook"'
    return "\n".join(
        (
            f"[gatekeepers.calendar]\n{reached}",
            f'[gatekeepers.kept]\n{reached}\nfresh = "10m"',
            f'[gatekeepers.ticket]\nkind = "program"\nprogram = ["{place}/ticket"]\ndeadline = "50s"',
            f'[providers.risk]\nkind = "program"\nprogram = ["{place}/provider"]\nfacts = {{ risk = "int" }}\ndeadline = "20s"',
        )
    )


def _script(rule: str, place: Path) -> str:
    return f"echo {rule} >>{place}/ran"


def _policy(place: Path) -> str:
    return "\n".join(
        f'[[permit]]\nname = "{name}"\nwho = ["group:dba"]\ncommands = [["/usr/bin/sh", "-c", "{_script(name, place)}"]]\n'
        f'expires = "5m"\nrun = {{ record = "none" }}\n{keys}'
        for name, keys in KEYS.items()
    )


@contextmanager
def gated(starts_by: str = "jitd") -> Iterator[Gated]:
    """A daemon that is started by ``starts_by``, a program with the daemon's arguments."""
    place = Path(tempfile.mkdtemp(dir="/var/tmp"))
    place.chmod(0o755)
    authority = Authority()
    ca = place / "ca.pem"
    ca.write_text(authority.pem)
    try:
        with serving(authority.issue("localhost"), place) as server:
            house = House(_policy(place), _config(server, ca, place), starts_by)
            try:
                house.start()
                for name in ("alice", "bob"):
                    assert house.run(name, "true").returncode == 0  # which gets the ticket
                (house.root / "said").chmod(0o1777)
                yield Gated(house, Calendar(server), Ticket(place))
                house.verify()
            finally:
                house.close()
    finally:
        shutil.rmtree(place)
