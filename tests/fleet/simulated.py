# SPDX-License-Identifier: Apache-2.0
"""Many hosts that speak the protocol of the door for real, and are nothing else: a double of the daemon, for load alone.

Each has its own keys and its own socket. The handshake, the table of the conversation, the stamps and the roll are the daemon's
own code (jitd/server, jitd/verbs), and what they answer are rows that are given. A word is signed, and of a record that never
grows. A review is noted and answered, and decides nothing.
Law: nothing that is shown here says that jitd does something. It says what many hosts cost a desk.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jitd.audit import sshsig
from jitd.audit.forms import Word
from jitd.core.command import spell_id
from jitd.server.acceptor import Acceptor, NoKey, NotAuthenticated
from jitd.server.handshake import Handshake
from jitd.server.visit import Visit
from jitd.verbs.refusal import Refusal
from jitd.verbs.roll import Roll
from jitd.verbs.rows import Row
from jitpam.wire import coding, messages
from jitpam.wire.conversation import DAEMON, DOOR, Conversation
from jitpam.wire.faults import RemoteProtocolError
from jitpam.wire.framing import LIMIT, FrameReader, frame
from jitpam.wire.messages import FROM_CLIENT, Message
from tests.attacks.raw import REALM
from tests.client.script import row_for, waiting
from tests.fleet.dial import build_dial
from tests.waiting import wait_for

TREE = Path(__file__).parents[2]
BACKLOG = 128
N_PROCESSES = 2
"""The lab's processors: one process for all hosts would be what a desk waits for."""


def name_of(number: int) -> str:
    return f"sim{number:03}.example.test"


def id_of(number: int) -> str:
    """The id of the request that waits on the host ``number``."""
    return spell_id((number + 1).to_bytes(5, "big"))


class Simulated:
    """``n`` hosts. One request waits for bob on each of the first ``n_waiting``, or on all. ``hosts`` maps their names to the
    commands of their carriers.
    """

    def __init__(self, n: int, n_waiting: int | None = None) -> None:
        self.at = Path(tempfile.mkdtemp(prefix="simulated-", dir="/srv"))
        self.at.chmod(0o755)
        self.n = n
        self.dial = build_dial(self.at / "dial")
        self._services = [f"jitd/{name_of(number)}@{REALM}" for number in range(n)]
        lines = [f"addprinc -randkey {service}" for service in self._services]
        lines += [f"ktadd -k {self.at}/keytab {service}" for service in self._services]
        _kadmin(lines)
        has_one = range(n if n_waiting is None else n_waiting)
        rows = [[row_for(waiting("/usr/bin/true", id=id_of(number)))] if number in has_one else [] for number in range(n)]
        (self.at / "rows").write_text(json.dumps(rows))
        self.hosts = {name_of(number): f"{self.dial} {self.at}/{number}" for number in range(n)}
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> Simulated:
        for k in range(N_PROCESSES):
            code = f"from tests.fleet import simulated; simulated.serve({str(self.at)!r}, {k})"
            self._processes.append(subprocess.Popen([sys.executable, "-c", code], cwd=TREE))
        wait_for(lambda: all((self.at / f"ready-{k}").exists() for k in range(N_PROCESSES)), what="the simulated hosts")
        return self

    def reviews(self) -> list[tuple[str, str, str]]:
        """What was reviewed: the host, the id and the verdict of each review."""
        texts = [(self.at / f"reviews-{k}").read_text() for k in range(N_PROCESSES)]
        return [cast("tuple[str, str, str]", tuple(line.split())) for line in "".join(texts).splitlines()]

    def n_lists(self) -> int:
        """How many lists of requests the hosts have given."""
        return sum((self.at / f"lists-{k}").stat().st_size for k in range(N_PROCESSES))

    def close(self) -> None:
        for process in self._processes:
            process.terminate()
            process.wait()
        _kadmin([f"delprinc -force {service}" for service in self._services])
        shutil.rmtree(self.at)


def _kadmin(lines: list[str]) -> None:
    subprocess.run(["kadmin.local"], input="\n".join(lines) + "\n", text=True, check=True, stdout=subprocess.DEVNULL)


# --- the hosts ---------------------------------------------------------------------------------------------------------


class Signing:
    """Signs the words of ``host``, as jitd/audit/signing.py does."""

    def __init__(self, host: str) -> None:
        self._host, self._key = host, Ed25519PrivateKey.generate()

    def word(self, waiting: int) -> Word:
        said = Word(self._host, waiting, 1, bytes(32), datetime.now(UTC).replace(microsecond=0))
        return replace(said, signature=sshsig.sign(self._key, Word.NAMESPACE, said.signed.encode()))


