# SPDX-License-Identifier: Apache-2.0
"""A jitd-outside and a jitd-programs of the tests' own, a gatekeeper's server, and requests to ask about."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from jitd.beside.connecting import ChildConnector
from jitd.beside.processes import PROGRAMS, PROGRAMS_NET
from jitd.core.asked_terms import USUAL
from jitd.core.claims import Claims
from jitd.core.command import Command, RunAs
from jitd.core.decision import Approval
from jitd.core.gatekeeping import Answer, Asking
from jitd.core.naming import AS_WRITTEN, Naming
from jitd.core.question import Question
from jitd.core.subject import Subject
from jitd_outsiders.asking.gatekeepers import Gatekeepers, Now
from jitd_outsiders.asking.providers import Providers
from jitd_outsiders.asking.reaching import Reaching
from jitd_outsiders.asking.running import Running
from jitd_outsiders.asking.settings import GatekeeperSettings, Provider, Reach
from jitd_outsiders.outside.client import Outside, child_connector
from jitd_outsiders.programs.client import Programs
from tests.beside.children import of_account
from tests.outside.server import LOOPBACK, Asked, Authority, Server, reply, serving
from tests.scene import but

T = TypeVar("T")
ALICE = Subject("alice@EXAMPLE.TEST", "alice", 1001, 1001, frozenset({"ops", "dba"}), "alice", None, gids=frozenset({77, 1001}))
COMMAND = Command(
    (b"/usr/bin/systemctl", b"restart", b"a\\b\xff"), b"/usr/bin/systemctl", b"\x01" * 32, RunAs("root", 0, "root", 0),
    b"/home/alice", 1, 2, ((b"A", b"b"),), (), ("terminal",) * 3,
)  # fmt: skip
CLAIMS = Claims("replica lag \ud800", b"/dev/pts/3", 7, ("bash",))
ABOUT = Question(ALICE, COMMAND, "jitsudo", "db1.example.org", "replica lag", USUAL, None, True, False, ())


def boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def asking(lasts: float = 600, **more: Any) -> Asking:
    """A question about alice's request, which ends in ``lasts`` seconds."""
    made: dict[str, Any] = {
        "id": "K7QM-2XVD", "fingerprint": b"\xab" * 32, "requester": ALICE, "host": "db1.example.org", "service": "jitsudo",
        "command": COMMAND, "claims": CLAIMS, "point": None, "terms": USUAL,
        "rule": "restart", "policy": "p" * 64, "owed": (Approval(1, ("group:ops",)),), "approved": (),
        "facts": (("fact.load", "0.5"),), "ends_boot": boot() + lasts,
    }  # fmt: skip
    return but(Asking(**made), **{"uses": 1, **more})


def asking_by(n: int) -> Asking:
    """A question about the request of one of 18 people, each of whom fits into a person's share of 72 open questions."""
    return asking(requester=replace(ALICE, person=f"person{n % 18}"))


def answers(**more: object) -> Callable[[Any, Asked], None]:
    """A gatekeeper that repeats nonce and fingerprint, and says ``more``. None leaves a member out."""

    def deed(line: Any, asked: Asked) -> None:
        line.sendall(reply(answer(asked, **more)))

    return deed


def answer(asked: Asked, **more: object) -> bytes:
    told = json.loads(asked.body)
    told = told.get("input", told)
    said = {"nonce": told["nonce"], "fingerprint": told["fingerprint"], "answer": "pass"} | more
    return json.dumps({name: value for name, value in said.items() if value is not None}).encode()


@dataclass
class Stage:
    loop: asyncio.AbstractEventLoop
    authority: Authority
    outside: Outside
    connector: ChildConnector
    running: Running
    reaching: Reaching = field(init=False)
    naming: Naming = AS_WRITTEN

    def __post_init__(self) -> None:
        self.reaching = Reaching(self.outside, self.running, "db1.example.org")

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def reach(self, server: Server, target: str = "/jit", **more: Any) -> Reach:
        return Reach(server.url(target), addresses=LOOPBACK, ca=self.authority.pem, **more)

    def gatekeepers(self, *settings: GatekeeperSettings) -> Gatekeepers:
        nonces = iter(f"nonce-{number}" for number in range(100_000))
        now = Now(lambda: datetime.now(UTC), boot)
        return Gatekeepers({each.name: each for each in settings}, self.reaching, self.naming, now, lambda: next(nonces))

    def ask(self, settings: GatekeeperSettings, about: Asking | None = None) -> Answer:
        return self.run(self.gatekeepers(settings).ask(settings.name, about or asking()))

    def providers(self, *settings: Provider) -> Providers:
        return Providers({each.name: each for each in settings}, self.reaching, self.naming, time.monotonic)


@contextmanager
def staged() -> Iterator[Stage]:
    loop = asyncio.new_event_loop()
    connector = of_account("nobody", child_connector({}))
    running = Running(*(Programs(of_account("nobody", ChildConnector(helper))) for helper in (PROGRAMS, PROGRAMS_NET)))
    stage = Stage(loop, Authority(), Outside(connector), connector, running)
    try:
        yield stage
    finally:
        loop.run_until_complete(_close(stage))
        loop.close()


async def _close(stage: Stage) -> None:
    stage.outside.close()
    stage.running.close()


@contextmanager
def gatekeeper_of(stage: Stage, directory: Path) -> Iterator[Server]:
    with serving(stage.authority.issue("localhost"), directory) as server:
        yield server