class SimulatedHost:
    """One host: what its conversations have in common."""

    def __init__(self, at: Path, number: int, rows: list[dict[str, Any]], note: Any, listed: Any) -> None:
        self.name = name_of(number)
        self.acceptor = Acceptor(at / "keytab", self.name, REALM)
        self.rows = rows
        self.note = note
        self.listed = listed
        self.roll = Roll(cast("Any", Signing(self.name)), lambda: len(self.rows))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await Talk(self, reader, writer).go()
        except (RemoteProtocolError, NotAuthenticated, OSError, EOFError):
            pass  # the conversation is over, as it is at a real door
        finally:
            writer.close()

    def answer(self, message: Message) -> list[Message]:
        match message:
            case messages.List(what="requests"):
                self.listed(b".")
                number = messages.Item(row={"number": 1})  # as in its words
                return [*(messages.Item(row=row) for row in self.rows), number, messages.Done(text="")]
            case messages.Roll():
                return [messages.Item(row=self.roll.word()), messages.Done(text="")]
            case messages.Show():
                found = [messages.Item(row=row) for row in self.rows if row["id"] == message.id]
                return [*found, messages.Done(text="")] if found else [messages.Refused(code="unknown", text="no such request")]
            case messages.Review():
                self.note(f"{self.name} {message.id} {message.verdict}\n")
                return [messages.Done(text=f"request {message.id} is approved")]
            case messages.List() | messages.Stamp() | messages.Revoke() | messages.Stop() | messages.Lock() | messages.Unlock():
                return [messages.Done(text="")]
        return [messages.Refused(code="failed", text=f"a simulated host has no answer to {message.type}")]


class Talk:
    """One conversation at a host."""

    def __init__(self, host: SimulatedHost, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._host, self._reader, self._writer = host, reader, writer
        self._talk = Conversation(DAEMON, DOOR)
        self._frames = FrameReader(LIMIT)
        self._handshake = Handshake(host.acceptor, None)
        now = cast("Any", lambda: SimpleNamespace(boot=time.clock_gettime(time.CLOCK_BOOTTIME)))
        self._visit = Visit(now, lambda way: True, lambda: True)

    async def _body(self) -> bytes:
        while (body := self._frames.next_frame()) is None:
            data = await self._reader.read(1 << 16)
            if not data:
                raise EOFError
            self._frames.feed(data)
        return body

    def _say(self, message: Message) -> None:
        self._talk.say(message)
        body, proof = coding.encode(message), self._handshake.proof
        is_sealed = proof is not None and not isinstance(message, messages.DaemonToken)
        self._writer.write(frame(proof.wrap(body) if is_sealed and proof is not None else body))

    async def go(self) -> None:
        """Like the door; but where a plain copier leads here, and no jitd-door, nobody says ``carried``."""
        body = await self._body()
        message = coding.decode(body, FROM_CLIENT)
        if isinstance(message, messages.Roll):
            await self._be_an_agents(message)
            return
        if not isinstance(message, messages.Carried):
            self._talk.hear(messages.Carried(carrier="ssh", source="local"))
        while True:
            self._talk.hear(message)
            if isinstance(message, messages.Bye):
                return
            if self._handshake.proof is None:
                self._shake_hands(message, body)
            else:
                self._take(message)
            await self._writer.drain()
            if self._talk.state == "closed":
                return
            body = await self._body()
            if self._handshake.proof is not None:
                body = self._handshake.proof.unwrap(body)
            message = coding.decode(body, FROM_CLIENT)

    async def _be_an_agents(self, message: messages.Roll) -> None:
        def say(word: Row) -> None:
            self._say(messages.Item(row=word))

        self._talk.hear(message)
        self._host.roll.tell(say)
        try:
            await self._reader.read(1)
        finally:
            self._host.roll.tell_no_more(say)

    def _shake_hands(self, message: Message, body: bytes) -> None:
        if isinstance(message, messages.Carried):
            return self._visit.carried(message)
        try:
            self._say(self._handshake.hear(message, body))
        except (Refusal, NotAuthenticated, NoKey) as no:
            code = "failed" if isinstance(no, NoKey) else "unauthenticated"
            return self._say(messages.Refused(code=code, text=str(no)))
        proof = self._handshake.proof
        if proof is not None:
            principal = proof.principal.decode()
            self._say(messages.Welcome(principal=principal, user="", host=self._host.name, until=None, operator=False))
        return None

    def _take(self, message: Message) -> None:
        if isinstance(message, messages.Stamp):
            self._visit.stamp()
        try:
            self._visit.admit(message)
        except Refusal as no:
            return self._say(messages.Refused(code=no.code, text=no.text))
        for answer in self._host.answer(message):
            self._say(answer)
        return None


def serve(at: str, k: int) -> None:
    """Be each host whose number is ``k`` modulo N_PROCESSES. Never returns."""
    asyncio.run(_serve(Path(at), k))


async def _serve(at: Path, k: int) -> None:
    rows = json.loads((at / "rows").read_text())
    with (at / f"reviews-{k}").open("a", buffering=1) as noted, (at / f"lists-{k}").open("ab", buffering=0) as lists:
        servers = []
        for number in range(k, len(rows), N_PROCESSES):
            host = SimulatedHost(at, number, rows[number], noted.write, lists.write)
            servers.append(await asyncio.start_unix_server(host.serve, at / str(number), backlog=BACKLOG))
            os.chmod(at / str(number), 0o666)
        (at / f"ready-{k}").touch()
        await asyncio.Event().wait()
